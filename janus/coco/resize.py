"""From a picture to a detector's input: its proportions stay, its sides keep within bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from janus.errors import JanusError
from janus.opened import OpenViT
from janus.preprocess import normalise


@dataclass(frozen=True, kw_only=True)
class DetectionPreprocess:
    """How a detector wants its pictures; the defaults are those of YOLOS's image processor.

    Attributes:
        shortest_edge: Of the input in pixels, as long as the longest keeps its bound.
        longest_edge: At most so many pixels.
        multiple: Both sides are cut down to a multiple of this: YOLOS's patches have 16 pixels.
        mean: Of each channel, on a scale of 0…1.
        std: Of each channel, on a scale of 0…1.
    """

    shortest_edge: int = 800
    longest_edge: int = 1333
    multiple: int = 16
    mean: tuple[float, ...] = IMAGENET_DEFAULT_MEAN
    std: tuple[float, ...] = IMAGENET_DEFAULT_STD

    def __post_init__(self) -> None:
        if not 0 < self.multiple <= self.shortest_edge <= self.longest_edge:
            raise JanusError(
                f"edges of {self.shortest_edge} to {self.longest_edge} pixels in steps of {self.multiple} don't go: "
                "give multiple <= shortest_edge <= longest_edge."
            )

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the input for an image of ``width`` x ``height`` pixels.

        Raises:
            JanusError: If the image is so elongated that nothing would be left of its short side.
        """
        short, long = min(width, height), max(width, height)
        scaled = float(self.shortest_edge)
        if long / short * scaled > self.longest_edge:
            scaled = self.longest_edge * short / long
        # YOLOS's processor rounds the short side and then cuts the long one, computed from the unrounded.
        sides = {True: round(scaled), False: int(scaled * long / short)}
        fitted = [sides[side == short] // self.multiple * self.multiple for side in (width, height)]
        if not all(fitted):
            raise JanusError(f"{width} x {height} pixels are too elongated for this detector")
        return fitted[0], fitted[1]

    @classmethod
    def of(cls, vit: OpenViT, **changes) -> DetectionPreprocess:
        """That of YOLOS for a model with patches of its own size.

        Args:
            vit: The model.
            changes: Attributes that shall differ.
        """
        patch = math.isqrt(vit.geometry.patch_inputs // vit.geometry.input_shape[0])
        return cls(**({"multiple": patch} | changes))

    def pixels(self, image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
        """The picture at the input's size: what travels where the cut lies before the first block.

        Raises:
            JanusError: If it is too elongated.
        """
        return np.array(image.resize(self.size(*image.size), Image.Resampling.BILINEAR))

    def normalise(self, pixels: UInt8[np.ndarray, "b h w 3"]) -> Float[Tensor, "b 3 h w"]:
        """A batch of pixels as the model wants it."""
        return normalise(pixels, self.mean, self.std)

    def __call__(self, image: Image.Image) -> Float[Tensor, "3 h w"]:
        """The picture as the model wants it.

        Raises:
            JanusError: If it is too elongated.
        """
        return self.normalise(self.pixels(image)[None])[0]
