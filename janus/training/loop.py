"""The training loop: stage after stage, from wherever the last run was stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from janus.errors import JanusError
from janus.training.batches import Batch, stream, windows
from janus.training.checkpoint import load_state, restore, save_state
from janus.training.network import Student, grown
from janus.training.recipe import GRID, Recipe, Stage

STATE = "state.safetensors"
# Steps between points of the curve, and seconds between checkpoints.
EVERY, SAVE_S = 50, 120.0
VALIDATION_BATCH = 48


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where training stands.

    Attributes:
        images: Seen so far, of all stages.
        stage: Which one it is in.
        point: The newest point of the curve; None before the first.
        finished: Whether the last stage is done.
    """

    images: int
    stage: int
    point: dict | None
    finished: bool


def train(
    recipe: Recipe,
    work: Path,
    *,
    seed: int,
    torch_device: str = "cpu",
    workers: int = 0,
    stop: threading.Event | None = None,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Student, dict]:
    """Train, or go on with what ``work`` holds, until the end or until ``stop`` is set.

    A stopped run that goes on comes to the same weights as one that was never stopped, on the same machine with as
    many threads.

    Args:
        recipe: What to do.
        work: A folder for the state; made if it is not there.
        seed: Of the pictures and of the first weights.
        torch_device: ``cpu`` or ``cuda``. bfloat16 does the products on ``cuda``, and on a CPU that is faster
            with it; a stopped run goes on as it began.
        workers: Processes that render beside this one.
        stop: Set from a signal handler; the step at hand is finished and the state is written.
        tell: Called after each step.

    Returns:
        The student, and the facts: seed, recipe, where it stands and the curve.

    Raises:
        JanusError: If ``work`` holds the state of another recipe or seed.
    """
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise JanusError(f"--work {work}: cannot be a folder ({why.strerror}); name another.") from why
    run = _Run(recipe, work / STATE, seed, torch_device, workers, stop or threading.Event(), tell)
    while run.stage < len(recipe.stages) and not run.stop.is_set():
        run.finish_stage(recipe.stages[run.stage])
    return run.student, run.facts()


