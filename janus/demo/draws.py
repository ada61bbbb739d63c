"""Draws that are the same on every machine: integers from the raw words of a counter-based generator."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import UInt8

AHEAD = 512


class Draws:
    """A stream of integers that depends on nothing but its key.

    numpy promises the raw words of a bit generator for good (NEP 19), but not what `Generator` makes of them; so only
    the words are used. A remainder of a 64-bit word favours small values by less than one in 10¹⁶, which is nothing.
    """

    def __init__(self, *key: str | int):
        digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
        self._words = np.random.Philox(key=int.from_bytes(digest[:16], "little"))
        self._ahead: list[int] = []

    def below(self, n: int) -> int:
        """One of 0…n - 1."""
        if not self._ahead:
            # One call for many words: a call for each would take longer than all that is done with them.
            self._ahead = self._words.random_raw(AHEAD).tolist()
        return self._ahead.pop() % n

    def between(self, low: int, high: int) -> int:
        """One of low…high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, share: int, of: int) -> bool:
        """True in ``share`` of ``of`` cases."""
        return self.below(of) < share

    def grain(self, count: int) -> UInt8[np.ndarray, " count"]:
        """So many independent bytes."""
        # Words are numbers: read as bytes, their order must not be that of the machine.
        return self._words.random_raw(-(-count // 8)).astype("<u8", copy=False).view(np.uint8)[:count]
