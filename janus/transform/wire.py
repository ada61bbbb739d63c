"""Tokens <-> bytes by a codebook.

Layout, little-endian: a fixed header (`HEADER`), then the words of one ANS coder over all images: the sizes of the
tokens once they have merged, how finely each is quantised, the prefix tokens' components, the patch tokens'
components by class, several in one symbol; behind each array what did not fit its table.

Nothing here is believed: the checksum, the codebook's digest and every number of the header are checked before
anything is allocated, and what is allocated is bounded by them.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from janus.errors import JanusError
from janus.transform.codebook import (
    MAX_STEP,
    MEAN_SIZES,
    MIN_STEP,
    SIZE_KINDS,
    SIZES,
    Codebook,
    Cut,
)
from janus.transform.coder import Reader, Writer, symbols_of, too_far
from janus.transform.components import put_components, take_components
from janus.transform.fineness import fineness_of, predicted
from janus.transform.places import places_of, places_of_prefix, steps_of, width_of

# magic and version, flags: merged (1), split, step, batch, tokens, codebook, CRC-32 of all but itself
HEADER = struct.Struct("<3sBBbHH4sI")
MAGIC = b"JT3"
# An entropy coder yields as many symbols as it is asked for, however few bytes came: so fewer images than elsewhere.
MAX_BATCH, MAX_TOKENS, MAX_VALUES = 64, 16384, 1 << 26
# No component is beyond this even at the largest step; and its square is still a number.
FARTHEST = 1e15
# A component is rounded down a little more often than up: zero is cheap.
DEAD_ZONE = 0.1
PREFIX_DEAD_ZONE = 0.05


@dataclass(frozen=True, kw_only=True)
class TransformHeader:
    """What a payload says about itself, checked against its own bytes.

    Attributes:
        merged: Whether token sizes are in it.
        split: Whose part of the codebook it needs.
        step: In eighths of an octave.
        batch: Images.
        tokens: Tokens per image.
        codebook: First four bytes of its digest.
    """

    merged: bool
    split: int
    step: int
    batch: int
    tokens: int
    codebook: bytes


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What travels, as arrays."""

    x: Float[np.ndarray, "b n c"]
    sizes: Float[np.ndarray, "b n"] | None


