"""Backends by name."""

from __future__ import annotations

from importlib.util import find_spec

import torch

from janus.backends.base import Backend
from janus.backends.plain import Bf16, Eager
from janus.errors import JanusError
from janus.vit import OpenTimm, OpenViT

BACKENDS = ("eager", "bf16", "openvino", "openvino-bf16", "compile", "compile-bf16")


def open_backend(name: str, vit: OpenViT, *, key: str | None = None) -> Backend:
    """A backend for one model.

    Args:
        name: One of `BACKENDS`.
        vit: The model, in fp32, where it shall run.
        key: Hash of its tensors; with it compiled parts are kept on disk, and found there the next time.

    Raises:
        JanusError: If it is unknown, or cannot run this model here.
    """
    if name not in BACKENDS:
        raise JanusError(f"backend {name!r} is unknown: choose one of {', '.join(BACKENDS)}.")
    if name == "eager":
        return Eager(vit)
    if not isinstance(vit, OpenTimm):
        raise JanusError(f"backend {name} runs plain timm ViTs only: take eager for a {type(vit.model).__name__}.")
    parameter = next(vit.model.parameters())
    if parameter.dtype != torch.float32:
        raise JanusError(f"backend {name} takes a model in float32 and chooses its own precision: leave --dtype out.")
    if name == "bf16":
        return Bf16(vit)
    if name.startswith("compile"):
        if not parameter.is_cuda:
            raise JanusError(
                f"backend {name} needs an NVIDIA GPU: run it with --torch-device cuda on a machine that has one, or "
                "choose openvino or eager."
            )
        from janus.backends.cuda import CudaGraph

        return CudaGraph(vit, bf16=name.endswith("bf16"))
    if find_spec("openvino") is None:
        raise JanusError(
            f"backend {name} needs OpenVINO, which is not installed: pip install -e '.[openvino]', or choose eager."
        )
    if parameter.is_cuda:
        raise JanusError(f"backend {name} runs on the CPU: leave --torch-device cuda out, or choose compile.")
    from janus.backends.openvino_graph import OpenVino

    return OpenVino(vit, bf16=name.endswith("bf16"), key=key)
