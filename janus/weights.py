"""Weights as tensors by name: read from safetensors, checked, compared and hashed. Never a pickle."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from janus.errors import JanusError


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where weights came from.

    Attributes:
        source: ``hub``, ``file``, ``random``, or ``demo`` for the one that `janus train-demo` made.
        file: Repository on the hub, or name of the file without its folder.
        revision: Commit of the repository.
        sha256: Of the file; for random weights, of the tensors (see `tensors_hash`).
    """

    source: str
    sha256: str
    file: str | None = None
    revision: str | None = None

    def facts(self) -> dict:
        """For provenance: what is known, as JSON."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def read_tensors(path: Path | str) -> dict[str, Tensor]:
    """All tensors of a safetensors file.

    Raises:
        JanusError: If it is missing, truncated, or another format.
    """
    path = Path(path)
    if not path.is_file():
        raise JanusError(f"{path}: this weights file does not exist; give a .safetensors file.")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError) as why:
        raise JanusError(
            f"{path}: not a whole safetensors file ({why}); fetch it again, or convert it with safetensors.torch."
            "save_file (pickled checkpoints are never loaded)."
        ) from why


def check_finite(where: str, state: dict[str, Tensor]) -> None:
    """Raise a `JanusError` that names the first tensor with a NaN or an infinity in it."""
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise JanusError(f"{where}: the weights hold a NaN or an infinity in {name!r}; fetch or export them again.")


def mismatch(wanted: dict[str, Tensor], state: dict[str, Tensor]) -> str | None:
    """What is wrong with ``state`` as weights for a model that wants ``wanted``, by one example; None if nothing."""
    missing, unexpected = wanted.keys() - state.keys(), state.keys() - wanted.keys()
    differ = shapes_differ(wanted, state)
    more = len(missing) + len(unexpected) + len(differ) - 1
    behind = f" ({more} more)" if more > 0 else ""
    if differ:
        name = differ[0]
        return f"{name!r} is {list(state[name].shape)} where the model has {list(wanted[name].shape)}{behind}"
    if missing:
        return f"{min(missing)!r} is missing{behind}"
    if unexpected:
        return f"{min(unexpected)!r} does not occur in the model{behind}"
    return None


def shapes_differ(wanted: dict[str, Tensor], state: dict[str, Tensor]) -> list[str]:
    """Names that both have, with different shapes."""
    return [name for name in wanted if name in state and wanted[name].shape != state[name].shape]


def file_hash(path: Path | str) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensors_hash(model: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and values of a model's tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