def pack_tokens(tokens: Tokens, book: Codebook, split: int, step: int) -> tuple[bytes, dict[str, int]]:
    """Encode tokens whose prefix tokens stand in front.

    Args:
        tokens: What is to travel.
        book: Of this model.
        split: Blocks that have run.
        step: In eighths of an octave (`janus.transform.codebook.step_index`).

    Returns:
        The bytes, and how many of them go to which part.

    Raises:
        JanusError: If the tokens are not this model's, or not finite.
    """
    cut, x = book.at(split), tokens.x
    batch, n, width = x.shape
    p = len(cut.prefix_mean)
    if width != len(cut.mean) or n < p:
        raise JanusError(
            f"tokens of shape {list(x.shape)} are not those of {book.model}: take the codebook of their own model."
        )
    if batch > MAX_BATCH or n > MAX_TOKENS or x.size > MAX_VALUES:
        raise JanusError(f"tokens of shape {list(x.shape)} are beyond what one payload holds: send fewer images.")
    writer = Writer()
    sizes = np.ones((batch, n), np.int32) if tokens.sizes is None else tokens.sizes.astype(np.int32)
    free = sizes[:, p:]
    if tokens.sizes is not None:
        _put_capped(writer, free.reshape(-1) - 1, SIZES, _size_model(book, n, p))
    with np.errstate(over="ignore", invalid="ignore"):
        y = (x[:, p:] - cut.mean) @ cut.analysis
        prefix = (x[:, :p] - cut.prefix_mean) @ cut.prefix_analysis
    near = all(part.min(initial=0) > -FARTHEST and part.max(initial=0) < FARTHEST for part in (y, prefix))  # NaN is not
    if not (near and np.isfinite(x[:, :p]).all()):  # a codebook may keep no component of prefix tokens
        if not np.isfinite(x).all():
            raise JanusError("tokens hold NaN or infinite values: check the weights and the image before encoding.")
        raise too_far()
    fine = fineness_of(predicted(y, prefix[:, :1].reshape(batch, -1), free, cut))
    for kind, here in _kinds(free):
        writer.put(fine[here], _fineness_model(cut, kind))
    writer.mark()
    flat = prefix.reshape(batch * p, len(cut.prefix_scales)) / width_of(step)
    put_components(writer, places_of_prefix(book, cut, step, batch * p), flat, PREFIX_DEAD_ZONE)
    writer.mark()
    fine = fine.reshape(-1)
    flat = y.reshape(fine.size, len(cut.scales)) / width_of(steps_of(step, fine))[:, None]
    put_components(writer, places_of(book, cut, step, fine), flat, DEAD_ZONE)
    body, parts = writer.bytes()
    items = {"header": HEADER.size, **dict(zip(("sizes", "prefix", "tokens"), parts, strict=True))}
    head = HEADER.pack(MAGIC, tokens.sizes is not None, split, step, batch, n, book.digest[:4], 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body, items


def read_transform_header(data: bytes) -> TransformHeader:
    """What is in a payload. Allocates nothing.

    Raises:
        JanusError: If the header is not one that `pack_tokens` writes, or does not belong to what follows it.
    """
    if len(data) < HEADER.size:
        raise refused(f"it has {len(data)} bytes, less than a header of {HEADER.size}")
    magic, flags, split, step, batch, tokens, codebook, checksum = HEADER.unpack(data[: HEADER.size])
    if magic != MAGIC:
        raise refused(f"it begins with {magic!r} where this Janus reads {MAGIC!r}; use the same release at both ends")
    view = memoryview(data)
    if checksum != zlib.crc32(view[HEADER.size :], zlib.crc32(view[: HEADER.size - 4])):
        raise refused("its checksum does not match")
    if flags > 1 or not MIN_STEP <= step <= MAX_STEP:
        raise refused("its header has a flag or a step that does not exist")
    if not (1 <= batch <= MAX_BATCH and 1 <= tokens <= MAX_TOKENS):
        raise refused(f"{batch} images of {tokens} tokens are out of bounds")
    return TransformHeader(merged=bool(flags), split=split, step=step, batch=batch, tokens=tokens, codebook=codebook)


def unpack_tokens(data: bytes, book: Codebook) -> Tokens:
    """Decode what `pack_tokens` made.

    Raises:
        JanusError: If anything is not as `pack_tokens` would have written it.
    """
    h = read_transform_header(data)
    if h.codebook != book.digest[:4]:
        raise refused(f"it was made with codebook {h.codebook.hex()}…, this end has {book.digest.hex()[:8]}… of "
                      f"{book.model}; take the same codebook at both ends")  # fmt: skip
    if h.split not in book.cuts:
        raise refused(f"its split {h.split} is not in the codebook")
    cut = book.at(h.split)
    p, width = cut.prefix_mean.shape
    count = h.tokens - p
    if count < 0 or h.tokens > book.tokens or h.batch * h.tokens * width > MAX_VALUES:
        raise refused(f"{h.batch} images of {h.tokens} tokens are out of bounds for {book.model}")
    reader = Reader(data[HEADER.size :], refused)
    free = np.ones((h.batch, count), np.int32)
    if h.merged:
        free = _take_capped(reader, free.size, SIZES, _size_model(book, h.tokens, p)).reshape(free.shape) + 1
        if (free.sum(axis=1, dtype=np.int64) + p > MAX_TOKENS).any():
            raise refused("its token sizes sum to more patches than there can be")
    fine = np.zeros((h.batch, count), np.int32)
    for kind, here in _kinds(free):
        fine[here] = reader.take(int(here.sum()), _fineness_model(cut, kind))
    rows = h.batch * p
    prefix = take_components(reader, places_of_prefix(book, cut, h.step, rows), (rows, len(cut.prefix_scales)))
    fine = fine.reshape(-1)
    y = take_components(reader, places_of(book, cut, h.step, fine), (fine.size, len(cut.scales)))
    reader.end()
    prefix *= width_of(h.step)
    y *= width_of(steps_of(h.step, fine))[:, None]
    x = np.empty((h.batch, h.tokens, width), np.float32)
    x[:, :p] = (prefix @ cut.prefix_basis).reshape(h.batch, p, width) + cut.prefix_mean
    y, basis = _used(y, cut.basis)
    np.matmul(y.reshape(h.batch, count, len(basis)), basis, out=x[:, p:])
    x[:, p:] += cut.mean
    if not h.merged:
        return Tokens(x=x, sizes=None)
    sizes = np.ones((h.batch, h.tokens), np.float32)
    sizes[:, p:] = free
    return Tokens(x=x, sizes=sizes)


def _used(y: Float[np.ndarray, "n m"], basis: Float[np.ndarray, "m c"]):
    """Both without components that are zero in all tokens, if these are so many that it saves time."""
    used = np.flatnonzero(y.any(axis=0))
    return (y[:, used], basis[used]) if len(used) < 0.8 * len(basis) else (y, basis)


def _put_capped(writer: Writer, values: Int[np.ndarray, " n"], most: int, model) -> None:
    capped = np.minimum(values, most)
    writer.put(capped, model)
    writer.put_excess(values[capped == most] - most)


def _take_capped(reader: Reader, count: int, most: int, model) -> Int[np.ndarray, " n"]:
    values = reader.take(count, model)
    beyond = values == most
    values[beyond] += reader.take_excess(int(beyond.sum()))
    return values


def _kinds(sizes: Int[np.ndarray, "b n"]) -> list[tuple[int, np.ndarray]]:
    """Tokens of 1, 2, 3 and more patches."""
    kinds = np.minimum(sizes, SIZE_KINDS)
    return [(kind, here) for kind in range(SIZE_KINDS) if (here := kinds == kind + 1).any()]


def mean_size_kind(tokens: int, prefix: int, unmerged: int) -> int:
    """Which table of sizes: the half octave of the mean size, in whole numbers."""
    patches, left, kind = unmerged - prefix, max(tokens - prefix, 1), 0
    while kind < MEAN_SIZES - 1 and patches * patches >= left * left << (kind + 1):
        kind += 1
    return kind


def _size_model(book: Codebook, tokens: int, prefix: int):
    return _size_models(book)[mean_size_kind(tokens, prefix, book.tokens)]


@lru_cache(maxsize=4)
def _size_models(book: Codebook) -> list:
    return [symbols_of(counts) for counts in book.sizes]


@lru_cache(maxsize=64)
def _fineness_model(cut: Cut, kind: int):
    return symbols_of(cut.fineness[kind])


def refused(why: str) -> JanusError:
    """The sentence for a payload that is not what an encoder writes."""
    return JanusError(f"payload refused: {why}; encode it again with janus.encode.")
