"""COCO's mAP of a detector under several configurations on the same images, with what really crosses the cut."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int

from janus.coco.average_precision import CocoFigures, CocoMap
from janus.coco.categories import head_ids
from janus.coco.evaluate import DetectionRunning, Tally, decode_batch, of_one_size
from janus.coco.resize import DetectionPreprocess
from janus.coco.truth import Detections, DetectionSet, Sample
from janus.configuration import Configuration, embed_pixels, through_cut
from janus.data import Skipped
from janus.data.pictures import SEED
from janus.errors import JanusError
from janus.evaluate import usable
from janus.openable import kind_of
from janus.opened import OpenViT
from janus.paired import Z95

# Draws for a standard error: it is then known to about 3 %.
RESAMPLES = 500


@dataclass(frozen=True, kw_only=True)
class ComparedDetector:
    """How one configuration of a detector stands after some images.

    Attributes:
        configuration: What was run.
        standing: COCO's figures, which may lag behind the images.
        tokens: After the embedding and after each block, mean over the images, since each has its own size.
        mean_kept: Share of tokens that enters a block, mean over blocks and images.
        clipped_n: Images in which a block had too few tokens to merge as many as the schedule asks for.
        payload_total_bytes: Encoded bytes over all images.
        coco: All answers; those of later images may be among them.
    """

    configuration: Configuration
    standing: DetectionRunning
    tokens: Float[np.ndarray, " blocks_and_one"]
    mean_kept: float
    clipped_n: int
    payload_total_bytes: int
    coco: CocoMap

    @property
    def n(self) -> int:
        """Images so far."""
        return self.standing.n

    @property
    def headline(self) -> float:
        """The task's figure: AP in percent, which may lag behind the images."""
        return self.standing.figures.ap

    @cached_property
    def figures(self) -> CocoFigures:
        """COCO's, of all images so far."""
        standing = self.standing
        return standing.figures if standing.figures_n == self.n else self.coco.result(self.n)

    @cached_property
    def resampled(self) -> Float[np.ndarray, " resamples"]:
        """AP of sets of as many images, drawn from these with replacement: the same draws for every configuration."""
        picks = np.random.default_rng(SEED).integers(0, self.n, (RESAMPLES, self.n))
        return self.coco.resampled(self.n, picks)

    @property
    def ci95(self) -> tuple[float, float] | None:
        """95 % interval of AP in percent, None for a single image or without an object.

        It is AP with 1.96 standard errors to either side, by the bootstrap over images (Efron and Tibshirani, 1993,
        chapter 13). The percentiles of the draws themselves lie too high: a draw leaves out rare categories.
        """
        ends = _normal(self.figures.ap, self.resampled) if self.n > 1 else None
        return ends and (max(ends[0], 0.0), min(ends[1], 100.0))

    def against(self, other: ComparedDetector) -> dict:
        """AP less that of another configuration in percentage points, with an interval from the same draws of both."""
        difference = self.figures.ap - other.figures.ap
        ends = _normal(difference, self.resampled - other.resampled) if self.n > 1 else None
        return {"n": self.n, "difference": _rounded(difference), "ci95": ends and [_rounded(end) for end in ends]}

    def row(self) -> dict:
        """As one row of a table, in JSON's types."""
        standing, n = self.standing, self.n
        return {
            **self.configuration.row(),
            "n": n,
            "objects": standing.objects,
            "detections": standing.detections,
            **self.figures.row(),
            "ci95": self.ci95 and [_rounded(end) for end in self.ci95],
            "tokens": [round(float(count), 1) for count in self.tokens],
            "tokens_at_split": round(float(self.tokens[self.configuration.split]), 1),
            "mean_tokens_kept": round(self.mean_kept, 4),
            "payload_bytes": round(self.payload_total_bytes / n, 1),
            "images_per_s": round(standing.images_per_s, 2),
            "notes": [f"{self.clipped_n} of {n} images have a block with too few tokens to merge as many as asked"]
            if self.clipped_n
            else [],
        }


def _normal(estimate: float, draws: Float[np.ndarray, " resamples"]) -> tuple[float, float] | None:
    known = draws[~np.isnan(draws)]
    if np.isnan(estimate) or known.size < 2:
        return None
    half = Z95 * float(known.std(ddof=1))
    return estimate - half, estimate + half


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


