"""What every backend offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from janus.backends.part import Part
from janus.merging import TokenState
from janus.vit import OpenViT

# From pictures or tokens to tokens or logits, fp32; safe to call from several threads.
Runner = Callable[[Tensor | TokenState], Any]


class Backend(ABC):
    """Makes parts of one model ready to run.

    Attributes:
        name: Of the backend.
        vit: The model, in fp32; it is only read.
        compiles: Whether making a part ready takes seconds.
    """

    name: str
    compiles: bool = True

    def __init__(self, vit: OpenViT):
        self.vit = vit

    @abstractmethod
    def prepare(self, part: Part) -> Runner:
        """Make a part ready to run, however long that takes."""

    @property
    def version(self) -> str:
        """What computes, with its version."""
        return f"torch {torch.__version__}"

    @property
    def note(self) -> str | None:
        """What a user must know about this backend on this machine, in a sentence."""
        return None

    @property
    def model_bytes(self) -> int:
        """Bytes of the model's weights, of which a compiled part may hold a copy."""
        return sum(p.numel() * p.element_size() for p in self.vit.model.parameters())


def tensors_of(given: Tensor | TokenState) -> tuple[Tensor, ...]:
    """What goes into a `PartModule`."""
    if isinstance(given, Tensor):
        return (given,)
    return (given.x,) if given.sizes is None else (given.x, given.sizes)


def answer_of(part: Part, vit: OpenViT, tensors: Sequence[Tensor]) -> Tensor | TokenState:
    """What a `PartModule` gave, as eager would give it."""
    if part.head or part.apart:
        return tensors[0].float()
    return TokenState(
        x=tensors[0].float(), sizes=tensors[1].float() if part.sizes_out else None, protected=vit.protected
    )
