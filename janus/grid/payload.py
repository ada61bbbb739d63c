"""What crosses the cut, in bytes: tokens in a codec, or the picture in an encoding. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.rates import RateTable
from janus.units import s_to_ms


@dataclass(frozen=True, kw_only=True)
class CodecSize:
    """Bytes of tokens in a codec whose size does not depend on the content; `janus.codec` writes these.

    Attributes:
        name: The codec.
        item_bytes: Bytes of one channel of one token.
        scale_bytes: Bytes of one token's scale.
        size_bytes: Bytes of one token's size, sent once tokens have merged.
        header_bytes: Bytes of the header.
    """

    name: str
    item_bytes: int
    scale_bytes: int = 0
    size_bytes: int = 2
    header_bytes: int = 24

    def payload_bytes(self, tokens, width: int, merged) -> np.ndarray:
        """Bytes of ``tokens`` (any shape) of ``width`` channels; ``merged`` says where sizes travel too."""
        each = width * self.item_bytes + self.scale_bytes + np.where(merged, self.size_bytes, 0)
        return self.header_bytes + np.asarray(tokens, dtype=np.int64) * each


CODECS = {
    codec.name: codec
    for codec in (
        CodecSize(name="fp32", item_bytes=4),
        CodecSize(name="fp16", item_bytes=2),
        CodecSize(name="bf16", item_bytes=2),
        CodecSize(name="int8", item_bytes=1, scale_bytes=4),
    )
}


def find_codec(name: str) -> CodecSize:
    """The size of a codec by name.

    Raises:
        JanusError: If its size is not known beforehand.
    """
    if name not in CODECS:
        raise JanusError(f"codec {name!r} has no size known beforehand: choose one of {', '.join(CODECS)}.")
    return CODECS[name]


@dataclass(frozen=True, kw_only=True)
class SizeTable:
    """Mean bytes of tokens in a codec whose size depends on the content, at the splits that it serves.

    Attributes:
        name: The codec.
        rows: By split: the bytes of 0, 1, … tokens, to all of the unmerged model's.
        times_ms: To encode and to decode one picture's tokens on one core; None for what the profiles say.
    """

    name: str
    rows: tuple[tuple[int, tuple[int, ...]], ...]
    times_ms: tuple[float, float] | None = None

    @property
    def splits(self) -> tuple[int, ...]:
        """Those that it serves."""
        return tuple(split for split, _ in self.rows)

    def payload_bytes(self, tokens: np.ndarray, splits: Sequence[int], depth: int) -> np.ndarray:
        """Bytes of ``tokens``, shape [levels, splits]; 0 at split 0 and ``depth``, where no tokens travel.

        Raises:
            JanusError: If one of the other splits is not served.
        """
        found, rows = np.zeros(tokens.shape, dtype=np.int64), dict(self.rows)
        for column, split in enumerate(splits):
            if not 0 < split < depth:
                continue
            if split not in rows:
                raise JanusError(
                    f"codec {self.name} has no size known beforehand at split {split}: choose among "
                    f"{', '.join(map(str, self.splits))}."
                )
            found[:, column] = np.array(rows[split])[tokens[:, column]]
        return found


@dataclass(frozen=True, kw_only=True)
class InputEncoding:
    """How the input travels when the model is cut before its first block.

    Attributes:
        name: ``raw``, ``png``, ``jpeg85``, …; of a clip also ``h264-23``
        size_bytes: Mean bytes of one frame.
        encode_ms: Milliseconds to encode it on the device.
        decode_ms: Milliseconds to decode it in the cloud.
        source: Where the figures come from.
    """

    name: str
    size_bytes: int
    encode_ms: float = 0.0
    decode_ms: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        if self.size_bytes < 1:
            raise JanusError(f"encoding {self.name}: size_bytes {self.size_bytes} must be 1 or more.")
        for field in ("encode_ms", "decode_ms"):
            if not 0 <= getattr(self, field) < math.inf:
                raise JanusError(f"encoding {self.name}: {field} {getattr(self, field)} must be finite and 0 or more.")


# Mean bytes, median ms to encode and to decode one picture, by side in pixels: `measure_encoding` (Pillow 12) on
# the 200 ImageNet photographs, centre square, bicubic, on one core of an AMD EPYC. A Jetson's cores are slower.
MEASURED = {
    "png": {224: (89643, 12.1, 1.6), 384: (244463, 37.7, 4.2)},
    "jpeg50": {224: (7185, 0.17, 0.24), 384: (17832, 0.44, 0.55)},
    "jpeg75": {224: (10525, 0.18, 0.23), 384: (26524, 0.48, 0.80)},
    "jpeg85": {224: (13942, 0.19, 0.30), 384: (35477, 0.52, 0.71)},
    "jpeg95": {224: (24410, 0.23, 0.36), 384: (63541, 0.69, 1.06)},
}
ENCODINGS = ("raw", *MEASURED)
# The same of a clip of 16 pictures of 224 pixels as one video: `janus.clips.encode_clip` (libx264, one thread, no look
# ahead) on three real clips, bytes as in data/results/clip_payloads.csv, times the least of several, the machine being
# busy with other work.
MEASURED_CLIPS = {"h264-23": (45103, 64.0, 10.0)}
CLIP_PICTURES, CLIP_SIDE = 16, 224
SOURCE = "mean over 200 ImageNet photographs, Pillow, one core of an AMD EPYC"
CLIP_SOURCE = "mean over 3 real clips, libx264, one core of an AMD EPYC"


def find_encoding(name: str, geometry: ModelGeometry) -> InputEncoding:
    """An encoding by name, for the input of a model.

    A side that was not measured takes the bytes and time per pixel of the nearest that was; a clip is that many
    pictures, or one video.

    Raises:
        JanusError: If the name is unknown, or a video is asked for where the input is one picture.
    """
    if name == "raw":
        return InputEncoding(name=name, size_bytes=geometry.raw_bytes, source="8 bits a channel")
    clip = geometry.pictures > 1
    if name not in MEASURED and not (clip and name in MEASURED_CLIPS):
        known = (*ENCODINGS, *(MEASURED_CLIPS if clip else ()))
        raise JanusError(f"encoding {name!r} is unknown: choose one of {', '.join(known)}.")
    _, height, width = geometry.input_shape
    pixels = height * width
    if name in MEASURED:
        side = min(MEASURED[name], key=lambda measured: abs(math.log(measured**2 / pixels)))
        scale = pixels / side**2 * geometry.pictures
        size, encode_ms, decode_ms = MEASURED[name][side]
    else:
        scale = pixels / CLIP_SIDE**2 * geometry.pictures / CLIP_PICTURES
        size, encode_ms, decode_ms = MEASURED_CLIPS[name]
    return InputEncoding(
        name=name,
        size_bytes=round(size * scale),
        encode_ms=encode_ms * scale,
        decode_ms=decode_ms * scale,
        source=SOURCE if name in MEASURED else CLIP_SOURCE,
    )


def measured_encoding(name: str, rates: RateTable | None, factor: float = 1.0) -> InputEncoding | None:
    """A picture's figures from a rate table, encoded ``factor`` times slower; None where it has none of it."""
    row = None if rates is None else rates.row("none", 0.0, 0, name)
    if row is None:
        return None
    return InputEncoding(
        name=name, size_bytes=round(row.bytes_mean), encode_ms=row.encode_ms * factor, decode_ms=row.decode_ms,
        source=f"mean over {rates.n} pictures, {rates.machine or 'one core'}",
    )  # fmt: skip


