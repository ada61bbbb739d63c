"""Which components of which token travel, and in what order: by class of the entropy coder, both ends alike."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int, UInt8

from janus.transform.codebook import CLASS_WIDTH, CLASSES, FINENESS, FINENESS_WIDTH, LOW, OCTAVE, Cut
from janus.transform.fineness import MIDDLE


class Places(NamedTuple):
    """Of what is sent.

    Attributes:
        order: Places in the flattened matrix of tokens x components, class by class.
        groups: (class, count) of each class in turn.
    """

    order: Int[np.ndarray, " s"]
    groups: list[tuple[int, int]]


class _Runs(NamedTuple):
    """Neighbouring components of one class, for every fineness of a token: far fewer than components.

    Attributes:
        first, runs: Of each fineness: where its runs begin in the arrays below, and how many they are.
        start, length: Of each run: its first component, and how many.
        kind: One more than its class, 0 if it is not sent; of 8 bits, because numpy sorts such by counting.
    """

    first: Int[np.ndarray, " f"]
    runs: Int[np.ndarray, " f"]
    start: Int[np.ndarray, " r"]
    length: Int[np.ndarray, " r"]
    kind: UInt8[np.ndarray, " r"]


def steps_of(step: int, fine: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Of each token, in eighths of an octave, from the frame's and the tokens' fineness."""
    return step + (fine - MIDDLE) * FINENESS_WIDTH


def width_of(steps: int | Int[np.ndarray, " n"]) -> Float32[np.ndarray, " *n"]:
    """How wide a step is that is given in eighths of an octave."""
    return np.asarray(2.0 ** (steps / OCTAVE)).astype(np.float32)


def places_of(cut: Cut, step: int, fine: Int[np.ndarray, " n"]) -> Places:
    """Those of patch tokens.

    Args:
        cut: Of the codebook.
        step: The frame's, in eighths of an octave.
        fine: Of each token.
    """
    return _places(_runs(cut, False, step), len(cut.scales), fine)


def places_of_prefix(cut: Cut, step: int, count: int) -> Places:
    """Those of so many prefix tokens, which all have the frame's own step."""
    return _places(_runs(cut, True, step), len(cut.prefix_scales), np.full(count, MIDDLE))


@lru_cache(maxsize=64)
def _runs(cut: Cut, prefix: bool, step: int) -> _Runs:
    scales = (cut.prefix_scales if prefix else cut.scales).astype(np.int32)
    classes = (scales - steps_of(step, np.arange(FINENESS))[:, None] - LOW * OCTAVE) // CLASS_WIDTH
    kinds = np.clip(classes, -1, CLASSES - 1) + 1
    level, start = np.nonzero(np.diff(kinds, axis=1, prepend=-1))
    many = np.bincount(level, minlength=FINENESS)
    length = np.diff(level * len(scales) + start, append=kinds.size)
    kind = kinds[level, start].astype(np.uint8)
    return _Runs(first=np.cumsum(many) - many, runs=many, start=start, length=length, kind=kind)


def _places(runs: _Runs, width: int, fine: Int[np.ndarray, " n"]) -> Places:
    many = runs.runs[fine]
    run = _ranges(runs.first[fine], many)
    kind, length = runs.kind[run], runs.length[run]
    first = np.repeat(np.arange(len(fine)) * width, many) + runs.start[run]
    order = np.argsort(kind, kind="stable")[np.count_nonzero(kind == 0) :]
    counts = np.bincount(kind, length, CLASSES + 1).astype(int).tolist()
    groups = [(one, n) for one, n in enumerate(counts[1:]) if n]
    return Places(order=_ranges(first[order], length[order]), groups=groups)


def _ranges(first: Int[np.ndarray, " r"], length: Int[np.ndarray, " r"]) -> Int[np.ndarray, " n"]:
    """first, first + 1, … of each range, one range after the other."""
    places = np.repeat(first - np.cumsum(length) + length, length)
    places += np.arange(len(places))
    return places
