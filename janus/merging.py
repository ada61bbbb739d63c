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


def _by_product() -> bool:
    # torch.compile cannot look at a ContextVar, and would end its graph here. On a GPU neither way is the faster.
    return not torch.compiler.is_compiling() and _as_product.get()


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
    rows, target = _match(state, metric, r)
    average = _average_as_product if _by_product() else _average
    x, grown = average(state, rows, target)
    return TokenState(
        x=x,
        sizes=grown,
        protected=tuple(range(len(state.protected))),
        source=None if state.source is None else _follow(state.source, rows, target),
        grid=state.grid,
    )


def _average(state: TokenState, rows, target) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b m"]]:
    """The tokens that are kept, with those that leave averaged into their partners, and all sizes."""
    batch, n, width = state.x.shape
    m = n - target.shape[1]
    # Rows of the flattened [B * n, C] tokens: index_select and index_add_ there are the cheapest gather and scatter
    # that eager PyTorch has on a CPU.
    take, leave, into = _flat(rows[:, :m], n), _flat(rows[:, m:], n), _flat(target, m)
    sizes = state.sizes if state.sizes is not None else torch.ones(batch, n, device=state.x.device)
    weighted = state.x if state.sizes is None else state.x * sizes[..., None]
    tokens, flat = weighted.reshape(batch * n, width), sizes.reshape(-1)
    total = tokens.index_select(0, take).index_add_(0, into, tokens.index_select(0, leave))
    grown = flat.index_select(0, take).index_add_(0, into, flat.index_select(0, leave))
    return (total / grown[:, None]).to(state.x.dtype).view(batch, m, width), grown.view(batch, m)


def _average_as_product(state: TokenState, rows, target):
    """The same, with a product of who joins whom in place of a scatter."""
    batch, n, width = state.x.shape
    m = n - target.shape[1]
    at = _flat(rows, n)
    # Who stays and who leaves by one gather: slices of its rows cost nothing.
    tokens = state.x.reshape(batch * n, width).index_select(0, at).view(batch, n, width)
    joins = (torch.arange(m, device=rows.device)[:, None] == target[:, None, :]).float()
    if state.sizes is None:
        grown = 1 + joins.sum(-1)
        staying = tokens[:, :m]
    else:
        # Two gathers here: a compiler to bf16 keeps theirs precise, if asked to, but not slices.
        sizes = state.sizes.reshape(-1)
        before = sizes.index_select(0, _flat(rows[:, :m], n)).view(batch, m)
        joins = joins * sizes.index_select(0, _flat(rows[:, m:], n)).view(batch, 1, -1)
        grown = before + joins.sum(-1)
        staying = tokens[:, :m] * before.reshape(batch, m, 1).to(tokens.dtype)
    total = staying + joins.to(tokens.dtype) @ tokens[:, m:]
    return total / grown.reshape(batch, m, 1).to(tokens.dtype), grown


@torch.no_grad()  # which tokens pair up is a choice, not a function to differentiate
def _match(state: TokenState, metric: Float[Tensor, "b n d"], r: int) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b r"]]:
    """Positions before the merge of the tokens that are kept and then of the r that leave, and what those join."""
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
    position = torch.arange(n, device=metric.device)
    go_position, stay_position = position[go_at], position[stay_at]
    if _by_product():
        order = _by_rank(similarity, r)
        left = order.shape[1] - r
        go, moved = order[:, left:], go_position[order]
        left_position, gone_position = moved[:, :left], moved[:, left:]
    else:
        # A stable sort, so that equal patches (a blank sky) merge alike everywhere.
        best = similarity.argsort(dim=-1, descending=True, stable=True)
        go, left = best[:, :r], best.shape[1] - r
        left_position, gone_position = go_position[best[:, r:].sort(dim=-1).values], go_position[go]
    first = position[:p] if state.protected_in_front else torch.tensor(state.protected, device=metric.device)
    batch = metric.shape[0]
    parts = first.expand(batch, -1), left_position, stay_position.expand(batch, -1), gone_position
    return torch.cat(parts, dim=1), partner.gather(1, go) + (p + left)


def _by_rank(similarity: Float[Tensor, "b g"], r: int) -> Int[Tensor, "b g"]:
    """All positions but those of the r best, and then those, ascending each: a stable sort's pick, by counting."""
    count = similarity.shape[1]
    position = torch.arange(count, device=similarity.device)
    # A compiler to bf16 keeps a reshape precise, if asked to, but not a new axis.
    mine, other = similarity.reshape(-1, count, 1), similarity.reshape(-1, 1, count)
    before = (other > mine) | ((other == mine) & (position[None, :] < position[:, None]))
    leaves = before.float().sum(-1) < r
    return (position + count * leaves).topk(count, largest=False).indices


def _flat(positions: Int[Tensor, "b k"], stride: int) -> Int[Tensor, " rows"]:
    """Positions within each of B images as rows of all of them, ``stride`` apart."""
    batch = positions.shape[0]
    if batch == 1:  # the device's case: a handful of launches fewer in every block
        return positions[0]
    return (positions + torch.arange(batch, device=positions.device)[:, None] * stride).reshape(-1)


def _follow(source, rows, target) -> Int[Tensor, "b patches"]:
    """Send every patch's position through one merge."""
    batch, n = rows.shape
    m = n - target.shape[1]
    moved = torch.empty(batch, n, dtype=torch.long, device=source.device)
    kept = torch.arange(m, device=source.device).expand(batch, -1)
    return moved.scatter_(1, rows, torch.cat([kept, target], dim=1)).gather(1, source)


def _unprotected(state: TokenState) -> Int[Tensor, " free"]:
    """Positions of the tokens that may merge, ascending."""
    free: Bool[Tensor, " n"] = torch.ones(state.n_tokens, dtype=torch.bool, device=state.x.device)
    free[list(state.protected)] = False
    return free.nonzero()[:, 0]
