"""Which components of which token travel, and in what order: by class of the entropy coder, both ends alike.

Where several of a class share a symbol and the last symbol is not full, it is filled up from spare cells behind the
matrix of tokens x components, which hold zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Int8

from janus.transform.alphabet import GROUPS, Alphabet, Shape, class_alphabets
from janus.transform.codebook import CLASS_WIDTH, CLASSES, FINENESS, FINENESS_WIDTH, LOW, OCTAVE, Codebook, Cut
from janus.transform.fineness import MIDDLE

# Each class has spare cells of its own, so many, that none hides what another holds.
OWN_SPARE = max(GROUPS) - 1
SPARE = CLASSES * OWN_SPARE


@dataclass(frozen=True, eq=False)
class Places:
    """Of what is sent.

    Attributes:
        order: Places in the flattened matrix of tokens x components and in the spare cells behind it, class by class.
        caps: Of each component.
        classes: Of each class in turn its alphabet, and where its components and its symbols are.
        shapes: The same by shape, for neighbouring classes often have the same.
    """

    order: Int[np.ndarray, " s"]
    caps: Int8[np.ndarray, " s"]
    classes: list[tuple[Alphabet, slice, slice]]
    shapes: list[tuple[Shape, slice, slice]]

    @property
    def symbols(self) -> int:
        """How many there are in all."""
        return self.classes[-1][2].stop if self.classes else 0


class _Ranked(NamedTuple):
    """Components by class, for every fineness of a token.

    Attributes:
        first, many: Of each class: its first component, and how many it has.
        components: By class, where those of a class are not always neighbours; then ``first`` is a place in this. Those
            of patch tokens are, as a rule, for the greatest come first.
    """

    first: Int[np.ndarray, "k f"]
    many: Int[np.ndarray, "k f"]
    components: Int[np.ndarray, "f m"] | None


def steps_of(step: int, fine: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Of each token, in eighths of an octave, from the frame's and the tokens' fineness."""
    return step + (fine - MIDDLE) * FINENESS_WIDTH


def width_of(steps: int | Int[np.ndarray, " n"]) -> Float32[np.ndarray, " *n"]:
    """How wide a step is that is given in eighths of an octave."""
    return np.asarray(2.0 ** (steps / OCTAVE)).astype(np.float32)


def places_of(book: Codebook, cut: Cut, step: int, fine: Int[np.ndarray, " n"]) -> Places:
    """Those of patch tokens.

    Args:
        book: Whose classes.
        cut: Of the codebook.
        step: The frame's, in eighths of an octave.
        fine: Of each token.
    """
    return _places(book, _ranked(cut, False, step), len(cut.scales), fine)


@lru_cache(maxsize=16)
def places_of_prefix(book: Codebook, cut: Cut, step: int, count: int) -> Places:
    """Those of so many prefix tokens, which all have the frame's own step."""
    return _places(book, _ranked(cut, True, step), len(cut.prefix_scales), np.full(count, MIDDLE))


@lru_cache(maxsize=64)
def _ranked(cut: Cut, prefix: bool, step: int) -> _Ranked:
    scales = (cut.prefix_scales if prefix else cut.scales).astype(np.int32)
    classes = (scales - steps_of(step, np.arange(FINENESS))[:, None] - LOW * OCTAVE) // CLASS_WIDTH
    classes = np.clip(classes, -1, CLASSES - 1)
    components = np.argsort(classes, axis=1, kind="stable")
    many = np.array([np.count_nonzero(classes == one, axis=1) for one in range(-1, CLASSES)])
    first, many = (np.cumsum(many, axis=0) - many)[1:], many[1:]
    same = np.diff(np.take_along_axis(classes, components, axis=1)) == 0
    if (np.diff(components)[same] == 1).all():
        ends = np.pad(components, ((0, 0), (0, 1)))  # a class that has none may come behind the last
        return _Ranked(np.take_along_axis(ends, first.T, axis=1).T, many, None)
    return _Ranked(first, many, components)


def _places(book: Codebook, ranked: _Ranked, m: int, fine: Int[np.ndarray, " n"]) -> Places:
    n = len(fine)
    counts = ranked.many @ np.bincount(fine, minlength=FINENESS)
    present = np.flatnonzero(counts)
    sent = zip(present.tolist(), counts[present].tolist(), strict=True)
    alphabets = [class_alphabets(book, one).of(count) for one, count in sent]
    groups = np.array([alphabet.shape.group for alphabet in alphabets], int)
    first, length = np.empty((2, len(present), n + 1), int)
    np.add(ranked.first[present].take(fine, axis=1), m * np.arange(n), out=first[:, :n])
    length[:, :n] = ranked.many[present].take(fine, axis=1)
    first[:, n], length[:, n] = n * m + OWN_SPARE * np.arange(len(present)), -counts[present] % groups
    components = counts[present] + length[:, n]
    classes = list(zip(alphabets, _slices(components), _slices(components // groups), strict=True))
    caps = np.repeat(np.array([alphabet.shape.cap for alphabet in alphabets], np.int8), components)
    order = _ranges(first.reshape(-1), length.reshape(-1))
    if ranked.components is not None:
        by_class = ranked.components[fine] + m * np.arange(n)[:, None]
        order = np.append(by_class.reshape(-1), n * m + np.arange(SPARE))[order]
    return Places(order, caps, classes, _shapes(classes))


def _slices(lengths: Int[np.ndarray, " l"]) -> list[slice]:
    """One after the other."""
    ends = np.cumsum(lengths).tolist()
    return [slice(*ends) for ends in zip([0, *ends], ends, strict=False)]


def _shapes(classes: list[tuple[Alphabet, slice, slice]]) -> list[tuple[Shape, slice, slice]]:
    found = []
    for shape, same in groupby(classes, key=lambda one: one[0].shape):
        _, components, symbols = ((some[0], some[-1]) for some in zip(*same, strict=True))
        found.append((shape, *(slice(first.start, last.stop) for first, last in (components, symbols))))
    return found


def _ranges(first: Int[np.ndarray, " r"], length: Int[np.ndarray, " r"]) -> Int[np.ndarray, " n"]:
    """first, first + 1, … of each range, one range after the other."""
    places = np.repeat(first - np.cumsum(length) + length, length)
    places += np.arange(len(places))
    return places
