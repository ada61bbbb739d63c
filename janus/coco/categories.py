"""COCO's 80 categories: their names in COCO's order, and their ids, which have gaps.

Three ways of counting meet here: COCO's own ids (1…90, of which ten were never used), their places among the 80 (YOLO
labels, most tables), and the outputs of a head (DETR and YOLOS: 91 classes, of which class i is the id i).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from janus.errors import JanusError

# fmt: off
NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on
# Ids that COCO's paper lists and its annotations never use (Lin et al., ECCV 2014, appendix).
UNUSED = frozenset((12, 26, 29, 30, 45, 66, 68, 69, 71, 83))
IDS = tuple(i for i in range(1, 91) if i not in UNUSED)
NAME_OF = dict(zip(IDS, NAMES, strict=True))
ID_OF = {name: i for i, name in NAME_OF.items()}


def to_id(index: int) -> int:
    """The COCO id of the category at a place among the 80.

    Raises:
        JanusError: If there is no such place.
    """
    if not 0 <= index < len(IDS):
        raise JanusError(f"class {index} is unknown: COCO has {len(IDS)}, counted from 0")
    return IDS[index]


def head_ids(classes: int) -> Int[np.ndarray, " classes"]:
    """The COCO id of each class of a head, 0 where a class is none.

    Args:
        classes: Of the head, without "no object": 91 as in DETR and YOLOS, or 80 in COCO's order.

    Raises:
        JanusError: If the head counts otherwise.
    """
    if classes == len(IDS):
        return np.array(IDS)
    if classes == 91:
        return np.array([i if i in NAME_OF else 0 for i in range(91)])
    raise JanusError(f"a head of {classes} classes does not count COCO's: give one of 91 or 80, or its ids.")
