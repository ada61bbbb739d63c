"""Two configurations on the same images: how far apart they are, and whether that could be chance. Torch-free."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool

from janus.errors import JanusError

# The 97.5 % point of the normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """How one configuration does against another on the same images.

    Attributes:
        n: Images.
        difference: Share of right answers, this one's less the other's, in percentage points.
        ci95: 95 % interval of `difference` (Tango, Statistics in Medicine 17, 1998). An image that both have right, or
            both wrong, says nothing of the difference, so this is narrower than what two intervals side by side
            suggest.
        gained: Images that only this one has right.
        lost: Images that only the other has right.
        p: Of McNemar's exact test, two-sided: how likely so uneven a split of the `gained` and `lost` would be if both
            were as good (McNemar, Psychometrika 12, 1947; exact as the binomial test of the discordant pairs).
    """

    n: int
    difference: float
    ci95: tuple[float, float]
    gained: int
    lost: int
    p: float

    def row(self) -> dict:
        """As part of a row of a table, in JSON's types."""
        ends = [round(end, 4) for end in self.ci95]
        return asdict(self) | {"difference": round(self.difference, 4), "ci95": ends, "p": float(f"{self.p:.4g}")}


def paired_difference(hits: Bool[np.ndarray, " n"], against: Bool[np.ndarray, " n"]) -> PairedDifference:
    """Compare right and wrong answers of two configurations, image by image.

    Args:
        hits: Of the one, such as `janus.standing.Running.hits1`.
        against: Of the other, on the same images in the same order.

    Raises:
        JanusError: If they are not as many, or none.
    """
    from scipy.stats import binomtest

    ours, theirs = (np.asarray(given, dtype=bool) for given in (hits, against))
    if ours.shape != theirs.shape or ours.ndim != 1 or not len(ours):
        raise JanusError(
            f"a paired difference of answers of shape {ours.shape} and {theirs.shape} cannot be told: give one for "
            "each of the same images."
        )
    n, gained, lost = len(ours), int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    low, high = score_interval(gained, lost, n)
    return PairedDifference(
        n=n,
        difference=100 * (gained - lost) / n,
        ci95=(100 * low, 100 * high),
        gained=gained,
        lost=lost,
        p=float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0,
    )


def score_interval(gained: int, lost: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Interval of the difference of two paired shares, -1…1.

    The differences that the score test does not reject (Tango, Statistics in Medicine 17, 1998, equations 24 to 26):
    so it excludes 0 just where McNemar's test without correction does, and it has a width where no pair is
    discordant.

    Args:
        gained: Pairs of which only the first is right.
        lost: Pairs of which only the second is right.
        n: All pairs.
        z: Point of the normal distribution; the default gives 95 %.
    """
    from scipy.optimize import brentq

    def beyond(difference: float, side: int) -> float:
        """Distance of the estimate from ``difference`` in one direction, less what z standard deviations allow."""
        # The likeliest share of lost pairs among those with this difference.
        b = (2 * n - gained + lost) * difference - gained - lost
        share = (math.sqrt(max(b * b + 8 * n * lost * difference * (1 - difference), 0.0)) - b) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        return side * (gained - lost - n * difference) - z * math.sqrt(max(variance, 0.0))

    estimate = (gained - lost) / n
    # The variance may vanish at the estimate itself, and with it the distance: that is not the end that is looked for.
    nudge = 1e-12
    low = -1.0 if lost == n else brentq(beyond, -1.0, estimate - nudge, args=(1,), xtol=1e-14)
    high = 1.0 if gained == n else brentq(beyond, estimate + nudge, 1.0, args=(-1,), xtol=1e-14)
    return low, high
