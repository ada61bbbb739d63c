"""How components of one class become symbols of the entropy coder: several share one, and what is rare comes behind.

A coder takes its time by the symbol, however few bits that is worth, and most components are zero. So neighbours travel
as one symbol of all that they can be together, each no farther out than a cap; those that reach it have the rest of
their magnitude in a symbol of its own. No rate is lost: the product of their shares is what they cost one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, Int8

from janus.transform.codebook import CLASSES, MAGNITUDES, Codebook
from janus.transform.coder import symbols_of

# Symbols of the largest alphabet, and what their shares are counted in.
LARGEST, SHARES = 256, 1 << 24
GROUPS = (2, 3, 4, 5)
UNIT = 60  # any of them divides it
# Fewer components of a class than this travel alone.
FEW = 64
# In steps of the search that decodes a symbol: to begin with it, and to put the rest of a magnitude in its place.
BEGIN, REST = 4, 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """Which components a symbol stands for, whatever their shares.

    Attributes:
        cap: Magnitude at which a component is cut.
        group: Components in a symbol.
        values: What each symbol stands for. A coder that is asked for more than it has ends within the share of the
            first symbol, and if that is small, likely at nothing, as if all were well: so the first is zero, the
            commonest.
        radix: What each component counts for in its symbol, once those below zero are counted from above.
    """

    cap: int
    group: int
    values: Int8[np.ndarray, "s g"]
    radix: Float32[np.ndarray, " g"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Alphabet:
    """Symbols of one or of several components.

    Attributes:
        shape: What they stand for.
        model: The coder's, of these symbols.
        rest: Its model of a magnitude less the cap, up to `MAGNITUDES` in all; None if that is the cap.
    """

    shape: Shape
    model: Any
    rest: Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Alphabets:
    """Of one class: for a component alone, and for several together if that takes less time."""

    alone: Alphabet
    together: Alphabet | None

    def of(self, count: int) -> Alphabet:
        """Which is for so many components."""
        return self.alone if self.together is None or count < FEW else self.together


def alphabets_of(counts: Int[np.ndarray, " l"]) -> Alphabets:
    """Those that are decoded in the least time.

    Args:
        counts: How often each magnitude up to `MAGNITUDES` occurs. All is computed in whole numbers, so that both ends
            have the same.
    """
    often = counts.tolist()

    def time(cap: int, group: int) -> int:
        steps = BEGIN + ((2 * cap + 1) ** group - 1).bit_length()
        return steps * sum(often) * (UNIT // group) + REST * sum(often[cap:]) * UNIT

    sizes = [(cap, group) for cap in range(1, MAGNITUDES) for group in GROUPS if (2 * cap + 1) ** group <= LARGEST]
    best = min([(MAGNITUDES, 1), *sizes], key=lambda size: time(*size))
    return Alphabets(
        alone=_alphabet(counts, MAGNITUDES, 1), together=_alphabet(counts, *best) if best in sizes else None
    )


@lru_cache(maxsize=4 * CLASSES)
def class_alphabets(book: Codebook, one: int) -> Alphabets:
    """Of a class of a codebook."""
    return alphabets_of(book.magnitudes[one])


def _alphabet(counts: Int[np.ndarray, " l"], cap: int, group: int) -> Alphabet:
    often = counts.tolist()
    beyond, within = sum(often[cap:]), often[1:cap]
    shares = [2 * often[0], *within, beyond, beyond, *reversed(within)]  # signs are even
    whole = sum(shares) ** group
    model = symbols_of(np.array([max(1, prod(some) * SHARES // whole) for some in product(shares, repeat=group)]))
    return Alphabet(shape=_shape(cap, group), model=model, rest=symbols_of(counts[cap:]) if cap < MAGNITUDES else None)


@cache
def _shape(cap: int, group: int) -> Shape:
    """One object for each of the few that there are: classes with the same one are taken together."""
    values = np.array(list(product([*range(cap + 1), *range(-cap, 0)], repeat=group)), np.int8)
    radix = np.float32(2 * cap + 1) ** np.arange(group)[::-1]
    return Shape(cap=cap, group=group, values=values, radix=radix.astype(np.float32))
