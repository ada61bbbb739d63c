"""What every opened model shares: a plan, blocks[i:j] with merging, and the whole in one call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.merging import TokenState, attention_bias, merge
from janus.openable import why_not
from janus.schedule import MergePlan, MergeSchedule
from janus.split import check_split

Attend = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]


class OpenViT(ABC):
    """A plain Vision Transformer in three parts that can run in different places.

    Attributes:
        model: The model, untouched.
        depth: Blocks.
        width: Channels of a token.
        tokens: Tokens after the embedding at the model's own input size, protected tokens included.
        protected: Positions of the tokens that never merge.
    """

    model: nn.Module
    depth: int
    width: int
    tokens: int
    protected: tuple[int, ...]

    def __init__(self, model: nn.Module):
        """Open a model; `open_vit` finds the class for it.

        Raises:
            JanusError: If it cannot be opened; the sentence names what is in the way.
        """
        reason = why_not(model)
        if reason:
            raise JanusError(f"model: {reason}")
        self.model = model

    @property
    @abstractmethod
    def input_size(self) -> tuple[int, int]:
        """Height and width in pixels that the model was built for."""

    @property
    @abstractmethod
    def geometry(self) -> ModelGeometry:
        """The model as the torch-free half sees it: counts only."""

    @abstractmethod
    def embed(self, images: Tensor, *, source: bool = False) -> TokenState:
        """All that comes before the first block."""

    @abstractmethod
    def layer(self, i: int, state: TokenState, r: int) -> TokenState:
        """Block ``i`` alone, with r tokens merged between its attention and its MLP."""

    @abstractmethod
    def head(self, state: TokenState):
        """All that comes behind the last block."""

    def between(self, i: int, state: TokenState) -> TokenState:
        """What the model does behind block ``i``: nothing, in most."""
        return state

    def plan(self, schedule: MergeSchedule, tokens: int | None = None) -> MergePlan:
        """What ``schedule`` comes to on this model, at its own input size unless ``tokens`` says otherwise."""
        return schedule.plan(self.depth, tokens or self.tokens, len(self.protected))

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
            state = self.between(i, self.layer(i, state, removed[i]))
        return state

    def __call__(self, images: Tensor, schedule: MergeSchedule | None = None):
        """The whole model under one schedule; without one, exactly what its own forward computes."""
        state = self.embed(images)
        plan = self.plan(schedule or MergeSchedule(family="none"), state.n_tokens)
        return self.head(self.blocks(state, 0, self.depth, plan.removed))


def merging_block(state: TokenState, r: int, attend: Attend, finish: Callable[[Tensor], Tensor]) -> TokenState:
    """One block: attention, merging of r tokens, MLP (Bolya et al., ICLR 2023, figure 1).

    Args:
        state: Tokens before the block.
        r: Tokens to remove.
        attend: From tokens and the bias of proportional attention to the attention's branch and the features to match
            tokens by.
        finish: From the merged tokens to the block's output.
    """
    attended, metric = attend(state.x, attention_bias(state))
    state = merge(replace(state, x=state.x + attended), metric, r)
    return replace(state, x=finish(state.x))


def attend_heads(
    q: Float[Tensor, "b h n d"],
    k: Float[Tensor, "b h n d"],
    v: Float[Tensor, "b h n d"],
    bias: Float[Tensor, "b 1 1 n"] | None,
    *,
    dropout: float = 0.0,
    scale: float | None = None,
) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b n d"]]:
    """Proportional attention, heads side by side again, and the summed key over heads to match tokens by."""
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout, scale=scale)
    return out.transpose(1, 2).flatten(2), k.sum(1)  # matching is by angle, so the sum serves as the mean
