"""Components <-> symbols: class by class, then what has reached a cap, then what no table holds."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

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
    for alphabet, here in parts:
        some = digits[here]
        writer.put(some if alphabet.group == 1 else some.reshape(-1, alphabet.group) @ alphabet.radix, alphabet.model)
    rest = np.minimum(beyond, MAGNITUDES) - caps[at_cap]
    for model, here in _rests(at_cap, parts):
        writer.put(rest[here], model)
    beyond = np.minimum(beyond[beyond >= MAGNITUDES], 1 << 30).astype(np.int32)
    writer.put_excess(beyond - MAGNITUDES)


def take_components(reader: Reader, book: Codebook, places: Places, y: Float32[np.ndarray, "n m"]) -> None:
    """Read what `put_components` wrote, in steps, into ``y``, which is zero."""
    parts = _parts(book, places)
    caps = _caps(parts)
    q = np.empty(len(caps), np.float32)
    for alphabet, here in parts:
        symbols = reader.take((here.stop - here.start) // alphabet.group, alphabet.model)
        q[here] = alphabet.values.take(symbols, axis=0).reshape(-1)
    far = np.abs(q)
    at_cap = np.flatnonzero(far == caps)
    far = far[at_cap]
    for model, here in _rests(at_cap, parts):
        far[here] += reader.take(here.stop - here.start, model)
    beyond = far == MAGNITUDES
    far[beyond] += reader.take_excess(int(beyond.sum()))
    q[at_cap] = np.copysign(far, q[at_cap])
    y.reshape(-1)[places.order] = q


def _parts(book: Codebook, places: Places) -> list[tuple[Alphabet, slice]]:
    """Which alphabet is for which components, class by class."""
    found: list[tuple[Alphabet, slice]] = []
    start = 0
    for one, of_class in places.groups:
        for alphabet, count in _alphabets(book, one).shared_out(of_class):
            found.append((alphabet, slice(start, start + count)))
            start += count
    return found


def _caps(parts: list[tuple[Alphabet, slice]]) -> Float32[np.ndarray, " s"]:
    """Of each component."""
    caps = np.array([alphabet.cap for alphabet, _ in parts], np.float32)
    return np.repeat(caps, [here.stop - here.start for _, here in parts])


def _rests(at_cap: Int[np.ndarray, " r"], parts: list[tuple[Alphabet, slice]]) -> list[tuple[Any, slice]]:
    """Which model is for the rest of which components at their cap, whose places ascend."""
    ends = np.append(0, np.searchsorted(at_cap, [here.stop for _, here in parts])).tolist()
    return [
        (alphabet.rest, slice(start, end))
        for (alphabet, _), start, end in zip(parts, ends, ends[1:], strict=False)
        if alphabet.rest is not None and start < end
    ]


@lru_cache(maxsize=4 * CLASSES)
def _alphabets(book: Codebook, one: int) -> Alphabets:
    return alphabets_of(book.magnitudes[one])
