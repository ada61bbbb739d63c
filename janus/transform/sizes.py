"""How many bytes tokens come to on average, from the codebook alone: what its tables say of the pictures behind them.

The tables of the entropy coder are how often each symbol occurred over a calibration. So the entropy of each is what
its symbols take, and their sum what a token takes. Escapes beyond the tables are left out. Torch-free.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from janus.errors import JanusError
from janus.grid import SizeTable
from janus.transform.codebook import (
    CLASS_WIDTH,
    CLASSES,
    FINENESS,
    FINENESS_WIDTH,
    LOW,
    MEAN_SIZES,
    OCTAVE,
    SIZE_KINDS,
    Codebook,
)
from janus.transform.fineness import MIDDLE
from janus.transform.shelf import transform_step
from janus.transform.wire import HEADER, mean_size_kind


@lru_cache(maxsize=64)
def size_table(book: Codebook, codec: str) -> SizeTable:
    """Mean bytes of one picture's tokens, for plans.

    Args:
        book: The codebook.
        codec: ``transform`` with its step, such as ``transform1``.

    Returns:
        Against the means that were measured, at ViT-Ti within 10 % (at the last split 25 %), at the demo model up to
        30 % too small; of payloads of a few kilobytes.

    Raises:
        JanusError: If it is another codec.
    """
    index = transform_step(codec)
    if index is None:
        raise JanusError(f"codec {codec} has no codebook: give transform with a step, such as transform1.")
    bits = [_mean_bits(book, split, index) for split in book.splits]
    rows = (
        (split, tuple((HEADER.size + np.ceil(one / 8)).astype(int).tolist()))
        for split, one in zip(book.splits, bits, strict=True)
    )
    return SizeTable(name=codec, rows=tuple(rows))


def _mean_bits(book: Codebook, split: int, step: int) -> Float[np.ndarray, " n"]:
    """Bits of 0, 1, … tokens to all of the unmerged model's; never less than those of the prefix tokens."""
    cut, p = book.at(split), book.prefix
    symbols, shares = _entropy(book.magnitudes)
    symbols = symbols + 1 - shares[:, 0]  # all but zero have a sign
    fine, fine_shares = _entropy(cut.fineness)
    steps = [step + (at - MIDDLE) * FINENESS_WIDTH for at in range(FINENESS)]
    of_components = np.array([_components(cut.scales, symbols, own) for own in steps])
    of_kind = fine + fine_shares @ of_components  # of a token of 1, 2, 3 and more patches
    sizes, size_shares = _entropy(book.sizes)
    kinds = np.zeros((MEAN_SIZES, SIZE_KINDS))
    kinds[:, :-1] = size_shares[:, : SIZE_KINDS - 1]
    kinds[:, -1] = 1 - kinds.sum(axis=1)
    of_token = sizes + kinds @ of_kind
    tokens = np.arange(book.tokens + 1)
    each = np.array([of_token[mean_size_kind(n, p, book.tokens)] for n in tokens.tolist()])
    each[-1] = of_kind[0]  # unmerged: no sizes travel, and every token is one patch
    return p * _components(cut.prefix_scales, symbols, step) + np.maximum(tokens - p, 0) * each


def _components(scales: Int[np.ndarray, " m"], symbols: Float[np.ndarray, " k"], step: int) -> float:
    """Bits of one token's components that are sent at a step."""
    classes = np.minimum((scales.astype(int) - step - LOW * OCTAVE) // CLASS_WIDTH, CLASSES - 1)
    return float(symbols[classes[classes >= 0]].sum())


def _entropy(counts: Int[np.ndarray, "k s"]) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k s"]]:
    """Bits of a symbol of each table, and its shares."""
    shares = counts / counts.sum(axis=1, keepdims=True, dtype=np.float64)
    return -(shares * np.log2(shares)).sum(axis=1), shares
