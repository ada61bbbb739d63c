"""Integers as bits: an ANS coder over arrays, with models made of a codebook's integer tables."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import constriction
import numpy as np
from jaxtyping import Int

from janus.errors import JanusError

_model = constriction.stream.model
AnsCoder = constriction.stream.stack.AnsCoder
# Beyond the last symbol of a table a value's excess is written as its number of bits, then those bits.
MAX_EXCESS_BITS = 20
MAX_EXCESS = (1 << MAX_EXCESS_BITS) - 2
_LENGTHS = _model.Uniform(MAX_EXCESS_BITS)


def symbols_of(counts: Int[np.ndarray, " s"]):
    """A model of the symbols 0, 1, … that occur as often as ``counts`` says."""
    return _model.Categorical(np.asarray(counts, dtype=np.float32), perfect=False)


class Writer:
    """Collects arrays in the order in which a `Reader` takes them; the coder is a stack, so they go in last first."""

    def __init__(self):
        self._jobs: list[tuple[np.ndarray, object]] = []
        self._marks: list[int] = []

    def put(self, values: Int[np.ndarray, " n"], model) -> None:
        """Values of one model."""
        if len(values):
            self._jobs.append((np.ascontiguousarray(values, np.int32), model))

    def put_excess(self, excess: Int[np.ndarray, " n"]) -> None:
        """What values have beyond the last symbol of their table, 0 or more.

        Raises:
            JanusError: If one is more than 20 bits hold.
        """
        if not len(excess):
            return
        if excess.max() > MAX_EXCESS:
            raise too_far()
        lengths = np.floor(np.log2(excess + 1.0)).astype(np.int32)
        self.put(lengths, _LENGTHS)
        for length in _beyond_zero(lengths):
            self.put(excess[lengths == length] + 1 - (1 << length), _model.Uniform(1 << length))

    def mark(self) -> None:
        """What is put from here on is another part."""
        self._marks.append(len(self._jobs))

    def bytes(self) -> tuple[bytes, list[int]]:
        """All of it, and how many of the bytes go to each part between two marks, to a byte."""
        coder = AnsCoder()
        bits = [0.0]
        for start, stop in reversed(list(pairwise([0, *self._marks, len(self._jobs)]))):
            for values, model in reversed(self._jobs[start:stop]):
                coder.encode_reverse(values, model)
            bits.append(coder.num_valid_bits())
        data = coder.get_compressed().astype("<u4").tobytes()
        ends = [len(data) - min(round(some / 8), len(data)) for some in bits[:-1]]
        return data, [end - start for start, end in pairwise([0, *reversed(ends)])]


class Reader:
    """Takes what a `Writer` put, with the same models in the same order. Whatever the bytes are, it yields symbols."""

    def __init__(self, data: bytes, refuse: Callable[[str], JanusError]):
        self.refuse = refuse
        if len(data) % 4:
            raise refuse(f"its body of {len(data)} bytes is no whole number of words")
        try:
            self._coder = AnsCoder(np.frombuffer(data, "<u4").astype(np.uint32))
        except ValueError as why:
            raise refuse("its body ends in a zero word") from why

    def take(self, count: int, model) -> Int[np.ndarray, " n"]:
        """So many values of one model."""
        if not count:
            return np.zeros(0, np.int32)
        return np.asarray(self._coder.decode(model, count))

    def take_excess(self, count: int) -> Int[np.ndarray, " n"]:
        """See `Writer.put_excess`."""
        excess = np.zeros(count, np.int32)
        lengths = self.take(count, _LENGTHS)
        for length in _beyond_zero(lengths):
            here = lengths == length
            excess[here] = self.take(int(here.sum()), _model.Uniform(1 << length)) + (1 << length) - 1
        return excess

    def end(self) -> None:
        """Refuse bytes that hold more or less than was taken: the coder must be back where the writer began."""
        if not self._coder.is_empty():
            raise self.refuse("its body does not hold what its header says")


def _beyond_zero(lengths: Int[np.ndarray, " n"]) -> list[int]:
    """Those that have bits, ascending; few, so quicker than numpy sorts."""
    return sorted(set(lengths.tolist()) - {0})


def too_far() -> JanusError:
    """The sentence for tokens that no escape reaches."""
    return JanusError(
        "tokens lie too far from what the codebook was calibrated on for so fine a step: use a larger step, or "
        "calibrate on pictures of this kind."
    )
