"""Batches of windows, rendered while training runs and shown again turned and mirrored."""

from __future__ import annotations

import signal
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from janus.demo import CLASSES, Scene, render, scene
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


class Window(NamedTuple):
    """A window of one picture: the fields of `Batch` as arrays, the patches in rows and columns."""

    pixels: UInt8[np.ndarray, "h w 3"]
    places: Int64[np.ndarray, "r c"]
    label: np.int64
    owners: Int64[np.ndarray, "r c"]
    cells: Float32[np.ndarray, "r c y x"]
    ways: Float32[np.ndarray, "r c 2"]

    def turned(self, turn: int) -> Window:
        """As it would be in the whole picture mirrored (bits 0 and 1 of ``turn``) and transposed (bit 2).

        Every class looks the same to itself then.
        """
        pixels, places, label, owners, cells, ways = self
        rows, columns = places // GRID, places % GRID
        if turn & 1:
            pixels, owners, cells = pixels[:, ::-1], owners[:, ::-1], cells[:, ::-1, :, ::-1]
            rows, columns, ways = rows[:, ::-1], GRID - 1 - columns[:, ::-1], ways[:, ::-1] * np.float32([-1, 1])
        if turn & 2:
            pixels, owners, cells = pixels[::-1], owners[::-1], cells[::-1, :, ::-1]
            rows, columns, ways = GRID - 1 - rows[::-1], columns[::-1], ways[::-1] * np.float32([1, -1])
        if turn & 4:
            pixels, owners, cells = pixels.swapaxes(0, 1), owners.T, cells.transpose(1, 0, 3, 2)
            rows, columns, ways = columns.T, rows.T, ways.swapaxes(0, 1)[..., ::-1]
        return Window(pixels, rows * GRID + columns, label, owners, cells, ways)


TURNS = 8


def window(split: str, index: int, patches: int, seed: int) -> Window:
    """The window of so many patches a side of this picture."""
    step = PATCH // CELLS
    drawn = scene(split, index, seed=seed)
    main = drawn.things[drawn.main]
    left, top = window_of(drawn, patches)
    frame = render(drawn, (left * PATCH, top * PATCH, (left + patches) * PATCH, (top + patches) * PATCH))
    classes = np.array([0, *(thing.label + 1 for thing in drawn.things)])
    cells = (frame.owner[step // 2 :: step, step // 2 :: step] == drawn.main + 1).astype(np.float32)
    rows, columns = np.divmod(np.arange(patches * patches).reshape(patches, patches), patches)
    centre = np.array([main.x, main.y]) / (UNIT * PATCH) - 0.5
    return Window(
        pixels=frame.pixels,
        places=(top + rows) * GRID + left + columns,
        label=np.int64(drawn.label),
        owners=classes[frame.owner[PATCH // 2 :: PATCH, PATCH // 2 :: PATCH]],
        cells=cells.reshape(patches, CELLS, patches, CELLS).swapaxes(1, 2),
        ways=(centre - np.stack([left + columns, top + rows], axis=2)).astype(np.float32),
    )


def together(shown: list[Window]) -> Batch:
    """Windows of one size as a batch."""
    pixels, places, label, owners, cells, ways = (
        torch.from_numpy(np.stack(column)) for column in zip(*shown, strict=True)
    )
    return Batch(
        pixels, places.flatten(1), label, owners.flatten(1), cells.flatten(3).flatten(1, 2), ways.flatten(1, 2)
    )


def windows(split: str, indices: range, patches: int, seed: int) -> Batch:
    """The windows of so many patches a side of these pictures."""
    return together([window(split, index, patches, seed) for index in indices])


class Batches(Dataset):
    """The batches of a stage by their step. Its pictures follow those of the stages before it.

    In each pass over the pool the pictures come in another order, as many of each class in every batch, and each is
    turned in another way.
    """

    def __init__(self, stage: Stage, start: int, seed: int):
        self.stage, self.start, self.seed = stage, start, seed
        self._rendered: dict[int, Window] = {}
        self._pass, self._order, self._turns = -1, np.empty(0, int), np.empty(0, int)

    def __len__(self) -> int:
        return self.stage.steps

    def __getitem__(self, step: int) -> Batch:
        first = step * self.stage.batch
        return together([self._one(place) for place in range(first, first + self.stage.batch)])

    def _one(self, place: int) -> Window:
        number, at = divmod(place, self.stage.pool)
        if number != self._pass:
            draws = np.random.default_rng([self.seed, self.start, number])
            rows = np.arange(self.stage.pool).reshape(-1, len(CLASSES))
            self._pass, self._order = number, draws.permuted(rows, axis=0).ravel()
            self._turns = draws.integers(TURNS, size=self.stage.pool)
        index = int(self._order[at])
        if index not in self._rendered:
            self._rendered[index] = window("train", self.start + index, self.stage.window, self.seed)
        return self._rendered[index].turned(int(self._turns[at]))


def stream(stage: Stage, start: int, seed: int, first_step: int, workers: int) -> DataLoader:
    """The batches of a stage from a step on, rendered by so many processes beside this one (0: in this one).

    Each process keeps the pool for itself: more than one helps only where rendering is slower than learning.
    """
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
