"""Multiply-adds of a ViT under a merge plan: the limit that no implementation can pass. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from janus.schedule import MergePlan


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """The numbers that a ViT's arithmetic depends on.

    Attributes:
        depth: Blocks.
        width: Channels of a token.
        hidden: Channels inside the MLP.
        patch_inputs: Values in one patch, 3 · 16 · 16 for 16-pixel patches.
        classes: Outputs of the head; 0 where there is none.
    """

    depth: int
    width: int
    hidden: int
    patch_inputs: int
    classes: int


def block_multiply_adds(geometry: Geometry, tokens_in: int, tokens_out: int) -> int:
    """One block: attention sees ``tokens_in``, the MLP behind the merge ``tokens_out``."""
    g = geometry
    attention = 4 * tokens_in * g.width**2 + 2 * tokens_in**2 * g.width
    return attention + 2 * tokens_out * g.width * g.hidden


def multiply_adds(geometry: Geometry, plan: MergePlan) -> int:
    """The whole model: patch embedding, blocks under ``plan``, head."""
    g = geometry
    blocks = sum(block_multiply_adds(g, n, m) for n, m in zip(plan.tokens[:-1], plan.tokens[1:], strict=True))
    return plan.tokens[0] * g.patch_inputs * g.width + blocks + g.width * g.classes


def speedup_limit(geometry: Geometry, plan: MergePlan) -> float:
    """Multiply-adds unmerged over merged: the speed-up at constant arithmetic speed and free merging."""
    n = plan.tokens[0]
    unmerged = MergePlan(removed=(0,) * geometry.depth, tokens=(n,) * (geometry.depth + 1))
    return multiply_adds(geometry, unmerged) / multiply_adds(geometry, plan)
