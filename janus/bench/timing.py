"""Timing things in turn, so that a busy moment hits all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from janus.progress import bar
from janus.units import s_to_ms


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Median and 10th and 90th percentile of repeated measurements."""

    median: float
    p10: float
    p90: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Of at least one value."""
        if len(values) == 1:
            return cls(median=values[0], p10=values[0], p90=values[0])
        cuts = statistics.quantiles(values, n=10, method="inclusive")
        return cls(median=statistics.median(values), p10=cuts[0], p90=cuts[-1])

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.p10:.2f}–{self.p90:.2f}]"


def in_turn(
    cases: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warmup: int = 2,
    settle: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Milliseconds of each case in each of ``rounds`` rounds; every round runs all cases once, in order.

    Args:
        cases: What to time, by name.
        rounds: How often.
        warmup: Rounds before them that are not timed.
        settle: Whether a case runs once untimed right before it is timed. PyTorch's threads spin for a while after
            their work: what another library computes next would be charged for it.
        clock: Seconds.
    """
    for _ in range(warmup):
        for run in cases.values():
            run()
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in bar(range(rounds), unit="round"):
        for name, run in cases.items():
            if settle:
                run()
            start = clock()
            run()
            times[name].append(s_to_ms(clock() - start))
    return times


def ratios(times: Mapping[str, list[float]], base: str, other: str) -> Spread:
    """``base`` over ``other``, paired round by round: how many times faster ``other`` is."""
    return Spread.of([b / o for b, o in zip(times[base], times[other], strict=True)])
