"""A timm ViT opened into embed, blocks[i:j] and head, with merging. Nothing is patched in place.

An `OpenViT` only reads the model that it was given: that model still works unmerged, and several threads may run
several schedules on it at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.merging import TokenState, attention_bias, merge
from janus.openable import why_not
from janus.schedule import MergePlan, MergeSchedule
from janus.split import check_split


class OpenViT:
    """A plain timm Vision Transformer in three parts that can run in different places.

    The order of work is timm's own: patch_embed, _pos_embed, patch_drop, norm_pre, blocks, norm, forward_head.

    Attributes:
        model: The timm model, untouched.
        depth: Blocks.
        width: Channels of a token.
        tokens: Tokens after the embedding at the model's own input size, prefix tokens included.
        protected: Positions of the prefix tokens, which never merge.
    """

    def __init__(self, model: nn.Module):
        """Open a model.

        Raises:
            JanusError: If it is not a plain ViT; the sentence names what is in the way.
        """
        reason = why_not(model)
        if reason:
            raise JanusError(f"model: {reason}")
        self.model = model
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
        return ModelGeometry(
            name=f"{name}.{config['tag']}" if config.get("tag") else name,
            depth=self.depth,
            width=self.width,
            # A gated MLP projects to twice its hidden channels; the mean of both ends gives the right arithmetic.
            hidden=(mlp.fc1.out_features + mlp.fc2.in_features) // 2,
            tokens=self.tokens,
            protected=len(self.protected),
            patch_inputs=m.in_chans * patch[0] * patch[1],
            classes=m.num_classes,
            input_shape=(m.in_chans, *self.input_size),
        )

    def plan(self, schedule: MergeSchedule, tokens: int | None = None) -> MergePlan:
        """What ``schedule`` comes to on this model, at its own input size unless ``tokens`` says otherwise."""
        return schedule.plan(self.depth, tokens or self.tokens, len(self.protected))

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

    def blocks(self, state: TokenState, start: int, stop: int, removed: Sequence[int]) -> TokenState:
        """Run blocks[start:stop], merging ``removed[i]`` tokens in block i.

        Args:
            state: Tokens as they enter block ``start``.
            start: First block, 0…depth.
            stop: One past the last block, start…depth.
            removed: Tokens to remove for every block of the model (`MergePlan.removed`), not only for these.

        Raises:
            JanusError: If the range or the length of ``removed`` does not fit the model.
        """
        check_split(start, self.depth)
        check_split(stop, self.depth)
        if start > stop:
            raise JanusError(f"blocks {start}:{stop} run backwards: start must not be beyond stop.")
        if len(removed) != self.depth:
            raise JanusError(
                f"removed has {len(removed)} entries but the model has {self.depth} blocks: give one each."
            )
        for i in range(start, stop):
            state = run_block(self.model.blocks[i], state, removed[i])
        return state

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

    def __call__(
        self, images: Float[Tensor, "b 3 h w"], schedule: MergeSchedule | None = None
    ) -> Float[Tensor, "b classes"]:
        """The whole model under one schedule; without one, exactly what timm computes."""
        state = self.embed(images)
        plan = self.plan(schedule or MergeSchedule(family="none"), state.n_tokens)
        return self.head(self.blocks(state, 0, self.depth, plan.removed))


def open_vit(model: nn.Module) -> OpenViT:
    """Open a timm ViT into embed, blocks[i:j] and head. See `OpenViT`."""
    return OpenViT(model)


def run_block(block: nn.Module, state: TokenState, r: int) -> TokenState:
    """One block: attention, merging of r tokens, MLP (Bolya et al., ICLR 2023, figure 1).

    An unmerged state with r = 0 goes through the block's own forward, so that level 0 is timm to the last bit.
    """
    if r == 0 and state.sizes is None:
        return replace(state, x=block(state.x))
    post_norm = not hasattr(block, "ls1")  # ResPostBlock normalises behind the branch instead of before it
    bias = attention_bias(state)
    if post_norm:
        attended, metric = attend(block.attn, state.x, bias)
        attended = block.norm1(attended)
    else:
        attended, metric = attend(block.attn, block.norm1(state.x), bias)
        attended = block.ls1(attended)
    state = replace(state, x=state.x + block.drop_path1(attended))
    state = merge(state, metric, r)
    x = state.x
    branch = block.norm2(block.mlp(x)) if post_norm else block.ls2(block.mlp(block.norm2(x)))
    return replace(state, x=x + block.drop_path2(branch))


def attend(
    attn: nn.Module, x: Float[Tensor, "b n c"], bias: Float[Tensor, "b 1 1 n"] | None
) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b n d"]]:
    """timm's self-attention with proportional attention, and the summed key over heads to match tokens by.

    The keys are taken as the attention compares them, that is behind k_norm where a model has one.
    """
    b, n, _ = x.shape
    q, k, v = attn.qkv(x).reshape(b, n, 3, attn.num_heads, attn.head_dim).permute(2, 0, 3, 1, 4).unbind(0)
    q, k = attn.q_norm(q), attn.k_norm(k)
    drop = attn.attn_drop.p if attn.training else 0.0
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=drop)
    out = attn.norm(out.transpose(1, 2).reshape(b, n, attn.num_heads * attn.head_dim))
    if getattr(attn, "gate", None) is not None:
        out = out * torch.sigmoid(attn.gate(x))
    return attn.proj_drop(attn.proj(out)), k.sum(1)  # matching is by angle, so the sum serves as the mean
