"""Pictures that something was calibrated on or chosen by, and pictures that accuracy is measured on, kept apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from janus.data import ImageSet, Picture, Skipped
from janus.errors import JanusError
from janus.preprocess import Preprocess
from janus.transform import Codebook

# Side of a fingerprint, how many of its side² bits may differ in one picture at two sizes or qualities, and from how
# many that are set on: with fewer, as in a drawing on white, other pictures differ in as few.
SIDE, ALIKE, MANY = 16, 20, 96
FINGERPRINT = rf"[0-9a-f]{{{SIDE * SIDE // 4}}}"


def exact_mark(image: Image.Image) -> str:
    """What is the same of the very same pixels only."""
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()[:12]


def fingerprint(image: Image.Image) -> str:
    """256 bits of a picture, in hexadecimal: where it grows brighter from left to right on a 17 x 16 thumbnail.

    They outlast a change of size, of quality and of proportions, so that a photograph is known again in a set that was
    made from it.
    """
    grey = np.asarray(image.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), dtype=np.int16)
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes().hex()


def bits_of(marks: Sequence[str]) -> UInt8[np.ndarray, "n 32"]:
    """Fingerprints as bytes.

    Raises:
        JanusError: If one is none.
    """
    wrong = [mark for mark in marks if not (isinstance(mark, str) and re.fullmatch(FINGERPRINT, mark))]
    if wrong:
        raise JanusError(f"{wrong[0]!r:.40} is no fingerprint of a picture: calibrate, or search, again.")
    return np.frombuffer(bytes.fromhex("".join(marks)), np.uint8).reshape(len(marks), SIDE * SIDE // 8)


def alike(known: UInt8[np.ndarray, "n 32"], mark: UInt8[np.ndarray, " 32"]) -> Bool[np.ndarray, " n"]:
    """Which of these fingerprints are of the same picture as ``mark``."""
    count = np.bitwise_count(known).sum(axis=1, dtype=int) + int(np.bitwise_count(mark).sum())
    return np.bitwise_count(known ^ mark).sum(axis=1, dtype=int) <= np.minimum(ALIKE, ALIKE * count // (2 * MANY))


def marked_pixels(images: ImageSet, preprocess: Preprocess, limit: int | None) -> Iterator[Picture | Skipped]:
    """Pictures at the model's size with what knows them again: ``image`` is (pixels, exact mark, fingerprint)."""

    def prepare(image: Image.Image):
        return preprocess.pixels(image), exact_mark(image), fingerprint(image)

    return images.stream(prepare, limit=limit)


def unseen_pixels(
    images: ImageSet, preprocess: Preprocess, limit: int | None, books: Iterable[Codebook]
) -> Iterator[Picture | Skipped]:
    """Pictures at the model's size, none of which a codebook was calibrated on, at whatever size or quality.

    Args:
        images: To measure accuracy on.
        preprocess: The model's own.
        limit: At most so many.
        books: The codebooks in use.

    Raises:
        JanusError: If one was.
    """
    books = list(books)
    known = {mark: book.model for book in books for mark in book.facts.get("pictures", ())}
    # Codebooks of before have only the exact marks.
    marks = [(mark, book.model) for book in books for mark in book.facts.get("fingerprints", ())]
    bits = bits_of([mark for mark, _ in marks])
    if not known and not marks:
        yield from images.stream(preprocess.pixels, limit=limit)
        return
    for one in marked_pixels(images, preprocess, limit):
        if isinstance(one, Skipped):
            yield one
            continue
        pixels, mark, looks = one.image
        same = alike(bits, bits_of([looks])[0])
        model = known.get(mark) or (marks[int(same.argmax())][1] if same.any() else None)
        if model is not None:
            raise JanusError(f"images {images.name}: {one.name} is one that the codebook of {model} was calibrated on; "
                             "measure accuracy on others.")  # fmt: skip
        yield one._replace(image=pixels)
