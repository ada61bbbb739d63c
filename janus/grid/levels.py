"""Levels that a grid has when none are given. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from janus.accuracy import AccuracyTable
from janus.geometry import ModelGeometry
from janus.schedule import MergeSchedule

# Levels of a schedule whose level is a real number, when none are given; the paper does not say its step.
DEFAULT_LEVELS = 60


@lru_cache(maxsize=64)
def default_levels(family: str, geometry: ModelGeometry, count: int = DEFAULT_LEVELS) -> tuple[float, ...]:
    """Levels from 0 up to the strongest that no block has to clip, ``count`` of them where levels are real numbers."""
    if family in ("none", "list"):
        return (0.0,)
    highest = MergeSchedule(family=family).max_level(geometry.depth, geometry.tokens, geometry.protected)
    if family == "constant":
        levels: Sequence[float] = range(int(highest) + 1)
    else:
        levels = [math.floor(highest * i / max(count - 1, 1) * 1e4) / 1e4 for i in range(count)]
    return tuple(
        float(level)
        for level in dict.fromkeys(levels)
        if not geometry.plan(MergeSchedule(family=family, level=float(level))).clipped
    )


def known_levels(levels: tuple[float, ...], family: str, accuracy: AccuracyTable | None) -> tuple[float, ...]:
    """The levels up to the strongest of which an accuracy was measured; all where none was for this family."""
    if accuracy is None:
        return levels
    known = tuple(level for level in levels if not math.isnan(accuracy.expected(family, level)))
    return known if known and known[-1] > 0 else levels
