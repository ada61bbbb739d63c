"""How far a backend's answers are from eager's, picture by picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from janus.bench.pictures import noise_picture
from janus.data import Skipped, open_images
from janus.errors import JanusError
from janus.preprocess import Preprocess


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Of logits, over pictures.

    Attributes:
        logit_error_max: Largest absolute difference.
        logit_error_mean: Mean absolute difference.
        logit_spread: Standard deviation of eager's logits, to hold the two against.
        same_top1: Pictures with the same first class.
        pictures: All of them.
    """

    logit_error_max: float
    logit_error_mean: float
    logit_spread: float
    same_top1: int
    pictures: int

    @staticmethod
    def none() -> dict:
        """The columns of what was not compared."""
        return dict.fromkeys(field.name for field in fields(Differences))

    def row(self) -> dict:
        """As columns, to three digits."""
        return {key: float(f"{v:.3g}") if isinstance(v, float) else v for key, v in asdict(self).items()}


def differences(
    eager: Callable[[Tensor], Tensor],
    other: Callable[[Tensor], Tensor],
    pictures: Float[Tensor, "n 3 h w"],
    batch: int,
) -> Differences:
    """Run both on the same pictures, ``batch`` at a time; what fills up the last batch is not counted."""
    count = len(pictures)
    mine, theirs = [], []
    for first in range(0, count, batch):
        some = pictures[[(first + i) % count for i in range(batch)]]
        wanted = min(batch, count - first)
        mine.append(eager(some).float().cpu()[:wanted])
        theirs.append(other(some).float().cpu()[:wanted])
    here, there = torch.cat(mine), torch.cat(theirs)
    error = (here - there).abs()
    return Differences(
        logit_error_max=error.max().item(),
        logit_error_mean=error.mean().item(),
        logit_spread=here.std().item(),
        same_top1=int((here.argmax(1) == there.argmax(1)).sum()),
        pictures=count,
    )


def drawn(preprocess: Preprocess, count: int) -> Float[Tensor, "n 3 h w"]:
    """Noise with the spectrum of photographs, as the model wants it."""
    pixels = [noise_picture(seed, preprocess.height, preprocess.width) for seed in range(count)]
    return preprocess.normalise(np.stack(pixels))


def read(images: str, preprocess: Preprocess, count: int) -> Float[Tensor, "n 3 h w"]:
    """The first ``count`` pictures of a set that can be read, as the model wants them.

    Raises:
        JanusError: If there is none.
    """
    found = [one.image for one in open_images(images).stream(preprocess.pixels, limit=count)
             if not isinstance(one, Skipped)]  # fmt: skip
    if not found:
        raise JanusError(f"images {images}: there is not one that can be used; give others.")
    return preprocess.normalise(np.stack(found))
