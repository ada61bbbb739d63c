"""TokenState <-> bytes: a number format, then optionally a compressor, behind a header that is checked on the way in.

Layout, little-endian: a fixed header (`HEADER`), then one body of ``body_bytes``, which is zstd-compressed where the
flag says so. The body holds the tokens, for int8 one fp32 scale per token, and, once tokens have merged, one uint16
size per token. Where the model adds positions behind its blocks, the rows and columns of the patches follow (uint16),
and once tokens have merged the source map, one uint16 per patch. Never pickle; nothing is allocated before the header
has been checked against its own length.

The codec ``transform`` with its step, such as ``transform1.4``, has a layout of its own and needs a codebook
(`janus.transform`).
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, replace

import numpy as np
import torch

from janus.errors import JanusError
from janus.formats import FORMATS, ITEM_BYTES, pack_values, shared_out, unpack_values, unzstd, zstd
from janus.merging import TokenState
from janus.transform import MAGIC as TRANSFORM_MAGIC
from janus.transform import Codebook, Tokens, pack_tokens, read_transform_header, unpack_tokens
from janus.transform.shelf import NAME as TRANSFORM
from janus.transform.shelf import transform_step
from janus.transform.wire import refused

TOKEN_CODECS = (*FORMATS, *(f"{name}+zstd" for name in FORMATS))
# magic, version, format, zstd, merged (1) and grid (2), batch, tokens, width, protected, body bytes, CRC-32 of the body
HEADER = struct.Struct("<4sBBBBHHHHII")
MAGIC, VERSION = b"JNST", 1
# Beyond these no ViT goes; they bound what a forged header can make us allocate (about 1 GiB at fp32).
MAX_BATCH, MAX_TOKENS, MAX_WIDTH, MAX_VALUES = 1024, 16384, 8192, 1 << 28


@dataclass(frozen=True, kw_only=True)
class Payload:
    """Encoded tokens.

    Attributes:
        data: What travels.
        items: Bytes by part: header, tokens, scales, sizes; of a transform codec header, tokens, prefix and sizes,
            with how finely each token is quantised among the sizes. With zstd the body is one stream, and its bytes
            are shared out over the parts in proportion to their own compressed sizes.
    """

    data: bytes
    items: dict[str, int]

    def __len__(self) -> int:
        return len(self.data)


def check_codec(codec: str) -> str:
    """Return ``codec`` if it is one of `TOKEN_CODECS`, or ``transform`` with or without a step.

    Raises:
        JanusError: If it is not.
    """
    if codec not in TOKEN_CODECS and transform_step(codec) is None:
        raise JanusError(
            f"codec {codec!r} is unknown: choose one of {', '.join(TOKEN_CODECS)}, or {TRANSFORM} with a step behind "
            f"it, such as {TRANSFORM}1."
        )
    return codec


def encode(state: TokenState, codec: str = "fp32", *, book: Codebook | None = None, split: int = 0) -> Payload:
    """Encode tokens and their sizes. The source map stays behind, being for pictures only, unless there is a grid.

    Args:
        state: Tokens whose protected ones stand in front or that have not merged yet.
        codec: One of `TOKEN_CODECS`. ``fp32`` is lossless for fp32 tokens; ``int8`` has one scale per token, so its
            error is at most 1/254 of the token's largest magnitude. ``transform1`` loses what the answer hardly
            needs, the more the larger its step.
        book: For ``transform``: the codebook of the model.
        split: For ``transform``: blocks that have run.

    Raises:
        JanusError: If the codec is unknown, a value is NaN or infinite or too large for the format, or a codebook is
            needed and missing or another model's.
    """
    form, _, packing = check_codec(codec).partition("+")
    step = transform_step(codec)
    if step is not None:
        return _transform(state, codec, step, book, split)
    batch, tokens, width = state.x.shape
    if batch > MAX_BATCH or tokens > MAX_TOKENS or width > MAX_WIDTH or batch * tokens * width > MAX_VALUES:
        raise JanusError(
            f"tokens of shape {tuple(state.x.shape)} are beyond what one payload holds: send fewer images."
        )
    if not state.protected_in_front:
        raise JanusError("protected tokens must stand in front before they are encoded: merge first, or reorder them.")
    parts = pack_values(state.x.detach().to("cpu", torch.float32), form)
    if state.sizes is not None:
        parts["sizes"] = state.sizes.detach().cpu().numpy().astype("<u2").tobytes()
    if state.grid is not None:
        parts["grid"] = np.asarray(state.grid, dtype="<u2").tobytes()
        if state.sizes is not None:
            parts["source"] = state.source.detach().cpu().numpy().astype("<u2").tobytes()
    body = b"".join(parts.values())
    sizes = {name: len(part) for name, part in parts.items()}
    if packing:
        body = zstd(body)
        sizes = shared_out(len(body), {name: len(zstd(part)) for name, part in parts.items()})
    header = HEADER.pack(
        MAGIC, VERSION, FORMATS.index(form), bool(packing), (state.sizes is not None) | (state.grid is not None) << 1,
        batch, tokens, width, len(state.protected), len(body), zlib.crc32(body),
    )  # fmt: skip
    items = {"header": HEADER.size, "tokens": 0, "scales": 0, "sizes": 0} | sizes
    return Payload(data=header + body, items=items)


def _transform(state: TokenState, codec: str, step: int, book: Codebook | None, split: int) -> Payload:
    if book is None:
        raise JanusError(f"codec {codec}: it needs a codebook; make one with `janus calibrate`, or choose int8.")
    if state.grid is not None:
        raise JanusError(f"codec {codec}: it does not carry the grid that this model's positions need; choose int8.")
    if not state.protected_in_front or len(state.protected) != book.prefix:
        raise JanusError(
            f"codec {codec}: the codebook is for {book.prefix} prefix tokens in front; take the model's own."
        )
    sizes = None if state.sizes is None else state.sizes.detach().cpu().numpy()
    x = state.x.detach().to("cpu", torch.float32).numpy()
    data, items = pack_tokens(Tokens(x=x, sizes=sizes), book, split, step)
    return Payload(data=data, items=items)


def decode(data: bytes, *, book: Codebook | None = None) -> TokenState:
    """Decode what `encode` made, as fp32 on the CPU.

    Args:
        data: What travelled.
        book: The codebook that it was encoded with, if the codec was ``transform``.

    Raises:
        JanusError: If anything is not as `encode` would have written it: length, magic, version, shapes, checksum,
            values that are not finite, sizes below 1.
    """
    h = read_header(data, book=book)
    if h.form == TRANSFORM and book is not None:
        got = unpack_tokens(data, book)
        return TokenState(
            x=torch.from_numpy(got.x),
            sizes=None if got.sizes is None else torch.from_numpy(got.sizes),
            protected=tuple(range(h.protected)),
        )
    batch, tokens, width = h.batch, h.tokens, h.width
    count = batch * tokens
    lengths = {"tokens": count * width * ITEM_BYTES[h.form]}
    if h.form == "int8":
        lengths["scales"] = count * 4
    if h.merged:
        lengths["sizes"] = count * 2
    if h.placed:
        lengths["grid"] = 4
    body: bytes | memoryview = memoryview(data)[HEADER.size :]
    expected = sum(lengths.values())
    if h.packed:
        body = unzstd(body, expected + (batch * MAX_TOKENS * 2 if h.placed and h.merged else 0))
    if h.placed and len(body) > expected:  # the rest is the source map, as long as the grid says
        patches = math.prod(np.frombuffer(body[expected - 4 : expected], "<u2").tolist())
        if h.merged and patches <= MAX_TOKENS:
            lengths["source"] = batch * patches * 2
            expected += lengths["source"]
    if len(body) != expected:
        raise refused(f"its body has {len(body)} bytes where its header needs {expected}")
    parts, at = {}, 0
    for name, length in lengths.items():
        parts[name] = body[at : at + length]
        at += length
    x = unpack_values(parts, h.form).reshape(batch, tokens, width)
    if not torch.isfinite(x).all():
        raise refused("it holds values that are not finite")
    sizes = None
    if h.merged:
        sizes = torch.from_numpy(np.frombuffer(parts["sizes"], "<u2").astype(np.float32)).reshape(batch, tokens)
        if (sizes < 1).any() or (sizes[:, : h.protected] != 1).any():
            raise refused("its token sizes are not whole patches (1 or more, and 1 for protected tokens)")
    state = TokenState(x=x, sizes=sizes, protected=tuple(range(h.protected)))
    return _place(state, parts) if h.placed else state


def _place(state: TokenState, parts: dict) -> TokenState:
    """Attach the grid and the source map, checked against the tokens and their sizes."""
    rows, columns = np.frombuffer(parts["grid"], "<u2").tolist()
    batch, free, first = state.x.shape[0], state.n_tokens - len(state.protected), len(state.protected)
    if state.sizes is None:
        if rows * columns != free:
            raise refused(f"its grid of {rows} x {columns} patches does not fit its {free} unmerged tokens")
        return replace(state, grid=(rows, columns)).with_source()
    if "source" not in parts:
        raise refused("its source map is missing")
    source = torch.from_numpy(np.frombuffer(parts["source"], "<u2").astype(np.int64)).reshape(batch, rows * columns)
    if rows * columns == 0 or source.min() < first or source.max() >= state.n_tokens:
        raise refused("its source map points beyond its tokens")
    sizes = torch.zeros_like(state.sizes).scatter_add_(1, source, torch.ones(source.shape))
    if not torch.equal(sizes[:, first:], state.sizes[:, first:]):
        raise refused("its source map does not agree with its token sizes")
    return replace(state, source=source, grid=(rows, columns))


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a payload says about itself, checked against its own bytes.

    Attributes:
        form: One of `FORMATS`, or ``transform``.
        packed: Whether the body is compressed.
        merged: Whether token sizes are in it.
        placed: Whether the grid of the patches is in it.
        batch: Images.
        tokens: Tokens per image.
        width: Channels of a token.
        protected: Tokens in front that never merge.
        split: Blocks that have run; 0 where the payload does not say.
    """

    form: str
    packed: bool
    merged: bool
    placed: bool
    batch: int
    tokens: int
    width: int
    protected: int
    split: int = 0


