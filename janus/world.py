"""What truly happens to a frame in a replay: the trace integrated, compute with its spread. Torch-free.

Policies do not see a `World`; the Oracle does.
"""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np

from janus.errors import JanusError
from janus.grid import PlanGrid
from janus.network import Trace
from janus.units import bytes_per_ms_to_mbps, mbps_to_bytes_per_ms, ms_to_s, s_to_ms

CHUNK = 4096
# Relative error, and bytes, below which a plan counts as on the border; a long trace's sums round at a millionth of it.
CLOSE = 1e-6


class Spread:
    """Factors on compute, one a frame: log-normal about 1. Factor i depends on the seed and i alone.

    Args:
        sigma: Relative standard deviation.
        seed: Any sequence of integers.
    """

    def __init__(self, sigma: float, seed: tuple[int, ...]):
        self._random = np.random.default_rng(seed)
        self._sigma = sigma
        self._factors: list[float] = []

    def __getitem__(self, frame: int) -> float:
        while frame >= len(self._factors):
            self._factors.extend(np.exp(self._sigma * self._random.standard_normal(CHUNK)).tolist())
        return self._factors[frame]


class World:
    """One trace and two machines as they really are.

    Args:
        trace: The uplink.
        grid: Whose profiles say how much compute spreads.
        rtt_ms: Round trip where the trace does not know it.
        slowdown: The device takes this much longer than its profile says: a busy or throttled machine.
        seed: Of the spread.

    Attributes:
        frame: The frame at hand; whoever replays sets it.
    """

    def __init__(self, trace: Trace, grid: PlanGrid, *, rtt_ms: float = 20.0, slowdown: float = 1.0, seed: int = 0):
        if not 0 <= rtt_ms < math.inf:
            raise JanusError(f"rtt_ms {rtt_ms} is out of range: give a finite number that is 0 or more.")
        if not 0 < slowdown < math.inf:
            raise JanusError(f"slowdown {slowdown} is out of range: give a finite factor above 0.")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise JanusError(f"seed {seed!r} must be an integer that is 0 or more.")
        self.trace = trace
        self.frame = 0
        self._slowdown = slowdown
        self._device = Spread(grid.device.noise, (seed, 0))
        self._cloud = Spread(grid.cloud.noise, (seed, 1))
        self._edges_s = trace.edges_s.tolist()
        self._edges = trace.edges_s
        # Bytes since the start of the trace at each edge.
        each = mbps_to_bytes_per_ms(trace.uplink_mbps) * s_to_ms(np.diff(self._edges))
        self._carried = np.concatenate([[0.0], np.cumsum(each)])
        self._rtt = [float(rtt_ms)] if trace.rtt_ms is None else trace.rtt_ms.tolist()
        self._rtt_array = trace.rtt_ms

    @property
    def device_factor(self) -> float:
        """How much longer than its profile says the device computes for the frame at hand."""
        return self._device[self.frame] * self._slowdown

    @property
    def cloud_factor(self) -> float:
        """The same for the cloud."""
        return self._cloud[self.frame]

    def rtt_ms(self, t_s: float) -> float:
        """Round trip at a time; after the end of the trace its last."""
        return self._rtt[min(bisect_right(self._edges_s, t_s), len(self._rtt)) - 1]

    def transfer_ms(self, start_s: float, size_bytes: float) -> float:
        """Milliseconds until the bytes are through; infinite where the trace ends before."""
        return self.trace.transfer_ms(start_s, size_bytes)

    def goodput_mbps(self, start_s: float, size_bytes: float) -> float:
        """Goodput of one transfer, without the round trip; NaN where nothing is sent."""
        if size_bytes == 0:
            return math.nan
        took = self.transfer_ms(start_s, size_bytes)
        return bytes_per_ms_to_mbps(size_bytes / took) if took > 0 else math.inf

    def answer_ms(self, now_s: float, before_ms: float, payload_bytes: float, after_ms: float) -> float:
        """From the start of a frame to the cloud's answer.

        Args:
            now_s: When the frame starts.
            before_ms: Compute and encoding before the payload is sent.
            after_ms: What follows the transfer beside the round trip: cloud and downlink.
        """
        sent_s = now_s + ms_to_s(before_ms)
        return before_ms + self.transfer_ms(sent_s, payload_bytes) + self.rtt_ms(sent_s) + after_ms

    def answers_ms(
        self, now_s: float, before_ms: np.ndarray, payload_bytes: np.ndarray, after_ms: np.ndarray
    ) -> np.ndarray:
        """`answer_ms` of many plans at once; those that send nothing take ``before_ms``."""
        sent_s = now_s + ms_to_s(before_ms)
        took = self.trace.transfer_ms(sent_s, payload_bytes) + self._rtts(sent_s) + after_ms
        return before_ms + np.where(payload_bytes > 0, took, 0.0)

    def may_meet(
        self, now_s: float, slo_ms: float, before_ms: np.ndarray, payload_bytes: np.ndarray, after_ms: np.ndarray
    ) -> np.ndarray:
        """Which of many plans are answered within ``slo_ms``; plans on the border to within rounding count.

        Quicker than `answers_ms`: it asks what the link carries until a deadline, and only in the window at hand.
        """
        sent_s = now_s + ms_to_s(before_ms)
        deadline_s = now_s + ms_to_s(slo_ms - after_ms - self._rtts(sent_s))
        first = max(bisect_right(self._edges_s, now_s) - 1, 0)
        last = bisect_right(self._edges_s, now_s + ms_to_s(max(slo_ms, 0.0))) + 1
        # Both ends in one call: for a few plans a call is what it costs.
        ends_s = np.concatenate((deadline_s, sent_s))
        until, since = np.interp(ends_s, self._edges[first:last], self._carried[first:last]).reshape(2, -1)
        room = until - since
        # The window's own bytes bound the error of the difference, not those since the trace began.
        enough = room >= payload_bytes * (1 - CLOSE) - CLOSE
        return np.where(payload_bytes > 0, enough & (deadline_s >= sent_s), before_ms <= slo_ms)

    def _rtts(self, t_s: np.ndarray):
        if self._rtt_array is None:
            return self._rtt[0]
        return self._rtt_array[np.minimum(np.searchsorted(self._edges, t_s, side="right"), len(self._rtt)) - 1]
