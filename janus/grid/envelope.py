"""The best plan by binary search, exactly as brute force would choose it.

With x = milliseconds per byte, a plan that sends takes (a + c·x) + rtt: a its compute, c its payload. The least over
plans is a lower envelope of lines in x. A search in it finds the line; where another line comes within rounding, all of
those are compared in the very arithmetic of brute force, so both agree to the last bit. Torch-free.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

import numpy as np

# Lines this close (relative, and in ms beside it) are compared one by one; rounding errors are a millionth of it.
CLOSE = 1e-9
# Beyond this many ms per byte (8 bit/s) only the payload matters; it keeps the last candidates few below.
FAR = 1e3


def lower_envelope(a: np.ndarray, c: np.ndarray) -> tuple[list[float], list[int]]:
    """Breakpoints in x ≥ 0 and the line that is lowest between them.

    Args:
        a: Intercepts, shape [m], m ≥ 1.
        c: Slopes, shape [m], 0 or more.

    Returns:
        Breakpoints, k - 1 of them, rising; and k indices of lines, of falling slope.
    """
    order = np.lexsort((a, -c))
    breaks: list[float] = []
    hull: list[int] = []
    intercepts, slopes = a.tolist(), c.tolist()
    for line in order.tolist():
        if hull and slopes[line] == slopes[hull[-1]]:
            continue  # parallel and not lower, by the order of sorting
        while hull:
            crossing = (intercepts[line] - intercepts[hull[-1]]) / (slopes[hull[-1]] - slopes[line])
            if crossing > (breaks[-1] if breaks else 0.0):
                break
            hull.pop()
            if breaks:
                breaks.pop()
        if hull:
            breaks.append(crossing)
        hull.append(line)
    return breaks, hull


def all_ms(
    local_ms: np.ndarray, fixed_ms: np.ndarray, payload_bytes: np.ndarray, x: float, rtt_ms: float
) -> np.ndarray:  # fmt: skip
    """Milliseconds of every plan at ``x`` ms per byte, shape [levels, splits + 1], device-only last; see `Envelope`."""
    return np.concatenate([fixed_ms + payload_bytes * x + rtt_ms, local_ms[:, None]], axis=1)


class Lines:
    """A set of lines that can be asked for the lowest at x, ties to the smallest number.

    Args:
        a: Intercepts, shape [m]; infinite for a line that is not there.
        c: Slopes, shape [m], above 0.
        numbers: What to call the lines, shape [m], rising.
    """

    def __init__(self, a: np.ndarray, c: np.ndarray, numbers: np.ndarray):
        there = np.isfinite(a)
        a, c, numbers = a[there], c[there], numbers[there]
        self._breaks: list[float] = []
        self._candidates: list[list[tuple[float, float, int]]] = [[]]
        if len(a):
            self._candidates.clear()
            self._prepare(a, c, numbers)

    def _prepare(self, a: np.ndarray, c: np.ndarray, numbers: np.ndarray) -> None:
        breaks, hull = lower_envelope(a, c)
        edges = np.array([0.0, *breaks, max(FAR, 2 * breaks[-1] if breaks else FAR)])
        self._breaks = edges[1:].tolist()
        ends = [*zip(edges[:-1], edges[1:], hull, strict=True), (edges[-1], math.inf, hull[-1])]
        for left, right, line in ends:
            near = self._gap(a, c, line, left) <= CLOSE
            near |= (c - c[line] <= CLOSE * c[line]) if math.isinf(right) else self._gap(a, c, line, right) <= CLOSE
            rows = np.flatnonzero(near)
            self._candidates.append(list(zip(a[rows].tolist(), c[rows].tolist(), numbers[rows].tolist(), strict=True)))

    @staticmethod
    def _gap(a: np.ndarray, c: np.ndarray, line: int, x: float) -> np.ndarray:
        value = a + c * x
        return (value - value[line]) / (value[line] + 1.0)

    def lowest(self, x: float, rtt_ms: float) -> tuple[float, int]:
        """The least of (a + c·x) + rtt and the number of its line; infinite and -1 where there is none."""
        best, number = math.inf, -1
        for a, c, candidate in self._candidates[bisect_right(self._breaks, x)]:
            value = a + c * x + rtt_ms
            if value < best or number < 0:
                best, number = value, candidate
        return best, number


class Envelope:
    """Decisions over all levels and splits for any bandwidth, round trip and SLO.

    Ties go to the smallest level; within a level to the lowest latency, then the smallest split.

    Args:
        local_ms: Device-only latency of each level, shape [levels]; infinite where that is no choice.
        fixed_ms: What a plan that sends takes beside transfer and round trip, shape [levels, splits]; infinite where
            there is no such plan. Each level has one plan at least.
        payload_bytes: What it sends, shape [levels, splits], above 0.

    Attributes:
        local_ms: Device-only latency of each level, as a list.
    """

    def __init__(self, local_ms: np.ndarray, fixed_ms: np.ndarray, payload_bytes: np.ndarray):
        self.levels, self.splits = fixed_ms.shape
        self._local, self._fixed, self._payload = local_ms, fixed_ms, payload_bytes.astype(np.float64)
        a, c = self._fixed.ravel(), self._payload.ravel()
        numbers = np.arange(a.size)
        self.local_ms: list[float] = local_ms.tolist()
        self._fixed_list, self._payload_list = self._fixed.tolist(), self._payload.tolist()
        # Rising, so that bisect finds the first level whose device-only plan is quick enough.
        self._local_below: list[float] = (-np.minimum.accumulate(local_ms)).tolist()
        self._of_level = [
            Lines(self._fixed[level], self._payload[level], np.arange(self.splits)) for level in range(self.levels)
        ]
        self._of_all = Lines(a, c, numbers)
        self._local_best = int(np.argmin(local_ms))
        # The least over this level and all below it: falling from level to level, so levels can be searched too.
        self._up_to: list[tuple[list[float], list[float], list[float]]] = []
        kept = np.zeros(0, dtype=np.int64)
        for level in range(self.levels):
            lines = np.concatenate([kept, numbers[level * self.splits : (level + 1) * self.splits]])
            lines = lines[np.isfinite(a[lines])]
            if not len(lines):
                self._up_to.append(([], [math.inf], [0.0]))
                continue
            breaks, hull = lower_envelope(a[lines], c[lines])
            kept = lines[hull]
            self._up_to.append((breaks, a[kept].tolist(), c[kept].tolist()))

    def decide(self, x: float, rtt_ms: float, slo_ms: float) -> tuple[int, int, float]:
        """The smallest level that meets the SLO and its fastest split; the fastest plan of all where none does.

        Args:
            x: Milliseconds per byte; infinite where nothing gets through.

        Returns:
            Level index, split index (``splits`` stands for device-only), modelled milliseconds.
        """
        low, high = 0, bisect_left(self._local_below, -slo_ms)
        below, above = slo_ms * (1 - CLOSE), slo_ms * (1 + CLOSE)
        up_to = self._up_to
        while low < high:
            middle = (low + high) >> 1
            breaks, a, c = up_to[middle]
            segment = bisect_right(breaks, x)
            value = a[segment] + c[segment] * x + rtt_ms
            if value < below:
                high = middle
            elif value > above:
                low = middle + 1
            else:
                return self.brute_force(x, rtt_ms, slo_ms)
        if low == self.levels:
            return self.fastest(x, rtt_ms)
        return (low, *self.fastest_split(low, x, rtt_ms))

    def fastest_split(self, level: int, x: float, rtt_ms: float) -> tuple[int, float]:
        """The fastest split of one level and its modelled milliseconds."""
        ms, split = self._of_level[level].lowest(x, rtt_ms)
        local = self.local_ms[level]
        return (split, ms) if ms <= local else (self.splits, local)

    def fastest(self, x: float, rtt_ms: float) -> tuple[int, int, float]:
        """The fastest plan of all, ties to the smallest level, then the smallest split."""
        ms, number = self._of_all.lowest(x, rtt_ms)
        level, split = divmod(number, self.splits)
        local = self.local_ms[self._local_best]
        if local < ms or (local == ms and self._local_best < level):
            return self._local_best, self.splits, local
        return level, split, ms

    def line(self, level: int, split: int) -> tuple[float, float]:
        """Milliseconds beside transfer and round trip, and payload bytes, of a plan that sends."""
        return self._fixed_list[level][split], self._payload_list[level][split]

    def all_ms(self, x: float, rtt_ms: float) -> np.ndarray:
        """Modelled milliseconds of every plan, shape [levels, splits + 1], device-only last."""
        return all_ms(self._local, self._fixed, self._payload, x, rtt_ms)

    def brute_force(self, x: float, rtt_ms: float, slo_ms: float) -> tuple[int, int, float]:
        """`decide` by trying every plan: the definition, and the slow way."""
        ms = self.all_ms(x, rtt_ms)
        fastest = ms.argmin(axis=1)
        least = ms[np.arange(self.levels), fastest]
        meets = least <= slo_ms
        level = int(meets.argmax()) if meets.any() else int(least.argmin())
        return level, int(fastest[level]), float(least[level])
