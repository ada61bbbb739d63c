"""What stands on an image, what a detector says stands there, and a set of images with the former."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from janus.data import ImageSet, Skipped
from janus.errors import JanusError


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The annotated objects of one image.

    Attributes:
        image_id: Of the image, unique in its set.
        boxes: Left, top, right and bottom in pixels of the image as it is stored.
        labels: COCO category ids.
        crowd: Whether a box stands for a crowd, which is neither found nor missed.
        areas: In square pixels, of the outline where one was annotated, else of the box: they tell small from large.
    """

    image_id: int
    boxes: Float[np.ndarray, "n 4"]
    labels: Int[np.ndarray, " n"]
    crowd: Bool[np.ndarray, " n"]
    areas: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections:
    """What a detector found on one image.

    Attributes:
        boxes: Left, top, right and bottom in pixels of the image as it is stored.
        scores: 0…1.
        labels: COCO category ids.
    """

    boxes: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.labels)


class Sample(NamedTuple):
    """One image of a set: its name, what was prepared from it, its own width and height, and what stands on it."""

    name: str
    image: Any
    size: tuple[int, int]
    truth: Truth


@dataclass(frozen=True, kw_only=True)
class DetectionSet:
    """Images with boxes, in the fixed and fair order of `ImageSet`.

    Attributes:
        images: The label of each of its entries is a function that makes the image's `Truth` from its width and
            height, or says in a `JanusError` what is wrong with its labels.
    """

    images: ImageSet

    @property
    def name(self) -> str:
        """What to call it."""
        return self.images.name

    @property
    def total(self) -> int | None:
        """Number of images; None if that is not known before the end."""
        return self.images.total

    @property
    def facts(self) -> dict:
        """Where it comes from, for provenance."""
        return self.images.facts

    def stream(
        self, prepare: Callable[[Image.Image], Any] = lambda image: image, *, limit: int | None = None
    ) -> Iterator[Sample | Skipped]:
        """Read, decode and prepare images beside the caller's own work, in order.

        An image with a bad label is left out whole: with a part of its objects it would count wrongly.

        Args:
            prepare: Makes of an RGB image what the caller wants. A `JanusError` from it skips the image.
            limit: Take only the first so many; those that are skipped count too.
        """
        for item in self.images.stream(lambda image: (prepare(image), image.size), limit=limit):
            if isinstance(item, Skipped):
                yield item
                continue
            prepared, size = item.image
            labels: Any = item.label
            try:
                truth = labels(*size)
            except JanusError as why:
                yield Skipped(item.name, str(why))
            else:
                yield Sample(item.name, prepared, size, truth)


def make_truth(
    image_id: int,
    boxes: list | np.ndarray,
    labels: list | np.ndarray,
    *,
    crowd: list | None = None,
    areas: list | None = None,
) -> Truth:
    """A `Truth` from lists.

    Args:
        image_id: Of the image.
        boxes: Left, top, right, bottom of each object in pixels.
        labels: COCO category id of each.
        crowd: None for no crowd.
        areas: None for those of the boxes.

    Raises:
        JanusError: If a number is not finite, a box is turned inside out, or the lists differ in length.
    """
    try:
        xyxy = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        ids = np.asarray(labels, dtype=np.int64).reshape(-1)
        flags = np.zeros(len(ids), bool) if crowd is None else np.asarray(crowd, dtype=bool).reshape(-1)
        sides = xyxy[:, 2:] - xyxy[:, :2]
        area = sides.prod(axis=1) if areas is None else np.asarray(areas, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError) as why:
        raise JanusError(f"its boxes are not lists of four numbers each ({why})") from why
    if not len(xyxy) == len(ids) == len(flags) == len(area):
        raise JanusError(f"it has {len(xyxy)} boxes, {len(ids)} labels, {len(flags)} crowd flags and {len(area)} areas")
    if not (np.isfinite(xyxy).all() and np.isfinite(area).all()):
        raise JanusError("a number of its boxes is not finite")
    if (sides < 0).any():
        i = int((sides < 0).any(axis=1).argmax())
        raise JanusError(f"box {i} is {sides[i, 0]:g} x {sides[i, 1]:g} pixels, which is less than nothing")
    return Truth(image_id=image_id, boxes=xyxy, labels=ids, crowd=flags, areas=area)


def check_inside(truth: Truth, width: int, height: int) -> Truth:
    """``truth`` itself, if its boxes lie on the image but for a pixel of rounding.

    Raises:
        JanusError: If one does not: its numbers then mean something else than was thought.
    """
    right, bottom = truth.boxes[:, [0, 2]], truth.boxes[:, [1, 3]]
    outside = (truth.boxes < -1).any(axis=1) | (right > width + 1).any(axis=1) | (bottom > height + 1).any(axis=1)
    if outside.any():
        i = int(outside.argmax())
        box = ", ".join(f"{side:.1f}" for side in truth.boxes[i])
        raise JanusError(f"box {i} (left, top, right, bottom: {box}) reaches beyond the image of {width} x {height}")
    return truth
