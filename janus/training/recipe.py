"""What training does, in stages: settings only."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from janus.demo import CLASSES, SIDE
from janus.models import DEMO_ARCHITECTURE

ARCHITECTURE = DEMO_ARCHITECTURE
PATCH = 16
GRID = SIDE // PATCH  # patches along a side


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of training in which pictures and network keep their size.

    Early stages see a window around the main object, in the picture's own resolution and with the positions that its
    patches have there, so that nothing has to be learned again when the window grows; and they have fewer blocks.

    Attributes:
        window: Patches along a side, up to `GRID`: the whole picture.
        depth: Blocks.
        pool: Pictures that are rendered; a multiple of the classes. They come again and again, turned and mirrored
            differently, because rendering one takes as long as learning from a window of it.
        steps: Of the optimiser.
        batch: Pictures in each; a multiple of the classes, so that every batch has as many of each.
        dense: Weight of the loss on patch tokens (see `janus.training.network.losses`).
    """

    window: int
    depth: int
    pool: int
    steps: int
    batch: int
    dense: float

    @property
    def images(self) -> int:
        """Pictures that it sees, repeated ones included."""
        return self.steps * self.batch

    @property
    def tokens(self) -> int:
        """Of each picture, with the class token."""
        return self.window**2 + 1

    @property
    def work(self) -> int:
        """Tokens through blocks, over all pictures."""
        return self.images * self.tokens * self.depth


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that the result depends on, but for rounding.

    Attributes:
        name: In `RECIPES`.
        stages: In order.
        peak: Learning rate after the warm-up of what AdamW moves: embedding, positions, biases, heads.
        peak_blocks: The same of what Muon moves: the matrices inside blocks. In AdamW's measure.
        warmup: Steps to the peaks.
        floor: Learning rates at the end, as a share of the peaks.
        decay: Of matrices only.
        betas: AdamW's.
        clip: Bound on the norm of the gradient.
        validation: Pictures of the validation split at the end of a stage.
    """

    name: str
    stages: tuple[Stage, ...]
    peak: float = 1e-3
    peak_blocks: float = 5e-3
    warmup: int = 100
    floor: float = 0.01
    decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    validation: int = 480

    @property
    def images(self) -> int:
        """Pictures over all stages."""
        return sum(stage.images for stage in self.stages)

    def rate(self, stage: int, step: int) -> float:
        """Share of the peak at a step of a stage: linear warm-up over steps, then half a cosine over the work.

        The work is counted in tokens through blocks, so that a stage with many cheap pictures does not use up the
        cosine before the network has its full depth.
        """
        past = step + sum(done.steps for done in self.stages[:stage])
        if past < self.warmup:
            return (past + 1) / self.warmup
        done = sum(one.work for one in self.stages[:stage]) + self.stages[stage].work * step / self.stages[stage].steps
        wave = (1 + math.cos(math.pi * done / sum(one.work for one in self.stages))) / 2
        return self.floor + (1 - self.floor) * wave

    def facts(self) -> dict:
        """As JSON."""
        return asdict(self) | {"architecture": ARCHITECTURE, "classes": len(CLASSES)}


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="full",
            stages=(
                Stage(window=6, depth=4, pool=32_000, steps=1_200, batch=48, dense=1.0),
                Stage(window=7, depth=12, pool=24_000, steps=500, batch=64, dense=1.0),
                Stage(window=10, depth=12, pool=16_000, steps=500, batch=64, dense=0.5),
                Stage(window=GRID, depth=12, pool=12_000, steps=500, batch=48, dense=0.2),
            ),
        ),
        # Seconds: shows that everything works, and learns nothing.
        Recipe(
            name="smoke",
            stages=(
                Stage(window=3, depth=1, pool=32, steps=4, batch=16, dense=1.0),
                Stage(window=4, depth=12, pool=32, steps=3, batch=16, dense=0.5),
            ),
            warmup=2,
            validation=24,
        ),
    )
}
