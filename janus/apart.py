"""Pictures that a codebook was calibrated on and pictures that accuracy is measured on, kept apart by fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from PIL import Image

from janus.data import ImageSet, Picture, Skipped
from janus.errors import JanusError
from janus.preprocess import Preprocess
from janus.transform import Codebook


def fingerprint(image: Image.Image) -> str:
    """What a codebook remembers of a picture that it was calibrated on, so that nobody measures accuracy on it."""
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()[:12]


def marked_pixels(images: ImageSet, preprocess: Preprocess, limit: int | None) -> Iterator[Picture | Skipped]:
    """Pictures at the model's size, each with its fingerprint: ``image`` is (pixels, fingerprint)."""
    return images.stream(lambda image: (preprocess.pixels(image), fingerprint(image)), limit=limit)


def unseen_pixels(
    images: ImageSet, preprocess: Preprocess, limit: int | None, books: Iterable[Codebook]
) -> Iterator[Picture | Skipped]:
    """Pictures at the model's size, none of which a codebook was calibrated on.

    Args:
        images: To measure accuracy on.
        preprocess: The model's own.
        limit: At most so many.
        books: The codebooks in use.

    Raises:
        JanusError: If one was.
    """
    known = {mark: book for book in books for mark in book.facts.get("pictures", ())}
    if not known:
        yield from images.stream(preprocess.pixels, limit=limit)
        return
    for one in marked_pixels(images, preprocess, limit):
        if isinstance(one, Skipped):
            yield one
            continue
        pixels, mark = one.image
        if mark in known:
            raise JanusError(f"images {images.name}: {one.name} is one that the codebook of {known[mark].model} was "
                             "calibrated on; measure accuracy on others.")  # fmt: skip
        yield one._replace(image=pixels)
