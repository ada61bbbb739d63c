"""torch.compile in fp16 or bf16, replayed as one CUDA graph."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache, cached_property

import torch
from torch import Tensor, nn

from janus.backends.base import Backend, Runner, answer_of, tensors_of
from janus.backends.part import Part, PartModule
from janus.files import cache_folder
from janus.merging import TokenState
from janus.vit import OpenTimm, OpenViT, run_block

WARMUP = 3
# Merged or not, one picture or several, nothing to merge: each is compiled by itself, for each model and precision.
VARIANTS = 64


class CudaGraph(Backend):
    """A part compiled by torch.compile in half precision and recorded as a CUDA graph: one launch for all kernels."""

    def __init__(self, vit: OpenViT, *, bf16: bool = False):
        super().__init__(vit)
        self.name = "compile-bf16" if bf16 else "compile"
        self._dtype = torch.bfloat16 if bf16 else torch.float16

    @cached_property
    def _copy(self) -> _Compiled:
        return _Compiled(deepcopy(self.vit.model).to(self._dtype))

    def prepare(self, part: Part) -> Runner:
        module = PartModule(self._copy, part)
        # Kept: a graph reads and writes the same memory each time.
        inputs = module.examples()
        with torch.inference_mode():
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARMUP):
                    module(*inputs)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                out = module(*inputs)
        outputs = (out,) if isinstance(out, Tensor) else out
        one_at_a_time = threading.Lock()

        def run(given: Tensor | TokenState) -> Tensor | TokenState:
            with one_at_a_time, torch.inference_mode():
                for mine, theirs in zip(inputs, tensors_of(given), strict=True):
                    mine.copy_(theirs)
                graph.replay()
                return answer_of(part, self.vit, [tensor.clone() for tensor in outputs])

        return run


class _Compiled(OpenTimm):
    """A ViT that runs a compiled block, the same for all of its blocks, plans and batches."""

    def layer(self, i: int, state: TokenState, r: int) -> TokenState:
        x, sizes = _compiled_block()(self.model.blocks[i], state.x, state.sizes, state.protected, r)
        return replace(state, x=x, sizes=sizes)  # prefix tokens are the first ones before a merge, too


def _block(block: nn.Module, x: Tensor, sizes: Tensor | None, protected: tuple[int, ...], r: int):
    out = run_block(block, TokenState(x=x, sizes=sizes, protected=protected), r)
    return out.x, out.sizes


@cache
def _compiled_block() -> Callable:
    # Beside what other backends keep; the recording itself belongs to its process.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder("inductor")))
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)
    return torch.compile(_block, dynamic=True)
