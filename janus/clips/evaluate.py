"""Top-1 on real clips, batch by batch, for whatever classifies them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from janus.clips.resize import ClipPreprocess
from janus.clips.sets import Clip, ClipSet
from janus.configuration import Configuration
from janus.data import Skipped
from janus.errors import JanusError
from janus.evaluate import run_batches, usable
from janus.standing import Guesses, Running
from janus.vit import OpenViT

Predict = Callable[[Float[Tensor, "b frames 3 h w"]], Float[Tensor, "b classes"]]


@dataclass(frozen=True, kw_only=True)
class ClipRunning(Guesses):
    """How a classifier stands after some clips. Never changes: every batch makes a new one.

    Attributes:
        busy_s: Seconds spent in the model. Decoding videos is not in it.
    """

    busy_s: float

    @property
    def clips_per_s(self) -> float:
        """Clips through the model in a second, in batches."""
        return self.n / self.busy_s

    def row(self) -> dict:
        """As one row of a table, in JSON's types."""
        return {
            "n": self.n,
            "top1": round(self.top1, 4),
            "top5": round(self.top5, 4),
            "ci95": [round(bound, 4) for bound in self.ci95],
            "clips_per_s": round(self.clips_per_s, 2),
        }


@torch.inference_mode()
def evaluate_clips(
    predict: Predict,
    clips: ClipSet,
    *,
    preprocess: ClipPreprocess | None = None,
    batch_size: int = 4,
    limit: int | None = None,
    cancel: threading.Event | None = None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Iterator[ClipRunning]:
    """Run a classifier over labelled clips, and tell after each batch how it stands.

    Args:
        predict: Gives the logits of a batch of prepared clips.
        clips: Labelled.
        preprocess: The classifier's own; None for that of VideoMAE.
        batch_size: Clips at once.
        limit: Only the first so many clips.
        cancel: Set from another thread or a signal handler, it ends the evaluation.
        on_skip: Called with each clip that was left out.

    Yields:
        A `ClipRunning` after each batch.

    Raises:
        JanusError: If the clips have no labels, none can be used, or the classifier's answer does not fit them.
    """
    _check_labelled(clips)
    running = ClipRunning(hits1=np.zeros(0, bool), hits5=np.zeros(0, bool), busy_s=0.0)
    stream = clips.stream(preprocess, limit=limit)
    for good in usable(stream, batch_size, where=f"clips {clips.name}", cancel=cancel, on_skip=on_skip):
        running = _step(predict, good, running, len(clips.names))
        yield running


def _step(predict: Predict, clips: list[Clip], before: ClipRunning, classes: int) -> ClipRunning:
    start = time.perf_counter()
    logits = predict(torch.stack([clip.frames for clip in clips]))
    if tuple(logits.shape) != (len(clips), classes):
        raise JanusError(
            f"clips: logits of shape {tuple(logits.shape)} came for {len(clips)} clips of {classes} classes; give the "
            "names of the model's classes."
        )
    best = logits.topk(min(5, classes), dim=1).indices.cpu()
    busy_s = time.perf_counter() - start
    hits = (best == torch.tensor([clip.label for clip in clips])[:, None]).numpy()
    return ClipRunning(
        hits1=np.concatenate([before.hits1, hits[:, 0]]),
        hits5=np.concatenate([before.hits5, hits.any(axis=1)]),
        busy_s=before.busy_s + busy_s,
    )


def compare_clips(
    vit: OpenViT,
    clips: ClipSet,
    rows: Sequence[Configuration],
    *,
    preprocess: ClipPreprocess | None = None,
    batch_size: int = 4,
    limit: int | None = None,
    cancel: threading.Event | None = None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Iterator[list[Running]]:
    """Run every configuration over the same clips, and tell after each batch how they stand.

    What crosses the cut is really encoded and decoded, clip by clip; where that is the clip itself, each of its frames
    is one picture.

    Args:
        vit: An opened video model.
        clips: Labelled for its head.
        rows: What to compare.
        preprocess: The model's own; None for VideoMAE's at the model's length and size.
        batch_size: Clips at once.
        limit: Only the first so many clips.
        cancel: Set from another thread or a signal handler, it ends the evaluation; a batch that not every
            configuration has seen is dropped, so that they stay paired.
        on_skip: Called with each clip that was left out.

    Yields:
        One `Running` for each configuration, in their order.

    Raises:
        JanusError: If a configuration or the labels don't fit the model, or no clip can be used.
    """
    state = [Running.start(row, row.check(vit), "clips") for row in rows]
    _check_labelled(clips)
    classes = vit.geometry.classes
    if len(clips.names) != classes:
        raise JanusError(
            f"clips {clips.name}: they count {len(clips.names)} classes and the head has {classes}; give the names of "
            "the model's classes."
        )
    prepare = preprocess or ClipPreprocess.of(vit)
    stream = clips.stream(prepare, pixels=True, limit=limit)
    good = usable(stream, batch_size, where=f"clips {clips.name}", cancel=cancel, on_skip=on_skip)
    pairs = ((np.stack([one.frames for one in batch]), [one.label for one in batch]) for batch in good)
    yield from run_batches(vit, pairs, state, prepare, cancel)


def _check_labelled(clips: ClipSet) -> None:
    if not clips.names:
        raise JanusError(f"clips {clips.name}: they have no labels; give class folders and the names of the classes.")
