"""The device's own compute, block by block: so that it can stop between two blocks, and keep to a pace.

What a backend has compiled runs in one piece instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from janus.merging import TokenState
from janus.runtime.half import Half
from janus.runtime.pace import Pace, sleep_until
from janus.schedule import MergePlan


class LocalCompute:
    """Runs a model's parts on the device.

    Attributes:
        late: Pieces that took longer than the pace allows, so that there was nothing to stretch.
    """

    def __init__(self, half: Half, pace: Pace | None = None):
        self.half, self.pace = half, pace
        self.late = 0

    def front(self, pixels: UInt8[np.ndarray, "h w 3"], plan: MergePlan, split: int) -> TokenState:
        """Normalise, embed, blocks[:split]."""
        steps = Steps(self.pace, plan)
        whole = self.half.ready(plan.removed, 0, split, embed=True) if split else None
        with torch.inference_mode():
            if whole is not None:
                state = whole(self._images(pixels))
                steps.keep(0, split, embed=True)
            else:
                state = self._embed(pixels, steps)
                for i in range(split):
                    state = self._block(state, i, steps)
        self.late += steps.late
        return state

    def finish(
        self,
        start: TokenState | UInt8[np.ndarray, "h w 3"],
        plan: MergePlan,
        split: int,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Tensor | None:
        """All that is left, from tokens at ``split`` or from the pixels: logits, or None if ``stopped`` came first."""
        steps, depth = Steps(self.pace, plan), self.half.vit.depth
        pixels = start if isinstance(start, np.ndarray) else None
        first, embed = (split, False) if pixels is None else (0, True)
        whole = self.half.ready(plan.removed, first, depth, embed=embed, head=True)
        with torch.inference_mode():
            if whole is not None:
                if stopped():
                    return None
                logits = whole(start if pixels is None else self._images(pixels)).cpu()
                steps.keep(first, depth, embed=embed, head=True)
            else:
                state = self._embed(start, steps) if isinstance(start, np.ndarray) else start
                for i in range(first, depth):
                    if stopped():
                        return None
                    state = self._block(state, i, steps)
                logits = self.half.vit.head(state).float().cpu()
                steps.keep(depth, depth, head=True)
        self.late += steps.late
        return logits

    def _images(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Tensor:
        return self.half.preprocess.normalise(pixels[None]).to(self.half.torch_device)

    def _embed(self, pixels: UInt8[np.ndarray, "h w 3"], steps: Steps) -> TokenState:
        state = self.half.vit.embed(self._images(pixels))
        steps.keep(0, 0, embed=True)
        return state

    def _block(self, state: TokenState, i: int, steps: Steps) -> TokenState:
        state = self.half.vit.blocks(state, i, i + 1, steps.plan.removed)
        steps.keep(i, i + 1)
        return state


class Steps:
    """Keeps the steps of one piece of work to a pace: each ends no earlier than the profile says.

    Attributes:
        plan: What runs.
        late: Whether the last step ended later than that.
    """

    def __init__(self, pace: Pace | None, plan: MergePlan):
        self.plan, self.late = plan, False
        self._pace, self._moment = pace, time.perf_counter()

    def keep(self, first: int, last: int, *, embed: bool = False, head: bool = False) -> None:
        """Blocks[first:last], with embedding and head where said, have just been computed."""
        if self._pace is None:
            return
        self._moment += self._pace.part_s(self.plan, first, last, embed=embed, head=head)
        self.late = time.perf_counter() > self._moment
        sleep_until(self._moment)
