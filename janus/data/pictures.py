"""From bytes to RGB pictures, in order, with what does not decode named instead of dropped."""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from janus.errors import JanusError

Image.init()
# Decoders that a picture may use, where this Pillow has them. It has more, some of which start other programs (EPS).
FORMATS = tuple(name for name in ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM") if name in Image.OPEN)
SEED = 0


class Picture(NamedTuple):
    """One image of a set: its name, what `ImageSet.stream` prepared from it, and its class (None without labels)."""

    name: str
    image: Any
    label: int | None


class Skipped(NamedTuple):
    """One image that was left out, and why."""

    file: str
    reason: str


class Entry(NamedTuple):
    """One image before it is read."""

    name: str
    label: int | None
    read: Callable[[], bytes]


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Images in one fixed order, the same for every configuration that is compared on them.

    The order is a shuffle by the hash of each image's name with seed 0, so that the first n images are a fair sample
    of the set and stay the same when others are added or removed.

    Attributes:
        name: What to call it.
        entries: Gives the images in order, anew at each call.
        total: How many there are; None if that is not known before the end.
        classes: Number of classes that the labels count in; None for a set without labels.
        facts: Where it comes from, for provenance.
    """

    name: str
    entries: Callable[[], Iterable[Entry]]
    total: int | None
    classes: int | None
    facts: dict = field(default_factory=dict)

    def stream(
        self,
        prepare: Callable[[Image.Image], Any] = lambda image: image,
        *,
        limit: int | None = None,
        workers: int = 2,
        ahead: int = 64,
    ) -> Iterator[Picture | Skipped]:
        """Read, decode and prepare images beside the caller's own work, in order.

        Args:
            prepare: Makes of an RGB image what the caller wants. A `JanusError` from it skips the image.
            limit: Take only the first so many; those that do not decode count too.
            workers: Threads.
            ahead: Images in work at once.
        """

        def work(entry: Entry) -> Picture | Skipped:
            try:
                return Picture(entry.name, prepare(decode(entry.read())), entry.label)
            except JanusError as why:
                return Skipped(entry.name, str(why))
            except OSError as why:
                return Skipped(entry.name, f"cannot be read: {why.strerror or why}")

        entries = islice(self.entries(), limit)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="janus-images")
        try:
            pending = deque(pool.submit(work, entry) for entry in islice(entries, ahead))
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(work, entry) for entry in islice(entries, 1))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def spread(keys: Sequence[str]) -> list[int]:
    """Positions of ``keys`` in the order of their hashes with `SEED`: a shuffle that is the same everywhere."""
    digests = [hashlib.sha256(f"{SEED}:{key}".encode(errors="surrogateescape")).digest() for key in keys]
    return sorted(range(len(keys)), key=digests.__getitem__)


def decode(data: bytes) -> Image.Image:
    """Decode an image to RGB, as a person would see it.

    The EXIF orientation is applied, transparency becomes white, grey, palette and CMYK are converted, 16 bits are cut
    to 8; of an animation it is the first frame.

    Raises:
        JanusError: If it does not decode in full, has more pixels than Pillow thinks safe, or pixels whose largest
            value nobody knows (float and 32-bit TIFF).
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > Image.MAX_IMAGE_PIXELS:
            raise JanusError(f"{image.width} x {image.height} pixels are more than {Image.MAX_IMAGE_PIXELS}")
        if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
            raise JanusError("its pixels have 32 bits and no known white: save it with 8 or 16 bits")
        image.load()
        return _rgb(_upright(image))
    except JanusError:
        raise
    except Exception as why:  # a broken file finds many ways to trip a decoder: OSError, SyntaxError, struct.error, …
        # The object's address in Pillow's message would make two runs differ.
        reason = "not an image" if "cannot identify" in str(why) else str(why)
        raise JanusError(f"does not decode: {reason}") from why


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken metadata around a sound picture
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
