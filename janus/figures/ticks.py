"""Where an axis ends, and where its ticks stand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

# Above the highest point of an axis that fits its points.
ROOM = 1.06


def step(low: float, high: float, most: int) -> float:
    """Between two ticks: 2, 5 or 10 times a power of ten, for no more than so many."""
    rough = (high - low) / most
    base = 10.0 ** math.floor(math.log10(rough))
    return base * next(times for times in (2, 5, 10) if times * base >= rough)


def ends(axis: dict, points: Iterable[float | None]) -> tuple[float, float]:
    """Both ends of an axis: its own range, or from 0 to a little beyond its highest point."""
    if "range" in axis:
        low, high = axis["range"]
        return low, high
    return 0, ROOM * max((y for y in points if y is not None and math.isfinite(y)), default=0) or 1


def ticks(axis: dict, low: float, high: float) -> tuple[Sequence[float], list[str]]:
    """Values and texts of the ticks: the axis's own, or round ones, no more than its ``nticks``."""
    if "tickvals" in axis:
        return axis["tickvals"], axis["ticktext"]
    gap = step(low, high, axis["nticks"])
    places = max(0, -math.floor(math.log10(gap)))
    values = [n * gap for n in range(math.ceil(low / gap - 1e-9), math.floor(high / gap + 1e-9) + 1)]
    shown = axis.get("showticklabels", True)
    return values, [f"{value + 0:.{places}f}" if shown else "" for value in values]
