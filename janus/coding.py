"""Encoding and decoding of tokens, as cases to be timed: of random tokens, or of such as a codebook expects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from janus.codec import decode, encode
from janus.errors import JanusError
from janus.merging import TokenState
from janus.transform import Codebook
from janus.transform.codebook import OCTAVE
from janus.transform.shelf import transform_step
from janus.vit import OpenViT


class CodecCases(NamedTuple):
    """What to time.

    Attributes:
        encode, decode: By name; the names are the same in all three.
        sizes_bytes: Of the payloads.
    """

    encode: dict[tuple, Callable]
    decode: dict[tuple, Callable]
    sizes_bytes: dict[tuple, int]


def codec_cases(
    vit: OpenViT, codec: str, counts: Sequence[int], book: Codebook | None = None, *,
    random: Callable[[int], TokenState],
) -> CodecCases:  # fmt: skip
    """One picture's tokens, once each count; for ``transform`` at the first and the last split of its codebook.

    Args:
        vit: The opened model, on the torch device to be measured.
        codec: Of the tokens.
        counts: Of tokens.
        book: For ``transform``; the weights that it was calibrated on do not matter to the time.
        random: Tokens for the other codecs, by their number.

    Raises:
        JanusError: If the codec needs a codebook and there is none, or it is of another model.
    """
    torch_device = next(vit.model.parameters()).device
    places: list[tuple[tuple, TokenState, int]] = []
    if transform_step(codec) is None or book is None:
        places = [((n,), random(n), 0) for n in counts]
    else:
        if (book.tokens, book.prefix) != (vit.tokens, len(vit.protected)):
            raise JanusError(
                f"codec {codec}: the codebook is of {book.model} with {book.tokens} tokens, this model has "
                f"{vit.tokens}; give the codebook of this model."
            )
        for n in counts:
            for split in sorted({book.splits[0], book.splits[-1]}):
                places.append(((n, split), expected(book, split, n, torch_device), split))
    found = CodecCases({}, {}, {})
    for name, state, split in places:
        data = encode(state, codec, book=book, split=split).data
        found.sizes_bytes[name] = len(data)
        found.encode[name] = partial(encode, state, codec, book=book, split=split)
        found.decode[name] = lambda data=data: decode(data, book=book).x.to(torch_device)
    return found


def expected(book: Codebook, split: int, tokens: int, torch_device: torch.device) -> TokenState:
    """Random tokens with the means and deviations that a codebook has for a split; merged if they are fewer.

    Random tokens of no model lie far from what the coder's tables hold: their payloads are larger and take longer.
    """
    chance, cut, p = np.random.default_rng(tokens), book.at(split), book.prefix

    def drawn(count: int, scales: np.ndarray, basis: np.ndarray, mean: np.ndarray) -> np.ndarray:
        deviations = 2.0 ** (scales / OCTAVE)
        return mean + chance.laplace(scale=deviations / np.sqrt(2), size=(count, len(scales))) @ basis

    parts = [
        drawn(p, cut.prefix_scales, cut.prefix_basis, cut.prefix_mean),
        drawn(tokens - p, cut.scales, cut.basis, cut.mean),
    ]
    x = np.concatenate(parts).astype(np.float32)[None]
    sizes = None
    if p < tokens < book.tokens:
        joined = np.bincount(chance.integers(tokens - p, size=book.tokens - tokens), minlength=tokens - p)
        sizes = np.concatenate([np.ones(p), 1 + joined]).astype(np.float32)[None]
    return TokenState(
        x=torch.from_numpy(x).to(torch_device),
        sizes=None if sizes is None else torch.from_numpy(sizes).to(torch_device),
        protected=tuple(range(p)),
    )
