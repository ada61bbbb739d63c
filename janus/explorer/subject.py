"""The loaded model on the screen: its tokens on a picture, its accuracy as images come in, its speed here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int, UInt8

from janus.configuration import Configuration, follow_groups
from janus.data import ImageSet, Picture, open_images
from janus.evaluate import evaluate
from janus.explorer.sources import ModelSource
from janus.models import load_model
from janus.preprocess import Preprocess, preprocess_for
from janus.profile import LatencyProfile
from janus.profiling import QUICK, measure_profile
from janus.schedule import FAMILIES, MergePlan, MergeSchedule
from janus.schedules import find_schedule
from janus.transform import Codebook
from janus.transform.shelf import find_codebook, transform_step
from janus.vit import OpenViT, open_vit
from janus.weights import tensors_hash

# Small batches: the interval moves several times a second, and a handler never waits long for the processor.
BATCH = 16
SAMPLES = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A model in memory, and the images that it is shown.

    Attributes:
        source: What was asked for.
        name: Full timm tag.
        vit: The opened model.
        preprocess: The model's own.
        images: Labelled images, if there are any and the weights are trained.
        samples: A few of them, by name, at the model's input size.
    """

    source: ModelSource
    name: str
    vit: OpenViT
    preprocess: Preprocess
    images: ImageSet | None
    samples: dict[str, UInt8[np.ndarray, "h w 3"]]

    def groups(self, pixels: UInt8[np.ndarray, "h w 3"], plan: MergePlan) -> list[Int[np.ndarray, " patches"]]:
        """Which token each patch is in, after the embedding and after each block."""
        return follow_groups(self.vit, pixels, plan, self.preprocess)

    def accuracy(self, family: str, level: float, split: int, codec: str | None, limit: int, cancel: threading.Event):
        """Rows of `janus.standing.Running.row`, one after each batch of images.

        Raises:
            JanusError: If a setting does not fit, or no image decodes.
        """
        listed = family not in FAMILIES
        schedule = find_schedule(family, self.name) if listed else MergeSchedule(family=family, level=level)
        book = self.book if codec is not None and transform_step(codec) is not None else None
        rows = [Configuration(schedule=schedule, split=split, codec=codec, book=book)]
        runs: Iterator = evaluate(
            self.vit, self.images, rows, preprocess=self.preprocess, batch_size=BATCH, limit=limit, cancel=cancel
        )
        for running in runs:
            yield running[0].row() | {"level": level}

    @cached_property
    def book(self) -> Codebook:
        """The codebook of these weights.

        Raises:
            JanusError: If there is none.
        """
        return find_codebook(self.name, tensors_hash(self.vit.model))

    def calibrate(self) -> LatencyProfile:
        """A quick profile of this machine."""
        return measure_profile(self.vit, effort=QUICK)


def load_subject(
    source: ModelSource, images: str | None, fit: str, seed: int, give_way: Callable[[], None] = lambda: None
) -> Subject:
    """Load a model and open its images.

    Args:
        source: The model; not one for latency only.
        images: A folder or the name of a data set; None for no images.
        fit: ``crop`` or ``squash``, see `Preprocess`.
        seed: Of random weights.
        give_way: Called before each layer of the model; may wait.

    Raises:
        JanusError: If the weights or the images cannot be had, or don't fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loaded = load_model(source.name, pretrained=source.weights == "hub", weights=source.file)
    for layer in loaded.model.modules():
        layer.register_forward_pre_hook(lambda *_: give_way())
    vit, preprocess = open_vit(loaded.model), preprocess_for(loaded.model, fit)
    opened, samples = None, dict[str, np.ndarray]()
    if images is not None:
        opened = open_images(images, classes=vit.geometry.classes if source.trained else None)
        for picture in opened.stream(preprocess.pixels, limit=SAMPLES):
            if isinstance(picture, Picture):
                samples[f"{opened.name} {len(samples) + 1}"] = picture.image
    return Subject(
        source=source,
        name=loaded.name,
        vit=vit,
        preprocess=preprocess,
        images=opened if source.trained else None,
        samples=samples,
    )