class _Row:
    """What is added up for one configuration."""

    def __init__(self, configuration: Configuration, depth: int) -> None:
        self.configuration, self.tally = configuration, Tally()
        self.tokens, self.kept, self.payload = np.zeros(depth + 1), 0.0, 0
        self.clipped = 0

    def run(
        self, vit: OpenViT, samples: list[Sample], embedded: list[tuple], preprocess: DetectionPreprocess,
        ids: Int[np.ndarray, " classes"],
    ) -> tuple[list[Detections], float]:  # fmt: skip
        """Answers to a batch, and the seconds in it; its tokens and bytes are counted."""
        start = time.perf_counter()
        answers: dict[int, Detections] = {}
        for places, pixels, state in embedded:
            plan = vit.plan(self.configuration.schedule, state.n_tokens)
            (logits, boxes), payload = through_cut(vit, self.configuration, plan, pixels, state, preprocess)
            answers |= decode_batch(logits, boxes, samples, places, ids)
            self.tokens += len(places) * np.array(plan.tokens)
            self.kept += len(places) * plan.mean_kept
            self.payload += payload
            self.clipped += len(places) * plan.clipped
        return [answers[i] for i in range(len(samples))], time.perf_counter() - start

    def standing(self, running: DetectionRunning) -> ComparedDetector:
        return ComparedDetector(
            configuration=self.configuration,
            standing=running,
            tokens=self.tokens / running.n,
            mean_kept=self.kept / running.n,
            clipped_n=self.clipped,
            payload_total_bytes=self.payload,
            coco=self.tally.coco,
        )


def compare_detection(
    vit: OpenViT,
    images: DetectionSet,
    rows: Sequence[Configuration],
    *,
    preprocess: DetectionPreprocess | None = None,
    ids: Int[np.ndarray, " classes"] | None = None,
    batch_size: int = 8,
    limit: int | None = None,
    cancel: threading.Event | None = None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Iterator[list[ComparedDetector]]:
    """Run every configuration of a detector over the same images, and tell after each batch how they stand.

    What crosses the cut is really encoded and decoded, image by image. Images keep their proportions, so each has its
    own number of tokens, and a schedule is made for it.

    Args:
        vit: An opened detector.
        images: Where the boxes are known.
        rows: What to compare.
        preprocess: The detector's own; None for that of YOLOS.
        ids: COCO's category id of each class of the head; None for a head of 91 or 80 classes.
        batch_size: Images between two reports; those of one size go through the model at once.
        limit: Only the first so many images.
        cancel: Set from another thread or a signal handler, it ends the evaluation; a batch that not every
            configuration has seen is dropped, so that they stay paired.
        on_skip: Called with each image that was left out.

    Yields:
        One `ComparedDetector` for each configuration, in their order.

    Raises:
        JanusError: If a configuration does not fit the model, which must find boxes, or an image's size; if no image
            can be used, or an answer cannot be read.
    """
    if kind_of(vit.model) != "yolos":
        raise JanusError(f"model {type(vit.model).__name__} does not find boxes: give a detector, such as YOLOS.")
    for row in rows:
        row.check(vit)
    prepare = preprocess or DetectionPreprocess.of(vit)
    own = head_ids(vit.geometry.classes) if ids is None else ids
    counted = [_Row(row, vit.depth) for row in rows]
    stream = images.stream(prepare.pixels, limit=limit)
    for samples in usable(stream, batch_size, where=f"images {images.name}", cancel=cancel, on_skip=on_skip):
        answers = _step(vit, samples, counted, prepare, own, cancel)
        if answers is None:
            return
        yield [
            row.standing(row.tally.add(found, samples, busy_s))
            for row, (found, busy_s) in zip(counted, answers, strict=True)
        ]


@torch.inference_mode()
def _step(
    vit: OpenViT, samples: list[Sample], rows: list[_Row], preprocess: DetectionPreprocess,
    ids: Int[np.ndarray, " classes"], cancel: threading.Event | None,
) -> list[tuple[list[Detections], float]] | None:  # fmt: skip
    """Answers and seconds of every configuration on one more batch; None if it was cancelled on the way."""
    start = time.perf_counter()
    embedded = []
    for places in of_one_size(samples):
        pixels = np.stack([samples[i].image for i in places])
        embedded.append((places, pixels, embed_pixels(vit, pixels, preprocess)))
    embed_s = time.perf_counter() - start
    answers = []
    for row in rows:
        if cancel is not None and cancel.is_set():
            return None
        found, busy_s = row.run(vit, samples, embedded, preprocess, ids)
        answers.append((found, busy_s + (embed_s if row.configuration.split else 0.0)))
    return answers
