"""Files that a pair hands to its cloud: weights, codebook, the machine to imitate; gone when the pair is closed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from janus.profile import save_profile
from janus.runtime.half import Half
from janus.runtime.pace import Pace


class Handed:
    """A folder that is made when something is put into it.

    Args:
        model: Whose tensors.
        weights: Their file, if there is one already.
    """

    def __init__(self, model: nn.Module, weights: Path | str | None):
        self._model, self._weights = model, weights
        self._folder: tempfile.TemporaryDirectory | None = None

    def place(self, name: str) -> Path:
        """Where a file of this name belongs."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="janus-pair-")
        return Path(self._folder.name) / name

    def weights_file(self) -> Path:
        """The model's tensors; also those from the hub, so that the cloud need not ask again."""
        if self._weights is not None:
            return Path(self._weights)
        path = self.place("weights.safetensors")
        if not path.exists():
            save_file({name: tensor.contiguous() for name, tensor in self._model.state_dict().items()}, path)
        return path

    def arguments(self, half: Half, pace: Pace | None) -> list[str]:
        """What `janus cloud` is told of them."""
        told = ["--weights", str(self.weights_file())]
        if half.book is not None:
            half.book.write(self.place("codebook.safetensors"))
            told += ["--codebook", str(self.place("codebook.safetensors"))]
        if pace is not None:
            save_profile(pace.profile, self.place("cloud.json"))
            told += ["--emulate", str(self.place("cloud.json")), "--slowdown", repr(pace.slowdown)]
        return told

    def remove(self) -> None:
        """All of them. Harmless the second time."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
