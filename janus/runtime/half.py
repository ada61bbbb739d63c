"""The model and its codebook as both ends of a split hold them, and how each knows that the other holds the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from janus.errors import JanusError
from janus.models import tensors_hash
from janus.preprocess import Preprocess, preprocess_for
from janus.transform import Codebook
from janus.transform.shelf import find_codebook, stored_codebook
from janus.vit import OpenTimm, OpenViT, open_vit


@dataclass(frozen=True, kw_only=True)
class Half:
    """One end's model.

    Attributes:
        name: Full timm tag.
        vit: The opened model, on its torch device.
        preprocess: From pictures to its input.
        key: SHA-256 over names, shapes and values of all tensors (32 bytes): what the two ends compare.
        book: The codebook of these weights, for the codec ``transform``; None where there is none.
    """

    name: str
    vit: OpenViT
    preprocess: Preprocess
    key: bytes
    book: Codebook | None = None

    @property
    def book_key(self) -> bytes:
        """SHA-256 of the codebook (32 bytes), which the two ends compare, too; empty without one."""
        return b"" if self.book is None else self.book.digest

    @property
    def torch_device(self) -> torch.device:
        """Where the model is."""
        return next(self.vit.model.parameters()).device

    @property
    def classes(self) -> int:
        """Length of an answer."""
        return self.vit.model.num_classes


def open_half(model: nn.Module, name: str, *, fit: str = "crop", codebook: Path | str | None = None) -> Half:
    """Open a timm model for one end of a split.

    Args:
        model: In evaluation mode; it is only read.
        name: Full timm tag, compared at connect.
        fit: How pictures are brought to the model's size (see `Preprocess`).
        codebook: A file for the codec ``transform``; None for the one that Janus ships for these weights, if any.

    Raises:
        JanusError: If the model cannot be opened or has no classifier, or the codebook is broken or of other weights.
    """
    vit = open_vit(model)
    if not isinstance(vit, OpenTimm):
        raise JanusError(
            f"model {name}: device and cloud exchange class scores of single pictures, and a {type(model).__name__} "
            "gives others; run it in one process with janus.open_vit, or choose a plain timm ViT."
        )
    if model.num_classes < 1:
        raise JanusError(f"model {name}: it has no classifier, so there is no answer to send; choose another.")
    height, width = vit.input_size
    # A model built for another size than its tag's still has the tag's preprocessing.
    preprocess = replace(preprocess_for(model, fit), height=height, width=width)
    key = tensors_hash(model)
    book = stored_codebook(name, key) if codebook is None else find_codebook(name, key, Path(codebook))
    return Half(name=name, vit=vit, preprocess=preprocess, key=bytes.fromhex(key), book=book)
