"""From a detector's outputs to boxes on the image, and back."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from janus.coco.categories import head_ids
from janus.coco.truth import Detections
from janus.errors import JanusError


def to_pixels(boxes: Float[np.ndarray, "n 4"], width: int, height: int) -> Float[np.ndarray, "n 4"]:
    """Centre x, centre y, width and height as shares of an image, as left, top, right, bottom in its pixels."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1) * (width, height, width, height)


def to_shares(boxes: Float[np.ndarray, "n 4"], width: int, height: int) -> Float[np.ndarray, "n 4"]:
    """The inverse of `to_pixels`."""
    shares = boxes / (width, height, width, height)
    return np.concatenate([(shares[:, :2] + shares[:, 2:]) / 2, shares[:, 2:] - shares[:, :2]], axis=1)


def decode_boxes(
    logits: Float[Tensor, "n classes_and_none"],
    boxes: Float[Tensor, "n 4"],
    size: tuple[int, int],
    *,
    ids: Int[np.ndarray, " classes"] | None = None,
    threshold: float = 0.0,
) -> Detections:
    """What a DETR-like head (YOLOS has one) says of one image.

    Each output is one box, with its most probable class other than the last, which means "no object" (Carion et al.,
    ECCV 2020, section 3). For COCO's mAP every box counts, so the threshold is 0.

    Args:
        logits: Of each class and, last, of "no object".
        boxes: Centre x, centre y, width, height as shares of the image.
        size: Width and height of the original image in pixels.
        ids: COCO's category id of each class, 0 where it is none; None for those of `head_ids`.
        threshold: Leave out boxes with a smaller score.

    Returns:
        In falling order of the scores. A box whose class is none of COCO's is left out.

    Raises:
        JanusError: If the shapes don't belong together, the head counts otherwise, or a number is not finite.
    """
    if logits.ndim != 2 or boxes.shape != (len(logits), 4):
        raise JanusError(
            f"detections: logits of shape {tuple(logits.shape)} and boxes of shape {tuple(boxes.shape)} don't belong "
            "together; give [n, classes + 1] and [n, 4]."
        )
    classes = logits.shape[1] - 1
    ids = head_ids(classes) if ids is None else ids
    if len(ids) != classes:
        raise JanusError(f"detections: {len(ids)} ids are given for {classes} classes; give one for each.")
    probabilities = logits.detach().cpu().double().softmax(dim=1)[:, :-1]
    scores, best = (values.numpy() for values in probabilities.max(dim=1))
    shares = boxes.detach().cpu().double().numpy()
    if not (np.isfinite(scores).all() and np.isfinite(shares).all()):
        raise JanusError("detections: a number among them is not finite; look at the model's precision.")
    labels = np.asarray(ids)[best]
    order = np.argsort(-scores, kind="stable")
    order = order[(labels[order] > 0) & (scores[order] >= threshold)]
    return Detections(boxes=to_pixels(shares, *size)[order], scores=scores[order], labels=labels[order])


def encode_truth(
    detections: Detections, size: tuple[int, int], *, classes: int = 91, sharpness: float = 30.0
) -> tuple[Float[Tensor, "n classes_and_none"], Float[Tensor, "n 4"]]:
    """Logits and boxes that `decode_boxes` reads as ``detections``: for tests, and to see a path from end to end.

    Args:
        detections: Labels must be classes of the head; the order of the scores is kept, not their values.
        size: Width and height of the original image in pixels.
        classes: Of the head, without "no object".
        sharpness: Logit of a box's class; the others are 0.

    Raises:
        JanusError: If the head has no class for a label.
    """
    class_of = {int(i): index for index, i in enumerate(head_ids(classes)) if i}
    logits = torch.zeros(len(detections), classes + 1, dtype=torch.float64)
    for row, (label, score) in enumerate(zip(detections.labels, detections.scores, strict=True)):
        if int(label) not in class_of:
            raise JanusError(f"label {label} is no class of a head of {classes}.")
        logits[row, class_of[int(label)]] = sharpness * (0.5 + float(score) / 2)
    return logits, torch.from_numpy(to_shares(detections.boxes, *size))
