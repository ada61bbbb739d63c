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
        steps: Of the optimiser.
        batch: Pictures in each; a multiple of the classes, so that every batch has as many of each.
        dense: Weight of the loss on patch tokens (see `janus.training.network.losses`).
    """

    window: int
    depth: int
    steps: int
    batch: int
    dense: float

    @property
    def images(self) -> int:
        """Pictures that it sees."""
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
        peak: Learning rate after the warm-up, for every batch size.
        warmup: Steps to it.
        floor: Learning rate at the end, as a share of the peak.
        decay: AdamW's, of matrices only.
        betas: AdamW's.
        clip: Bound on the norm of the gradient.
        validation: Pictures of the validation split at the end of a stage.
    """

    name: str
    stages: tuple[Stage, ...]
    peak: float = 1e-3
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
        """Learning rate of a step of a stage: linear warm-up over steps, then half a cosine over the work.

        The work is counted in tokens through blocks, so that a stage with many cheap pictures does not use up the
        cosine before the network has its full depth.
        """
        past = step + sum(done.steps for done in self.stages[:stage])
        if past < self.warmup:
            return self.peak * (past + 1) / self.warmup
        done = sum(one.work for one in self.stages[:stage]) + self.stages[stage].work * step / self.stages[stage].steps
        wave = (1 + math.cos(math.pi * done / sum(one.work for one in self.stages))) / 2
        return self.peak * (self.floor + (1 - self.floor) * wave)

    def facts(self) -> dict:
        """As JSON."""
        return asdict(self) | {"architecture": ARCHITECTURE, "classes": len(CLASSES)}


def _thousands(images: int, batch: int) -> int:
    return round(1000 * images / batch)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="full",
            # About a quarter of the work each.
            stages=(
                Stage(window=6, depth=4, steps=_thousands(800, 120), batch=120, dense=1.0),
                Stage(window=7, depth=12, steps=_thousands(250, 120), batch=120, dense=1.0),
                Stage(window=10, depth=12, steps=_thousands(100, 120), batch=120, dense=0.5),
                Stage(window=GRID, depth=12, steps=_thousands(50, 120), batch=120, dense=0.1),
            ),
        ),
        # Seconds: shows that everything works, and learns nothing.
        Recipe(
            name="smoke",
            stages=(
                Stage(window=3, depth=1, steps=4, batch=24, dense=1.0),
                Stage(window=4, depth=12, steps=3, batch=24, dense=0.5),
            ),
            warmup=2,
            validation=24,
        ),
    )
}
