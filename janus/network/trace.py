"""A bandwidth trace as a step function of time, and its exact integral. Torch-free."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from janus.errors import JanusError
from janus.units import mbps_to_bytes_per_ms, s_to_ms

DIRECTIONS = ("uplink", "downlink", "unknown")
KINDS = ("recorded", "generated", "constant")
# Ten million steps of 0.1 s are eleven days; a file that asks for more is a mistake, not a recording.
MAX_STEPS = 10_000_000
# A transfer is through when all but this share of the trace's bytes is: else one byte in 1e14, lost to rounding just
# before an outage, would wait for its end.
ROUNDING = 1e-14


class _Integral(NamedTuple):
    """The trace in milliseconds and bytes: as arrays for vectors, as lists for the quick path of one number."""

    edges_ms: np.ndarray  # [n + 1]
    bytes_before: np.ndarray  # [n + 1], delivered before each edge
    bytes_per_ms: np.ndarray  # [n]
    edges_list: list[float]
    bytes_list: list[float]
    rate_list: list[float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What a link can carry over time; piecewise constant.

    Times may start anywhere and are shifted, together with ``duration_s``, so that the trace starts at 0. Outside
    0…duration_s the link carries nothing. Arrays are copied and made read-only.

    Attributes:
        name: Short name for tables and legends.
        time_s: Start of each step, shape [n], strictly increasing.
        uplink_mbps: Decimal megabits per second, shape [n], 0 or more; each holds until the next time.
        rtt_ms: Round-trip time of each step, shape [n], or None where unknown.
        duration_s: End of the last step, on the clock of ``time_s``.
        source: Where it comes from, in words.
        direction: ``uplink``, ``downlink`` or ``unknown``: which way the recorded bytes went.
        licence: Terms of the recording.
        kind: ``recorded``, ``generated`` or ``constant``.
        notes: One sentence for each thing that a reader dropped, joined or ignored.
    """

    name: str
    time_s: np.ndarray
    uplink_mbps: np.ndarray
    rtt_ms: np.ndarray | None = None
    duration_s: float
    source: str = "unknown"
    direction: str = "unknown"
    licence: str = "unknown"
    kind: str = "recorded"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        time_s = self._column("time_s")
        if not 0 < len(time_s) <= MAX_STEPS:
            raise JanusError(f"trace {self.name}: {len(time_s)} steps; give 1 to {MAX_STEPS}.")
        late = np.flatnonzero(np.diff(time_s) <= 0)
        if late.size:
            raise JanusError(f"trace {self.name}: time_s[{late[0] + 1}] is not after the one before; sort the steps.")
        end = float(self.duration_s)
        if not (math.isfinite(end) and end > time_s[-1]):
            raise JanusError(
                f"trace {self.name}: duration_s {end:g} must be finite and after the last time {time_s[-1]:g}."
            )
        columns = {"time_s": time_s - time_s[0], "uplink_mbps": self._column("uplink_mbps", at_least_zero=True)}
        if self.rtt_ms is not None:
            columns["rtt_ms"] = self._column("rtt_ms", at_least_zero=True)
        for field, values in columns.items():
            if len(values) != len(time_s):
                raise JanusError(
                    f"trace {self.name}: {field} has {len(values)} entries but time_s {len(time_s)}; give one each."
                )
            values.setflags(write=False)
            object.__setattr__(self, field, values)
        object.__setattr__(self, "duration_s", end - float(time_s[0]))
        for field, allowed in (("direction", DIRECTIONS), ("kind", KINDS)):
            if getattr(self, field) not in allowed:
                raise JanusError(
                    f"trace {self.name}: {field} {getattr(self, field)!r} is unknown; choose {', '.join(allowed)}."
                )

    def _column(self, field: str, at_least_zero: bool = False) -> np.ndarray:
        try:
            values = np.array(getattr(self, field), dtype=np.float64, ndmin=1)
        except (TypeError, ValueError) as why:
            raise JanusError(f"trace {self.name}: {field} holds something that is not a number; give numbers.") from why
        if values.ndim != 1:
            raise JanusError(f"trace {self.name}: {field} has shape {values.shape}; give one number for each step.")
        bad = np.flatnonzero(~np.isfinite(values) | (values < 0 if at_least_zero else False))
        if bad.size:
            wanted = "finite and 0 or more" if at_least_zero else "finite"
            raise JanusError(
                f"trace {self.name}: {field}[{bad[0]}] is {values[bad[0]]:g}; every entry must be {wanted}."
            )
        return values

    @classmethod
    def constant(
        cls, mbps: float, *, duration_s: float = 600.0, rtt_ms: float | None = None, name: str | None = None
    ) -> Trace:
        """A link that never changes."""
        return cls(
            name=name or f"{mbps:g} Mbit/s",
            time_s=np.zeros(1),
            uplink_mbps=np.array([mbps]),
            rtt_ms=None if rtt_ms is None else np.array([rtt_ms]),
            duration_s=duration_s,
            source="constant",
            direction="uplink",
            licence="none needed",
            kind="constant",
        )

    def __len__(self) -> int:
        return len(self.time_s)

    def __repr__(self) -> str:
        return f"<Trace {self.name}: {self.kind}, {self.duration_s:g} s, mean {self.mean_mbps:.4g} Mbit/s>"

    @property
    def mean_mbps(self) -> float:
        """Mean over time, weighted by the length of each step."""
        return float(np.average(self.uplink_mbps, weights=self._lengths_s))

    @property
    def edges_s(self) -> np.ndarray:
        """Start of every step and the end of the last, shape [n + 1]."""
        return np.append(self.time_s, self.duration_s)

    @property
    def _lengths_s(self) -> np.ndarray:
        return np.diff(self.edges_s)

    @cached_property
    def _integral(self) -> _Integral:
        edges_ms = s_to_ms(self.edges_s)
        rate = mbps_to_bytes_per_ms(self.uplink_mbps)
        before = np.concatenate([[0.0], np.cumsum(rate * np.diff(edges_ms))])
        return _Integral(edges_ms, before, rate, edges_ms.tolist(), before.tolist(), rate.tolist())

    def mbps_at(self, t_s):
        """Rate at a time (s), or at an array of times; 0 outside the trace."""
        return self._held(self.uplink_mbps, t_s, 0.0)

    def rtt_at(self, t_s):
        """Round-trip time (ms) at a time or an array of times; NaN where the trace does not know it."""
        return self._held(self.rtt_ms if self.rtt_ms is not None else np.full(len(self), np.nan), t_s, math.nan)

    def _held(self, values: np.ndarray, t_s, outside: float):
        t = np.asarray(t_s, dtype=np.float64)
        step = np.clip(np.searchsorted(self.time_s, t, side="right") - 1, 0, len(self) - 1)
        found = np.where((t >= 0) & (t < self.duration_s), values[step], outside)
        return found if found.ndim else float(found)

    def capacity_bytes(self, start_s, end_s):
        """Bytes that the link can carry between two times (s); takes arrays. 0 where the end is before the start."""
        line = self._integral
        at_start = np.interp(s_to_ms(np.asarray(start_s, dtype=np.float64)), line.edges_ms, line.bytes_before)
        at_end = np.interp(s_to_ms(np.asarray(end_s, dtype=np.float64)), line.edges_ms, line.bytes_before)
        carried = np.maximum(at_end - at_start, 0.0)
        return carried if carried.ndim else float(carried)

    def transfer_ms(self, start_s, size_bytes):
        """Milliseconds until ``size_bytes``, sent from ``start_s`` on, are through; numbers or arrays.

        The trace is integrated, outages included. A transfer that does not end within the trace gives ``math.inf``;
        0 bytes take 0 ms at any time.

        Raises:
            JanusError: If a start or a size is negative or not a number.
        """
        if isinstance(start_s, (int, float)) and isinstance(size_bytes, (int, float)):
            return self._transfer_one(s_to_ms(float(start_s)), float(size_bytes))
        start_ms, size = np.broadcast_arrays(
            s_to_ms(np.asarray(start_s, dtype=np.float64)), np.asarray(size_bytes, dtype=np.float64)
        )
        if not (np.all(start_ms >= 0) and np.all(size >= 0)):
            raise JanusError(f"trace {self.name}: a transfer starts at 0 s or later and has 0 bytes or more.")
        edges, before, rate, *_ = self._integral
        last, slack = len(rate) - 1, before[-1] * ROUNDING
        inside = np.minimum(start_ms, edges[-1])
        step = np.clip(np.searchsorted(edges, inside, side="right") - 1, 0, last)
        wanted = before[step] + rate[step] * (inside - edges[step]) + size
        final = np.clip(np.searchsorted(before, wanted - slack) - 1, step, last)
        with np.errstate(divide="ignore", invalid="ignore"):
            # Within one step the rate says it exactly; across steps the integral does.
            across = edges[final] + (np.minimum(wanted, before[final + 1]) - before[final]) / rate[final] - inside
            took = np.where(final == step, np.minimum(size / rate[step], edges[step + 1] - inside), across)
        never = (start_ms >= edges[-1]) | (wanted > before[-1] + slack) | np.isnan(took)
        took = np.where(size == 0, 0.0, np.where(never, math.inf, np.maximum(took, 0.0)))
        return took if took.ndim else float(took)

    def _transfer_one(self, start_ms: float, size: float) -> float:
        """`transfer_ms` for one number: no arrays, a few hundred nanoseconds."""
        if not (start_ms >= 0 and size >= 0):
            raise JanusError(f"trace {self.name}: a transfer starts at 0 s or later and has 0 bytes or more.")
        _, _, _, edges, before, rate = self._integral
        if size == 0:
            return 0.0
        if start_ms >= edges[-1]:
            return math.inf
        slack = before[-1] * ROUNDING
        step = bisect_right(edges, start_ms) - 1
        wanted = before[step] + rate[step] * (start_ms - edges[step]) + size
        if wanted > before[-1] + slack:
            return math.inf
        final = max(bisect_left(before, wanted - slack) - 1, step)
        if final == step:
            return min(size / rate[step] if rate[step] else math.inf, edges[step + 1] - start_ms)
        return max(edges[final] + (min(wanted, before[final + 1]) - before[final]) / rate[final] - start_ms, 0.0)

    def clip(self, start_s: float, end_s: float) -> Trace:
        """The part between two times (s), on a clock that starts at 0 again.

        Raises:
            JanusError: If the part is empty or reaches beyond the trace.
        """
        if not 0 <= start_s < end_s <= self.duration_s:
            raise JanusError(
                f"trace {self.name}: cannot clip {start_s:g}…{end_s:g} s; choose a part of 0…{self.duration_s:g} s."
            )
        first = int(np.searchsorted(self.time_s, start_s, side="right")) - 1
        last = int(np.searchsorted(self.time_s, end_s, side="left"))
        return replace(
            self,
            time_s=np.maximum(self.time_s[first:last], start_s),
            uplink_mbps=self.uplink_mbps[first:last],
            rtt_ms=None if self.rtt_ms is None else self.rtt_ms[first:last],
            duration_s=end_s,
        )

    def scale(self, factor: float) -> Trace:
        """The same link, ``factor`` times as wide; round-trip times stay."""
        if not (math.isfinite(factor) and factor >= 0):
            raise JanusError(f"trace {self.name}: factor {factor} must be finite and 0 or more.")
        note = f"rates multiplied by {factor:g}"
        return replace(self, uplink_mbps=self.uplink_mbps * factor, notes=(*self.notes, note))

    def repeat(self, duration_s: float) -> Trace:
        """The trace again and again until ``duration_s``, cut there."""
        if not (math.isfinite(duration_s) and duration_s > 0):
            raise JanusError(f"trace {self.name}: duration_s {duration_s} must be finite and more than 0.")
        rounds = math.ceil(duration_s / self.duration_s)
        rounds += rounds * self.duration_s < duration_s  # by rounding
        if rounds * len(self) > MAX_STEPS:
            raise JanusError(f"trace {self.name}: {duration_s:g} s would take over {MAX_STEPS} steps; ask for less.")
        starts = np.repeat(np.arange(rounds) * self.duration_s, len(self))
        return replace(
            self,
            time_s=np.tile(self.time_s, rounds) + starts,
            uplink_mbps=np.tile(self.uplink_mbps, rounds),
            rtt_ms=None if self.rtt_ms is None else np.tile(self.rtt_ms, rounds),
            duration_s=rounds * self.duration_s,
        ).clip(0.0, duration_s)

    def resampled(self, step_s: float) -> Trace:
        """The same bytes (and time-weighted mean round-trip times) on a grid of ``step_s``; the last step may be short.

        Raises:
            JanusError: If the step is not positive, or so small that the trace would not fit in memory.
        """
        if not (math.isfinite(step_s) and step_s > 0 and self.duration_s / step_s <= MAX_STEPS):
            raise JanusError(f"trace {self.name}: step_s {step_s} must be more than {self.duration_s / MAX_STEPS:g}.")
        # A remainder of rounding alone makes no step of its own.
        count = max(math.ceil(self.duration_s / step_s - 1e-6), 1)
        edges = np.append(np.arange(count) * step_s, self.duration_s)
        return replace(
            self,
            time_s=edges[:-1],
            uplink_mbps=self._means(self.uplink_mbps, edges),
            rtt_ms=None if self.rtt_ms is None else self._means(self.rtt_ms, edges),
        )

    def _means(self, values: np.ndarray, edges_s: np.ndarray) -> np.ndarray:
        """Time-weighted mean of a step function between consecutive edges."""
        total = np.concatenate([[0.0], np.cumsum(values * self._lengths_s)])
        means = np.diff(np.interp(edges_s, self.edges_s, total)) / np.diff(edges_s)
        # A difference of sums may miss 0 by rounding.
        return np.clip(means, values.min(), values.max())
