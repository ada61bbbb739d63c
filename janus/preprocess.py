"""From a picture to a model's input in two steps: pixels of the model's size, then its own normalisation.

Between the two lies what a cloud-only frame sends, so they are kept apart. Together they are timm's evaluation
transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from torch import Tensor, nn

from janus.errors import JanusError

FITS = ("crop", "squash")


class Normaliser(Protocol):
    """What every task's preprocessing has: a way from pixels at the input's size to the model's input."""

    def normalise(self, pixels: UInt8[np.ndarray, "b ..."]) -> Tensor:
        """A batch of pixels as the model wants it."""
        ...


def normalise(
    pixels: UInt8[np.ndarray, "*lead h w 3"], mean: Sequence[float], std: Sequence[float]
) -> Float[Tensor, "*lead 3 h w"]:
    """Pixels on a scale of 0…1, less the mean and over the deviation of each channel."""
    scaled = torch.from_numpy(np.ascontiguousarray(pixels)).movedim(-1, -3).contiguous().float().div_(255)
    centre, spread = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
    return scaled.sub_(centre).div_(spread)


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """How a model wants its pictures.

    Attributes:
        fit: ``crop`` is the model's own evaluation transform (resize, then cut out the middle); ``squash`` resizes to
            the input square, so that nothing is cut off and proportions are lost.
        height: Of the input, in pixels.
        width: Of the input, in pixels.
        interpolation: timm's name for it.
        crop_pct: Share of the resized picture that ``crop`` keeps, along a side.
        crop_mode: timm's name for the way of cropping.
        mean: Of each channel, on a scale of 0…1.
        std: Of each channel, on a scale of 0…1.
    """

    fit: str
    height: int
    width: int
    interpolation: str
    crop_pct: float
    crop_mode: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise JanusError(f"fit {self.fit!r} is unknown: choose one of {', '.join(FITS)}.")

    @cached_property
    def _to_pixels(self):
        squash = self.fit == "squash"
        return create_transform(
            input_size=(3, self.height, self.width),
            interpolation=self.interpolation,
            crop_pct=1.0 if squash else self.crop_pct,
            crop_mode="squash" if squash else self.crop_mode,
            normalize=False,
            is_training=False,
        )

    def pixels(self, image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
        """The picture at the input's size.

        Raises:
            JanusError: If it is so elongated that resizing its short side would make it enormous.
        """
        long, short = max(image.size), min(image.size)
        if self.fit == "crop" and long / short * max(self.height, self.width) ** 2 > Image.MAX_IMAGE_PIXELS:
            raise JanusError(f"{image.width} x {image.height} pixels are too elongated to crop from")
        return self._to_pixels(image).permute(1, 2, 0).contiguous().numpy()

    def normalise(self, pixels: UInt8[np.ndarray, "b h w 3"]) -> Float[Tensor, "b 3 h w"]:
        """A batch of pixels as the model wants it."""
        return normalise(pixels, self.mean, self.std)

    def __call__(self, image: Image.Image) -> Float[Tensor, "1 3 h w"]:
        """One picture as a batch of one."""
        return self.normalise(self.pixels(image)[None])


def preprocess_for(model: nn.Module, fit: str = "crop") -> Preprocess:
    """The preprocessing of a timm model: its own mean, std, crop and interpolation, at the size it was built for.

    Raises:
        JanusError: If the model classifies no pictures.
    """
    if not hasattr(model, "patch_embed"):
        raise JanusError(
            f"model {type(model).__name__} does not classify pictures: run it with `janus evaluate`, or from Python "
            "with janus.compare_detection for boxes and janus.compare_clips for clips."
        )
    cfg = resolve_model_data_config(model)
    height, width = model.patch_embed.img_size or cfg["input_size"][1:]
    return Preprocess(
        fit=fit,
        height=height,
        width=width,
        interpolation=cfg["interpolation"],
        crop_pct=cfg["crop_pct"],
        crop_mode=cfg["crop_mode"],
        mean=tuple(cfg["mean"]),
        std=tuple(cfg["std"]),
    )