def read_header(data: bytes, *, book: Codebook | None = None) -> Header:
    """What is in a payload, for those who decide whether to decode it. Allocates nothing.

    Args:
        data: What travelled.
        book: The codebook, where tokens may come in the codec ``transform``.

    Raises:
        JanusError: If the header is not one that `encode` writes, or does not belong to what follows it.
    """
    if data[: len(TRANSFORM_MAGIC)] == TRANSFORM_MAGIC:
        if book is None:
            raise refused("it needs a codebook, and this end has none")
        t = read_transform_header(data)
        return Header(
            form=TRANSFORM, packed=False, merged=t.merged, placed=False, batch=t.batch, tokens=t.tokens,
            width=book.width, protected=book.prefix, split=t.split,
        )  # fmt: skip
    if len(data) < HEADER.size:
        raise refused(f"it has {len(data)} bytes, less than a header of {HEADER.size}")
    magic, version, form, packed, flags, batch, tokens, width, protected, length, checksum = HEADER.unpack(
        data[: HEADER.size]
    )
    if magic != MAGIC:
        raise refused("it does not begin with a Janus header")
    if version != VERSION:
        raise refused(f"it has version {version} where this Janus reads {VERSION}; use the same release at both ends")
    if form >= len(FORMATS) or packed > 1 or flags > 3:
        raise refused("its header has a flag that does not exist")
    if not (1 <= batch <= MAX_BATCH and 1 <= tokens <= MAX_TOKENS and 1 <= width <= MAX_WIDTH):
        raise refused(f"its shape [{batch}, {tokens}, {width}] is out of bounds")
    if batch * tokens * width > MAX_VALUES or protected > tokens:
        raise refused(f"its shape [{batch}, {tokens}, {width}] with {protected} protected tokens is out of bounds")
    if length != len(data) - HEADER.size:
        raise refused(f"its header promises {length} bytes but {len(data) - HEADER.size} came (truncated?)")
    if checksum != zlib.crc32(memoryview(data)[HEADER.size :]):
        raise refused("its checksum does not match")
    return Header(
        form=FORMATS[form], packed=bool(packed), merged=bool(flags & 1), placed=bool(flags & 2),
        batch=batch, tokens=tokens, width=width, protected=protected,
    )  # fmt: skip
