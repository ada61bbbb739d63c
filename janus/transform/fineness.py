"""How finely a token must be quantised: what an error in it would do to the answer, predicted from the token itself.

The weight of a token is the mean squared gradient of the answer by it. Calibration fits its logarithm by ridge
regression on what the device has at the cut: the token's components, their products with the first prefix token's,
its size and its length. The decoder needs none of this, for the fineness travels.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from janus.transform.codebook import FINENESS, OCTAVE, PRODUCTS, feature_count

MIDDLE = FINENESS // 2
# Components beyond so many deviations are cut there: an outlier should not run away with a regression.
FAR = 5.0


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
    m, few = y.shape[-1], min(PRODUCTS, y.shape[-1])
    deviation = 2.0 ** (scales / OCTAVE)
    shared = min(few, prefix.shape[-1])
    found = np.empty((*y.shape[:2], feature_count(m, prefix.shape[-1])), np.float32)
    z, squares, rest = found[..., :m], found[..., m : m + few], found[..., -4:]
    np.divide(y, np.sqrt(deviation**2 + 0.05 * deviation.mean() ** 2).astype(np.float32), out=z)
    np.clip(z, -FAR, FAR, out=z)
    np.square(z[..., :few], out=squares)
    if shared:
        of_prefix, products = found[..., m + few : m + few + shared], found[..., m + few + shared : -4]
        of_prefix[:] = np.clip(prefix[:, None, :shared] / 2.0 ** (prefix_scales[:shared] / OCTAVE), -FAR, FAR)
        np.multiply(z[..., :shared], of_prefix, out=products)
    rest[..., 0] = np.log(sizes)
    rest[..., 1] = rest[..., 0] ** 2
    rest[..., 2] = np.log(np.linalg.norm(y, axis=-1) + 1e-6)
    rest[..., 3] = 1
    return found


def fineness_of(predicted: Float[np.ndarray, "b n"]) -> Int[np.ndarray, "b n"]:
    """0…8 from the predicted logarithm of the weight, less its mean over the calibration.

    With errors weighed so, the best step goes with the root of the weight (reverse water-filling); two levels are an
    octave of the step.
    """
    return (MIDDLE - np.clip(np.round(predicted / np.log(2)), -MIDDLE, MIDDLE)).astype(np.int32)
