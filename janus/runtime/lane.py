"""One direction of a link as arithmetic: when does a chunk that arrives now come out at the other end? Torch-free.

A lane is a bottleneck that serves bytes in order at the rate of a trace, and then a delay. It has no clock and does no
I/O: the relay tells it the time.
"""

from __future__ import annotations

import math

from janus.errors import JanusError
from janus.network import Trace
from janus.units import mbps_to_bytes_per_ms, ms_to_s

# What a relay reads ahead of the bottleneck, in time: enough to outlast a late wake-up, so that no capacity is lost
# while the sender has data; more would only move the sender's queue into the relay.
AHEAD_S = 0.05
# A chunk takes about this long, so that connections take turns quickly; bounds in bytes.
CHUNK_MS, MIN_CHUNK, MAX_CHUNK = 2.0, 256, 32768
# A trace that carries next to nothing would keep `Lane._departure` turning for ever.
MIN_BYTES_PER_ROUND = 1.0


class Lane:
    """A bottleneck with a delay behind it.

    Args:
        trace: Its rate, from `start` on; repeated at its end.
        delay_ms: One-way delay; None for half the trace's round trip, 0 where the trace knows none.
        delay_trace: Another trace whose round trip it is half of.
        slowdown: Wall-clock seconds for one second of the trace.

    Raises:
        JanusError: If the trace carries nothing at all, or the delay or the slowdown is out of range.
    """

    def __init__(
        self, trace: Trace, *, delay_ms: float | None = None, delay_trace: Trace | None = None, slowdown: float = 1.0
    ):  # fmt: skip
        if delay_ms is not None and not 0 <= delay_ms < 1e6:
            raise JanusError(f"delay_ms {delay_ms:g} is out of range: give 0 or more, one way.")
        if not 1 <= slowdown <= 1e6:
            raise JanusError(f"slowdown {slowdown:g} is out of range: give a factor of 1 or more.")
        self.trace, self.slowdown = trace, slowdown
        self._delay_ms, self._delay_trace = delay_ms, delay_trace or trace
        self._round_bytes = trace.capacity_bytes(0.0, trace.duration_s)
        if self._round_bytes < MIN_BYTES_PER_ROUND:
            raise JanusError(f"trace {trace.name}: it carries nothing at all; choose another trace.")
        self.start(0.0)

    def start(self, now_s: float) -> None:
        """The trace begins now, and the bottleneck is free."""
        self._origin_s = self._free_s = self._last_s = now_s

    def admit(self, now_s: float, size_bytes: int) -> float:
        """Take a chunk in, and say when its last byte comes out at the other end."""
        begin = max(now_s, self._free_s)
        self._free_s = self._departure(begin, size_bytes)
        # A shrinking round trip must not let a chunk overtake the one before it.
        self._last_s = max(self._last_s, self._free_s + self._delay_s(self._free_s))
        return self._last_s

    def readable_at(self) -> float:
        """When the next chunk may be read: the bottleneck has then only `AHEAD_S` of work left."""
        return self._free_s - AHEAD_S

    def hold(self, now_s: float, seconds: float) -> None:
        """An outage from now on: what has not entered the bottleneck waits until it is over."""
        self._free_s = max(self._free_s, now_s + seconds)

    def chunk_bytes(self, now_s: float) -> int:
        """How much to read at once."""
        rate = mbps_to_bytes_per_ms(self.trace.mbps_at(self._on_trace(max(now_s, self._free_s)))) / self.slowdown
        return int(min(max(rate * CHUNK_MS, MIN_CHUNK), MAX_CHUNK))

    def _on_trace(self, moment_s: float, trace: Trace | None = None) -> float:
        return ((moment_s - self._origin_s) / self.slowdown) % (trace or self.trace).duration_s

    def _departure(self, begin_s: float, size_bytes: float) -> float:
        """When ``size_bytes`` that enter a free bottleneck at ``begin_s`` are through."""
        at = (begin_s - self._origin_s) / self.slowdown
        rounds, inside = divmod(at, self.trace.duration_s)
        while math.isinf(took_ms := self.trace.transfer_ms(inside, float(size_bytes))):
            # Not within this round: take what is left of it along into the next.
            size_bytes = max(size_bytes - self.trace.capacity_bytes(inside, self.trace.duration_s), 0.0)
            rounds, inside = rounds + 1, 0.0
        on_trace = rounds * self.trace.duration_s + inside + ms_to_s(took_ms)
        return self._origin_s + on_trace * self.slowdown

    def _delay_s(self, moment_s: float) -> float:
        ms = self._delay_ms
        if ms is None:
            known = self._delay_trace
            rtt = known.rtt_at(self._on_trace(moment_s, known)) if known.rtt_ms is not None else 0.0
            ms = rtt / 2
        return ms_to_s(ms) * self.slowdown


def window_errors(
    trace: Trace, arrivals_s: list[float], sizes_bytes: list[int], *, window_s: float = 1.0
) -> list[tuple[float, float, float]]:
    """How a saturated lane kept to its trace.

    Args:
        trace: What was asked.
        arrivals_s: When each chunk came out, on the trace's clock, delay already taken off.
        sizes_bytes: Size of each.
        window_s: Length of a window.

    Returns:
        For each whole window its start, the bytes asked and the bytes got.
    """
    last = max(arrivals_s, default=0.0)
    count = math.floor(min(last, trace.duration_s) / window_s)
    got = [0.0] * count
    for moment, size in zip(arrivals_s, sizes_bytes, strict=True):
        at = math.floor(moment / window_s)
        if at < count:
            got[at] += size
    return [
        (i * window_s, trace.capacity_bytes(i * window_s, (i + 1) * window_s), got[i]) for i in range(count)
    ]  # fmt: skip
