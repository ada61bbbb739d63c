"""Bipartite soft matching and the size-weighted merge. Tensors only; knows no model.

Written from Bolya et al., "Token Merging: Your ViT But Faster", ICLR 2023 (arXiv 2210.09461), section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from janus.errors import JanusError

_as_product: ContextVar[bool] = ContextVar("as_product", default=False)


@contextmanager
def merging_as_product() -> Iterator[None]:
    """Merge by comparisons and one small matrix product in here, as compilers of static graphs like it.

    The pairs are the same, ties included; the averages differ by rounding. Eager PyTorch is slower this way.
    """
    token = _as_product.set(True)
    try:
        yield
    finally:
        _as_product.reset(token)


@dataclass(frozen=True, kw_only=True)
class TokenState:
    """The tokens between two blocks: all that crosses a cut.

    Attributes:
        x: Tokens ``[B, n, C]``.
        sizes: Patches that each token stands for, ``[B, n]``, fp32; None while nothing has merged (all ones).
        protected: Positions of the tokens that carry no patch and never merge (class, register, distillation,
            detection), ascending. After the first merge they are the first positions, in the same order.
        source: For each patch the position of the token that it has gone into, ``[B, patches]``; None unless asked
            for (see `with_source`).
        grid: Rows and columns of the patches, for models that add positions behind a block; None for all others.
            With it the source map belongs to the tokens and crosses the cut.
    """

    x: Float[Tensor, "b n c"]
    sizes: Float[Tensor, "b n"] | None = None
    protected: tuple[int, ...] = (0,)
    source: Int[Tensor, "b patches"] | None = None
    grid: tuple[int, int] | None = None

    @property
    def n_tokens(self) -> int:
        """Tokens per image, protected ones included."""
        return self.x.shape[1]

    @property
    def protected_in_front(self) -> bool:
        """Whether the protected tokens are the first ones, as they are in every timm ViT."""
        return self.protected == tuple(range(len(self.protected)))

    def with_source(self) -> TokenState:
        """The same tokens with a source map attached, patch i in the i-th unprotected token.

        Raises:
            JanusError: If tokens have merged already.
        """
        if self.sizes is not None:
            raise JanusError("the source map must be asked for before the first merge: call with_source() earlier.")
        position = _unprotected(self).expand(self.x.shape[0], -1)
        return replace(self, source=position)


def attention_bias(state: TokenState) -> Float[Tensor, "b 1 1 n"] | None:
    """log(size) of each key, for proportional attention; None while all sizes are 1.

    Source: Bolya et al., ICLR 2023, section 3 ("tracking token size").
    """
    return None if state.sizes is None else state.sizes.log().to(state.x.dtype)[:, None, None, :]


def merge(state: TokenState, metric: Float[Tensor, "b n d"], r: int) -> TokenState:
    """Average the r most similar token pairs, weighted by size.

    The unprotected tokens are dealt alternately into two sets; each token of the second set proposes its most
    similar partner in the first, and the r best proposals are carried out. Several may go to one partner.

    Source: Bolya et al., ICLR 2023, section 3. Differs: protected tokens of any number and place are protected, and
    take no part in the dealing.

    Args:
        state: Tokens and their sizes.
        metric: Similarity features, one row for each token (the mean key over heads). Any scale.
        r: Tokens to remove. Clipped to half of the unprotected tokens.

    Returns:
        A state with n - r tokens: the protected ones, then what is left of the proposing set, then the other set,
        each in order. The sizes still sum to the same number.

    Raises:
        JanusError: If r is negative, or the metric does not have one row for each token.
    """
    if r < 0:
        raise JanusError(f"r {r} is negative: give the number of tokens to remove, 0 or more.")
    if metric.shape[:2] != state.x.shape[:2]:
        raise JanusError(f"metric {tuple(metric.shape)} must have a row for each token of {tuple(state.x.shape[:2])}.")
    n = state.n_tokens
    r = min(r, (n - len(state.protected)) // 2)
    if r == 0:
        return state
    leaving, target, kept = _match(state, metric, r)
    if _as_product.get():
        x, grown = _average_as_product(state, leaving, target, kept)
    else:
        x, grown = _average(state, leaving, target, kept)
    return TokenState(
        x=x,
        sizes=grown,
        protected=tuple(range(len(state.protected))),
        source=None if state.source is None else _follow(state.source, n, kept, leaving, target),
        grid=state.grid,
    )


def _average(state: TokenState, leaving, target, kept) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b m"]]:
    """The tokens that are kept, with those that leave averaged into their partners, and all sizes."""
    batch, n, width = state.x.shape
    m = kept.shape[1]
    # Rows of the flattened [B * n, C] tokens: index_select and index_add_ there are the cheapest gather and scatter
    # that eager PyTorch has on a CPU.
    take, leave, into = _rows(kept, n), _rows(leaving, n), _rows(target, m)
    sizes = state.sizes if state.sizes is not None else torch.ones(batch, n, device=state.x.device)
    weighted = state.x if state.sizes is None else state.x * sizes[..., None]
    rows, flat = weighted.reshape(batch * n, width), sizes.reshape(-1)
    total = rows.index_select(0, take).index_add_(0, into, rows.index_select(0, leave))
    grown = flat.index_select(0, take).index_add_(0, into, flat.index_select(0, leave))
    return (total / grown[:, None]).to(state.x.dtype).view(batch, m, width), grown.view(batch, m)


def _average_as_product(state: TokenState, leaving, target, kept):
    """The same, with a product of who joins whom in place of a scatter, and the weights folded into it."""
    batch, n, width = state.x.shape
    take, leave = _rows(kept, n), _rows(leaving, n)
    joins = (torch.arange(kept.shape[1], device=kept.device)[:, None] == target[:, None, :]).float()
    if state.sizes is None:
        grown = 1 + joins.sum(-1)
        staying = 1 / grown
    else:
        flat = state.sizes.reshape(-1)
        before = flat.index_select(0, take).view(kept.shape)
        joins = joins * flat.index_select(0, leave).view(batch, 1, -1)
        grown = before + joins.sum(-1)
        staying = before / grown
    rows = state.x.reshape(batch * n, width)
    mine = rows.index_select(0, take).view(batch, -1, width)
    theirs = rows.index_select(0, leave).view(batch, -1, width)
    weights = (joins / grown[..., None]).to(rows.dtype)
    return mine * staying[..., None].to(rows.dtype) + weights @ theirs, grown


@torch.no_grad()  # which tokens pair up is a choice, not a function to differentiate
def _match(
    state: TokenState, metric: Float[Tensor, "b n d"], r: int
) -> tuple[Int[Tensor, "b r"], Int[Tensor, "b r"], Int[Tensor, "b kept"]]:
    """Positions before the merge of the tokens that leave, positions after it of what they join, and what is kept."""
    n, p = state.n_tokens, len(state.protected)
    if state.protected_in_front:  # slices are views; index tensors would copy
        stay_at, go_at = slice(p, None, 2), slice(p + 1, None, 2)
    else:
        free = _unprotected(state)
        stay_at, go_at = free[0::2], free[1::2]
    if metric.dtype in (torch.float16, torch.bfloat16):
        metric = metric.float()  # eight bits of mantissa would make ties of near neighbours
    metric = metric / metric.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    similarity, partner = (metric[:, go_at] @ metric[:, stay_at].transpose(1, 2)).max(dim=-1)
    if _as_product.get():
        go, left = _best_by_rank(similarity, r)
    else:
        # A stable sort, so that equal patches (a blank sky) merge alike everywhere.
        best = similarity.argsort(dim=-1, descending=True, stable=True)
        go, left = best[:, :r], best[:, r:].sort(dim=-1).values

    position = torch.arange(n, device=metric.device)
    target = partner.gather(1, go) + (p + left.shape[1])
    go_position, stay_position = position[go_at], position[stay_at]
    first = position[:p] if state.protected_in_front else torch.tensor(state.protected, device=metric.device)
    batch = metric.shape[0]
    kept = torch.cat([first.expand(batch, -1), go_position[left], stay_position.expand(batch, -1)], dim=1)
    return go_position[go], target, kept


def _best_by_rank(similarity: Float[Tensor, "b g"], r: int) -> tuple[Int[Tensor, "b r"], Int[Tensor, "b left"]]:
    """Positions of the r best, and of the others, ascending each: what a stable sort gives, by counting instead."""
    count = similarity.shape[1]
    position = torch.arange(count, device=similarity.device)
    mine, other = similarity[:, :, None], similarity[:, None, :]
    before = (other > mine) | ((other == mine) & (position[None, :] < position[:, None]))
    leaves = before.sum(-1) < r
    # One sort for both: those that leave come behind all others, each in order.
    order = (position + count * leaves).topk(count, largest=False).values
    return order[:, count - r :] - count, order[:, : count - r]


def _rows(positions: Int[Tensor, "b k"], stride: int) -> Int[Tensor, " rows"]:
    """Positions within each of B images as rows of all of them, ``stride`` apart."""
    batch = positions.shape[0]
    if batch == 1:  # the device's case: a handful of launches fewer in every block
        return positions[0]
    return (positions + torch.arange(batch, device=positions.device)[:, None] * stride).reshape(-1)


def _follow(source, n: int, kept, leaving, target) -> Int[Tensor, "b patches"]:
    """Send every patch's position through one merge."""
    batch, m = kept.shape
    moved = torch.empty(batch, n, dtype=torch.long, device=source.device)
    moved.scatter_(1, kept, torch.arange(m, device=source.device).expand(batch, -1))
    moved.scatter_(1, leaving, target)
    return moved.gather(1, source)


def _unprotected(state: TokenState) -> Int[Tensor, " free"]:
    """Positions of the tokens that may merge, ascending."""
    free: Bool[Tensor, " n"] = torch.ones(state.n_tokens, dtype=torch.bool, device=state.x.device)
    free[list(state.protected)] = False
    return free.nonzero()[:, 0]
