"""A part of a ViT under a fixed plan, and its run as eager PyTorch computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from janus.merging import TokenState
from janus.schedule import MergeSchedule
from janus.vit import OpenViT


@dataclass(frozen=True, kw_only=True)
class Part:
    """Blocks[start:stop] with what each of them merges; every shape in it is known.

    Attributes:
        start: First block.
        stop: One past the last.
        removed: Tokens that each of these blocks merges away.
        tokens: Tokens that enter block ``start``.
        merged: Whether their sizes come along, because earlier blocks have merged.
        batch: Images.
        embed: The embedding comes before, so that pictures go in.
        head: The head comes behind, so that logits come out.
        apart: Every block gets the tokens that enter the first, and their sum comes out: for profiles, which time
            blocks at a token count of their own.
    """

    start: int
    stop: int
    removed: tuple[int, ...]
    tokens: int
    merged: bool = False
    batch: int = 1
    embed: bool = False
    head: bool = False
    apart: bool = False

    @classmethod
    def of(
        cls,
        vit: OpenViT,
        removed: Sequence[int],
        start: int,
        stop: int,
        *,
        batch: int = 1,
        embed: bool = False,
        head: bool = False,
    ) -> Part:
        """The part of a whole plan; plans that differ only elsewhere share it.

        Args:
            vit: The model.
            removed: Tokens to merge in every block of it.
        """
        plan = vit.plan(MergeSchedule.explicit(removed))
        return cls(
            start=start, stop=stop, removed=plan.removed[start:stop], tokens=plan.tokens[start],
            merged=any(plan.removed[:start]), batch=batch, embed=embed, head=head,
        )  # fmt: skip

    @property
    def sizes_out(self) -> bool:
        """Whether sizes come out beside the tokens."""
        return not self.head and not self.apart and (self.merged or any(self.removed))

    def everywhere(self, depth: int) -> tuple[int, ...]:
        """Tokens to merge in each of ``depth`` blocks, none outside of the part."""
        return (0,) * self.start + self.removed + (0,) * (depth - self.stop)


def run_part(vit: OpenViT, part: Part, given: Tensor | TokenState) -> TokenState | Tensor:
    """Run a part as `OpenViT.blocks` does, from pictures or tokens to tokens or logits."""
    state = vit.embed(given) if isinstance(given, Tensor) else given
    if part.apart:
        return torch.stack([vit.layer(i, state, r).x for i, r in enumerate(part.removed, part.start)]).sum(0)
    state = vit.blocks(state, part.start, part.stop, part.everywhere(vit.depth))
    return vit.head(state) if part.head else state


class PartModule(nn.Module):
    """A part from tensors to tensors, as compilers want it: pictures, or tokens and perhaps their sizes."""

    def __init__(self, vit: OpenViT, part: Part):
        super().__init__()
        self.model, self.vit, self.part = vit.model, vit, part

    def forward(self, given: Tensor, sizes: Tensor | None = None):
        """Logits, or tokens and perhaps their sizes."""
        entering = given if self.part.embed else TokenState(x=given, sizes=sizes, protected=self.vit.protected)
        out = run_part(self.vit, self.part, entering)
        if isinstance(out, Tensor):
            return out
        return (out.x, out.sizes) if self.part.sizes_out else out.x

    def examples(self) -> tuple[Tensor, ...]:
        """Something of every input's shape, where the model is."""
        parameter = next(self.model.parameters())
        part = self.part
        like = {"device": parameter.device, "dtype": parameter.dtype}
        if part.embed:
            return (torch.rand(part.batch, *self.vit.geometry.input_shape, **like),)
        x = torch.randn(part.batch, part.tokens, self.vit.width, **like)
        return (x, torch.ones(part.batch, part.tokens, device=parameter.device)) if part.merged else (x,)
