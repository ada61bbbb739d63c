"""The state of a training run in one safetensors file: weights, optimiser, and where it stands. Never a pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from janus.errors import JanusError
from janus.files import write_bytes
from janus.training.network import Student


def save_state(path: Path, student: Student, optimisers: Sequence[Optimizer], facts: dict) -> None:
    """Write everything in one piece: one file, renamed into place, so that no two parts can be of different steps."""
    tensors = {f"student.{name}": tensor.detach().cpu().contiguous() for name, tensor in student.state_dict().items()}
    for number, optimiser in enumerate(optimisers):
        for i, entries in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{i}.{key}": value.cpu().contiguous() for key, value in entries.items()}
    write_bytes(path, save(tensors, {"state": json.dumps(facts)}))


def load_state(path: Path) -> tuple[dict, dict[str, Tensor]]:
    """What `save_state` has written: the facts and all tensors.

    Raises:
        JanusError: If it is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["state"])
            return facts, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as why:
        raise JanusError(
            f"{path}: not a training state of Janus ({why}); move it away to train from the beginning."
        ) from why


def restore(student: Student, optimisers: Sequence[Optimizer], tensors: dict[str, Tensor]) -> None:
    """Put loaded tensors into a student of the same depth and its new optimisers."""
    student.load_state_dict(_below("student.", tensors))
    for number, optimiser in enumerate(optimisers):
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(f"optimiser.{number}.", tensors).items():
            i, _, key = name.partition(".")
            state.setdefault(int(i), {})[key] = tensor
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
