"""COCO's mean average precision, image by image, as faster-coco-eval computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from janus.coco.truth import Detections, Truth
from janus.errors import JanusError


@dataclass(frozen=True, kw_only=True)
class CocoFigures:
    """COCO's twelve figures in percent; NaN where no object of that kind was annotated.

    AP is averaged over the IoU thresholds .50, .55, … .95 and the categories; AR is the share of objects found with
    at most 1, 10 or 100 boxes an image. Small is below 32² pixels, large above 96².
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar1: float
    ar10: float
    ar100: float
    ar_small: float
    ar_medium: float
    ar_large: float

    def row(self) -> dict:
        """As one row of a table, in JSON's types: None for NaN."""
        return {name: None if np.isnan(value) else round(value, 4) for name, value in asdict(self).items()}


FIGURES = tuple(CocoFigures.__dataclass_fields__)


class CocoMap:
    """Collects detections beside what stands on the images, and gives COCO's figures of all so far."""

    def __init__(self) -> None:
        self._images: dict[int, None] = {}  # in their order
        self._truths: list[dict] = []
        self._detections: list[dict] = []

    def __len__(self) -> int:
        """Images so far."""
        return len(self._images)

    def update(self, detections: Sequence[Detections], truths: Sequence[Truth]) -> None:
        """Add a batch of images.

        Args:
            detections: Of each image.
            truths: Of the same images.

        Raises:
            JanusError: If they are not as many, an image was there before, or a score is not finite. Nothing is added
                then.
        """
        if len(detections) != len(truths):
            raise JanusError(
                f"mAP: {len(detections)} images with detections and {len(truths)} with truths; give pairs."
            )
        ids = [truth.image_id for truth in truths]
        twice = [i for place, i in enumerate(ids) if i in self._images or i in ids[:place]]
        if twice:
            raise JanusError(f"mAP: image {twice[0]} comes a second time; give each image once.")
        for found in detections:
            if not (np.isfinite(found.scores).all() and np.isfinite(found.boxes).all()):
                raise JanusError("mAP: a detection has a number that is not finite; look at the model's precision.")
        for found, truth in zip(detections, truths, strict=True):
            self._images[truth.image_id] = None
            self._truths += [
                {"bbox": box, "category_id": int(label), "image_id": truth.image_id, "area": float(area),
                 "iscrowd": int(crowd)}
                for box, label, area, crowd in zip(
                    _xywh(truth.boxes), truth.labels, truth.areas, truth.crowd, strict=True
                )
            ]  # fmt: skip
            self._detections += [
                {"bbox": box, "category_id": int(label), "image_id": truth.image_id, "area": box[2] * box[3],
                 "iscrowd": 0, "score": float(score)}
                for box, label, score in zip(_xywh(found.boxes), found.labels, found.scores, strict=True)
            ]  # fmt: skip

    def result(self, n: int | None = None) -> CocoFigures:
        """The figures of all images so far, or of the first ``n``."""
        prepared = self._prepare(n)
        if prepared is None:
            return CocoFigures(**dict.fromkeys(FIGURES, float("nan")))
        run = prepared[0]
        run.run()
        values = [float("nan") if value < 0 else 100 * float(value) for value in run.stats[: len(FIGURES)]]
        return CocoFigures(**dict(zip(FIGURES, values, strict=True)))

    def resampled(self, n: int, picks: Int[np.ndarray, "resamples n"]) -> Float[np.ndarray, " resamples"]:
        """AP in percent of sets that are drawn from the first ``n`` images, some of them several times.

        What was found on an image does not depend on the others, so it is matched once; the precision is the
        library's, over the images drawn.

        Args:
            n: Images to draw from.
            picks: Places of the images drawn, 0…n-1.

        Returns:
            NaN where no object is on the images drawn.
        """
        prepared = self._prepare(n, separate_eval=True)
        if prepared is None:
            return np.full(len(picks), float("nan"))
        run, categories = prepared
        # AP needs neither the sizes nor fewer boxes: a twelfth of the work.
        run.params.areaRng, run.params.areaRngLbl, run.params.maxDets = [[0, 1e10]], ["all"], [100]
        run.evaluate()
        # The library works on the images in the order of their ids, category by category.
        place = np.argsort(np.argsort(list(self._images)[:n]))
        matched, drawn = run._evalImgs_cpp, []
        for pick in np.sort(place[picks], axis=1):
            run._evalImgs_cpp = [matched[category * n + i] for category in range(categories) for i in pick]
            run.accumulate()
            precision = np.asarray(run.eval["precision"])
            known = precision[precision > -1]
            drawn.append(100 * known.mean() if known.size else float("nan"))
        return np.array(drawn)

    def _prepare(self, n: int | None, **options) -> tuple[Any, int] | None:
        """The library's evaluation of the first ``n`` images and its number of categories; None without an object."""
        from faster_coco_eval import COCO, COCOeval_faster

        images = set(list(self._images)[:n])
        truths, detections = (
            [row for row in rows if row["image_id"] in images] for rows in (self._truths, self._detections)
        )
        # A category without an object has no precision, so it is left out of every mean: nor need it be looked at.
        categories = sorted({truth["category_id"] for truth in truths})
        if not categories:
            return None
        shared = {
            "images": [{"id": i} for i in sorted(images)],
            "categories": [{"id": i, "name": str(i)} for i in categories],
        }
        known = set(categories)
        # The library keeps notes in the annotations it is given.
        truth, found = (
            COCO(shared | {"annotations": [{"id": i, **row} for i, row in enumerate(rows, 1)]})
            for rows in (truths, [row for row in detections if row["category_id"] in known])
        )
        return COCOeval_faster(truth, found, iouType="bbox", **options), len(categories)


def truth_as_detections(truth: Truth) -> Detections:
    """A perfect detector's answer: every object but the crowds, with certainty."""
    alone = ~truth.crowd
    return Detections(boxes=truth.boxes[alone], scores=np.ones(int(alone.sum())), labels=truth.labels[alone])


def _xywh(boxes: np.ndarray) -> list[list[float]]:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
