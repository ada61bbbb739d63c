"""Accuracy on real images, batch by batch, for several configurations on the same images.

What crosses the cut is really encoded and decoded, image by image, so a row's accuracy and payload belong together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import UInt8

from janus.apart import unseen_pixels
from janus.configuration import Configuration, embed_pixels, through_cut
from janus.data import ImageSet, Skipped
from janus.errors import JanusError
from janus.preprocess import Normaliser, Preprocess
from janus.standing import Running
from janus.vit import OpenViT

Item = TypeVar("Item")


def evaluate(
    vit: OpenViT,
    images: ImageSet,
    rows: Sequence[Configuration],
    *,
    preprocess: Preprocess,
    batch_size: int = 32,
    limit: int | None = None,
    cancel: threading.Event | None = None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Iterator[list[Running]]:
    """Run every configuration over the same images, and tell after each batch how they stand.

    Each image is read and decoded once. Nothing is decoded before every configuration has been checked.

    Args:
        vit: The model.
        images: Labelled for its head.
        rows: What to compare.
        preprocess: The model's own.
        batch_size: Images at once. Payloads are made image by image whatever it is.
        limit: Only the first so many images.
        cancel: Set from another thread or a signal handler, it ends the evaluation; a batch that not every
            configuration has seen is dropped, so that they stay paired.
        on_skip: Called with each image that was left out.

    Yields:
        One `Running` for each configuration, in their order.

    Raises:
        JanusError: If a configuration or the labels don't fit the model, no image decodes, or one is among those that
            a codebook was calibrated on.
    """
    state = [Running.start(row, row.check(vit)) for row in rows]
    check_labels(vit, images)
    stream = unseen_pixels(images, preprocess, limit, [row.book for row in rows if row.book is not None])
    good = usable(stream, batch_size, where=f"images {images.name}", cancel=cancel, on_skip=on_skip)
    pairs = ((np.stack([one.image for one in batch]), [one.label for one in batch]) for batch in good)
    yield from run_batches(vit, pairs, state, preprocess, cancel)


def run_batches(
    vit: OpenViT,
    batches: Iterator[tuple[UInt8[np.ndarray, "b *frames h w 3"], list]],
    state: list[Running],
    preprocess: Normaliser,
    cancel: threading.Event | None,
) -> Iterator[list[Running]]:
    """Every configuration on batch after batch of pixels with labels; one that not all have seen is dropped."""
    for pixels, labels in batches:
        stepped = _step(vit, pixels, torch.tensor(labels), state, preprocess, cancel)
        if stepped is None:
            return
        state = stepped
        yield state


def check_labels(vit: OpenViT, images: ImageSet) -> None:
    """Refuse pictures on which a model can have no accuracy.

    Raises:
        JanusError: If they have no labels, or not those of its head, or it has none.
    """
    classes = vit.geometry.classes
    if not classes:
        raise JanusError("model: it has no classification head, so it has no accuracy; choose a tag with one (*_in1k).")
    if images.classes is None:
        raise JanusError(f"images {images.name}: they have no labels; put them into one subfolder for each class.")
    if images.classes != classes:
        raise JanusError(
            f"images {images.name}: the labels don't match the head: they count {images.classes} classes and the head "
            f"has {classes}; give images of the model's classes."
        )


def usable(
    stream: Iterator[Item | Skipped],
    size: int,
    *,
    where: str,
    cancel: threading.Event | None,
    on_skip: Callable[[Skipped], None],
) -> Iterator[list[Item]]:
    """Batches of what can be used; the rest is told.

    Args:
        stream: Items, with those that were skipped between them.
        size: Of a batch.
        where: What the items are, and of which set, as the beginning of a sentence.
        cancel: Ends it.
        on_skip: Called with each item that was left out.

    Raises:
        JanusError: If ``size`` is less than 1, or nothing can be used.
    """
    skipped: list[Skipped] = []
    seen = False
    for batch in batches(stream, size):
        good: list[Item] = []
        for item in batch:
            if isinstance(item, Skipped):
                skipped.append(item)
                on_skip(item)
            else:
                good.append(item)
        if cancel is not None and cancel.is_set():
            return
        if good:
            seen = True
            yield good
    if not seen:
        first = f": {skipped[0].file} {skipped[0].reason}" if skipped else ""
        what = where.partition(" ")[0]
        raise JanusError(f"{where}: none of {len(skipped)} {what} could be used{first}; give others.")


def batches(stream: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Groups with ``size`` usable items each, the last perhaps fewer, and what was skipped between them.

    Raises:
        JanusError: If ``size`` is less than 1.
    """
    if size < 1:
        raise JanusError(f"batches of {size} images cannot be made: give batch_size >= 1.")
    batch: list[Item] = []
    pictures = 0
    for item in stream:
        batch.append(item)
        pictures += not isinstance(item, Skipped)
        if pictures == size:
            yield batch
            batch, pictures = [], 0
    if batch:
        yield batch


@torch.inference_mode()
def _step(
    vit: OpenViT,
    pixels: UInt8[np.ndarray, "b *frames h w 3"],
    labels: torch.Tensor,
    before: list[Running],
    preprocess: Normaliser,
    cancel: threading.Event | None,
) -> list[Running] | None:
    """Every configuration on one more batch; None if it was cancelled on the way."""
    start = time.perf_counter()
    embedded = embed_pixels(vit, pixels, preprocess)
    embed_s = time.perf_counter() - start
    after = []
    for running in before:
        if cancel is not None and cancel.is_set():
            return None
        start = time.perf_counter()
        logits, payload = through_cut(vit, running.configuration, running.plan, pixels, embedded, preprocess)
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices.cpu()
        busy_s = time.perf_counter() - start + (embed_s if running.configuration.split else 0.0)
        hits = (best == labels[:, None]).numpy()
        after.append(
            replace(
                running,
                hits1=np.concatenate([running.hits1, hits[:, 0]]),
                hits5=np.concatenate([running.hits5, hits.any(axis=1)]),
                payload_total_bytes=running.payload_total_bytes + payload,
                busy_s=running.busy_s + busy_s,
            )
        )
    return after
