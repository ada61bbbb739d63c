"""The demo set's pictures with the boxes of their objects, rendered when they are asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from janus.coco.truth import DetectionSet, Truth, make_truth
from janus.data import open_images
from janus.demo import CLASSES, NAME, sample

# Category ids of the demo set, for heads that count its classes from 0: it counts from 1, as COCO does.
DEMO_IDS = np.arange(1, len(CLASSES) + 1)
DEMO_NAMES = dict(zip(DEMO_IDS.tolist(), CLASSES, strict=True))


def open_demo_boxes(split: str = "val") -> DetectionSet:
    """The pictures of a split in the order of `janus.data.open_images`, with every object that is seen well enough.

    Its categories are not COCO's: give `DEMO_IDS` to whatever asks for ids.

    Raises:
        JanusError: If there is no such split.
    """
    pictures = open_images(f"{NAME}:{split}")

    def entries():
        for entry in pictures.entries():
            index = int(entry.name.rpartition("/")[2])
            label: Any = partial(_truth, split, index)
            yield entry._replace(label=label)

    return DetectionSet(images=replace(pictures, entries=entries))


def _truth(split: str, index: int, width: int, height: int) -> Truth:
    drawn = sample(split, index)
    boxes = [(x, y, x + w, y + h) for x, y, w, h in drawn.boxes]
    return make_truth(index, boxes, [label + 1 for label in drawn.labels])
