"""What the scheduler needs to know of a model, and the models it knows without torch. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from janus.arithmetic import Geometry
from janus.errors import JanusError
from janus.schedule import MergePlan, MergeSchedule

PATCH_INPUTS = 3 * 16 * 16
# Beyond these a count is a mistake, and working with it would not end.
MOST = {
    "depth": 1_000, "width": 100_000, "hidden": 1_000_000, "tokens": 100_000, "patch_inputs": 10_000_000,
    "pictures": 100_000,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ModelGeometry:
    """A ViT as the scheduler sees it: counts only.

    Attributes:
        name: Architecture, or the full timm tag where the weights are known.
        depth: Blocks.
        width: Channels of a token.
        hidden: Channels inside the MLP.
        tokens: Tokens after the embedding, prefix tokens included (x_0 in the paper).
        protected: Tokens that never merge.
        patch_inputs: Values in one patch.
        classes: Outputs of the head.
        input_shape: (channels, height, width) of one picture.
        pictures: Pictures in one frame: 1, or the length of a clip.
    """

    name: str
    depth: int
    width: int
    hidden: int
    tokens: int
    protected: int = 1
    patch_inputs: int = PATCH_INPUTS
    classes: int = 1000
    input_shape: tuple[int, int, int] = (3, 224, 224)
    pictures: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(self.input_shape))
        for field, most in MOST.items():
            value = getattr(self, field)
            if not _whole(value, least=1) or value > most:
                raise JanusError(f"geometry {self.name}: {field} {value!r:.20} must be an integer from 1 to {most}.")
        for field in ("protected", "classes"):
            if not _whole(getattr(self, field), least=0):
                raise JanusError(
                    f"geometry {self.name}: {field} {getattr(self, field)!r} must be an integer, 0 or more."
                )
        if self.protected > self.tokens:
            raise JanusError(f"geometry {self.name}: protected {self.protected} is more than its {self.tokens} tokens.")
        if len(self.input_shape) != 3 or not all(_whole(side, least=1) for side in self.input_shape):
            raise JanusError(
                f"geometry {self.name}: input_shape {self.input_shape} must be channels, height and width."
            )

    @property
    def arithmetic(self) -> Geometry:
        """What `janus.arithmetic` counts multiply-adds from."""
        return Geometry(
            depth=self.depth,
            width=self.width,
            hidden=self.hidden,
            patch_inputs=self.patch_inputs,
            classes=self.classes,
        )

    @property
    def raw_bytes(self) -> int:
        """One frame as 8-bit pixels."""
        return math.prod(self.input_shape) * self.pictures

    def plan(self, schedule: MergeSchedule) -> MergePlan:
        """What ``schedule`` comes to on this model."""
        return _planned(schedule, self.depth, self.tokens, self.protected)


# Each grid asks for all levels again, whatever else has changed.
@lru_cache(maxsize=4096)
def _planned(schedule: MergeSchedule, depth: int, tokens: int, protected: int) -> MergePlan:
    return schedule.plan(depth, tokens, protected)


def _whole(value, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _plain(name: str, depth: int, width: int, side: int) -> ModelGeometry:
    return ModelGeometry(
        name=name, depth=depth, width=width, hidden=4 * width, tokens=(side // 16) ** 2 + 1, input_shape=(3, side, side)
    )  # fmt: skip


def _yolos(size: str, height: int, width: int) -> ModelGeometry:
    """YOLOS (Fang et al., NeurIPS 2021) at the size of its positions: a class token and 100 detection tokens."""
    depth, channels = _SIZES[size]
    return ModelGeometry(
        name=f"hustvl/yolos-{size}", depth=depth, width=channels, hidden=4 * channels,
        tokens=(height // 16) * (width // 16) + 101, protected=101, classes=91, input_shape=(3, height, width),
    )  # fmt: skip


def _videomae(name: str, size: str) -> ModelGeometry:
    """VideoMAE (Tong et al., NeurIPS 2022): 16 pictures of 224 pixels in tubelets of 2 x 16 x 16: 8 x 14 x 14 tokens,
    no class token.
    """  # fmt: skip
    depth, width = _SIZES[size]
    return ModelGeometry(
        name=name, depth=depth, width=width, hidden=4 * width, tokens=1568, protected=0,
        patch_inputs=2 * PATCH_INPUTS, classes=400, pictures=16,
    )  # fmt: skip


_SIZES = {"tiny": (12, 192), "small": (12, 384), "base": (12, 768), "large": (24, 1024)}
GEOMETRIES = {
    geometry.name: geometry
    for geometry in (
        *(_plain(f"vit_{size}_patch16_{side}", *_SIZES[size], side) for side in (224, 384) for size in _SIZES),
        *(_plain(f"deit_{size}_patch16_224", *_SIZES[size], 224) for size in ("tiny", "small", "base")),
        _videomae("videomae_large_patch16_224", "large"),
        *(_videomae(f"MCG-NJU/videomae-{size}-finetuned-kinetics", size) for size in ("small", "base", "large")),
        _yolos("tiny", 800, 1333),
        _yolos("small", 512, 864),
        _yolos("base", 800, 1344),
    )
}


def architecture(model: str) -> str:
    """The architecture in a timm tag: what stands before the first dot."""
    return model.split(".", 1)[0]


def find_geometry(model: str) -> ModelGeometry:
    """The geometry of an architecture or timm tag that is known without loading it.

    Raises:
        JanusError: If it is not.
    """
    try:
        return GEOMETRIES[architecture(model)]
    except KeyError:
        known = ", ".join(GEOMETRIES)
        raise JanusError(
            f"model {model!r} is not known without torch: choose one of {known}, or give a measured profile, which "
            "carries its geometry."
        ) from None
