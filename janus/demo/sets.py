"""The data set in its three forms: class of the main object, boxes of all objects, clips whose class is the motion.

A sample's key names the seed, the form, the split and the index, so no sample of one split can be one of another's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import UInt8

from janus.demo.draws import Draws
from janus.demo.render import Frame, render
from janus.demo.scene import CLASSES, SIDE, Scene, Thing, draw_scene
from janus.demo.shapes import TURN, UNIT
from janus.errors import JanusError

SEED = 1
SPLITS = ("train", "val", "test")
MOTIONS = ("left", "right", "up", "down", "clockwise", "anticlockwise", "nearer", "away")
# An object counts for detection while at least so much of it is seen: pixels, and a share in 1/4.
LEAST_PIXELS, LEAST_QUARTERS = 48, 1


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture with all that is known of it.

    Attributes:
        name: ``SPLIT/INDEX``.
        label: Class of the main object.
        pixels: RGB.
        boxes: x, y, width and height of each object in whole pixels, tight about what is seen of it.
        labels: Its class.
        main: Which of them is the main object.
    """

    name: str
    label: int
    pixels: UInt8[np.ndarray, "h w 3"]
    boxes: tuple[tuple[int, int, int, int], ...]
    labels: tuple[int, ...]
    main: int


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A short video. ``label`` is an index into `MOTIONS`; ``pixels`` is RGB, frame by frame."""

    name: str
    label: int
    pixels: UInt8[np.ndarray, "t h w 3"]


def scene(split: str, index: int, *, seed: int = SEED) -> Scene:
    """What is in a picture.

    Classes take turns, so any `len(CLASSES)` neighbours have each of them once.

    Raises:
        JanusError: If there is no such split, or the index is negative.
    """
    return draw_scene(_key("picture", split, index, seed), index % len(CLASSES))


def sample(split: str, index: int, *, seed: int = SEED) -> Sample:
    """One picture, whole, with its boxes.

    Raises:
        JanusError: If there is no such split, or the index is negative.
    """
    drawn = scene(split, index, seed=seed)
    frame = render(drawn)
    seen = _seen(drawn, frame)
    return Sample(
        name=f"{split}/{index:06d}",
        label=drawn.label,
        pixels=frame.pixels,
        boxes=tuple(_box(frame.owner == i + 1) for i in seen),
        labels=tuple(drawn.things[i].label for i in seen),
        main=seen.index(drawn.main),
    )


def _seen(drawn: Scene, frame: Frame) -> list[int]:
    """Things with a class of which enough is seen. The main object is always among them."""
    pixels = np.bincount(frame.owner.ravel(), minlength=len(drawn.things) + 1)[1:].tolist()
    return [
        i
        for i, thing in enumerate(drawn.things)
        if i == drawn.main
        or (thing.label >= 0 and pixels[i] >= LEAST_PIXELS and 4 * pixels[i] >= LEAST_QUARTERS * frame.whole[i])
    ]


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def coco(split: str, count: int, *, seed: int = SEED) -> dict[str, Any]:
    """The first ``count`` pictures as a COCO ground truth (``images``, ``annotations``, ``categories``)."""
    images, annotations = [], []
    for index in range(count):
        drawn = sample(split, index, seed=seed)
        images.append({"id": index, "file_name": f"{drawn.name}.png", "width": SIDE, "height": SIDE})
        for box, label in zip(drawn.boxes, drawn.labels, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,  # pycocotools takes 0 for "no match"
                    "image_id": index,
                    "category_id": label + 1,
                    "bbox": list(box),
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i + 1, "name": name, "supercategory": name.split()[1]} for i, name in enumerate(CLASSES)]
    return {"images": images, "annotations": annotations, "categories": categories}


def clip(split: str, index: int, *, frames: int = 16, seed: int = SEED) -> Clip:
    """A video in which the main object moves as its class says, and everything else stands still.

    Raises:
        JanusError: If there is no such split, the index is negative, or there are fewer than two frames.
    """
    if frames < 2:
        raise JanusError(f"a clip of {frames} frames shows no motion; ask for two or more.")
    label = index % len(MOTIONS)
    key = _key("clip", split, index, seed)
    draws = Draws(key, "motion")
    start, speed = draw_scene(key, draws.below(len(CLASSES))), draws.between(1, 4)
    shown = []
    for i in range(frames):
        things = list(start.things)
        things[start.main] = moved(things[start.main], MOTIONS[label], speed, 2 * i - frames + 1, frames - 1)
        shown.append(render(replace(start, things=tuple(things)), moment=i).pixels)
    return Clip(name=f"{split}/{index:06d}", label=label, pixels=np.stack(shown))


def moved(thing: Thing, motion: str, speed: int, step: int, steps: int) -> Thing:
    """``thing`` at ``step`` of -steps…steps on its way, at a speed of 1…4."""
    if motion in ("clockwise", "anticlockwise"):
        turn = TURN * speed * step // (16 * steps) * (1 if motion == "clockwise" else -1)
        return replace(thing, angle=thing.angle + turn, texture_angle=thing.texture_angle + turn)
    if motion in ("nearer", "away"):
        # The texture grows along, so that its period alone tells nothing.
        grown = 24 + (speed + 1) * step // steps * (1 if motion == "nearer" else -1)
        return replace(thing, radius=thing.radius * grown // 24, period=max(thing.period * grown // 24, UNIT))
    way = (8 + 6 * speed) * UNIT * step // steps
    x = thing.x + {"left": -way, "right": way}.get(motion, 0)
    y = thing.y + {"up": -way, "down": way}.get(motion, 0)
    return replace(thing, x=x, y=y)


def _key(form: str, split: str, index: int, seed: int) -> str:
    if split not in SPLITS:
        raise JanusError(f"split {split!r} is not one of the demo set's: choose {', '.join(SPLITS)}.")
    if index < 0:
        raise JanusError(f"index {index} of the demo set is negative; count from 0.")
    return f"janus demo/{seed}/{form}/{split}/{index}"
