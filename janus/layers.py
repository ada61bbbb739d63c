"""The blocks of transformers' plain ViTs (YOLOS, VideoMAE), which are all built alike."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn

from janus.merging import TokenState
from janus.opened import attend_heads, merging_block


def run_layer(layer: nn.Module, state: TokenState, r: int) -> TokenState:
    """One layer with r tokens merged in it; unmerged with r = 0 it is the layer's own forward."""
    if r == 0 and state.sizes is None:
        return replace(state, x=layer(state.x))
    return merging_block(
        state,
        r,
        lambda x, bias: attend(layer.attention, layer.layernorm_before(x), bias),
        lambda x: layer.output(layer.intermediate(layer.layernorm_after(x)), x),
    )


def attend(
    attention: nn.Module, x: Float[Tensor, "b n c"], bias: Float[Tensor, "b 1 1 n"] | None
) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b n d"]]:
    """Self-attention with proportional attention, and the features to match tokens by."""
    inner = attention.attention
    q, k, v = (
        project(x).unflatten(2, (inner.num_attention_heads, inner.attention_head_size)).transpose(1, 2)
        for project in (inner.query, inner.key, inner.value)
    )
    dropout = inner.dropout_prob if inner.training else 0.0
    out, metric = attend_heads(q, k, v, bias, dropout=dropout, scale=inner.scaling)
    return attention.output(out, x), metric
