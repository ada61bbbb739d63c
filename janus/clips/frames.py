"""Frames of a video file, decoded with PyAV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from janus.errors import JanusError

# What VideoMAE was fine-tuned with on Kinetics-400: 16 frames, every fourth (Tong et al., NeurIPS 2022, section 4.1).
FRAMES, STRIDE = 16, 4
# Ten minutes of 60 frames a second: a clip of Kinetics has 300 frames.
LONGEST = 36_000


def sample_frames(total: int, frames: int = FRAMES, stride: int = STRIDE) -> Int[np.ndarray, " frames"]:
    """Which frames of a video a model sees: every ``stride``-th of a stretch in its middle.

    A video that is shorter than the stretch is sampled evenly from end to end, if need be with frames that come
    several times. VideoMAE's own test averages five such stretches of three crops each: the figures of one are lower.

    Args:
        total: Frames of the video.
        frames: To choose.
        stride: From one to the next.

    Raises:
        JanusError: If a number is less than 1.
    """
    if min(total, frames, stride) < 1:
        raise JanusError(f"{frames} frames of {total} in steps of {stride} cannot be chosen: give numbers from 1 on.")
    span = (frames - 1) * stride + 1
    if total < span:
        return np.linspace(0, total - 1, frames).round().astype(np.int64)
    return (total - span) // 2 + stride * np.arange(frames)


def read_frames(
    source: str | Path | bytes | UInt8[np.ndarray, "t h w 3"], frames: int = FRAMES, stride: int = STRIDE
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """The frames of `sample_frames` of a video, in RGB and at its own size.

    The video is gone through twice, since what a file says of its length is often wrong: once to count, once to
    convert what was chosen.

    Args:
        source: A file, its bytes, or all its frames where they are at hand.
        frames: To choose.
        stride: From one to the next.

    Raises:
        JanusError: If it does not decode to its end, has no picture, is too long, or its frames are too large.
    """
    if isinstance(source, np.ndarray):
        return list(source[sample_frames(len(source), frames, stride)])
    total = sum(1 for _ in _decode(source))
    if not total:
        raise JanusError("has no frame")
    wanted = sample_frames(total, frames, stride)
    needed, found = set(wanted.tolist()), {}
    for i, frame in enumerate(_decode(source)):
        if i in needed:
            found[i] = frame.to_ndarray(format="rgb24")
            if len(found) == len(needed):
                break
    return [found[i] for i in wanted.tolist()]


def _decode(source: str | Path | bytes) -> Iterator:
    """Every frame of the first video stream."""
    import av

    try:
        with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), mode="r") as container:
            if not container.streams.video:
                raise JanusError("has no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for i, frame in enumerate(container.decode(stream)):
                if i >= LONGEST:
                    raise JanusError(f"has more than {LONGEST} frames")
                if frame.width * frame.height > Image.MAX_IMAGE_PIXELS:
                    raise JanusError(f"{frame.width} x {frame.height} pixels are more than {Image.MAX_IMAGE_PIXELS}")
                yield frame
    except JanusError:
        raise
    except (av.FFmpegError, OSError, ValueError) as why:  # FFmpeg's errors are several kinds of Python's
        raise JanusError(f"does not decode: {getattr(why, 'strerror', None) or why}") from why
