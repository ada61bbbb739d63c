"""Batches of windows, rendered while training runs: fresh pictures without end."""

from __future__ import annotations

import signal
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from janus.demo import Scene, render, scene
from janus.demo.draws import Draws
from janus.demo.shapes import UNIT
from janus.training.recipe import GRID, PATCH, Stage

CELLS = 4  # along a side of a patch


class Batch(NamedTuple):
    """A batch of windows and what is to be known of them.

    Attributes:
        pixels: RGB.
        places: For each patch, its place 0…195 in the whole picture.
        label: Class of the main object.
        owners: For each patch, 1 + the class of the object at its centre, 0 for none.
        cells: For each patch, which of its `CELLS` × `CELLS` parts show the main object.
        ways: For each patch, the way right and down to the centre of the main object, in patches.
    """

    pixels: UInt8[Tensor, "b h w 3"]
    places: Int64[Tensor, "b n"]
    label: Int64[Tensor, " b"]
    owners: Int64[Tensor, "b n"]
    cells: Float32[Tensor, "b n cells"]
    ways: Float32[Tensor, "b n 2"]


def window_of(drawn: Scene, patches: int) -> tuple[int, int]:
    """Left and top, in patches, of a window around the main object: the wider, the less in its middle."""
    draws = Draws(drawn.key, "window")
    main = drawn.things[drawn.main]
    corner, slack = [], max(0, (patches - 6) // 2)
    for centre in (main.x, main.y):
        # The nearest to having the centre in its own, off by half a patch at most.
        first = (centre // UNIT - (patches - 1) * PATCH // 2) // PATCH + draws.between(-slack, slack)
        corner.append(min(max(first, 0), GRID - patches))
    return corner[0], corner[1]


def windows(split: str, indices: range, patches: int, seed: int) -> Batch:
    """The windows of so many patches a side of these pictures."""
    samples = []
    step = PATCH // CELLS
    for index in indices:
        drawn = scene(split, index, seed=seed)
        main = drawn.things[drawn.main]
        left, top = window_of(drawn, patches)
        frame = render(drawn, (left * PATCH, top * PATCH, (left + patches) * PATCH, (top + patches) * PATCH))
        centres = frame.owner[PATCH // 2 :: PATCH, PATCH // 2 :: PATCH].ravel()
        classes = np.array([0, *(thing.label + 1 for thing in drawn.things)])
        cells = (frame.owner[step // 2 :: step, step // 2 :: step] == drawn.main + 1).astype(np.float32)
        cells = cells.reshape(patches, CELLS, patches, CELLS).swapaxes(1, 2).reshape(-1, CELLS * CELLS)
        rows, across = np.divmod(np.arange(patches * patches), patches)
        places = (top + rows) * GRID + left + across
        centre = np.array([main.x, main.y]) / (UNIT * PATCH) - 0.5
        ways = (centre - np.stack([left + across, top + rows], axis=1)).astype(np.float32)
        samples.append((frame.pixels, places, drawn.label, classes[centres], cells, ways))
    return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*samples, strict=True)))


class Batches(Dataset):
    """The batches of a stage by their step. Its pictures follow those of the stages before it."""

    def __init__(self, stage: Stage, start: int, seed: int):
        self.stage, self.start, self.seed = stage, start, seed

    def __len__(self) -> int:
        return self.stage.steps

    def __getitem__(self, step: int) -> Batch:
        first = self.start + step * self.stage.batch
        return windows("train", range(first, first + self.stage.batch), self.stage.window, self.seed)


def stream(stage: Stage, start: int, seed: int, first_step: int, workers: int) -> DataLoader:
    """The batches of a stage from a step on, rendered by so many processes beside this one (0: in this one)."""
    steps = range(first_step, stage.steps)
    return DataLoader(
        Batches(stage, start, seed),
        batch_size=None,
        sampler=steps,
        num_workers=min(workers, len(steps)),
        worker_init_fn=_leave_signals,
    )


def _leave_signals(_: int) -> None:
    """A signal to the whole group is for the trainer, which still wants the batch that is being rendered."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
