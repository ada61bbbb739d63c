"""A person's own weights and pictures, made up: a folder to play in, that is gone with the kernel."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from safetensors.torch import save_file

from janus import demo
from janus.data import ImageSet, Picture, Skipped
from janus.errors import JanusError
from janus.lessons.subject import random_model

# Every third picture is a JPEG: a folder may mix kinds.
KINDS = (".png", ".png", ".jpg")


@dataclass(frozen=True, kw_only=True)
class Playground:
    """A temporary folder. Its path, which is another in every run, is called ``~`` in what is printed."""

    holder: tempfile.TemporaryDirectory = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="janus-"))

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.holder.name).resolve()

    def weights(self, name: str, architecture: str, *, classes: int, seed: int = 0) -> Path:
        """A safetensors file of an architecture with random weights, as a training script would save it."""
        file = self.path / name
        save_file(random_model(architecture, classes, seed).state_dict(), file)
        return file

    def pictures(self, name: str, classes: dict[str, str], each: int) -> Path:
        """A folder of class folders with demo pictures.

        Args:
            name: Of the folder.
            classes: For each class folder a word; it holds pictures of the first demo class with that word in its name.
            each: Pictures of a class.

        Raises:
            JanusError: If no class has it.
        """
        for folder, word in classes.items():
            first = next((at for at, label in enumerate(demo.CLASSES) if word in label), None)
            if first is None:
                raise JanusError(f"no demo class has {word!r} in its name; choose from {', '.join(demo.CLASSES)}.")
            (self.path / name / folder).mkdir(parents=True)
            for at in range(each):
                # Classes take turns in the demo set.
                index = first + at * len(demo.CLASSES)
                picture = Image.fromarray(demo.sample("val", index).pixels)
                picture.save(self.path / name / folder / f"{at:03d}{KINDS[at % len(KINDS)]}")
        return self.path / name

    def say(self, what: object) -> None:
        """Print something, with this folder as ``~``."""
        print(str(what).replace(str(self.path), "~"))

    def refused(self, call: Callable[[], object]) -> None:
        """Print the sentence with which Janus refuses a call.

        Raises:
            AssertionError: If it does not refuse.
        """
        try:
            call()
        except JanusError as why:
            self.say(f"JanusError: {why}")
        else:
            raise AssertionError("this was to be refused, and was not")

    def tree(self, folder: Path) -> None:
        """Print the files below a folder, a line for each class folder."""
        self.say(folder)
        for below in sorted(path for path in folder.iterdir() if path.is_dir()):
            files = sorted(path.name for path in below.iterdir())
            print(f"  {below.name}/  {', '.join(files[:3])}{', …' if len(files) > 3 else ''}  ({len(files)} files)")


def label_table(images: ImageSet) -> pd.DataFrame:
    """What a set holds, by class: ``class`` of the head, ``folder``, ``pictures``, ``skipped``."""
    counts: dict[tuple, list[int]] = {}
    for entry, picture in zip(images.entries(), images.stream(), strict=True):
        tally = counts.setdefault((entry.label, entry.name.split("/")[0]), [0, 0])
        tally[isinstance(picture, Skipped)] += 1
    rows = [(label, folder, *tally) for (label, folder), tally in sorted(counts.items())]
    return pd.DataFrame(rows, columns=["class", "folder", "pictures", "skipped"])


def skipped_pictures(images: ImageSet) -> list[str]:
    """What would be left out, and why, a sentence each."""
    return [f"{one.file}: {one.reason}" for one in images.stream() if not isinstance(one, Picture)]


def spoil(weights: Path, name: str) -> Path:
    """A copy of a safetensors file with one NaN in it, as a diverged training leaves many."""
    from safetensors.torch import load_file

    state = load_file(weights)
    first = next(iter(state))
    state[first].view(-1)[0] = torch.nan
    save_file(state, weights.parent / name)
    return weights.parent / name