class _Run:
    """A run at one moment."""

    def __init__(self, recipe, path, seed, torch_device, workers, stop, tell):
        self.recipe, self.path, self.seed, self.torch_device = recipe, path, seed, torch_device
        self.workers, self.stop, self.tell = workers, stop, tell
        self.stage = self.step = 0  # the next step of this stage
        self.curve: list[dict] = []
        self.validations: list[dict] = []
        self.seconds = 0.0
        # Asked before the seed is set: asking takes random numbers.
        self.bfloat16 = torch_device == "cuda" or bfloat16_is_faster()
        torch.manual_seed(seed)
        if path.is_file():
            self._resume()
        else:
            self._start(Student(recipe.stages[0].depth))

    def facts(self) -> dict:
        """For the checkpoint, and for who wants to know."""
        return {
            "seed": self.seed,
            "recipe": self.recipe.facts(),
            "stage": self.stage,
            "step": self.step,
            "images": self.images,
            "seconds": round(self.seconds, 1),
            "bfloat16": self.bfloat16,
            "curve": self.curve,
            "validations": self.validations,
        }

    @property
    def images(self) -> int:
        """Seen so far."""
        before = sum(stage.images for stage in self.recipe.stages[: self.stage])
        return before + (self.step * self.recipe.stages[self.stage].batch if self.step else 0)

    def _start(self, student: Student) -> None:
        self.student = student.to(self.torch_device)
        self.optimisers = self.student.optimisers(self.recipe)

    def _resume(self) -> None:
        facts, tensors = load_state(self.path)
        for what, mine in (("recipe", self.recipe.facts()), ("seed", self.seed)):
            # Through JSON, where tuples are lists.
            if _plain(facts[what]) != _plain(mine):
                raise JanusError(f"{self.path}: it is of another {what}; choose another --work folder, or that {what}.")
        self.stage, self.step, self.seconds = facts["stage"], facts["step"], facts["seconds"]
        self.curve, self.validations = facts["curve"], facts["validations"]
        # As it began, whatever another timing says: other products make another model.
        self.bfloat16 = facts["bfloat16"]
        at = min(self.stage, len(self.recipe.stages) - 1)
        self._start(Student(self.recipe.stages[at].depth))
        restore(self.student, self.optimisers, tensors)

    def finish_stage(self, stage: Stage) -> None:
        """Run the rest of a stage, or as much as there is time for."""
        before = sum(done.pool for done in self.recipe.stages[: self.stage])
        clock = saved = time.monotonic()
        recent: list[np.ndarray] = []  # since the last point of the curve, or since this run began
        for batch in stream(stage, before, self.seed, self.step, self.workers):
            share = self.recipe.rate(self.stage, self.step)
            recent.append(self._one(stage, batch, share))
            self.step += 1
            now = time.monotonic()
            self.seconds, clock = self.seconds + now - clock, now
            if self.step % EVERY == 0:
                self._mark(np.mean(recent, axis=0), share)
                recent.clear()
            self.tell(self._progress())
            if self.stop.is_set() or now - saved > SAVE_S:
                self._save()
                saved = time.monotonic()
            if self.stop.is_set():
                return
        self._end_stage(stage)

    def _one(self, stage: Stage, batch: Batch, share: float) -> np.ndarray:
        batch = Batch(*(tensor.to(self.torch_device) for tensor in batch))
        self.student.train()
        with torch.autocast(self.torch_device, torch.bfloat16, enabled=self.bfloat16):
            losses = self.student.losses(batch, stage.dense)
        self.student.zero_grad()
        losses.total.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), self.recipe.clip)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * share
            optimiser.step()
        return np.array([float(value.detach()) for value in losses])

    def _mark(self, means: np.ndarray, share: float) -> None:
        total, label, top1 = (round(float(value), 4) for value in means)
        self.curve.append(
            {
                "images": self.images,
                "stage": self.stage,
                "loss": total,
                "label_loss": label,
                "top1": round(100 * top1, 2),
                "share_of_peak_rate": float(f"{share:.3g}"),
                "seconds": round(self.seconds, 1),
            }
        )

    def _progress(self) -> Progress:
        return Progress(
            images=self.images,
            stage=self.stage,
            point=self.curve[-1] if self.curve else None,
            finished=self.stage == len(self.recipe.stages),
        )

    def _end_stage(self, stage: Stage) -> None:
        """Measure on validation pictures as this stage saw them, and whole; then grow for the next stage."""
        seen = {"stage": self.stage, "images": self.images}
        for name, window in (("window", stage.window), ("whole", GRID)):
            seen[f"{name}_top1"] = round(self._top1(window), 2)
        self.validations.append({**seen, "n": self.recipe.validation})
        self.stage, self.step = self.stage + 1, 0
        if self.stage < len(self.recipe.stages) and self.recipe.stages[self.stage].depth != stage.depth:
            # Seeded by the stage, so that it does not matter whether the run was stopped before.
            torch.manual_seed(self.seed + self.stage)
            self._start(grown(self.student.cpu(), self.recipe.stages[self.stage].depth))
        self._save()
        self.tell(self._progress())

    @torch.inference_mode()
    def _top1(self, window: int) -> float:
        """First guesses that are right on the validation split, in percent."""
        self.student.eval()
        hits = 0.0
        for first in range(0, self.recipe.validation, VALIDATION_BATCH):
            indices = range(first, min(first + VALIDATION_BATCH, self.recipe.validation))
            batch = Batch(*(tensor.to(self.torch_device) for tensor in windows("val", indices, window, self.seed)))
            hits += float(self.student.losses(batch, 0.0).top1) * len(indices)
        return 100 * hits / self.recipe.validation

    def _save(self) -> None:
        save_state(self.path, self.student, self.optimisers, self.facts())


@cache
def bfloat16_is_faster() -> bool:
    """Whether this CPU multiplies faster in bfloat16 than in float32; without units for it it is fourteen times slower.

    Asked by trying, since no flag of torch tells.
    """
    fastest = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.randn(2048, 192).to(dtype), torch.randn(192, 768).to(dtype)
        times = []
        for _ in range(6):
            start = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - start)
        fastest[dtype] = min(times)
    return fastest[torch.bfloat16] < 0.8 * fastest[torch.float32]


def _plain(value):
    """As JSON gives it back."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
