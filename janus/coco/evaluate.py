"""COCO's mAP on real images, batch by batch, for whatever finds boxes on them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from janus.coco.average_precision import CocoFigures, CocoMap
from janus.coco.boxes import decode_boxes
from janus.coco.resize import DetectionPreprocess
from janus.coco.truth import Detections, DetectionSet, Sample
from janus.data import Skipped
from janus.errors import JanusError
from janus.evaluate import usable

# New figures come when there are so many times the images of the last ones: at every batch in the beginning, and later
# so seldom that on the whole of COCO they cost a few per cent of the model's time.
GROWTH = 1.05
Predict = Callable[[Float[Tensor, "b 3 h w"]], tuple[Float[Tensor, "b n classes"], Float[Tensor, "b n 4"]]]


@dataclass(frozen=True, kw_only=True)
class DetectionRunning:
    """How a detector stands after some images. Never changes: every batch makes a new one.

    Attributes:
        n: Images so far.
        objects: Annotated on them, crowds included.
        detections: Boxes that the detector gave.
        figures: COCO's, of the first `figures_n` images.
        figures_n: All `n` at the end and in the beginning; later the figures may lag by a twentieth of them.
        busy_s: Seconds spent in the model and in decoding its boxes. Reading images and the figures are not in it.
    """

    n: int
    objects: int
    detections: int
    figures: CocoFigures
    figures_n: int
    busy_s: float

    @property
    def images_per_s(self) -> float:
        """Images through the model in a second, in batches."""
        return self.n / self.busy_s

    def row(self) -> dict:
        """As one row of a table, in JSON's types."""
        counts = {"n": self.n, "figures_n": self.figures_n, "objects": self.objects, "detections": self.detections}
        return counts | self.figures.row() | {"images_per_s": round(self.images_per_s, 2)}


def evaluate_detection(
    predict: Predict,
    images: DetectionSet,
    *,
    preprocess: DetectionPreprocess | None = None,
    ids: Int[np.ndarray, " classes"] | None = None,
    batch_size: int = 8,
    limit: int | None = None,
    cancel: threading.Event | None = None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Iterator[DetectionRunning]:
    """Run a detector over images with boxes, and tell after each batch how it stands.

    Of a batch, the images of one prepared size go through the model at once. None is padded: a padded image's boxes
    would be shares of the padded one.

    Args:
        predict: Gives the logits, "no object" last, and the boxes (centre x, centre y, width, height as shares) of a
            batch of prepared images.
        images: Where the boxes are known.
        preprocess: The detector's own; None for that of YOLOS.
        ids: COCO's category id of each class of the head; None for a head of 91 or 80 classes.
        batch_size: Images between two reports.
        limit: Only the first so many images.
        cancel: Set from another thread or a signal handler, it ends the evaluation.
        on_skip: Called with each image that was left out.

    Yields:
        A `DetectionRunning` after each batch; the figures of the last one are of all images, unless it is cancelled.

    Raises:
        JanusError: If no image can be used, or the detector's answer cannot be read.
    """
    tally = Tally()
    stream = images.stream(preprocess or DetectionPreprocess(), limit=limit)
    for samples in usable(stream, batch_size, where=f"images {images.name}", cancel=cancel, on_skip=on_skip):
        start = time.perf_counter()
        answers = _detect(predict, samples, ids)
        yield tally.add(answers, samples, time.perf_counter() - start)
    if tally.lags and not (cancel is not None and cancel.is_set()):
        yield tally.running(whole=True)


class Tally:
    """A detector's answers so far, with figures that are made anew when there are enough new images."""

    def __init__(self) -> None:
        self.coco = CocoMap()
        self._objects = self._found = self._figures_n = 0
        self._busy_s = 0.0
        self._figures = self.coco.result()

    def add(self, answers: list[Detections], samples: list[Sample], busy_s: float) -> DetectionRunning:
        """One more batch.

        Raises:
            JanusError: If an answer cannot be counted.
        """
        self.coco.update(answers, [sample.truth for sample in samples])
        self._objects += sum(len(sample.truth) for sample in samples)
        self._found += sum(map(len, answers))
        self._busy_s += busy_s
        return self.running(whole=len(self.coco) >= self._figures_n * GROWTH)

    @property
    def lags(self) -> bool:
        """Whether the figures are not yet of all images."""
        return self._figures_n < len(self.coco)

    def running(self, *, whole: bool) -> DetectionRunning:
        """How it stands; with ``whole``, all images are in the figures."""
        if whole and self.lags:
            self._figures, self._figures_n = self.coco.result(), len(self.coco)
        return DetectionRunning(
            n=len(self.coco),
            objects=self._objects,
            detections=self._found,
            figures=self._figures,
            figures_n=self._figures_n,
            busy_s=self._busy_s,
        )


@torch.inference_mode()
def _detect(predict: Predict, samples: list[Sample], ids: Int[np.ndarray, " classes"] | None) -> list[Detections]:
    """What the detector finds on each image, those of one size at once."""
    answers: dict[int, Detections] = {}
    for places in of_one_size(samples):
        logits, boxes = predict(torch.stack([samples[i].image for i in places]))
        answers |= decode_batch(logits, boxes, samples, places, ids)
    return [answers[i] for i in range(len(samples))]


def of_one_size(samples: list[Sample]) -> Iterator[list[int]]:
    """Places of the samples whose prepared images have one size."""
    by_size = sorted(range(len(samples)), key=lambda i: tuple(samples[i].image.shape))
    for _, group in groupby(by_size, key=lambda i: tuple(samples[i].image.shape)):
        yield list(group)


def decode_batch(
    logits: Float[Tensor, "b n classes"],
    boxes: Float[Tensor, "b n 4"],
    samples: list[Sample],
    places: list[int],
    ids: Int[np.ndarray, " classes"] | None,
) -> dict[int, Detections]:
    """A detector's answers to the samples at these places.

    Raises:
        JanusError: If they are not one for each, or cannot be read.
    """
    if not len(logits) == len(boxes) == len(places):
        raise JanusError(
            f"detections: {len(logits)} and {len(boxes)} answers came for {len(places)} images; give one for each."
        )
    return {i: decode_boxes(logits[row], boxes[row], samples[i].size, ids=ids) for row, i in enumerate(places)}
