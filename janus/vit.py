"""A ViT opened into embed, blocks[i:j] and head, with merging: timm's here. Nothing is patched in place.

An opened model only reads the one that it was given: that model still works unmerged, and several threads may run
several schedules on it at once.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from janus.detection import OpenYolos
from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.merging import TokenState, attention_bias
from janus.openable import kind_of
from janus.opened import OpenViT, attend_heads, merging_block
from janus.video import OpenVideoMAE

__all__ = ["OpenTimm", "OpenViT", "open_vit", "run_block"]


class OpenTimm(OpenViT):
    """A plain timm Vision Transformer in three parts that can run in different places.

    The order of work is timm's own: patch_embed, _pos_embed, patch_drop, norm_pre, blocks, norm, forward_head.

    Attributes:
        protected: Positions of the prefix tokens.
    """

    def __init__(self, model: nn.Module):
        """Open a model.

        Raises:
            JanusError: If it is not a plain ViT; the sentence names what is in the way.
        """
        super().__init__(model)
        self.depth = len(model.blocks)
        self.width = model.embed_dim
        self.protected = tuple(range(model.num_prefix_tokens))
        self.tokens = model.patch_embed.num_patches + model.num_prefix_tokens

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width in pixels that the model was built for."""
        return tuple(self.model.patch_embed.img_size)

    @property
    def geometry(self) -> ModelGeometry:
        """The model as the torch-free half sees it: counts only."""
        m, config = self.model, getattr(self.model, "pretrained_cfg", {})
        name = config.get("architecture") or type(m).__name__
        patch, mlp = m.patch_embed.patch_size, m.blocks[0].mlp
        first = [getattr(mlp, part) for part in ("fc1", "fc1_g", "fc1_x") if hasattr(mlp, part)]
        return ModelGeometry(
            name=f"{name}.{config['tag']}" if config.get("tag") else name,
            depth=self.depth,
            width=self.width,
            # A gated MLP projects to twice its hidden channels, in one layer or in two; the mean of both ends gives the
            # right arithmetic.
            hidden=(sum(part.out_features for part in first) + mlp.fc2.in_features) // 2,
            tokens=self.tokens,
            protected=len(self.protected),
            patch_inputs=m.in_chans * patch[0] * patch[1],
            classes=m.num_classes,
            input_shape=(m.in_chans, *self.input_size),
        )

    def embed(self, images: Float[Tensor, "b 3 h w"], *, source: bool = False) -> TokenState:
        """Patches, prefix tokens and positions: all that comes before the first block.

        Args:
            images: Normalised as the model wants it. The size must be the model's own unless it has dynamic_img_size.
            source: Attach a source map, for pictures and dense tasks.

        Raises:
            JanusError: If the images do not fit the model.
        """
        m = self.model
        try:
            x = m.norm_pre(m.patch_drop(m._pos_embed(m.patch_embed(images))))
        except (AssertionError, RuntimeError) as why:
            height, width = self.input_size
            raise JanusError(
                f"images of shape {tuple(images.shape)} do not fit a model for [B, {m.in_chans}, {height}, {width}]: "
                f"resize them, or build the model with dynamic_img_size=True ({str(why).splitlines()[0]})."
            ) from why
        state = TokenState(x=x, protected=self.protected)
        return state.with_source() if source else state

    def layer(self, i: int, state: TokenState, r: int) -> TokenState:
        """Block ``i`` with r tokens merged in it."""
        return run_block(self.model.blocks[i], state, r)

    def head(self, state: TokenState) -> Float[Tensor, "b classes"]:
        """Final norm, pooling and classifier. Averages weigh a token by its size."""
        m = self.model
        x = m.norm(state.x)
        pool = m.global_pool
        if state.sizes is None or (m.attn_pool is None and pool in ("token", "max")):
            return m.forward_head(x)
        begin = 0 if m.pool_include_prefix else m.num_prefix_tokens
        if m.attn_pool is not None:
            pooled = m.attn_pool(x[:, begin:], attn_mask=attention_bias(state)[..., begin:])
        else:
            weight = state.sizes[:, begin:, None]
            pooled = ((x[:, begin:] * weight).sum(1) / weight.sum(1)).to(x.dtype)
            if pool == "avgmax":
                pooled = 0.5 * (pooled + x[:, begin:].amax(dim=1))
        return m.head(m.head_drop(m.fc_norm(pooled)))


def open_vit(model: nn.Module) -> OpenViT:
    """Open a model into embed, blocks[i:j] and head. See `OpenViT`.

    Args:
        model: A plain timm ViT, or from transformers a YolosForObjectDetection or VideoMAEForVideoClassification.

    Raises:
        JanusError: If it is another; the sentence names what is in the way.
    """
    kinds: dict[str, type[OpenViT]] = {"yolos": OpenYolos, "videomae": OpenVideoMAE}
    return kinds.get(kind_of(model), OpenTimm)(model)


def run_block(block: nn.Module, state: TokenState, r: int) -> TokenState:
    """One timm block with r tokens merged in it.

    An unmerged state with r = 0 goes through the block's own forward, so that level 0 is timm to the last bit.
    """
    if r == 0 and state.sizes is None:
        return replace(state, x=block(state.x))
    post_norm = not hasattr(block, "ls1")  # ResPostBlock normalises behind the branch instead of before it

    def attention(x, bias):
        if post_norm:
            attended, metric = attend(block.attn, x, bias)
            attended = block.norm1(attended)
        else:
            attended, metric = attend(block.attn, block.norm1(x), bias)
            attended = block.ls1(attended)
        return block.drop_path1(attended), metric

    def finish(x):
        branch = block.norm2(block.mlp(x)) if post_norm else block.ls2(block.mlp(block.norm2(x)))
        return x + block.drop_path2(branch)

    return merging_block(state, r, attention, finish)


def attend(
    attn: nn.Module, x: Float[Tensor, "b n c"], bias: Float[Tensor, "b 1 1 n"] | None
) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b n d"]]:
    """timm's self-attention with proportional attention, and the summed key over heads to match tokens by.

    The keys are taken as the attention compares them, that is behind k_norm where a model has one.
    """
    b, n, _ = x.shape
    q, k, v = attn.qkv(x).reshape(b, n, 3, attn.num_heads, attn.head_dim).permute(2, 0, 3, 1, 4).unbind(0)
    q, k = attn.q_norm(q), attn.k_norm(k)
    out, metric = attend_heads(q, k, v, bias, dropout=attn.attn_drop.p if attn.training else 0.0)
    out = attn.norm(out)
    if getattr(attn, "gate", None) is not None:
        out = out * torch.sigmoid(attn.gate(x))
    return attn.proj_drop(attn.proj(out)), metric
