"""One picture through a detector at several levels, side by side: boxes drawn, merged tokens outlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image

from janus.coco.boxes import decode_boxes, to_pixels
from janus.coco.categories import NAME_OF
from janus.coco.resize import DetectionPreprocess
from janus.coco.truth import Detections, DetectionSet, Truth
from janus.data import Skipped
from janus.drawing import FOUND, TRUTH, Mark, draw_boxes, side_by_side
from janus.errors import JanusError
from janus.opened import OpenViT
from janus.pictures import outline_groups
from janus.schedule import MergeSchedule

# A box is drawn from this score on: half of the probability.
SURE = 0.5


@torch.inference_mode()
def follow_picture(
    vit: OpenViT,
    pixels: UInt8[np.ndarray, "h w 3"],
    schedule: MergeSchedule,
    preprocess: DetectionPreprocess,
    *,
    ids: Int[np.ndarray, " classes"] | None = None,
    threshold: float = SURE,
) -> tuple[Detections, Int[np.ndarray, " patches"], int]:
    """What a detector finds on a picture of its input's size, the token that each patch ended in, and the tokens left.

    The boxes are in pixels of this picture.
    """
    height, width, _ = pixels.shape
    torch_device = next(vit.model.parameters()).device
    state = vit.embed(preprocess.normalise(pixels[None]).to(torch_device), source=True)
    state = vit.blocks(state, 0, vit.depth, vit.plan(schedule, state.n_tokens).removed)
    logits, boxes = vit.head(state)
    found = decode_boxes(logits[0], boxes[0], (width, height), ids=ids, threshold=threshold)
    return found, state.source[0].cpu().numpy(), state.n_tokens


def compare_levels(
    vit: OpenViT,
    image: Image.Image,
    truth: Truth,
    schedules: Sequence[MergeSchedule],
    preprocess: DetectionPreprocess,
    *,
    ids: Int[np.ndarray, " classes"] | None = None,
    names: Mapping[int, str] = NAME_OF,
    threshold: float = SURE,
    scale: int = 2,
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture under each schedule, side by side.

    Args:
        vit: A detector.
        image: As it is stored.
        truth: What stands on it.
        schedules: One panel each.
        preprocess: The detector's own. The picture keeps its proportions.
        ids: Category id of each class of the head; None for COCO's.
        names: Of the categories.
        threshold: Boxes with a smaller score are left out.
        scale: Pixels of the result for each pixel of the detector's input.

    Raises:
        JanusError: If the picture does not fit the model.
    """
    pixels = preprocess.pixels(image)
    height, width, _ = pixels.shape
    sides = np.array([width, height, width, height]) / (*image.size, *image.size)
    annotated = [
        Mark(box=tuple(box), label=_name(label, names), look=TRUTH)
        for box, label in zip(truth.boxes * sides, truth.labels, strict=True)
    ]
    panels = []
    for schedule in schedules:
        found, groups, tokens = follow_picture(vit, pixels, schedule, preprocess, ids=ids, threshold=threshold)
        # The surest last, over the others.
        marks = [
            Mark(box=tuple(box), label=f"{_name(label, names)} {score:.2f}", look=FOUND)
            for box, label, score in zip(found.boxes[::-1], found.labels[::-1], found.scores[::-1], strict=True)
        ]
        drawn = draw_boxes(outline_groups(pixels, groups, scale=scale), annotated + marks, scale=scale)
        panels.append((f"{_level(schedule)}: {tokens} tokens left", drawn))
    return side_by_side(panels)


@torch.inference_mode()
def box_shift(
    vit: OpenViT,
    images: DetectionSet,
    schedule: MergeSchedule,
    preprocess: DetectionPreprocess,
    *,
    threshold: float = SURE,
) -> float:
    """How far a side of a box moves at most under a schedule, in pixels of the detector's input.

    Of boxes that the unmerged detector is sure of, each beside that of the same detection token.

    Raises:
        JanusError: If it is sure of none.
    """
    most = None
    for item in images.stream(preprocess):
        if isinstance(item, Skipped):
            continue
        plain, merged = vit(item.image[None]), vit(item.image[None], schedule)
        sure = plain.logits.softmax(-1)[..., :-1].amax(-1) >= threshold
        if sure.any():
            height, width = item.image.shape[1:]
            ours, theirs = (to_pixels(answer.boxes[sure].double().numpy(), width, height) for answer in (plain, merged))
            most = max(most or 0.0, float(np.abs(ours - theirs).max()))
    if most is None:
        raise JanusError(f"images {images.name}: the detector is sure of no box; train it, or lower the threshold.")
    return most


def _name(label: int, names: Mapping[int, str]) -> str:
    return names.get(int(label), f"category {label}")


def _level(schedule: MergeSchedule) -> str:
    if schedule.family in ("none", "list") or not schedule.level:
        return "a list" if schedule.family == "list" else "unmerged"
    return f"{schedule.family}, {'r' if schedule.family == 'constant' else 'α'} = {schedule.level:g}"
