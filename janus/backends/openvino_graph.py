"""OpenVINO on CPUs: a part as one static graph, the merge inside it, kept on disk once compiled."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from janus.backends.base import Backend, Runner, answer_of, tensors_of
from janus.backends.part import Part, PartModule
from janus.backends.store import Store
from janus.merging import TokenState, merging_as_product
from janus.vit import OpenViT

# OpenVINO reports its use to its makers if this package is there. Nothing of Janus calls out by itself.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino.frontend import FrontEndManager  # noqa: E402
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: E402

# Counted up whenever `OpenVino.graph` gives another graph for the same part: what is on disk is then compiled anew.
GRAPH = 2

# Warnings are silenced for the whole process while a model is traced, and two at once would mix that up.
_one_trace = threading.Lock()


class OpenVino(Backend):
    """Parts compiled for this CPU in fp32 or bf16, with as many threads as PyTorch has.

    Attributes:
        compiled: Parts that have been compiled, not found on disk.
    """

    def __init__(self, vit: OpenViT, *, bf16: bool = False, key: str | None = None):
        super().__init__(vit)
        self.name = "openvino-bf16" if bf16 else "openvino"
        self.threads = torch.get_num_threads()
        self.compiled = 0
        self._bf16, self._core = bf16, open_core()
        # What a compiled part depends on, beside the part.
        about = {
            "weights": key, "model": described(vit), "backend": self.name, "threads": self.threads,
            "openvino": ov.__version__, "graph": GRAPH,
            "capabilities": sorted(self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
        }  # fmt: skip
        self._store = None if key is None else Store(about)

    @property
    def version(self) -> str:
        return f"openvino {ov.__version__}"

    @property
    def note(self) -> str | None:
        if not self._bf16 or self.has_bf16:
            return None
        return f"{self.name}: this CPU has no bf16 instructions, so OpenVINO computes in fp32 all the same."

    @cached_property
    def has_bf16(self) -> bool:
        """Whether this CPU multiplies in bf16 by itself."""
        return "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")

    def prepare(self, part: Part) -> Runner:
        """From disk, or compiled; what is on disk and broken is compiled again."""
        found = None if self._store is None else self._store.load(part, self._import)
        if found is None:
            found = self._core.compile_model(self.graph(part), "CPU", self.settings())
            self.compiled += 1
            if self._store is not None:
                self._store.save(part, found.export_model().getvalue())
        return self._runner(part, found)

    def settings(self) -> dict:
        """How parts are compiled. Threads are not pinned: the other half may run on the same cores."""
        return {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if self._bf16 else "f32",
            "INFERENCE_NUM_THREADS": self.threads,
            "ENABLE_CPU_PINNING": False,
        }

    def graph(self, part: Part) -> ov.Model:
        """The part as OpenVINO's graph, by tracing; all shapes static."""
        module = PartModule(self.vit, part)
        examples = module.examples()
        with _one_trace, torch.no_grad(), merging_as_product(), warnings.catch_warnings():
            # Every branch in the model is on a shape, and shapes are fixed here. torch.export, which PyTorch would
            # rather have used, takes three times as long and gives OpenVINO the same graph.
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            traced = torch.jit.trace(module, examples, check_trace=False)
        # As ov.convert_model does it, without its passes over the whole graph, which compiling does again.
        decoder = TorchScriptPythonDecoder(traced)
        frontend = FrontEndManager().load_by_framework("pytorch")
        graph = frontend.convert(frontend.load(decoder))
        graph.reshape({i: list(example.shape) for i, example in enumerate(examples)})
        if self._bf16:
            keep_merging_precise(graph)
        return graph

    def _import(self, blob: bytes) -> ov.CompiledModel:
        return self._core.import_model(blob, "CPU", self.settings())

    def _runner(self, part: Part, compiled: ov.CompiledModel) -> Runner:
        request = compiled.create_infer_request()
        one_at_a_time = threading.Lock()

        def run(given: Tensor | TokenState) -> Tensor | TokenState:
            arrays = [np.ascontiguousarray(tensor.float().numpy()) for tensor in tensors_of(given)]
            with one_at_a_time:
                results = request.infer(arrays, share_inputs=True)
                out = [torch.from_numpy(np.array(array)) for array in results.to_tuple()]
            return answer_of(part, self.vit, out)

        return run


def described(vit: OpenViT) -> str:
    """What a model computes beside its weights, such as its activation, as a hash; two may share their weights."""
    model = vit.model
    heads = [module.num_heads for module in model.modules() if hasattr(module, "num_heads")]
    about = (repr(model), heads, getattr(model, "global_pool", ""), str(getattr(model, "config", "")))
    return hashlib.sha256(repr(about).encode()).hexdigest()


def open_core() -> ov.Core:
    """OpenVINO's core with its CPU plugin, loaded in a thread that ends.

    The plugin gives the thread that loads it a stack for signals. Where several go in another order than they came,
    that stack is gone and the thread still has it: the next signal that Python handles, Ctrl-C for one, ends the
    process.
    """

    def load() -> ov.Core:
        core = ov.Core()
        core.get_versions("CPU")
        return core

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(load).result()


def keep_merging_precise(graph: ov.Model) -> None:
    """Mark what finds the pairs to merge, and the sizes, so that a graph of bf16 has them in fp32.

    Eight bits of mantissa make ties of near neighbours, and do not count beyond 256. Only where tokens are matched are
    values ranked (TopK), and only sizes have a logarithm or are a second output. The keys are in bf16 whatever we do,
    and may be summed over heads in it: that is cheaper than to convert all of them.
    """
    seen: set[str] = set()
    waiting = [op for op in graph.get_ops() if op.get_type_name() in ("TopK", "Log")]
    waiting += [output.get_node() for output in graph.outputs[1:]]
    while waiting:
        op = waiting.pop()
        name = op.get_name()
        ends = op.get_type_name() in ("Constant", "Parameter", "ShapeOf") or _over_heads(op) or _is_layer(op)
        if ends or name in seen:
            continue
        seen.add(name)
        op.get_rt_info()["precise_0"] = ""
        waiting += [source.get_node() for source in op.input_values()]
    # From Python a mark is but a string, which compiling passes over. Writing the graph out makes it what it says.
    with TemporaryDirectory() as folder:
        ov.serialize(graph, str(Path(folder) / "marked.xml"), os.devnull)


def _over_heads(op: ov.Node) -> bool:
    """Whether this is the sum of the keys over heads, the only one over ``[b, h, n, d]``."""
    return op.get_type_name() == "ReduceSum" and len(op.input_value(0).get_partial_shape()) == 4


def _is_layer(op: ov.Node) -> bool:
    """Whether this is a product with weights, such as the one that gives the keys."""
    if op.get_type_name() != "MatMul":
        return False
    for source in op.input_values():
        node = source.get_node()
        while node.get_type_name() in ("Convert", "Transpose", "Reshape"):
            node = node.input_value(0).get_node()
        if node.get_type_name() == "Constant":
            return True
    return False
