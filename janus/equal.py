"""Bytes at equal accuracy: what a payload needs beside what the best picture needs for the same top-1. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """One way to send, over the same images as the others.

    Attributes:
        row: What it is, for a table.
        hits: For each image, whether the answer was right.
        sizes: Bytes of each image's payload.
    """

    row: dict
    hits: Bool[np.ndarray, " n"]
    sizes: Float[np.ndarray, " n"]


def picture_bytes(top1: float, pictures: Float[np.ndarray, "k 2"]) -> float:
    """Bytes that the best picture needs for an accuracy.

    Only pictures that are more accurate than every smaller one count, of whatever format; between two of them the
    logarithm of the bytes goes in proportion. What no picture reaches is held against the most accurate one, what
    every picture surpasses against the smallest: both favour the pictures.

    Args:
        top1: To be reached, in percent.
        pictures: Mean bytes and top-1 of each format at each quality.
    """
    front: list[tuple[float, float]] = []
    for size, accuracy in pictures[np.argsort(pictures[:, 0], kind="stable")]:
        if not front or accuracy > front[-1][1]:
            front.append((float(size), float(accuracy)))
    sizes, accuracies = zip(*front, strict=True)
    return float(np.exp(np.interp(top1, accuracies, np.log(sizes))))


def ratio(token: Measured, pictures: list[Measured]) -> float:
    """Bytes of ``token`` over those of the best picture of equal accuracy."""
    points = np.array([(one.sizes.mean(), 100 * one.hits.mean()) for one in pictures])
    return float(token.sizes.mean() / picture_bytes(100 * token.hits.mean(), points))


def ratio_interval(token: Measured, pictures: list[Measured], seed: int = 0) -> tuple[float, float]:
    """95 % interval of `ratio`, by drawing the images again and again (percentile bootstrap)."""
    chance = np.random.default_rng(seed)
    n = len(token.hits)
    drawn = chance.integers(0, n, (RESAMPLES, n))
    sizes = np.stack([one.sizes[drawn].mean(1) for one in pictures], 1)
    top1 = np.stack([100 * one.hits[drawn].mean(1) for one in pictures], 1)
    own_size, own_top1 = token.sizes[drawn].mean(1), 100 * token.hits[drawn].mean(1)
    found = [own_size[i] / picture_bytes(own_top1[i], np.stack([sizes[i], top1[i]], 1)) for i in range(RESAMPLES)]
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)


def best_ratio(
    tokens: list[Measured], pictures: list[Measured], reference: float, *, most_loss: float, splits: range
) -> tuple[float, Measured] | None:
    """The way with the smallest `ratio` among those at certain splits that lose no more than ``most_loss`` points."""
    fit = [
        (ratio(one, pictures), one)
        for one in tokens
        if one.row["split"] in splits and reference - 100 * one.hits.mean() <= most_loss + 1e-9
    ]
    return min(fit, key=lambda found: found[0], default=None)
