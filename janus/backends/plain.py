"""Backends that compile nothing: PyTorch as it is, in fp32 or bf16."""

from __future__ import annotations

from copy import deepcopy
from functools import partial

import torch
from torch import Tensor

from janus.backends.base import Backend, Runner, answer_of, tensors_of
from janus.backends.part import Part, PartModule, run_part
from janus.merging import TokenState
from janus.vit import OpenViT, open_vit


class Eager(Backend):
    """The model itself, block by block."""

    name = "eager"
    compiles = False

    def prepare(self, part: Part) -> Runner:
        return partial(run_part, self.vit, part)


class Bf16(Backend):
    """A copy of the model in bf16; pairs are still matched in fp32."""

    name = "bf16"
    compiles = False

    def __init__(self, vit: OpenViT):
        super().__init__(vit)
        # Now, not in the first frame.
        self._copy = open_vit(deepcopy(vit.model).bfloat16())

    def prepare(self, part: Part) -> Runner:
        module = PartModule(self._copy, part)

        def run(given: Tensor | TokenState) -> Tensor | TokenState:
            x, *sizes = tensors_of(given)
            out = module(x.bfloat16(), *sizes)
            return answer_of(part, self.vit, (out,) if isinstance(out, Tensor) else out)

        return run

    @property
    def note(self) -> str | None:
        if next(self.vit.model.parameters()).is_cuda or cpu_has_bf16():
            return None
        return "bf16: this CPU has no bf16 instructions, so PyTorch imitates them and is slower than in fp32."


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies in bf16 by itself (AVX512-BF16 or AMX)."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
