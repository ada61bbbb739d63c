"""Where figures go that stand beside one another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a figure goes in the whole, as shares of its plotting area, from left and from below."""

    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)


WHOLE = (Place(),)
