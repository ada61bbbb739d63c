"""torch.compile in fp16 or bf16, replayed as one CUDA graph."""

from __future__ import annotations

import threading
from copy import deepcopy
from functools import cached_property

import torch
from torch import Tensor

from janus.backends.base import Backend, Runner, answer_of, tensors_of
from janus.backends.part import Part, PartModule
from janus.merging import TokenState
from janus.vit import OpenViT, open_vit

WARMUP = 3


class CudaGraph(Backend):
    """A part compiled by torch.compile in half precision and recorded as a CUDA graph: one launch for all kernels."""

    def __init__(self, vit: OpenViT, *, bf16: bool = False):
        super().__init__(vit)
        self.name = "compile-bf16" if bf16 else "compile"
        self._dtype = torch.bfloat16 if bf16 else torch.float16

    @cached_property
    def _copy(self) -> OpenViT:
        return open_vit(deepcopy(self.vit.model).to(self._dtype))

    def prepare(self, part: Part) -> Runner:
        module = PartModule(self._copy, part)
        compiled = torch.compile(module, mode="max-autotune-no-cudagraphs", dynamic=False)
        # Kept: a graph reads and writes the same memory each time.
        inputs = module.examples()
        with torch.inference_mode():
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARMUP):
                    compiled(*inputs)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                out = compiled(*inputs)
        outputs = (out,) if isinstance(out, Tensor) else out
        one_at_a_time = threading.Lock()

        def run(given: Tensor | TokenState) -> Tensor | TokenState:
            with one_at_a_time, torch.inference_mode():
                for mine, theirs in zip(inputs, tensors_of(given), strict=True):
                    mine.copy_(theirs)
                graph.replay()
                return answer_of(part, self.vit, [tensor.clone() for tensor in outputs])

        return run
