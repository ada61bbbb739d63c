"""VideoMAE, a plain ViT over clips (Tong et al., NeurIPS 2022), opened into embed, blocks[i:j] and head."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.layers import run_layer
from janus.merging import TokenState
from janus.opened import OpenViT


class OpenVideoMAE(OpenViT):
    """A VideoMAEForVideoClassification of transformers in three parts. See `OpenViT`.

    It has no class token. Fine-tuned on Kinetics it averages its tokens, here weighted by their sizes; a variant
    without mean pooling answers from its first token, which is then protected.
    """

    def __init__(self, model: nn.Module):
        """Open a model.

        Raises:
            JanusError: If it is another model.
        """
        super().__init__(model)
        config = model.config
        self.depth, self.width = config.num_hidden_layers, config.hidden_size
        self.tokens = model.videomae.embeddings.num_patches
        self.protected = () if config.use_mean_pooling else (0,)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width in pixels of each picture of a clip."""
        height, width = self.model.videomae.embeddings.patch_embeddings.image_size
        return height, width

    @property
    def geometry(self) -> ModelGeometry:
        """The model as the torch-free half sees it: counts only."""
        config, patches = self.model.config, self.model.videomae.embeddings.patch_embeddings
        return ModelGeometry(
            name=config.name_or_path or type(self.model).__name__,
            depth=self.depth,
            width=self.width,
            hidden=config.intermediate_size,
            tokens=self.tokens,
            protected=len(self.protected),
            patch_inputs=config.num_channels * patches.tubelet_size * patches.patch_size[0] * patches.patch_size[1],
            classes=config.num_labels,
            input_shape=(config.num_channels, *self.input_size),
            pictures=config.num_frames,
        )

    def embed(self, images: Float[Tensor, "b t 3 h w"], *, source: bool = False) -> TokenState:
        """Tubelets and positions.

        Args:
            images: Clips, normalised, of the model's own length and size: ``[B, pictures, channels, height, width]``.
            source: Attach a source map, for pictures.

        Raises:
            JanusError: If the clips do not fit the model.
        """
        config = self.model.config
        wanted = (config.num_frames, config.num_channels, *self.input_size)
        if images.ndim != 5 or tuple(images.shape[1:]) != wanted:
            raise JanusError(
                f"clips of shape {tuple(images.shape)} do not fit a model for [B, {', '.join(map(str, wanted))}]: "
                "sample and resize them."
            )
        state = TokenState(x=self.model.videomae.embeddings(images, None), protected=self.protected)
        return state.with_source() if source else state

    def layer(self, i: int, state: TokenState, r: int) -> TokenState:
        """Block ``i`` with r tokens merged in it."""
        return run_layer(self.model.videomae.encoder.layer[i], state, r)

    def head(self, state: TokenState) -> Float[Tensor, "b classes"]:
        """Pooling, norm and classifier. The average weighs a token by its size."""
        m, x = self.model, state.x
        if m.fc_norm is None:
            return m.classifier(m.videomae.layernorm(x[:, 0]))
        if state.sizes is None:
            return m.classifier(m.fc_norm(x.mean(1)))
        weight = state.sizes[..., None]
        return m.classifier(m.fc_norm(((x * weight).sum(1) / weight.sum(1)).to(x.dtype)))
