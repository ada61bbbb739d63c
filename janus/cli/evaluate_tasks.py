"""What `janus evaluate` does for each task: pictures with a class, images with boxes, clips with a class.

The task is the model's. Imported when a command runs, so torch may come along.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from janus.clips import ClipPreprocess, compare_clips, open_clips
from janus.clips.sets import SUFFIXES as CLIPS
from janus.coco import DetectionPreprocess, compare_detection, open_detection
from janus.coco.compare import RESAMPLES
from janus.coco.tables import FORMATS
from janus.coco.yolo import is_yolo
from janus.configuration import Configuration
from janus.data import DEFAULT_IMAGES, Skipped, open_images
from janus.data.folders import SUFFIXES as PICTURES
from janus.demo import NAME as DEMO
from janus.errors import JanusError
from janus.models import DEMO_NAME, LoadedModel
from janus.openable import kind_of
from janus.opened import OpenViT
from janus.preprocess import preprocess_for
from janus.progress import bar

DEFAULT_BOXES = "detection-datasets/coco"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Options of the command that belong to one task alone; None where they were not given."""

    fit: str | None = None
    shortest_edge: int | None = None
    names: Path | None = None


class Task(ABC):
    """One kind of model on the images that it is for.

    Attributes:
        what: Its images.
        verb: What its models do.
        unit: One of its images.
        batch_size: How many at once, unless told otherwise.
        headings: Of the table's two figures, with their keys in a row.
        own: The options of `Asked` that are for it.
        remedy: What to give instead of another task's images.
    """

    what: str
    verb: str
    unit: str
    batch_size: int
    headings: tuple[tuple[str, str], tuple[str, str]]
    own: tuple[str, ...]
    remedy: str

    def __init__(self, loaded: LoadedModel, vit: OpenViT, asked: Asked):
        """Take the options that are for this task.

        Raises:
            JanusError: If one was given that is for another.
        """
        self.loaded, self.vit, self.asked = loaded, vit, asked
        for option, value in vars(asked).items():
            if value is not None and option not in self.own:
                flag = option.replace("_", "-")
                raise JanusError(f"--{flag} is not for a model that {self.verb}, as {loaded.name} does; leave it out.")

    def open(self, source: str | None) -> Any:
        """The images; where there is no hub, only what is on disk.

        Raises:
            JanusError: If they are another task's, or cannot be had.
        """
        if source is not None and (kind := kind_of_images(source)) not in (None, self.what):
            raise JanusError(
                f"images {source}: these are {kind}, and {self.loaded.name} {self.verb}; give {self.remedy}, or a "
                "--model for them."
            )
        return self.set(source)

    @abstractmethod
    def set(self, source: str | None) -> Any:
        """The images of a source that may be this task's; None for the usual one."""

    @abstractmethod
    def states(self, images: Any, rows: Sequence[Configuration], **how: Any) -> Iterator[list[Any]]:
        """How every configuration stands, after each batch."""

    @abstractmethod
    def facts(self) -> dict:
        """How images are prepared and what an interval is, for provenance."""


class Pictures(Task):
    """ImageNet and its like: top-1."""

    what, verb, unit, batch_size = "pictures", "classifies pictures", "image", 32
    headings = (("top-1", "top1"), ("top-5", "top5"))
    own = ("fit",)
    remedy = "a folder of class folders or an image set of the hub"

    def set(self, source: str | None) -> Any:
        usual = DEMO if self.loaded.name == DEMO_NAME else DEFAULT_IMAGES
        return open_images(source or usual, classes=self.vit.geometry.classes or None)

    def states(self, images: Any, rows: Sequence[Configuration], **how: Any) -> Iterator[list[Any]]:
        from janus import evaluate  # by the module: a test puts an interrupted one in its place

        return evaluate.evaluate(
            self.vit, images, rows, preprocess=preprocess_for(self.loaded.model, self.asked.fit or "crop"), **how
        )

    def facts(self) -> dict:
        return {"task": "pictures", "fit": self.asked.fit or "crop"} | TOP1


class Boxes(Task):
    """COCO: mAP."""

    what, verb, unit, batch_size = "pictures with boxes", "finds boxes", "image", 8
    headings = (("AP", "ap"), ("AP50", "ap50"))
    own = ("shortest_edge",)
    remedy = "a folder with images and labels (YOLO's), a COCO annotation file (*.json) or a detection set of the hub"

    @property
    def preprocess(self) -> DetectionPreprocess:
        """YOLOS's own, at the size that was asked for; the longest edge keeps its proportion."""
        edge = self.asked.shortest_edge
        usual = DetectionPreprocess.of(self.vit)
        if edge is None:
            return usual
        longest = round(usual.longest_edge * edge / usual.shortest_edge)
        return DetectionPreprocess.of(self.vit, shortest_edge=edge, longest_edge=longest)

    def set(self, source: str | None) -> Any:
        no_demo(self, source)
        return open_detection(source or DEFAULT_BOXES)

    def states(self, images: Any, rows: Sequence[Configuration], **how: Any) -> Iterator[list[Any]]:
        return compare_detection(self.vit, images, rows, preprocess=self.preprocess, **how)

    def facts(self) -> dict:
        prepare = self.preprocess
        return {
            "task": "boxes",
            "shortest_edge": prepare.shortest_edge,
            "longest_edge": prepare.longest_edge,
            "intervals": f"AP and paired difference: 1.96 standard errors of {RESAMPLES} bootstrap draws of the images",
        }


