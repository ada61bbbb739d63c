"""Components <-> symbols: class by class, then what has reached a cap, then what no table holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from janus.transform.codebook import MAGNITUDES
from janus.transform.coder import Reader, Writer
from janus.transform.places import SPARE, Places


def put_components(writer: Writer, places: Places, y: Float[np.ndarray, "n m"], zone: float) -> None:
    """Write those that are sent.

    Args:
        writer: Takes them.
        places: Which are sent.
        y: In steps.
        zone: How much more than half of a step is still rounded down.

    Raises:
        JanusError: If one is farther out than an escape reaches.
    """
    far = np.abs(y)
    far += np.float32(0.5 - zone)
    cells = np.zeros(y.size + SPARE, np.int8)  # as narrow as can be: what follows takes its time by the byte
    near = cells[: y.size].reshape(y.shape)
    near[:] = far if far.max(initial=0) < MAGNITUDES else np.minimum(far, MAGNITUDES)
    near *= 1 - 2 * (y < 0).view(np.int8)
    digits = cells.take(places.order)
    magnitudes = np.abs(digits)
    at_cap = np.flatnonzero(magnitudes >= places.caps)
    digits = np.minimum(np.maximum(digits, -places.caps), places.caps)
    # Modulo 256: from -64 to -1 comes what is above the cap.
    plain = digits.view(np.uint8) + (digits < 0) * (2 * places.caps.view(np.uint8) + 1)
    symbols = np.empty(places.symbols, np.int32)
    plain = plain.astype(np.float32)
    for shape, here, there in places.shapes:
        symbols[there] = plain[here].reshape(-1, shape.group) @ shape.radix
    for alphabet, _, there in places.classes:
        writer.put(symbols[there], alphabet.model)
    rest = (magnitudes[at_cap] - places.caps[at_cap]).astype(np.int32)
    for model, here in _rests(at_cap, places):
        writer.put(rest[here], model)
    beyond = far.reshape(-1)[places.order[at_cap[magnitudes[at_cap] == MAGNITUDES]]]
    writer.put_excess(np.minimum(beyond, 1 << 30).astype(np.int32) - MAGNITUDES)


def take_components(reader: Reader, places: Places, size: tuple[int, int]) -> Float32[np.ndarray, "n m"]:
    """Read what `put_components` wrote, in steps; what was not sent is zero.

    Args:
        reader: Has them.
        places: Which were sent.
        size: Tokens and components.
    """
    symbols = np.empty(places.symbols, np.int32)
    for alphabet, _, there in places.classes:
        symbols[there] = reader.take(there.stop - there.start, alphabet.model)
    digits = np.empty(len(places.order), np.int8)
    for shape, here, there in places.shapes:
        digits[here] = shape.values.take(symbols[there], axis=0).reshape(-1)
    magnitudes = np.abs(digits)
    at_cap = np.flatnonzero(magnitudes == places.caps)
    far, sign = magnitudes[at_cap].astype(np.int32), np.sign(digits[at_cap])
    for model, here in _rests(at_cap, places):
        far[here] += reader.take(here.stop - here.start, model)
    beyond = far == MAGNITUDES
    far[beyond] += reader.take_excess(int(beyond.sum()))
    cells = np.zeros(size[0] * size[1] + SPARE, np.float32)
    found = digits.astype(np.float32)
    found[at_cap] = far * sign
    cells[places.order] = found
    if cells[-SPARE:].any():
        raise reader.refuse("its body does not hold what its header says: a symbol is filled up with what is not zero")
    return cells[:-SPARE].reshape(size)


def _rests(at_cap: Int[np.ndarray, " r"], places: Places) -> list[tuple[Any, slice]]:
    """Which model is for the rest of which components at their cap, whose places ascend."""
    ends = np.append(0, np.searchsorted(at_cap, [here.stop for _, here, _ in places.classes])).tolist()
    return [
        (alphabet.rest, slice(start, end))
        for (alphabet, *_), start, end in zip(places.classes, ends, ends[1:], strict=False)
        if alphabet.rest is not None and start < end
    ]
