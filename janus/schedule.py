"""How many tokens each block removes: integers only, torch-free.

A schedule maps (depth, tokens) to a `MergePlan`. The families are those of the paper and its rivals:
none, constant (ToMe's r), linear, declining (the paper's exponential) and an explicit list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from janus.errors import JanusError

FAMILIES = ("none", "constant", "linear", "declining", "list")


@dataclass(frozen=True, kw_only=True)
class MergePlan:
    """What a schedule comes to on one model.

    Attributes:
        removed: Tokens merged away in each block, ``depth`` integers.
        tokens: Tokens after the embedding and after each block, ``depth + 1`` integers, so that ``tokens[k]`` is
            what a split at k sends.
        notes: One sentence for each thing that was clipped; empty where nothing was.
    """

    removed: tuple[int, ...]
    tokens: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def clipped(self) -> bool:
        """Whether a block was asked for more than it can merge."""
        return bool(self.notes)

    @property
    def token_blocks(self) -> int:
        """Tokens that enter each block, summed over the blocks: a first measure of compute."""
        return sum(self.tokens[:-1])

    @property
    def mean_kept(self) -> float:
        """Mean over the blocks of the share of tokens that enters, 0…1."""
        return self.token_blocks / (len(self.removed) * self.tokens[0])


@dataclass(frozen=True, kw_only=True)
class MergeSchedule:
    """A family of schedules and the level within it.

    Attributes:
        family: ``none``, ``constant`` (level r: r tokens in every block; Bolya et al., ICLR 2023), ``linear``
            (level r: from 2r in the first block to 0 in the last, the same total), ``declining`` (level α: block l
            of N removes ⌊2^{α(N-l)}⌋; the Janus paper) or ``list``.
        level: Strength; 0 is "no merging" in every family. Ignored by ``none`` and ``list``.
        removed: The counts of a ``list``, one for each block.
        floor_tokens: No block goes below this many tokens, prefix tokens included.
        name: What a ``list`` is called, where it has a name (`janus.schedules`).
    """

    family: str = "declining"
    level: float = 0.0
    removed: tuple[int, ...] = ()
    floor_tokens: int = 1
    name: str = ""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise JanusError(f"schedule {self.family!r} is unknown: choose one of {', '.join(FAMILIES)}.")
        level = self.level
        if isinstance(level, bool) or not isinstance(level, (int, float)) or not math.isfinite(level) or level < 0:
            raise JanusError(f"level {level!r} is out of range: give a number that is 0 (no merging) or more.")
        if self.family == "constant" and level != int(level):
            raise JanusError(f"level {level} of a constant schedule is the tokens removed per block: give an integer.")
        if self.floor_tokens < 1:
            raise JanusError(f"floor_tokens {self.floor_tokens} must be 1 or more.")
        if any(isinstance(r, bool) or int(r) != r or r < 0 for r in self.removed):
            raise JanusError(f"removed {list(self.removed)} must hold integers that are 0 or more, one for each block.")
        if self.removed and self.family != "list":
            raise JanusError(f"removed is only for the family 'list', not for {self.family!r}: leave it out.")
        if self.name and self.family != "list":
            raise JanusError(f"name {self.name!r} is for a list of counts; the family {self.family!r} has its own.")

    @classmethod
    def explicit(cls, removed, *, name: str = "") -> MergeSchedule:
        """A schedule from a list of tokens to remove, one entry for each block, perhaps with a name."""
        return cls(family="list", removed=tuple(int(r) if int(r) == r else r for r in removed), name=name)

    @property
    def label(self) -> str:
        """What tables call it: its name, or its family."""
        return self.name or self.family

    def wanted(self, depth: int) -> tuple[int, ...]:
        """Tokens that each of ``depth`` blocks is asked to remove, before clipping."""
        if self.family == "list":
            if len(self.removed) != depth:
                raise JanusError(
                    f"the list has {len(self.removed)} entries but the model has {depth} blocks: give one for each."
                )
            return tuple(int(r) for r in self.removed)
        if self.family == "none" or self.level == 0:
            return (0,) * depth
        if self.family == "constant":
            return (int(self.level),) * depth
        if self.family == "linear":
            last = max(depth - 1, 1)
            return tuple(math.floor(2 * self.level * (depth - 1 - i) / last + 0.5) for i in range(depth))
        return declining(self.level, depth)

    def plan(self, depth: int, tokens: int, protected: int = 1) -> MergePlan:
        """Clip the schedule to what the blocks can merge.

        Args:
            depth: Blocks of the model.
            tokens: Tokens after the embedding, prefix tokens included (x_0 in the paper).
            protected: Tokens that never merge (class, register, distillation, detection).

        Raises:
            JanusError: If the level lies beyond `max_level`, or a list has the wrong length.
        """
        highest = self.max_level(depth, tokens, protected)
        if self.family not in ("none", "list") and self.level > highest:
            raise JanusError(
                f"level {self.level:g} is out of range for the {self.family} schedule on {depth} blocks and {tokens} "
                f"tokens: the highest is {math.floor(highest * 1000) / 1000:g}."
            )
        removed, counts, notes = [], [tokens], []
        for block, r in enumerate(self.wanted(depth), start=1):
            now = counts[-1]
            half = max(now - protected, 0) // 2
            room = max(now - max(self.floor_tokens, protected), 0)
            took = min(r, half, room)
            if took < r:
                why = "half of its unprotected tokens" if half <= room else f"the floor of {self.floor_tokens} tokens"
                notes.append(f"block {block} removes {took} instead of {r} tokens ({why})")
            removed.append(took)
            counts.append(now - took)
        return MergePlan(removed=tuple(removed), tokens=tuple(counts), notes=tuple(notes))

    def max_level(self, depth: int, tokens: int, protected: int = 1) -> float:
        """Highest level that this family allows on such a model.

        For ``declining`` the paper's bound: the removed tokens of all blocks must sum to less than x_0. For
        ``constant`` and ``linear`` what the first block can merge.
        """
        if self.family in ("none", "list"):
            return 0.0
        half = max(tokens - protected, 0) // 2
        if self.family == "constant":
            return float(half)
        if self.family == "linear":
            return half / 2
        return alpha_max(depth, tokens)


def declining(alpha: float, depth: int) -> tuple[int, ...]:
    """The paper's exponential schedule, ⌊2^{α(N-l)}⌋ for l = 1…N; α = 0 is defined as no merging."""
    if alpha == 0:
        return (0,) * depth
    return tuple(math.floor(2 ** (alpha * (depth - block))) for block in range(1, depth + 1))


@lru_cache(maxsize=256)
def alpha_max(depth: int, tokens: int) -> float:
    """Largest α with Σ ⌊2^{α(N-l)}⌋ < x_0 (the Janus paper), to about 1e-12.

    It is 0 where even one token from each block is too many.
    """
    if depth >= tokens:
        return 0.0
    # One block removes 2^0 = 1 token whatever α is; beyond log2(tokens) the first block alone takes everything.
    low, high = 0.0, math.log2(tokens) + 1
    for _ in range(60):
        middle = (low + high) / 2
        if sum(declining(middle, depth)) < tokens:
            low = middle
        else:
            high = middle
    return low
