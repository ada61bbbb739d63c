"""Components <-> symbols: class by class, then what has reached a cap, then what no table holds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, Int

from janus.transform.alphabet import Alphabet, Alphabets, alphabets_of
from janus.transform.codebook import CLASSES, MAGNITUDES, Codebook
from janus.transform.coder import Reader, Writer
from janus.transform.places import Places


def put_components(writer: Writer, book: Codebook, places: Places, y: Float[np.ndarray, "n m"], zone: float) -> None:
    """Write those that are sent.

    Args:
        writer: Takes them.
        book: Whose tables.
        places: Which are sent.
        y: In steps.
        zone: How much more than half of a step is still rounded down.

    Raises:
        JanusError: If one is farther out than an escape reaches.
    """
    values = np.take(y, places.order)
    far = np.abs(values)
    far += np.float32(0.5 - zone)
    np.floor(far, out=far)
    parts = _parts(book, places)
    caps = _caps(parts)
    at_cap = np.flatnonzero(far >= caps)
    beyond = far[at_cap]
    digits = np.copysign(np.minimum(far, caps, out=far), values, out=values)
    below = np.flatnonzero(digits < 0)
    digits[below] += 2 * caps[below] + 1
    start = 0
    for alphabet, count in parts:
        some = digits[start : start + count]
        writer.put(some if alphabet.group == 1 else some.reshape(-1, alphabet.group) @ alphabet.radix, alphabet.model)
        start += count
    rest = np.minimum(beyond, MAGNITUDES) - caps[at_cap]
    start = 0
    for alphabet, count in _in_each(at_cap, parts):
        if alphabet.rest is not None:
            writer.put(rest[start : start + count], alphabet.rest)
        start += count
    beyond = np.minimum(beyond[beyond >= MAGNITUDES], 1 << 30).astype(np.int32)
    writer.put_excess(beyond - MAGNITUDES)


def take_components(reader: Reader, book: Codebook, places: Places, y: Float32[np.ndarray, "n m"]) -> None:
    """Read what `put_components` wrote, in steps, into ``y``, which is zero."""
    parts = _parts(book, places)
    caps = _caps(parts)
    q = np.empty(len(caps), np.float32)
    start = 0
    for alphabet, count in parts:
        symbols = reader.take(count // alphabet.group, alphabet.model)
        q[start : start + count] = alphabet.values.take(symbols, axis=0).reshape(-1)
        start += count
    far = np.abs(q)
    at_cap = np.flatnonzero(far == caps)
    far = far[at_cap]
    start = 0
    for alphabet, count in _in_each(at_cap, parts):
        if alphabet.rest is not None:
            far[start : start + count] += reader.take(count, alphabet.rest)
        start += count
    beyond = far == MAGNITUDES
    far[beyond] += reader.take_excess(int(beyond.sum()))
    q[at_cap] = np.copysign(far, q[at_cap])
    y.reshape(-1)[places.order] = q


def _parts(book: Codebook, places: Places) -> list[tuple[Alphabet, int]]:
    """Which alphabet is for how many components, class by class."""
    return [part for one, count in places.groups for part in _alphabets(book, one).shared_out(count)]


def _caps(parts: list[tuple[Alphabet, int]]) -> Float32[np.ndarray, " s"]:
    """Of each component."""
    return np.repeat(np.array([alphabet.cap for alphabet, _ in parts], np.float32), [count for _, count in parts])


def _in_each(at: Int[np.ndarray, " r"], parts: list[tuple[Alphabet, int]]) -> list[tuple[Alphabet, int]]:
    """How many of these places, ascending, are in each part; only parts that have some."""
    ends = np.searchsorted(at, np.cumsum([count for _, count in parts]))
    found = zip(parts, np.diff(ends, prepend=0).tolist(), strict=True)
    return [(alphabet, count) for (alphabet, _), count in found if count]


@lru_cache(maxsize=4 * CLASSES)
def _alphabets(book: Codebook, one: int) -> Alphabets:
    return alphabets_of(book.magnitudes[one])
