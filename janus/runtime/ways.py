"""Which ways to send the two ends of a line can carry out: with a codebook or without, and only as far as it serves."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable
from dataclasses import replace

from janus.codec import TOKEN_CODECS
from janus.errors import JanusError
from janus.grid import GridSettings
from janus.picture import LOSSLESS, LOSSY, encode_picture
from janus.rates import PICTURE, RateRow, RateTable
from janus.runtime.half import Half
from janus.runtime.janus_pb2 import HelloReply
from janus.split import Plan
from janus.transform.shelf import NAME as TRANSFORM
from janus.transform.shelf import find_codebook, transform_step
from janus.transform.sizes import size_table
from janus.units import s_to_ms

# Pictures that are encoded to learn how fast this machine is.
FEW = 8


def check_codebooks(codec: str, half: Half, hello: HelloReply | None) -> None:
    """Refuse the codec ``transform`` where the cloud could not decode it.

    Args:
        codec: What the user asks for.
        half: The device's.
        hello: What the cloud said; None if it was not there: its codebook is looked at when it comes.

    Raises:
        JanusError: If the device or the cloud has no codebook, or they have different ones.
    """
    if transform_step(codec) is None:
        return
    own = half.book or find_codebook(half.name, half.key.hex())
    if hello is None or hello.codebook_sha256 == own.digest:
        return
    if not hello.codebook_sha256:
        raise JanusError(
            f"codec {codec}: the cloud has no codebook of {half.name}, so it could not decode this; give it the "
            "device's with `janus cloud --codebook FILE`, or choose int8."
        )
    raise JanusError(
        f"codec {codec}: the cloud's codebook has SHA-256 {hello.codebook_sha256.hex()[:12]}…, the device's "
        f"{own.digest.hex()[:12]}…; start both with the same --codebook FILE, or choose int8."
    )


def with_sizes(settings: GridSettings, half: Half, plan: Plan | None = None) -> GridSettings:
    """Settings that know what the codec ``transform`` comes to, without splits that its codebook does not serve.

    Args:
        settings: Which plans; those of another codec stay as they are.
        half: Whose codebook.
        plan: The one that will be carried out, if there is one.

    Raises:
        JanusError: If there is no codebook, or it does not serve the split of ``plan``.
    """
    if transform_step(settings.codec) is None:
        return settings
    book = half.book or find_codebook(half.name, half.key.hex())
    served = {0, *book.splits, half.vit.depth}
    if plan is not None and plan.split not in served:
        book.at(plan.split)  # says so
    splits = tuple(split for split in settings.splits if split in served)
    return replace(settings, sizes=size_table(book, settings.codec), splits=splits)


def runnable(rates: RateTable, half: Half, *, transform: bool) -> RateTable:
    """The table without what cannot be carried out here, such as a codec that exists for comparison only.

    Args:
        rates: Of this model.
        half: The device's.
        transform: Whether the cloud has its codebook.
    """

    def may(row: RateRow) -> bool:
        if row.kind == PICTURE:
            return row.codec in (*LOSSLESS, *LOSSY)
        if row.codec == TRANSFORM:
            return transform and half.book is not None and row.split in half.book.splits
        return row.carrier in TOKEN_CODECS

    return replace(rates, rows=tuple(filter(may, rates.rows)))


def encode_factor(rates: RateTable, pictures: Iterable) -> float:
    """How many times longer this machine encodes pictures than the one that measured the rates; 1 if it has none.

    Args:
        rates: Of any model.
        pictures: Pixels ``[h, w, 3]``, one or more.
    """
    row = next((row for row in rates.rows if row.kind == PICTURE and row.encode_ms > 0), None)
    if row is None:
        return 1.0
    took = []
    for pixels, _ in zip(pictures, range(FEW), strict=False):
        start = time.perf_counter()
        encode_picture(pixels, row.carrier)
        took.append(s_to_ms(time.perf_counter() - start))
    factor = statistics.median(took) / row.encode_ms
    return factor if 0 < factor < math.inf else 1.0
