"""One plan, or one policy over a trace, through an open pair: what it takes, beside what the model says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from janus.accuracy import AccuracyTable
from janus.grid import GridSettings, PlanGrid, ms_per_byte
from janus.network import Trace
from janus.rates import RateTable
from janus.runtime.pair import LocalPair
from janus.runtime.session import RunSettings, columns
from janus.split import Plan

# No frame is given up.
NEVER_MS = 60_000.0


class Spot(NamedTuple):
    """A plan's latency so far.

    Attributes:
        n: Frames; one more went before, not counted.
        median_ms: Measured, or emulated where the pair imitates other machines.
        p10_ms, p90_ms: The same, of the fastest and the slowest tenth.
        modelled_ms: What the profiles of the pair say for the bytes that travelled (median).
    """

    n: int
    median_ms: float
    p10_ms: float
    p90_ms: float
    modelled_ms: float

    @property
    def error(self) -> float:
        """Modelled over measured, less 1."""
        return self.modelled_ms / self.median_ms - 1


def modelled_of(grid: PlanGrid, plan: Plan, payload_bytes, *, mbps: float, rtt_ms: float):
    """Modelled latency of a plan of the grid for payloads as they were sent: a JPEG's size depends on the picture."""
    at = grid.levels.index(plan.level), grid.splits.index(plan.split)
    more = payload_bytes - int(grid.payload_bytes[at])
    return grid.modelled_ms(mbps, rtt_ms)[at] + more * ms_per_byte(mbps)


def measure_plan(
    pair: LocalPair, images, plan: Plan, *, grid: GridSettings, mbps: float, frames: int, cancel: threading.Event
) -> Iterator[Spot]:
    """A `Spot` after each frame.

    Args:
        pair: Open.
        images: See `janus.runtime.runs.prepare`.
        plan: Level and split.
        grid: Its schedule's family, codec and encoding.
        mbps: Of the link.
        frames: How many are counted.
        cancel: Ends it after the frame at hand.
    """
    session = pair.session(
        images, policy=plan, slo_ms=NEVER_MS, grid=grid, trace=mbps, settings=RunSettings(frames=frames + 1),
        limit=frames + 1,
    )  # fmt: skip
    names = columns(session.settings, emulated=pair.machines.emulated)
    took_at, size_at = names.index(TIMES[pair.machines.emulated]), names.index("payload_bytes")
    rtt_ms = pair.line.rtt_ms / pair.machines.slowdown
    took, sizes = [], []
    for number, row in enumerate(session.rows()):
        if cancel.is_set():
            return
        if number == 0:
            continue
        took.append(row[took_at])
        sizes.append(row[size_at])
        p10, median, p90 = np.percentile(took, (10, 50, 90)).tolist()
        modelled = modelled_of(session.policy.grid, plan, np.array(sizes), mbps=mbps, rtt_ms=rtt_ms)
        yield Spot(len(took), median, p10, p90, float(np.median(modelled)))


TIMES = {False: "measured_ms", True: "emulated_ms"}


def measure_policy(
    pair: LocalPair, images, policy: str, *, grid: GridSettings, slo_ms: float, trace: Trace, settings: RunSettings,
    accuracy: AccuracyTable | None, cancel: threading.Event, rates: RateTable | None = None,
) -> Iterator[dict]:  # fmt: skip
    """A row after each frame: ``time_s``, ``measured_ms``, ``modelled_ms`` (what the policy expected), ``violated``.

    Args:
        pair: Open.
        images: See `janus.runtime.runs.prepare`.
        policy: A name of `janus.policy.POLICIES`.
        grid: What it may choose from.
        slo_ms: Latency target.
        trace: The uplink, from its start.
        settings: Pace and length.
        accuracy: Stored accuracies of the model, which some policies weigh.
        cancel: Ends it after the frame at hand.
        rates: What was measured of pictures and tokens on the wire, which others choose among.

    Raises:
        JanusError: If the policy cannot be run, but only replayed.
    """
    session = pair.session(
        images, policy=policy, slo_ms=slo_ms, grid=grid, trace=trace, settings=settings, accuracy=accuracy,
        rates=rates, limit=16,
    )  # fmt: skip
    names = columns(settings, emulated=pair.machines.emulated)
    for row in session.rows():
        if cancel.is_set():
            return
        found = dict(zip(names, row, strict=True))
        found["measured_ms"] = found[TIMES[pair.machines.emulated]]
        yield {name: found[name] for name in ("time_s", "measured_ms", "modelled_ms", "violated")}