class Clips(Task):
    """Kinetics: top-1."""

    what, verb, unit, batch_size = "clips", "classifies clips", "clip", 4
    headings = Pictures.headings
    own = ("names",)
    remedy = "a folder of class folders with clips, or a video set of the hub"

    def set(self, source: str | None) -> Any:
        no_demo(self, source)
        if source is None:
            raise JanusError(f"--images is missing: {self.loaded.name} {self.verb}; give {self.remedy}.")
        return open_clips(source, names=self.asked.names or self.names())

    def names(self) -> tuple[str, ...]:
        """The names of the head's classes, which come with the hub's weights.

        Raises:
            JanusError: If they did not.
        """
        config: Any = self.vit.model.config
        found = tuple(str(config.id2label.get(i, "")) for i in range(self.vit.geometry.classes))
        if not all(found) or found[0] == "LABEL_0":
            raise JanusError(
                f"model {self.loaded.name}: these weights come without the names of the classes; give --names FILE "
                "with one a line, in the order of the head."
            )
        return found

    def states(self, images: Any, rows: Sequence[Configuration], **how: Any) -> Iterator[list[Any]]:
        return compare_clips(self.vit, images, rows, **how)

    def facts(self) -> dict:
        prepare = ClipPreprocess.of(self.vit)
        return {"task": "clips", "frames": prepare.frames, "stride": prepare.stride} | TOP1


TASKS: dict[str, type[Task]] = {"timm": Pictures, "yolos": Boxes, "videomae": Clips}
TOP1 = {"intervals": "top-1: Wilson; paired difference: Tango's score interval, p of McNemar's exact test"}


def task_for(loaded: LoadedModel, vit: OpenViT, asked: Asked) -> Task:
    """The task of a model.

    Raises:
        JanusError: If an option was given that is for another.
    """
    return TASKS[kind_of(loaded.model)](loaded, vit, asked)


def no_demo(task: Task, source: str | None) -> None:
    """Say that only the hub has a model and images for a task where the demo set is asked for.

    Raises:
        JanusError: If it is.
    """
    if source is not None and source.partition(":")[0] == DEMO and not Path(source).exists():
        raise JanusError(
            f"images {source}: the demo set goes with the demo model, which classifies pictures; a model that "
            f"{task.verb} needs the Hugging Face hub, or its weights and images on disk: give {task.remedy}."
        )


def kind_of_images(source: str) -> str | None:
    """Which task's images these plainly are; None where only opening them tells, or they are not there."""
    path = Path(source).expanduser()
    if path.is_file():
        return Boxes.what if path.suffix == ".json" else Clips.what if path.suffix.lower() in CLIPS else None
    if not path.is_dir():
        return Boxes.what if source.partition(":")[0].partition("@")[0] in FORMATS else None
    if is_yolo(path) or any(
        file for pattern in ("", "annotations/") for file in path.glob(f"{pattern}instances*.json")
    ):
        return Boxes.what
    for pattern in ("*", "*/*"):
        for file in path.glob(pattern):
            for suffixes, kind in ((CLIPS, Clips.what), (PICTURES, Pictures.what)):
                if file.suffix.lower() in suffixes:
                    return kind
    return None


def run(
    task: Task, images: Any, rows: Sequence[Configuration], batch_size: int | None, limit: int | None
) -> tuple[list[Any], list[Skipped], bool]:
    """Evaluate under a progress bar; return the last state, what was skipped, and whether Ctrl-C ended it.

    Raises:
        KeyboardInterrupt: If it came before there was any result.
    """
    state: list[Any] = []
    skipped: list[Skipped] = []
    total = images.total if limit is None or images.total is None else min(limit, images.total)
    told: Callable[[Skipped], None] = skipped.append
    states = task.states(images, rows, batch_size=batch_size or task.batch_size, limit=limit, on_skip=told)
    try:
        with bar(total=total, unit=task.unit) as shown:
            for now in states:
                state = now
                shown.update(now[0].n + len(skipped) - shown.n)
                shown.set_postfix_str(", ".join(f"{standing.headline:.1f}" for standing in now[:8]) + " %")
    except KeyboardInterrupt:
        if not state:
            raise
        return state, skipped, True
    for skip in skipped:
        print(f"janus: skipped {skip.file}: {skip.reason}", file=sys.stderr)
    return state, skipped, False
