"""What a robust policy believes: of the bandwidth to come, and of its own model of compute. Torch-free."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np

from janus.network import Estimator
from janus.units import bytes_per_ms_to_mbps

# As slow as is believed of any link, so that logarithms stay finite.
FLOOR_MBPS = 1e-3
# Until this many errors are known, they are taken to be normal.
FEW = 8
# Standard deviation of a normal error over its mean magnitude: sqrt(pi / 2).
SIGMA_OVER_MEAN = 1.2533


class SpreadForecast(Estimator):
    """Distribution of the next goodput, in logarithms: an exponential mean, and its errors over their recent size.

    Conformal in manner: the last ``window`` errors, each divided by the mean magnitude of errors at its time, are the
    distribution of the next one, times the magnitude now. So a link that turns rough is believed rough at once. On the
    recorded sets its quantiles are 14 % better (pinball loss) than those of the last sample and its changes.

    Args:
        window: Errors that are remembered.
        prior_mbps: Median before the first transfer.
        weight: Share of the newest goodput in the mean.
        scale_weight: Share of the newest error in the mean magnitude.
    """

    def __init__(self, *, window: int = 128, prior_mbps: float = 10.0, weight: float = 0.45, scale_weight: float = 0.2):
        self.window, self.weight, self.scale_weight = window, weight, scale_weight
        super().__init__(prior_mbps=prior_mbps)

    def reset(self) -> None:
        self._mean = math.log(self.prior_mbps)
        self._heard = False
        # A factor of 1.6 either way, until there is something to go by.
        self._scale = 0.5
        self._errors: deque[float] = deque()
        self._sorted: list[float] = []
        self._array: np.ndarray | None = None
        self._steps = np.empty(0)
        self.cap_mbps = math.inf

    def _add(self, mbps: float) -> None:
        level = math.log(mbps)
        self.cap_mbps = math.inf
        if not self._heard:
            self._mean, self._heard = level, True
            return
        error = level - self._mean
        if len(self._errors) == self.window:
            del self._sorted[bisect_left(self._sorted, self._errors.popleft())]
        self._errors.append(error / self._scale)
        insort(self._sorted, error / self._scale)
        self._array = None
        # Never quite certain: errors of 2 % at least.
        self._scale = max(self._scale + self.scale_weight * (abs(error) - self._scale), 0.02)
        self._mean += self.weight * error

    def abandoned(self, size_bytes: float, duration_ms: float) -> None:
        """A transfer did not get through in this time: until one does, the link is believed slower than that.

        How much slower is not known: the more of a surprise it was, the lower. One that could not have got through
        says nothing.
        """
        at_most = bytes_per_ms_to_mbps(size_bytes / duration_ms)
        surprise = float(self.chance(np.array(at_most)))
        believed = min(self.cap_mbps, math.exp(self._mean), at_most)
        self.cap_mbps = max(believed * math.exp(-self.weight * self._scale * surprise), FLOOR_MBPS)

    def estimate_mbps(self) -> float:
        return self.quantile_mbps(0.5)

    def quantile_mbps(self, q: float) -> float:
        """Goodput that the next transfer stays under with probability ``q`` in 0…1, excluded."""
        n = len(self._sorted)
        if n < FEW:
            error = NormalDist().inv_cdf(q) * SIGMA_OVER_MEAN
        else:
            place = q * (n - 1)
            low = min(int(place), n - 2)
            error = self._sorted[low] + (place - low) * (self._sorted[low + 1] - self._sorted[low])
        return self._believed(math.exp(self._mean + self._scale * error))

    def chance(self, mbps: np.ndarray) -> np.ndarray:
        """Probability that the next goodput is at least so much; any shape, entries above 0."""
        return self.chance_of_log(np.log(mbps))

    def chance_of_one(self, mbps: float) -> float:
        """The same for one number, without the toll of an array."""
        error = (math.log(mbps) - self._base()) / self._scale
        known, n = self._sorted, len(self._sorted)
        if n < FEW:
            return float(below(-error / SIGMA_OVER_MEAN))
        above = bisect_right(known, error)
        if above == 0:
            return 1 - 0.25 / n
        if above == n:
            return 0.25 / n if error > known[-1] else 0.5 / n
        low = known[above - 1]
        return 1 - (above - 0.5 + (error - low) / (known[above] - low)) / n

    def chance_of_log(self, log_mbps: np.ndarray) -> np.ndarray:
        """The same for logarithms."""
        errors = (log_mbps - self._base()) / self._scale
        n = len(self._sorted)
        if n < FEW:
            return below(-errors / SIGMA_OVER_MEAN)
        if self._array is None:
            self._array = np.array(self._sorted)
            if len(self._steps) != n:
                self._steps = 1 - (np.arange(n) + 0.5) / n
        return np.interp(errors, self._array, self._steps, left=1 - 0.25 / n, right=0.25 / n)

    def _base(self) -> float:
        """Logarithm of the median."""
        return min(self._mean, math.log(self.cap_mbps)) if self.cap_mbps < math.inf else self._mean

    def _believed(self, mbps: float) -> float:
        return min(mbps, self.cap_mbps)


class Residual:
    """How much longer compute takes than its profile says: the logarithm's mean and spread, learned frame by frame.

    Args:
        noise: The profile's own relative standard deviation, believed before the first frame.

    Attributes:
        mean, sigma: Of the logarithm.
    """

    def __init__(self, noise: float):
        # No clock is better than a tenth of a per cent.
        self._least = max(noise * noise / 2, 1e-6)
        self.mean, self._variance, self._seen = 0.0, max(noise * noise, 1e-6), 0
        self.sigma = math.sqrt(self._variance)

    def observe(self, measured_ms: float, expected_ms: float) -> None:
        """Take note of a compute time; nothing is learned where nothing was to be computed."""
        if not (measured_ms > 0 and expected_ms > 0):
            return
        error = math.log(measured_ms / expected_ms) - self.mean
        self._seen += 1
        self.mean += max(0.1, 1 / (self._seen + 2)) * error
        self._variance += 0.05 * (error * error - self._variance)
        self.sigma = math.sqrt(max(self._variance, self._least))

    def factor(self, sigmas: float) -> float:
        """Compute over profile at so many standard deviations above the mean."""
        return math.exp(self.mean + sigmas * self.sigma)

    def factors(self, sigmas: Sequence[float]) -> list[float]:
        """The same for several."""
        mean, sigma = self.mean, self.sigma
        return [math.exp(mean + at * sigma) for at in sigmas]


class RoundTrips:
    """The last round trips, and their quantiles.

    Args:
        first_ms: Believed before the first.
        window: How many are remembered.
        firm: For how many of them that belief counts, until as many newer ones have pushed it out.
    """

    def __init__(self, first_ms: float, window: int = 50, firm: int = 0):
        self._last: deque[float] = deque([first_ms] * firm, maxlen=window)
        self._sorted = [first_ms]

    def observe(self, rtt_ms: float) -> None:
        """Take note of a round trip."""
        self._last.append(rtt_ms)
        self._sorted = sorted(self._last)

    def quantile_ms(self, q: float) -> float:
        """The round trip that a share ``q`` of the remembered ones stayed within."""
        return self._sorted[min(int(q * len(self._sorted)), len(self._sorted) - 1)]


def below(z):
    """The normal distribution function, of a number or an array."""
    return _ndtr()(z)


@cache
def _ndtr():
    # Imported here: scipy takes longer to import than all of the torch-free half.
    from scipy.special import ndtr

    return ndtr
