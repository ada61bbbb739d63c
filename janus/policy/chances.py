"""The chance of every plan to be in time, alone and with the device as its safety net. Torch-free.

A decision weighs some hundred plans in some fifty calls of numpy, whose number is what it costs: so plans are kept in
columns that fit one product of matrices, and logarithms of what does not change are taken once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from janus.grid import PlanGrid, RatedGrid
from janus.policy.forecast import Residual, RoundTrips, SpreadForecast, below
from janus.units import bytes_per_ms_to_mbps


class Nodes(NamedTuple):
    """A few cases that stand for the spread of compute and of the round trip.

    Attributes:
        sigmas: Compute of each case, in standard deviations above its mean.
        rtt_quantiles: Its round trip.
        weights: How likely it is; they sum to 1.
    """

    sigmas: tuple[float, ...]
    rtt_quantiles: tuple[float, ...]
    weights: tuple[float, ...]


# Three-point Gauss-Hermite rule.
THREE = Nodes((-math.sqrt(3), 0.0, math.sqrt(3)), (1 / 24, 1 / 2, 23 / 24), (1 / 6, 2 / 3, 1 / 6))


def even(count: int, stride: int) -> Nodes:
    """So many equally likely cases.

    Round trips of a mobile network have a long tail, of which three cases say nothing.

    Args:
        count: Of the cases.
        stride: From case to case the compute is so many places further on, round about; prime to ``count``, so that
            neither distribution goes with the other.
    """
    places = [(at * stride + count // 2) % count for at in range(count)]
    return Nodes(
        tuple(NormalDist().inv_cdf((place + 0.5) / count) for place in places),
        tuple((at + 0.5) / count for at in range(count)),
        (1 / count,) * count,
    )


# What is left of a deadline to a plan whose compute alone takes it: too little for any link.
NO_TIME_MS = 1e-9
# Situations whose safest splits are kept.
REMEMBERED = 4096

Factors = list[tuple[float, float, float, float]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plans:
    """Plans that send; those that send the picture first.

    Attributes:
        level, split: Where they stand in the grid, [plans].
        places: The other way round: which of them a (level, split) is.
        pictures: How many send the picture.
        parts: What they take beside the transfer: other, device and cloud milliseconds, and ones, [4, plans].
        log_mbps_ms: Logarithm of the goodput that brings the payload through in a millisecond, [plans].
        log_finish_ms: Logarithm of what the device has before it when no answer came, [plans]; of pictures to be filled
            in.
        accuracy: Of all levels on the device alone, then of these plans, then of these finished on the device, in
            percent: [levels + 2 plans].
    """

    level: np.ndarray
    split: np.ndarray
    places: dict[tuple[int, int], int]
    pictures: int
    parts: np.ndarray
    log_mbps_ms: np.ndarray
    log_finish_ms: np.ndarray
    accuracy: np.ndarray


class Chances:
    """What a forecast of the network and of compute makes of the plans of a grid.

    Args:
        grid: The plans.
        accuracy: What orders them, in percent, [levels, splits].
        goodput: Forecast of the uplink.
        device, cloud: Residuals of the two profiles.
        round_trips: The last ones.
        nodes: What stands for their spread and that of compute.
    """

    def __init__(
        self,
        grid: PlanGrid,
        accuracy: np.ndarray,
        goodput: SpreadForecast,
        device: Residual,
        cloud: Residual,
        round_trips: RoundTrips,
        nodes: Nodes = THREE,
    ):
        self.nodes = nodes
        self.goodput, self.device, self.cloud, self.round_trips = goodput, device, cloud, round_trips
        self.local_ms = grid.device_ms[:, -1]
        self._log_local_ms = np.log(self.local_ms)
        self._accuracy = accuracy
        self._levels = len(grid.levels)
        self._pictures = np.flatnonzero(np.array(grid.splits) == 0)
        # Where a plan's accuracy does not follow from its level, the safest split of a level is not its best.
        self._all = np.argwhere(grid.offered[:, :-1].T) if isinstance(grid, RatedGrid) else None
        self._device_ms, self._cloud_ms = grid.device_ms[:, :-1], grid.cloud_ms[:, :-1]
        self._other_ms = grid.encode_ms[:, :-1] + grid.downlink_ms
        self._payload = grid.payload_bytes[:, :-1].astype(np.float64)
        self._finish_ms = grid.finish_ms[:, :-1]
        # The least compute of a frame that is finished on the device after all.
        tokens = np.array(grid.splits[:-1]) > 0
        finished = (self._device_ms + self._finish_ms)[:, tokens]
        self._least_ms = min(self.local_ms.min(), finished.min(initial=math.inf))
        columns = (self._other_ms, self._device_ms, self._cloud_ms, self._payload)
        self._rows = np.stack(columns, axis=-1).tolist()
        self._safest: dict[tuple, bytes] = {}
        self._taken: dict[tuple, Plans] = {}

    def candidates(self, deadlines_ms: list[float]) -> Plans:
        """Plans worth weighing: of each level the picture and, per deadline, the split that needs least bandwidth.

        Of a grid with qualities all that are offered and send: none of those is worse than another in every way.
        """
        if self._all is not None:
            if () not in self._taken:
                self._taken[()] = self._plans(self._all[:, 1], self._all[:, 0])
            return self._taken[()]
        key = tuple(map(self._safest_at, deadlines_ms))
        if key not in self._taken:
            if len(self._taken) > REMEMBERED:
                self._taken.clear()
            every = np.arange(self._levels)
            # By split, then by level: pictures come first.
            where = [every, *(np.frombuffer(splits, int) * self._levels + every for splits in key)]
            found = np.unique(np.concatenate(where))
            self._taken[key] = self._plans(found % self._levels, found // self._levels)
        return self._taken[key]

    def _plans(self, level: np.ndarray, split: np.ndarray) -> Plans:
        other, device, cloud = (c[level, split] for c in (self._other_ms, self._device_ms, self._cloud_ms))
        alone, sent = self._accuracy[:, -1], self._accuracy[level, split]
        return Plans(
            level=level,
            split=split,
            places={where: at for at, where in enumerate(zip(level.tolist(), split.tolist(), strict=True))},
            pictures=int(np.isin(split, self._pictures).sum()),
            parts=np.stack([other, device, cloud, np.ones(len(level))]),
            log_mbps_ms=np.log(bytes_per_ms_to_mbps(self._payload[level, split])),
            log_finish_ms=np.log(np.maximum(self._finish_ms[level, split], NO_TIME_MS)),
            accuracy=np.concatenate([alone, sent, alone[level]]),
        )

    def local(self, deadlines_ms: list[float]) -> np.ndarray:
        """The chance of each level on the device alone, [deadlines, levels]."""
        logs = np.array([[math.log(ms) - self.device.mean] for ms in deadlines_ms])
        return below((logs - self._log_local_ms) / self.device.sigma)

    def factors(self) -> Factors:
        """For each node what other, device and cloud milliseconds count, and the round trip.

        Last, without a round trip, for a device that begins at once.
        """
        device, cloud, rtt_ms = (
            self.device.factors(self.nodes.sigmas),
            self.cloud.factors(self.nodes.sigmas),
            self.round_trips.quantile_ms,
        )
        nodes = [(-1.0, -a, -b, -rtt_ms(q)) for a, b, q in zip(device, cloud, self.nodes.rtt_quantiles, strict=True)]
        return [*nodes, (-1.0, -self.device.factor(0), 0.0, 0.0)]

    def log_left_ms(self, plans: Plans, deadlines_ms: list[float], factors: Factors) -> np.ndarray:
        """Logarithm of what is left for the transfer at each node, and, last, to a device that begins at once.

        Returns:
            Shape [deadlines, nodes + 1, plans]: one product for all, with a row of factors for each node.
        """
        rows = np.array([(a, b, c, d + ms) for ms in deadlines_ms for a, b, c, d in factors])
        left_ms = (rows @ plans.parts).reshape(len(deadlines_ms), len(factors), -1)
        return np.log(np.maximum(left_ms, NO_TIME_MS, out=left_ms), out=left_ms)

    def answered_by(self, level: int, split: int, deadlines_ms: list[float], factors: Factors) -> list[float]:
        """The chance that the cloud's answer to one plan is there by each deadline."""
        other, device, cloud, payload = self._rows[level][split]
        takes_ms = [a * other + b * device + c * cloud + d for a, b, c, d in factors[:-1]]
        least, chance = payload / NO_TIME_MS, self.goodput.chance_of_one
        chances = []
        for ms in deadlines_ms:
            needed = [payload / (ms + one) if ms + one > NO_TIME_MS else least for one in takes_ms]
            chances.append(
                sum(w * chance(bytes_per_ms_to_mbps(x)) for w, x in zip(self.nodes.weights, needed, strict=True))
            )
        return chances

    def answered(self, plans: Plans, log_left_ms: np.ndarray) -> np.ndarray:
        """The chance that the cloud's answer is there, [deadlines, plans]."""
        at = self.goodput.chance_of_log(plans.log_mbps_ms - log_left_ms[:, :-1])
        # One by one: a product of matrices takes six times as long at this size.
        total = self.nodes.weights[0] * at[:, 0]
        for node, weight in enumerate(self.nodes.weights[1:], start=1):
            total = total + weight * at[:, node]
        return total

    def caught(self, plans: Plans, log_left_ms: np.ndarray, finish_ms: np.ndarray, sigmas: float) -> np.ndarray:
        """The chance that the device still finishes a plan when no answer came, [deadlines, plans].

        Args:
            plans: The plans.
            log_left_ms: From `log_left_ms`.
            finish_ms: What the device then has before it where the picture was sent, [deadlines].
            sigmas: Standard deviations of compute by which it begins before the last moment.

        Returns:
            0 where that would be too seldom to be called a safety net.
        """
        spare = log_left_ms[:, -1] - plans.log_finish_ms
        pictures = plans.pictures
        spare[:, :pictures] = log_left_ms[:, -1, :pictures] - np.log(finish_ms)[:, None]
        spare -= self.device.mean
        spare /= self.device.sigma
        return below(np.minimum(spare, sigmas)) * (spare >= 0)

    def may_be_caught(self, deadline_ms: float) -> bool:
        """Whether the device could finish any plan by then when no answer came."""
        return deadline_ms >= self._least_ms * math.exp(self.device.mean)

    def _safest_at(self, deadline_ms: float) -> bytes:
        """For each level the split that needs the least bandwidth, compute a standard deviation slower than expected.

        Millisecond by millisecond and per cent by per cent, for these hardly change from frame to frame. As the bytes
        of integers, which can be a key.
        """
        rtt_ms = self.round_trips.quantile_ms(self.nodes.rtt_quantiles[-1])
        key = (round(deadline_ms), round(rtt_ms), round(self.device.factor(1), 2), round(self.cloud.factor(1), 2))
        if key not in self._safest:
            if len(self._safest) > REMEMBERED:
                self._safest.clear()
            deadline_ms, rtt_ms, device, cloud = key
            left_ms = deadline_ms - rtt_ms - self._other_ms - self._device_ms * device - self._cloud_ms * cloud
            needed = self._payload / np.maximum(left_ms, NO_TIME_MS)
            self._safest[key] = needed.argmin(axis=1).astype(int).tobytes()
        return self._safest[key]
