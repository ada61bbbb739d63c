"""The model that a lesson runs, chosen in one place: the demo model where it is, random weights until then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8

from janus import demo
from janus.configuration import Configuration, follow_groups
from janus.data import Picture, open_images
from janus.evaluate import Running, evaluate
from janus.files import data_folder
from janus.models import DEMO_ARCHITECTURE, DEMO_NAME, load_model
from janus.preprocess import Preprocess, preprocess_for
from janus.schedule import MergeSchedule
from janus.vit import OpenViT, open_vit

# Pictures that no training has seen, in batches as small as two cores like them.
IMAGES, BATCH = f"{demo.NAME}:test", 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A small model and the demo pictures.

    Attributes:
        vit: The opened model.
        preprocess: Its own.
        trained: Whether its answers mean anything.
        about: What it is, in one sentence.
        label: What stands beside every number that comes from it.
    """

    vit: OpenViT
    preprocess: Preprocess
    trained: bool
    about: str
    label: str

    def groups(self, pixels: UInt8[np.ndarray, "h w 3"], schedule: MergeSchedule) -> list[np.ndarray]:
        """Which token each patch is in, after the embedding and after each block."""
        return follow_groups(self.vit, pixels, self.vit.plan(schedule), self.preprocess)

    def answers(self, schedules: list[MergeSchedule], limit: int) -> list[Running]:
        """The unsplit model under every schedule, on the same demo pictures in the same order."""
        rows = [Configuration(schedule=schedule, split=self.vit.depth, codec=None) for schedule in schedules]
        images = open_images(IMAGES, classes=self.vit.geometry.classes)
        return list(evaluate(self.vit, images, rows, preprocess=self.preprocess, batch_size=BATCH, limit=limit))[-1]

    def inputs(self, count: int) -> torch.Tensor:
        """The first demo pictures of the set as the model wants them."""
        shown = open_images(IMAGES).stream(self.preprocess.pixels, limit=count)
        pixels = [picture.image for picture in shown if isinstance(picture, Picture)]
        return self.preprocess.normalise(np.stack(pixels))


def open_subject(seed: int = 0) -> Subject:
    """The demo model, if its file is among the shipped data; else its architecture with random weights.

    Args:
        seed: Of random weights.
    """
    trained = (data_folder() / "models" / f"{DEMO_NAME}.safetensors").is_file()
    if trained:
        model = load_model(demo.NAME).model
        about = f"model: demo ({DEMO_NAME}), trained by `janus train-demo` on procedural images"
    else:
        model = random_model(DEMO_ARCHITECTURE, len(demo.CLASSES), seed)
        about = f"model: {DEMO_ARCHITECTURE} with random weights, seed {seed}: the demo model is not among the data"
    return Subject(
        vit=open_vit(model),
        preprocess=preprocess_for(model),
        trained=trained,
        about=about,
        label=demo.LABEL if trained else "random weights, procedural images",
    )


def random_model(name: str, classes: int, seed: int) -> torch.nn.Module:
    """A timm model with random weights, the same for the same seed."""
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return timm.create_model(name, pretrained=False, num_classes=classes).eval()