def measure_encoding(name: str, paths: Sequence, side: int) -> InputEncoding:
    """Measure an encoding on pictures of one's own: centre square, resized to ``side`` pixels.

    Args:
        name: ``png`` or ``jpeg`` and a quality, as ``jpeg85``.
        paths: Picture files, one or more.

    Raises:
        JanusError: If the name is no encoding that can be measured, or there are no pictures.
    """
    import io
    import time

    from PIL import Image, ImageOps

    quality = name.removeprefix("jpeg")
    if name != "png" and not (name.startswith("jpeg") and quality.isdigit() and 1 <= int(quality) <= 100):
        raise JanusError(f"encoding {name!r} cannot be measured: give png, or jpeg and a quality, as jpeg85.")
    if not paths:
        raise JanusError("no pictures to measure the encoding on: give one or more.")
    options = {"format": "PNG"} if name == "png" else {"format": "JPEG", "quality": int(quality)}
    rows = []
    for path in paths:
        with Image.open(path) as picture:
            square = ImageOps.fit(picture.convert("RGB"), (side, side), Image.Resampling.BICUBIC)
        start = time.perf_counter()
        file = io.BytesIO()
        square.save(file, **options)
        encoded = time.perf_counter()
        np.asarray(Image.open(file))
        rows.append((len(file.getvalue()), encoded - start, time.perf_counter() - encoded))
    sizes, encode_s, decode_s = np.array(rows).T
    return InputEncoding(
        name=name,
        size_bytes=round(float(sizes.mean())),
        encode_ms=s_to_ms(float(np.median(encode_s))),
        decode_ms=s_to_ms(float(np.median(decode_s))),
        source=f"mean over {len(paths)} pictures",
    )
