"""A clip as a payload: what would travel if the model were cut before its first block."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from janus.errors import JanusError
from janus.picture import encode_picture
from janus.units import BYTES_PER_KB

# As it is, one picture a frame, and as a video.
TRAVELS_AS = ("raw", "png", "jpeg85", "h264-23")
FRAMES_PER_S = 8


def encode_clip(pixels: UInt8[np.ndarray, "t h w 3"], encoding: str) -> bytes:
    """A clip as bytes.

    Args:
        pixels: At the model's input size.
        encoding: An encoding of `janus.picture`, and every frame is a picture of its own; or ``h264-`` with a constant
            rate factor behind it, as ``h264-23``, and the frames are one video.

    Raises:
        JanusError: If there is no such encoding, or this PyAV cannot encode it.
    """
    match = re.fullmatch(r"h264-(\d{1,2})", encoding)
    if match and int(match[1]) <= 51:
        return _h264(pixels, match[1])
    return b"".join(encode_picture(frame, encoding) for frame in pixels)


def _h264(pixels: UInt8[np.ndarray, "t h w 3"], crf: str) -> bytes:
    """One video, each frame sent as soon as it is there: a camera cannot look ahead."""
    import av

    if "libx264" not in av.codecs_available:
        raise JanusError("encoding h264: this PyAV comes without libx264; install the wheel from PyPI, or send jpeg85.")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        # One thread, for the same bytes on every machine with this release.
        stream = container.add_stream("libx264", rate=FRAMES_PER_S, options={"crf": crf, "tune": "zerolatency",
                                                                             "threads": "1"})  # fmt: skip
        _, stream.height, stream.width, _ = pixels.shape
        stream.pix_fmt = "yuv420p"
        for frame in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def travel_table(clips: Iterable[UInt8[np.ndarray, "t h w 3"]], encodings: Sequence[str] = TRAVELS_AS) -> pd.DataFrame:
    """Bytes of clips in some encodings, measured: ``encoding``, ``n`` clips, ``mean_kb``, ``least_kb``, ``most_kb``.

    Raises:
        JanusError: If there is no clip, or no such encoding.
    """
    held = list(clips)
    if not held:
        raise JanusError("no clips to measure encodings on: give one or more.")
    rows = []
    for encoding in encodings:
        sizes = np.array([len(encode_clip(pixels, encoding)) for pixels in held]) / BYTES_PER_KB
        rows.append(
            {
                "encoding": encoding,
                "n": len(held),
                "mean_kb": round(float(sizes.mean()), 1),
                "least_kb": round(float(sizes.min()), 1),
                "most_kb": round(float(sizes.max()), 1),
            }
        )
    return pd.DataFrame(rows)
