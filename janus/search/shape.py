"""Schedules by a few numbers: a burst before the cut, a slope behind it, and what they may cost. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from janus.arithmetic import multiply_adds
from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.profile import LatencyProfile
from janus.schedule import MergePlan, MergeSchedule
from janus.split import check_split


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a schedule may cost. A limit that is None is none.

    Attributes:
        split: Blocks before the cut, 1…depth - 1.
        payload_tokens: Tokens at the cut, at most, prefix tokens included.
        token_blocks: Tokens that enter each block, summed over the blocks, at most.
        multiply_adds: Of the whole model, at most.
        latency_ms: Modelled latency of the whole model on ``profile``, at most.
        profile: Of the machine that ``latency_ms`` is for.
        like: The schedule whose own cost these limits are; None where they were given as numbers.
    """

    split: int
    payload_tokens: int
    token_blocks: int | None = None
    multiply_adds: int | None = None
    latency_ms: float | None = None
    profile: LatencyProfile | None = None
    like: MergeSchedule | None = None

    @classmethod
    def of(cls, schedule: MergeSchedule, split: int, geometry: ModelGeometry) -> Budget:
        """What ``schedule`` itself costs: token-blocks, multiply-adds, and tokens at the cut."""
        plan = geometry.plan(schedule)
        return cls(
            split=split,
            payload_tokens=plan.tokens[check_split(split, geometry.depth)],
            token_blocks=plan.token_blocks,
            multiply_adds=multiply_adds(geometry.arithmetic, plan),
            like=schedule,
        ).check(geometry)

    def check(self, geometry: ModelGeometry) -> Budget:
        """Return this budget if a schedule can be searched for within it.

        Raises:
            JanusError: If there is no cut, nothing is limited, or not even the strongest merging keeps to it.
        """
        check_split(self.split, geometry.depth)
        if self.split in (0, geometry.depth):
            raise JanusError(
                f"split {self.split}: no tokens travel there; give a cut from 1 to {geometry.depth - 1} to search for."
            )
        if self.token_blocks is self.multiply_adds is self.latency_ms is None:
            raise JanusError("budget: nothing limits the compute; give token-blocks, multiply-adds or a latency.")
        if (self.latency_ms is None) != (self.profile is None):
            raise JanusError("budget: a latency needs the profile of a machine, and a profile a latency.")
        strongest = geometry.plan(MergeSchedule.explicit([geometry.tokens] * geometry.depth))
        if not self.allows(strongest, geometry):
            raise JanusError(
                f"budget: {self.words} cannot be kept to at split {self.split}: with half of the tokens merged in "
                f"every block it is {strongest.tokens[self.split]} tokens at the cut and {strongest.token_blocks} "
                "token-blocks; allow more."
            )
        return self

    @property
    def words(self) -> str:
        """Its limits, for people."""
        limits = [f"{self.payload_tokens} tokens at the cut"]
        if self.token_blocks is not None:
            limits.append(f"{self.token_blocks} token-blocks")
        if self.multiply_adds is not None:
            limits.append(f"{self.multiply_adds / 1e9:.3f} G multiply-adds")
        if self.latency_ms is not None:
            limits.append(f"{self.latency_ms:g} ms modelled")
        return ", ".join(limits)

    def affords(self, plan: MergePlan, geometry: ModelGeometry) -> bool:
        """Whether ``plan`` keeps to the limits of compute."""
        return (
            (self.token_blocks is None or plan.token_blocks <= self.token_blocks)
            and (self.multiply_adds is None or multiply_adds(geometry.arithmetic, plan) <= self.multiply_adds)
            and (self.latency_ms is None or self.profile.predict_ms(plan) <= self.latency_ms)
        )

    def allows(self, plan: MergePlan, geometry: ModelGeometry) -> bool:
        """Whether ``plan`` keeps to all limits, that of the payload among them."""
        return plan.tokens[self.split] <= self.payload_tokens and self.affords(plan, geometry)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A schedule in three numbers, which a budget makes into counts.

    Attributes:
        at_cut: Share of the payload's budget that is used, 0…1.
        before: How the burst leans: above 0 the first blocks before the cut remove more than the later ones, by a
            factor of e^before from the first to the last; 0 is even.
        after: The same of the blocks behind the cut.
    """

    at_cut: float
    before: float
    after: float


def counts(shape: Shape, budget: Budget, geometry: ModelGeometry) -> tuple[int, ...] | None:
    """Tokens to remove in each block: of all such schedules that with the most tokens left within the budget.

    No block merges more than half of its unprotected tokens.

    Returns:
        The counts, or None where no schedule of this shape keeps to the budget.
    """
    depth, split, first = geometry.depth, budget.split, geometry.tokens
    least = geometry.protected
    sent = max(least, round(least + shape.at_cut * (min(budget.payload_tokens, first) - least)))
    burst = deal(first, geometry.protected, first - sent, leaning(shape.before, split))
    if burst is None:
        return None
    weights = leaning(shape.after, depth - split)

    def whole(total: int) -> tuple[int, ...] | None:
        slope = deal(sent, geometry.protected, total, weights)
        return None if slope is None else (*burst, *slope)

    def fits(removed: tuple[int, ...]) -> bool:
        return budget.allows(geometry.plan(MergeSchedule.explicit(removed)), geometry)

    # More behind the cut is never dearer, so the least that is affordable is found by halving.
    low, high = 0, sent - least
    while whole(high) is None and high > 0:
        high -= 1
    if not fits(whole(high)):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(whole(middle)) else (middle + 1, high)
    return _spend(whole(high), split, fits)


def _spend(removed: tuple[int, ...], split: int, fits) -> tuple[int, ...]:
    """Give back tokens behind the cut, from the last block on, while the budget has room for them."""
    for block in reversed(range(split, len(removed))):
        while removed[block]:
            fewer = (*removed[:block], removed[block] - 1, *removed[block + 1 :])
            if not fits(fewer):
                break
            removed = fewer
    return removed


def leaning(skew: float, blocks: int) -> tuple[float, ...]:
    """Weights of ``blocks`` blocks, falling by a factor of e^skew from the first to the last."""
    return tuple(math.exp(-skew * i / max(blocks - 1, 1)) for i in range(blocks))


def deal(tokens: int, protected: int, total: int, weights: Sequence[float]) -> tuple[int, ...] | None:
    """``total`` tokens dealt to blocks in proportion to ``weights``, in whole numbers.

    A block takes at most half of its unprotected tokens; what it cannot take goes to the next.

    Returns:
        The counts, which sum to ``total``; None where the last blocks cannot take what is left.
    """
    removed, taken, share, whole = [], 0, 0.0, sum(weights)
    for weight in weights:
        share += weight
        most = max(tokens - taken - protected, 0) // 2
        took = min(math.floor(total * min(share / whole, 1.0) + 0.5) - taken, most)
        removed.append(took)
        taken += took
    return tuple(removed) if taken == total else None
