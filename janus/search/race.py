"""Successive halving with an interval: schedules that are surely behind see no more pictures. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float

from janus.paired import Z95
from janus.search.journal import Removed


class Judges(Protocol):
    """What a race asks of `janus.search.panel.Panel`."""

    def ask(self, schedules, batches: Sequence[int]) -> None:
        """Have every schedule answer to these batches."""
        ...

    def divergence(self, removed: Removed, batches: Sequence[int]) -> Float[np.ndarray, " n"]:
        """Of one schedule, for each picture."""
        ...

    def agrees(self, removed: Removed, batches: Sequence[int]) -> Bool[np.ndarray, " n"]:
        """Whether its first guess is the unmerged model's, for each picture."""
        ...


def race(
    judges: Judges, runners: Collection[Removed], rounds: Sequence[Sequence[int]], *, keep: int
) -> list[Removed]:  # fmt: skip
    """The best of some schedules.

    In each round all that are left answer to its batches. Then those go whose paired difference from the leader is
    above 0 with 95 % confidence, and of the rest the worse half, down to ``keep``.

    Args:
        judges: Who answers, and keeps the answers.
        runners: The schedules.
        rounds: Batches of each round, those of the rounds before among them.
        keep: How many stay, at most, after the last round.

    Returns:
        Those that are left, the best first.
    """
    left = sorted(set(runners))
    for at, batches in enumerate(rounds, start=1):
        judges.ask(left, batches)
        seen = {removed: judges.divergence(removed, batches) for removed in left}
        left.sort(key=lambda removed: (float(seen[removed].mean()), removed))
        leader = seen[left[0]]
        left = [removed for removed in left if mean_interval(seen[removed] - leader)[0] <= 0]
        left = left[: keep if at == len(rounds) else max(keep, math.ceil(len(left) / 2))]
    return left


def mean_interval(values: Float[np.ndarray, " n"], z: float = Z95) -> tuple[float, float]:
    """Interval of a mean, by the normal approximation: ``z`` standard errors to both sides, by default for 95 %."""
    half = z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return float(values.mean()) - half, float(values.mean()) + half
