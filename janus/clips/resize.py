"""From the frames of a clip to a video model's input."""

from __future__ import annotations

from collections.abc import Sequence
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
class ClipPreprocess:
    """How a video model wants its clips; the defaults are those of VideoMAE's image processor.

    Attributes:
        frames: Of a clip.
        stride: From one of them to the next, in frames of the video.
        size: The short side is brought to it, then a square is cut out of the middle.
        mean: Of each channel, on a scale of 0…1.
        std: Of each channel, on a scale of 0…1.
    """

    frames: int = 16
    stride: int = 4
    size: int = 224
    mean: tuple[float, ...] = IMAGENET_DEFAULT_MEAN
    std: tuple[float, ...] = IMAGENET_DEFAULT_STD

    def pixels(self, frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "size size 3"]:
        """One frame at the input's size.

        Raises:
            JanusError: If it is so elongated that resizing its short side would make it enormous.
        """
        height, width = frame.shape[:2]
        short, long = min(width, height), max(width, height)
        if long / short * self.size**2 > Image.MAX_IMAGE_PIXELS:
            raise JanusError(f"{width} x {height} pixels are too elongated to crop from")
        sides = [self.size if side == short else int(self.size * long / short) for side in (width, height)]
        image = Image.fromarray(frame).resize((sides[0], sides[1]), Image.Resampling.BILINEAR)
        left, top = ((side - self.size) // 2 for side in sides)
        return np.asarray(image.crop((left, top, left + self.size, top + self.size)))

    @classmethod
    def of(cls, vit: OpenViT) -> ClipPreprocess:
        """That of VideoMAE for a model's own length and size of clips."""
        return cls(frames=vit.geometry.pictures, size=vit.input_size[0])

    def clip(self, frames: Sequence[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "frames size size 3"]:
        """A clip at the input's size.

        Raises:
            JanusError: If a frame is too elongated.
        """
        return np.stack([self.pixels(frame) for frame in frames])

    def normalise(self, pixels: UInt8[np.ndarray, "b frames h w 3"]) -> Float[Tensor, "b frames 3 h w"]:
        """A batch of clips as the model wants it."""
        return normalise(pixels, self.mean, self.std)

    def __call__(self, frames: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Float[Tensor, "frames 3 size size"]:
        """A clip as the model wants it.

        Raises:
            JanusError: If a frame is too elongated.
        """
        return self.normalise(self.clip(frames)[None])[0]
