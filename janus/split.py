"""Where a model may be cut, and the plan that a scheduler hands out. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass

from janus.errors import JanusError


@dataclass(frozen=True, kw_only=True, order=True)
class Plan:
    """What one frame does.

    Attributes:
        level: Strength of the merging schedule (the paper's α, or r); 0 is none.
        split: Blocks run on the device, 0…depth: 0 is cloud-only (the image travels), depth is device-only.
    """

    level: float
    split: int


def check_split(split: int, depth: int) -> int:
    """Return ``split`` if the model can be cut there.

    Raises:
        JanusError: If it is not an integer in 0…depth.
    """
    if isinstance(split, bool) or split not in range(depth + 1):
        raise JanusError(
            f"split {split} is beyond the model: give an integer from 0 (cloud-only) to {depth} (device-only)."
        )
    return int(split)


def fine_to_coarse(depth: int, growth: float = 1.25) -> tuple[int, ...]:
    """Split candidates, dense in front and sparse behind, cloud-only and device-only always among them.

    The i-th step (i = 0, 1, …) is ⌊growth^i⌋ blocks. The idea is the Janus paper's ("fine to coarse": tokens, and so
    payload, fall fastest in front); its exact generator is not published, this one is ours.

    Args:
        depth: Blocks of the model, 1 or more.
        growth: 1 gives every split; larger is sparser behind.

    Raises:
        JanusError: If depth < 1 or growth < 1.
    """
    if depth < 1:
        raise JanusError(f"depth {depth} must be 1 or more.")
    if not growth >= 1 or not math.isfinite(growth):
        raise JanusError(f"growth {growth} must be a finite number that is 1 (every split) or more.")
    splits, i = [0], 0
    while splits[-1] < depth:
        step = math.floor(min(growth**i, depth))
        splits.append(min(splits[-1] + step, depth))
        i += 1
    return tuple(splits)
