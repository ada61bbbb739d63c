"""Values of tokens as bytes: a number format, and a compressor behind it."""

from __future__ import annotations

import numpy as np
import torch
import zstandard

from janus.errors import JanusError
from janus.transform.wire import refused

FORMATS = ("fp32", "fp16", "bf16", "int8")
ITEM_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}
ZSTD_LEVEL = 3
# What a stream may ask of the decompressor; level 3 needs 2 MiB.
MAX_WINDOW_BYTES = 1 << 23


def pack_values(x: torch.Tensor, form: str) -> dict[str, bytes]:
    """Tokens [B, n, C] in fp32 as bytes by part."""
    if not torch.isfinite(x).all():
        raise JanusError("tokens hold NaN or infinite values: check the weights and the image before encoding.")
    if form == "fp32":
        return {"tokens": x.contiguous().numpy().astype("<f4", copy=False).tobytes()}
    if form == "fp16":
        half = x.half()
        if not torch.isfinite(half).all():
            raise JanusError(f"a token value of {x.abs().max():.3g} is too large for fp16: use bf16, int8 or fp32.")
        return {"tokens": half.contiguous().numpy().astype("<f2", copy=False).tobytes()}
    if form == "bf16":
        return {"tokens": x.bfloat16().contiguous().view(torch.int16).numpy().astype("<i2", copy=False).tobytes()}
    scale = (x.abs().amax(dim=-1, keepdim=True) / 127).clamp_min(torch.finfo(torch.float32).tiny)
    quantised = (x / scale).round().clamp(-127, 127).to(torch.int8)
    return {"tokens": quantised.contiguous().numpy().tobytes(), "scales": scale.numpy().astype("<f4").tobytes()}


def unpack_values(parts: dict, form: str) -> torch.Tensor:
    """Flat fp32 tokens from bytes by part."""
    raw = parts["tokens"]
    if form == "fp32":
        return torch.from_numpy(np.frombuffer(raw, "<f4").copy())
    if form == "fp16":
        return torch.from_numpy(np.frombuffer(raw, "<f2").astype(np.float32))
    if form == "bf16":
        return torch.from_numpy(np.frombuffer(raw, "<i2").copy()).view(torch.bfloat16).float()
    scale = np.frombuffer(parts["scales"], "<f4")
    if not (np.isfinite(scale) & (scale >= 0) & (scale <= np.finfo(np.float32).max / 128)).all():
        raise refused("it holds values that are not finite")
    values = np.frombuffer(raw, np.int8).reshape(len(scale), -1)
    return torch.from_numpy(values.astype(np.float32) * scale[:, None])


def zstd(body: bytes) -> bytes:
    """Compress."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)


def unzstd(body: bytes | memoryview, expected: int) -> bytes:
    """Decompress to exactly ``expected`` bytes, never more, whatever the stream claims."""
    try:
        reader = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).stream_reader(body)
        plain = reader.read(expected + 1)
    except (zstandard.ZstdError, MemoryError) as why:
        raise refused(f"its body does not decompress ({why})") from why
    return plain


def shared_out(total: int, weights: dict[str, int]) -> dict[str, int]:
    """``total`` bytes in proportion to ``weights``, in whole bytes that sum exactly; the largest takes the rest."""
    shared = {name: total * weight // max(sum(weights.values()), 1) for name, weight in weights.items()}
    shared[max(weights, key=lambda name: weights[name])] += total - sum(shared.values())
    return shared
