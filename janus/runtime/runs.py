"""What a run needs and what it leaves: pictures before, a table behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from janus.data import ImageSet, Skipped, open_images
from janus.errors import JanusError
from janus.runtime.half import Half
from janus.runtime.session import Session, Shot, columns

if TYPE_CHECKING:
    import pandas as pd

# Pictures are prepared before the run, so that reading and resizing them is not measured; so many bytes of them.
MAX_PICTURE_BYTES = 256 << 20


def prepare(
    images: str | ImageSet | Iterable, half: Half, limit: int = 0, on_skip: Callable[[Skipped], None] = lambda _: None
) -> list[Shot]:
    """Pictures at the model's size.

    Args:
        images: A folder or the name of a set (see `janus.data.open_images`), an open set, or pictures: PIL images, or
            arrays ``[h, w, 3]`` of bytes that have the model's size already.
        half: Whose preprocessing.
        limit: At most so many; 0 for as many as fit into 256 MiB. A run repeats them.
        on_skip: Told of each picture that cannot be used.

    Raises:
        JanusError: If there is no usable picture, or no such set.
    """
    height, width = half.vit.input_size
    most = max(MAX_PICTURE_BYTES // (height * width * 3), 1)
    most = min(limit, most) if limit else most
    if not isinstance(images, ImageSet) and not isinstance(images, str) and not hasattr(images, "__fspath__"):
        shots = [_shot(at, image, half) for at, image in zip(range(most), images, strict=False)]
    else:
        opened = images if isinstance(images, ImageSet) else _open(images, half)
        shots = []
        for item in opened.stream(half.preprocess.pixels, limit=most):
            if isinstance(item, Skipped):
                on_skip(item)
            else:
                shots.append(Shot(item.name, item.image, item.label))
    if not shots:
        raise JanusError("images: there is not one that can be used; give others.")
    return shots


def _open(images, half: Half) -> ImageSet:
    """With labels where they match the head; a run needs none."""
    try:
        return open_images(images, classes=half.classes)
    except JanusError:
        return open_images(images)


def _shot(at: int, image, half: Half) -> Shot:
    height, width = half.vit.input_size
    if isinstance(image, Image.Image):
        return Shot(str(at), half.preprocess.pixels(image.convert("RGB")))
    pixels = np.ascontiguousarray(image)
    if pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
        raise JanusError(
            f"images[{at}]: an array of shape {pixels.shape} and type {pixels.dtype} is no picture for this model; "
            f"give [{height}, {width}, 3] bytes, or a PIL image of any size."
        )
    return Shot(str(at), pixels)


def record(
    session: Session,
    *,
    emulated: bool = False,
    on_row: Callable[[dict], None] = lambda row: None,
    keep: bool = False,
) -> pd.DataFrame:
    """Carry out a run.

    Args:
        session: The run.
        emulated: Whether compute is stretched to a profile.
        on_row: Told of each frame as it is done.
        keep: When interrupted, return what there is instead of raising KeyboardInterrupt.

    Returns:
        One row a frame (see `janus.runtime.session`). ``attrs`` hold ``decision_us`` (median), ``probe_bytes`` (sent
        beside the frames), ``duration_s``, ``depth`` (of the model), ``losses`` (of the cloud), ``emulated``, ``late``
        (pieces of compute that took longer than the profile that they were to imitate) and ``interrupted``.
    """
    import pandas as pd

    names = columns(session.settings, emulated=emulated)
    device = session.device
    losses, late = 0 if device.line is None else device.line.losses, device.compute.late
    rows, interrupted = [], False
    try:
        for row in session.rows():
            rows.append(row)
            on_row(dict(zip(names, row, strict=True)))
    except KeyboardInterrupt:
        if not keep:
            raise
        interrupted = True
    table = pd.DataFrame(rows, columns=list(names))
    table.attrs = {
        "decision_us": float(np.median(session.decision_ns)) / 1e3 if session.decision_ns else math.nan,
        "probe_bytes": session.probe_bytes,
        "duration_s": device.now_s,
        "depth": device.compute.half.vit.depth,
        "losses": 0 if device.line is None else device.line.losses - losses,
        "emulated": emulated,
        "late": device.compute.late - late,
        "interrupted": interrupted,
    }
    return table
