"""How finely a token must be quantised: what an error in it would do to the answer, predicted from the token itself.

The weight of a token is the mean squared gradient of the answer by it. Calibration fits its logarithm by ridge
regression on what the device has at the cut: the token's components, their products with the first prefix token's,
its size and its length. The decoder needs none of this, for the fineness travels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from janus.transform.codebook import FINENESS, OCTAVE, PRODUCTS, Cut

MIDDLE = FINENESS // 2
# Components beyond so many deviations are cut there: an outlier should not run away with a regression.
FAR = 5.0


class _Scaled(NamedTuple):
    """Parts of `features`, each with the token's or the image's axes in front.

    Attributes:
        z: Components in deviations.
        prefix: The first prefix token's likewise, as many as are multiplied.
        rest: Of the token as a whole.
    """

    z: Float[np.ndarray, "b n m"]
    prefix: Float[np.ndarray, "b s"]
    rest: Float[np.ndarray, "b n 4"]


def features(
    y: Float[np.ndarray, "b n m"],
    prefix: Float[np.ndarray, "b q"],
    sizes: Float[np.ndarray, "b n"],
    scales: Int[np.ndarray, " m"],
    prefix_scales: Int[np.ndarray, " q"],
) -> Float[np.ndarray, "b n f"]:
    """What the weight of a token is predicted from.

    Args:
        y: Components of the patch tokens.
        prefix: Of the first prefix token; no columns where there is none.
        sizes: Patches in each token.
        scales: Of the components (`Cut.scales`).
        prefix_scales: Of the prefix token's.
    """
    z, shown, rest = _scaled(y, prefix, sizes, _per_deviation(scales), _per_deviation_of_prefix(prefix_scales))
    shown = np.broadcast_to(shown[:, None], (*z.shape[:2], shown.shape[-1]))
    return np.concatenate([z, z[..., :PRODUCTS] ** 2, shown, z[..., : shown.shape[-1]] * shown, rest], axis=-1)


def predicted(
    y: Float[np.ndarray, "b n m"], prefix: Float[np.ndarray, "b q"], sizes: Float[np.ndarray, "b n"], cut: Cut
) -> Float[np.ndarray, "b n"]:
    """The logarithm of each token's weight: `features` times ``cut.weights``, without an array of all features."""
    per_deviation, per_deviation_of_prefix, (plain, squares, of_prefix, products, last) = _fitted(cut, prefix.shape[-1])
    z, shown, rest = _scaled(y, prefix, sizes, per_deviation, per_deviation_of_prefix)
    of_image = np.tile(plain, (len(z), 1))
    of_image[:, : shown.shape[-1]] += products * shown
    found = (z @ of_image[..., None])[..., 0]
    found += np.square(z[..., :PRODUCTS]) @ squares
    found += rest @ last
    found += (shown @ of_prefix)[:, None]
    return found


@lru_cache(maxsize=64)
def _fitted(cut: Cut, prefix: int):
    """What is the same for every picture: deviations' inverses, and ``cut.weights`` in the five parts of `features`."""
    m, few = len(cut.scales), min(PRODUCTS, len(cut.scales))
    shared = min(few, prefix)
    weights = np.split(cut.weights, np.cumsum([m, few, shared, shared]))
    return _per_deviation(cut.scales), _per_deviation_of_prefix(cut.prefix_scales), weights


def _per_deviation(scales: Int[np.ndarray, " m"]) -> Float32[np.ndarray, " m"]:
    deviation = 2.0 ** (scales / OCTAVE)
    return (1 / np.sqrt(deviation**2 + 0.05 * deviation.mean() ** 2)).astype(np.float32)


def _per_deviation_of_prefix(scales: Int[np.ndarray, " q"]) -> Float32[np.ndarray, " q"]:
    return (2.0 ** (-scales / OCTAVE)).astype(np.float32)


def _scaled(y, prefix, sizes, per_deviation, per_deviation_of_prefix) -> _Scaled:
    shared = min(PRODUCTS, y.shape[-1], prefix.shape[-1])
    z = y * per_deviation
    np.clip(z, -FAR, FAR, out=z)
    shown = np.clip(prefix[:, :shared] * per_deviation_of_prefix[:shared], -FAR, FAR)
    rest = np.ones((*z.shape[:2], 4), z.dtype)
    rest[..., 0] = np.log(sizes)
    rest[..., 1] = rest[..., 0] ** 2
    rest[..., 2] = np.log(np.sqrt(np.square(y) @ np.ones(y.shape[-1], y.dtype)) + 1e-6)
    return _Scaled(z, shown, rest)


def fineness_of(predicted: Float[np.ndarray, "b n"]) -> Int[np.ndarray, "b n"]:
    """0…8 from the predicted logarithm of the weight, less its mean over the calibration.

    With errors weighed so, the best step goes with the root of the weight (reverse water-filling); two levels are an
    octave of the step.
    """
    return (MIDDLE - np.clip(np.round(predicted / np.log(2)), -MIDDLE, MIDDLE)).astype(np.int32)
