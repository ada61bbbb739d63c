"""The picture itself as a payload: what travels at split 0. Torch-free."""

from __future__ import annotations

import io
import re
import threading
from contextlib import nullcontext

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from janus.errors import JanusError

LOSSLESS = ("raw", "png")
# Lossy formats by name, each with a quality from 1 to 100 behind it: jpeg85.
LOSSY = ("jpeg", "webp", "avif")
# An AVIF's stream can be larger than the size that the file claims, up to 2^28 pixels, and is decoded before it is
# scaled to that size: some 0.6 GiB and seconds. So they are decoded one at a time.
AVIF_TURN = threading.Lock()


def check_encoding(encoding: str) -> tuple[str, int | None]:
    """Split an encoding such as ``jpeg85`` into format and quality.

    Raises:
        JanusError: If the format is unknown or the quality is not in 1…100.
    """
    if encoding in LOSSLESS:
        return encoding, None
    match = re.fullmatch(r"([a-z]+?)(\d{1,3})", encoding)
    if not match or match[1] not in LOSSY or not 1 <= int(match[2]) <= 100:
        raise JanusError(
            f"encoding {encoding!r} is unknown: choose raw, png, or one of {', '.join(LOSSY)} with a quality from 1 to "
            "100 behind it, such as jpeg85."
        )
    return match[1], int(match[2])


def encode_picture(pixels: UInt8[np.ndarray, "h w 3"], encoding: str) -> bytes:
    """Pixels as bytes. ``raw`` is height x width x 3 bytes without any header."""
    form, quality = check_encoding(encoding)
    pixels = np.ascontiguousarray(pixels)
    if form == "raw":
        return pixels.tobytes()
    out = io.BytesIO()
    options = {} if quality is None else {"quality": quality}
    Image.fromarray(pixels).save(out, form.upper(), **options)
    return out.getvalue()


def decode_picture(data: bytes, height: int, width: int, encoding: str) -> UInt8[np.ndarray, "h w 3"]:
    """Pixels from bytes, which must come to exactly ``height`` x ``width``.

    Raises:
        JanusError: If the bytes are no such picture. The size is checked before anything is decoded.
    """
    form, _ = check_encoding(encoding)
    if form == "raw":
        if len(data) != height * width * 3:
            raise JanusError(f"picture refused: {len(data)} bytes are not {height} x {width} x 3; send it again.")
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)
    try:
        turn = AVIF_TURN if form == "avif" else nullcontext()
        with turn, Image.open(io.BytesIO(data), formats=[form.upper()]) as image:
            if image.size != (width, height):
                raise JanusError(
                    f"picture refused: it is {image.width} x {image.height} where {width} x {height} is needed."
                )
            return np.asarray(image.convert("RGB"))
    except JanusError:
        raise
    except Exception as why:  # a forged file finds many ways to trip a decoder: OSError, RuntimeError, SyntaxError, …
        # Pillow's own sentence may hold the address of an object.
        reason = "of another kind, or broken at its start" if isinstance(why, UnidentifiedImageError) else str(why)
        raise JanusError(f"picture refused: it is not a whole {form.upper()} image ({reason}); send it again.") from why
