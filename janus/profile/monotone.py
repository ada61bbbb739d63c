"""Non-negative least squares, isotonic regression and the monotone cubic, for the few points of a profile.

scipy has all three, and a test holds these to its; but importing its optimisers takes longer than all else that the
workbench does before its first paint. Torch-free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float


def nonnegative_least_squares(
    columns: Float[np.ndarray, "m k"], values: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " k"]:
    """The coefficients ≥ 0 with the least squared error, for a few columns of a like size.

    At the optimum those above 0 are the ordinary least squares of their columns, so the best such of all choices of
    columns that has none below 0 is the optimum (Lawson and Hanson, *Solving Least Squares Problems*, 1974). Sums are
    rounded once, and no BLAS is asked, so a profile has the same fit to the last digit on every machine.
    """
    rows, wanted = columns.T.tolist(), values.tolist()
    gram = [[_dot(one, other) for other in rows] for one in rows]
    right = [_dot(one, wanted) for one in rows]
    best, least = np.zeros(len(rows)), _dot(wanted, wanted)
    for taken in (some for size in range(1, len(rows) + 1) for some in combinations(range(len(rows)), size)):
        found = _solved([[gram[i][j] for j in taken] + [right[i]] for i in taken])
        if found is None or min(found) < 0:
            continue
        missed = math.fsum(
            (want - math.fsum(c * rows[i][at] for c, i in zip(found, taken, strict=True))) ** 2
            for at, want in enumerate(wanted)
        )
        if missed < least:
            best, least = np.zeros(len(rows)), missed
            best[list(taken)] = found
    return best


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _solved(system: list[list[float]]) -> list[float] | None:
    """The solution of equations, each with its right side last, by elimination; None where there is no single one."""
    size = len(system)
    for at in range(size):
        pivot = max(range(at, size), key=lambda row: abs(system[row][at]))
        system[at], system[pivot] = system[pivot], system[at]
        if not system[at][at]:
            return None
        for row in range(at + 1, size):
            share = system[row][at] / system[at][at]
            system[row] = [one - share * other for one, other in zip(system[row], system[at], strict=True)]
    found = [0.0] * size
    for at in reversed(range(size)):
        rest = math.fsum(system[at][j] * found[j] for j in range(at + 1, size))
        found[at] = (system[at][size] - rest) / system[at][at]
    return found


def isotonic(values: Sequence[float]) -> list[float]:
    """The nondecreasing values with the least squared error: neighbours that fall become their mean."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, size = float(value), 1
        while pools and pools[-1][0] * size >= total * pools[-1][1]:
            before, more = pools.pop()
            total, size = total + before, size + more
        pools.append((total, size))
    return [total / size for total, size in pools for _ in range(size)]


class MonotoneCubic:
    """A cubic through points that rises and falls only where they do, with a continuous slope (PCHIP).

    Slopes after Fritsch and Butland, *A method for constructing local monotone piecewise cubic interpolants*, 1984: the
    weighted harmonic mean of those on both sides, 0 at a turn; at the ends from three points, kept from overshooting.

    Args:
        x: Increasing, two or more.
        y: As many.
    """

    def __init__(self, x: Sequence[float], y: Sequence[float]):
        self.x, self.y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        step, rise = np.diff(self.x), np.diff(self.y) / np.diff(self.x)
        self.slope = np.full(len(self.x), rise[0])
        if len(self.x) > 2:
            one, other = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
            same = rise[1:] * rise[:-1] > 0
            inverse = np.divide(one, rise[:-1], where=same, out=np.zeros_like(one))
            inverse += np.divide(other, rise[1:], where=same, out=np.zeros_like(other))
            self.slope[1:-1] = np.divide(one + other, inverse, where=same, out=np.zeros_like(one))
            self.slope[0] = _end(step[0], step[1], rise[0], rise[1])
            self.slope[-1] = _end(step[-1], step[-2], rise[-1], rise[-2])

    def __call__(self, x) -> np.ndarray:
        """Values at places of any shape between the first point and the last."""
        at = np.asarray(x, dtype=np.float64)
        left = np.clip(np.searchsorted(self.x, at, side="right") - 1, 0, len(self.x) - 2)
        width = self.x[left + 1] - self.x[left]
        t = (at - self.x[left]) / width
        start, end = self.y[left], self.y[left + 1]
        bend = t * (1 - t) * width * ((1 - t) * self.slope[left] - t * self.slope[left + 1])
        return start + (end - start) * t * t * (3 - 2 * t) + bend


def _end(step: float, next_step: float, rise: float, next_rise: float) -> float:
    """The slope at an end: that of the parabola through three points, unless it turns or overshoots."""
    slope = ((2 * step + next_step) * rise - step * next_rise) / (step + next_step)
    if slope * rise <= 0:
        return 0.0
    return 3 * rise if rise * next_rise < 0 and abs(slope) > 3 * abs(rise) else slope
