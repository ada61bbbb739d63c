"""Tables of the entropy coder, counted over a calibration; whole numbers from here on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, UInt16

from janus.transform.codebook import (
    CLASS_WIDTH,
    CLASSES,
    FINENESS_WIDTH,
    LOW,
    MAGNITUDES,
    MEAN_SIZES,
    OCTAVE,
    SIZES,
    TOTAL,
    Cut,
)
from janus.transform.fineness import MIDDLE
from janus.transform.wire import DEAD_ZONE, mean_size_kind

# Steps that the tables are counted at, in eighths of an octave: a class then sees many components.
STEPS = (-12, -4, 0, 4, 12)
# Tokens that a Laplace distribution counts for beside those that were seen.
PRIOR = 50.0


def table_of(counts: Float[np.ndarray, "k s"]) -> UInt16[np.ndarray, "k s"]:
    """Counts as whole numbers that sum to about ``TOTAL`` in each row, and at least 1 each."""
    share = counts / counts.sum(axis=-1, keepdims=True)
    return np.clip(np.round(share * (TOTAL - counts.shape[-1])), 1, TOTAL - 1).astype(np.uint16)


def count_magnitudes(cut: Cut, samples) -> Float[np.ndarray, "k l"]:
    """How often each magnitude occurs in each class, over several steps.

    Args:
        cut: A split's part of the codebook.
        samples: For the patch tokens, then for the prefix tokens: each one's fineness, and its components.
    """
    counts = np.zeros((CLASSES, MAGNITUDES + 1))
    for one in range(CLASSES):
        ratio = 2.0 ** (LOW + (one + 0.5) * CLASS_WIDTH / OCTAVE)
        edges = np.concatenate([[0.0], np.arange(MAGNITUDES) + 0.5 + DEAD_ZONE])
        beyond = np.exp(-edges * np.sqrt(2) / ratio)
        counts[one] = PRIOR * (beyond - np.append(beyond[1:], 0.0)) + 1e-4
    for (fine, y), scales in zip(samples, (cut.scales, cut.prefix_scales), strict=True):
        for step in STEPS:
            for level in np.unique(fine):
                own = step + (int(level) - MIDDLE) * FINENESS_WIDTH
                q = np.floor(np.abs(y[fine == level]) / 2.0 ** (own / OCTAVE) + 0.5 - DEAD_ZONE)
                q = np.minimum(q, MAGNITUDES).astype(int)
                found = np.minimum((scales.astype(int) - own - LOW * OCTAVE) // CLASS_WIDTH, CLASSES - 1)
                for one in np.unique(found[found >= 0]):
                    counts[one] += np.bincount(q[:, found == one].reshape(-1), minlength=MAGNITUDES + 1)
    return counts


def count_sizes(seen: Iterable[tuple[np.ndarray, int]], tokens: int, prefix: int) -> UInt16[np.ndarray, "b s"]:
    """How often each size occurs, by the mean size.

    Args:
        seen: Sizes of an image's patch tokens, and how many tokens it has left.
        tokens: Of the unmerged model.
        prefix: Of them prefix tokens.
    """
    counts = np.zeros((MEAN_SIZES, SIZES + 1))
    for kind in range(MEAN_SIZES):  # geometric, as far as nothing was seen
        stay = 1 - 2.0 ** (-(kind + 0.5) / 2)
        counts[kind] = PRIOR * (1 - stay) * stay ** np.arange(SIZES + 1) + 1e-3
    for sizes, left in seen:
        counts[mean_size_kind(left, prefix, tokens)] += np.bincount(np.minimum(sizes - 1, SIZES), minlength=SIZES + 1)
    return table_of(counts)
