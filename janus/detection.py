"""YOLOS, a plain ViT detector (Fang et al., NeurIPS 2021), opened into embed, blocks[i:j] and head.

Opened, the class token and the detection tokens stand in front of the patches, where transformers has the detection
tokens at the end: attention does not mind, and a cut finds the protected tokens where every other model has them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.layers import run_layer
from janus.merging import TokenState
from janus.opened import OpenViT


class Detections(NamedTuple):
    """What the head says of each detection token.

    Attributes:
        logits: ``[B, detection tokens, classes + 1]``, the last one for "no object".
        boxes: ``[B, detection tokens, 4]``: centre x, centre y, width and height as shares of the picture.
    """

    logits: Float[Tensor, "b d classes"]
    boxes: Float[Tensor, "b d 4"]


class OpenYolos(OpenViT):
    """A YolosForObjectDetection of transformers in three parts. See `OpenViT`.

    The larger YOLOS add positions behind every block but the last, one for each token of the full grid. A merged token
    gets their mean over the patches that it stands for: what it would have had if they had been added before merging.
    So these models' states carry the source map and the grid of the patches.
    """

    def __init__(self, model: nn.Module):
        """Open a model.

        Raises:
            JanusError: If it is another model.
        """
        super().__init__(model)
        config = model.config
        self.depth, self.width = config.num_hidden_layers, config.hidden_size
        self.protected = tuple(range(1 + config.num_detection_tokens))
        self.tokens = len(self.protected) + self._grid(*self.input_size)[0] * self._grid(*self.input_size)[1]

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width in pixels that the positions were made for; other sizes are interpolated."""
        height, width = self.model.config.image_size
        return height, width

    @property
    def geometry(self) -> ModelGeometry:
        """The model as the torch-free half sees it: counts only."""
        config = self.model.config
        return ModelGeometry(
            name=config.name_or_path or type(self.model).__name__,
            depth=self.depth,
            width=self.width,
            hidden=config.intermediate_size,
            tokens=self.tokens,
            protected=len(self.protected),
            patch_inputs=config.num_channels * config.patch_size**2,
            classes=config.num_labels,
            input_shape=(config.num_channels, *self.input_size),
        )

    def embed(self, images: Float[Tensor, "b 3 h w"], *, source: bool = False) -> TokenState:
        """Patches, class and detection tokens, and positions, interpolated for other sizes than the model's own.

        Args:
            images: Normalised as the model wants it, of any size from one patch up.
            source: Attach a source map, for pictures; models that need it themselves always have it.

        Raises:
            JanusError: If the images do not fit the model.
        """
        config, count = self.model.config, self.model.config.num_detection_tokens
        if images.ndim != 4 or images.shape[1] != config.num_channels or min(images.shape[2:]) < config.patch_size:
            raise JanusError(
                f"images of shape {tuple(images.shape)} do not fit a model for [B, {config.num_channels}, height, "
                f"width] with patches of {config.patch_size} pixels: convert or resize them."
            )
        x = self.model.vit.embeddings(images)
        x = torch.cat([x[:, :1], x[:, -count:], x[:, 1:-count]], dim=1)
        needed = bool(config.use_mid_position_embeddings)
        grid = self._grid(*images.shape[2:]) if needed else None
        state = TokenState(x=x, protected=self.protected, grid=grid)
        return state.with_source() if source or needed else state

    def layer(self, i: int, state: TokenState, r: int) -> TokenState:
        """Block ``i`` with r tokens merged in it, without the positions behind it."""
        return run_layer(self.model.vit.encoder.layer[i], state, r)

    def between(self, i: int, state: TokenState) -> TokenState:
        """The positions that the larger models add behind block ``i``.

        Raises:
            JanusError: If the state has lost its grid or its source map.
        """
        if not self.model.config.use_mid_position_embeddings or i == self.depth - 1:
            return state
        if state.grid is None or state.source is None:
            raise JanusError(
                "this YOLOS adds positions behind every block, and the tokens carry no grid or source map: take them "
                "from embed(), and pass the whole TokenState on."
            )
        front, patches = self._positions(i, state.grid)
        if state.sizes is not None:
            first, (batch, n, width) = len(self.protected), state.x.shape
            at = (state.source - first)[..., None].expand(-1, -1, width)
            total = patches.new_zeros(batch, n - first, width).scatter_add_(1, at, patches.expand(batch, -1, -1))
            patches = (total / state.sizes[:, first:, None]).to(patches.dtype)
        x = state.x + torch.cat([front.expand(patches.shape[0], -1, -1), patches], dim=1)
        return replace(state, x=x)

    def head(self, state: TokenState) -> Detections:
        """Final norm, then classes and boxes of the detection tokens."""
        m = self.model
        found = m.vit.layernorm(state.x[:, 1 : len(self.protected)])
        return Detections(m.class_labels_classifier(found), m.bbox_predictor(found).sigmoid())

    def _grid(self, height: int, width: int) -> tuple[int, int]:
        patch = self.model.config.patch_size
        return height // patch, width // patch

    def _positions(self, i: int, grid: tuple[int, int]) -> tuple[Float[Tensor, "1 p c"], Float[Tensor, "1 patches c"]]:
        """Positions behind block ``i`` of the protected tokens, and of the patches at this grid."""
        count = self.model.config.num_detection_tokens
        table = self.model.vit.encoder.interpolation.mid_position_embeddings[i]
        front, patches = torch.cat([table[:, :1], table[:, -count:]], dim=1), table[:, 1:-count]
        own = self._grid(*self.input_size)
        if grid != own:  # at the model's own size bicubic interpolation returns its input
            square = patches.transpose(1, 2).unflatten(2, own)
            patches = F.interpolate(square, size=grid, mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
        return front, patches
