"""What many schedules answer to the same pictures; blocks that several begin with alike run once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from janus.configuration import embed_pixels
from janus.merging import TokenState
from janus.models import LoadedModel, load_model
from janus.opened import OpenViT
from janus.preprocess import preprocess_for
from janus.search.journal import Answers, Removed
from janus.vit import open_vit


def opener(loaded: LoadedModel, weights: Path | None, jobs: int) -> Callable[[], OpenViT]:
    """What gives the model where the work is done: this very one, or in another process one of the same name."""
    if jobs == 1:
        vit = open_vit(loaded.model)
        return lambda: vit
    return partial(_open_named, loaded.name, weights)


@lru_cache(maxsize=1)
def _open_named(name: str, weights: Path | None) -> OpenViT:
    """The model, once for each process that works; one thread each, since there are as many processes as cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that keeps the journal
    torch.set_num_threads(1)
    return open_vit(load_model(name, weights=weights).model)


# Log-probabilities of the unmerged model for the batches that this process has seen, a few hundred kilobytes each.
_REFERENCES: dict[tuple[str, int], Tensor] = {}


@torch.inference_mode()
def answer(
    opened: Callable[[], OpenViT],
    pixels: UInt8[np.ndarray, "b h w 3"],
    schedules: Sequence[Removed],
    key: tuple[str, int],
) -> dict[Removed, Answers]:
    """What every schedule says to a batch of pictures.

    Args:
        opened: Gives the model.
        pixels: The pictures, as the model's preprocessing makes them.
        schedules: Tokens to remove in each block. They are judged by the one that removes none, which is told with
            them.
        key: Tells this model and this batch from all others, so that the reference is computed once in a process.
    """
    vit = opened()
    none = (0,) * vit.depth
    known = _REFERENCES.get(key)
    state = embed_pixels(vit, np.array(pixels), preprocess_for(vit.model))  # a copy: joblib's own may not be written
    asked = [*(removed for removed in schedules if removed != none), *([none] if known is None else [])]
    logits = {removed: found.float().cpu() for removed, found in through(vit, state, asked)}
    reference = logits[none].log_softmax(-1) if known is None else known
    _REFERENCES[key] = reference
    return {removed: _judge(found, reference) for removed, found in {none: reference, **logits}.items()}


def through(
    vit: OpenViT, state: TokenState, schedules: Sequence[Removed]
) -> Iterator[tuple[Removed, Float[Tensor, "b classes"]]]:
    """Every schedule with its logits. Those that begin alike share their first blocks, to the last bit."""

    def go(block: int, state: TokenState, group: list[Removed]):
        if block == vit.depth:
            yield group[0], vit.head(state)
            return
        for _, alike in groupby(group, key=lambda removed: removed[block]):
            below = list(alike)
            yield from go(block + 1, vit.blocks(state, block, block + 1, below[0]), below)

    yield from go(0, state, sorted(set(schedules)))


def _judge(logits: Float[Tensor, "b classes"], reference: Float[Tensor, "b classes"]) -> Answers:
    divergence = (reference.exp() * (reference - logits.log_softmax(-1))).sum(-1)
    # Rounding can leave a divergence of nothing a little below 0.
    return Answers([round(d, 6) for d in divergence.clamp_min(0).tolist()], logits.argmax(-1).tolist())
