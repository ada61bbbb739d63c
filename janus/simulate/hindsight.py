"""In hindsight: violations that the Oracle shows to be avoidable, and two policies frame by frame. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from janus.grid import PlanGrid
from janus.network import Trace
from janus.policy import Oracle
from janus.simulate.replay import ROUNDING_MS, ReplaySettings
from janus.units import ms_to_s
from janus.world import World

if TYPE_CHECKING:
    import pandas as pd


def avoidable(
    table: pd.DataFrame,
    trace: Trace,
    grid: PlanGrid,
    settings: ReplaySettings | None = None,
    *,
    rivals: Sequence[PlanGrid] = (),
) -> np.ndarray:
    """Which frames of a replay were late although some plan would have been in time.

    The Oracle is asked at the very instant at which the frame began, with the same spread of compute; frames that were
    dropped are asked about as if the device had been free.

    Args:
        table: What `replay` gave for one policy, with the trace, grid and settings here.

    Returns:
        One truth value per row.
    """
    settings = settings or ReplaySettings()
    world = World(trace, grid, rtt_ms=settings.rtt_ms, slowdown=settings.slowdown, seed=settings.seed)
    oracle = Oracle(grid, world, rivals=rivals)
    waited_ms = table["queued_ms"].to_numpy() if "queued_ms" in table else np.zeros(len(table))
    found = np.zeros(len(table), dtype=bool)
    frames, times_s, slos_ms = (table[name].to_numpy() for name in ("frame", "time_s", "slo_ms"))
    for at in np.flatnonzero(table["violated"].to_numpy()):
        world.frame = int(frames[at])
        left_ms = float(slos_ms[at]) - float(waited_ms[at])
        decision = oracle.decide(float(times_s[at]) + ms_to_s(float(waited_ms[at])), left_ms)
        found[at] = decision.modelled_ms <= left_ms + ROUNDING_MS
    return found


def head_to_head(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, float]:
    """Two policies on the same frames of one camera.

    Returns:
        ``frames``; ``violation_ratio_first`` and ``…_second``; where both met the SLO: ``both_met`` (share of frames),
        ``accuracy_first`` and ``accuracy_second`` (expected, in percent).
    """
    shared = first.merge(second, on="frame", suffixes=("_first", "_second"))
    both = shared[~shared["violated_first"] & ~shared["violated_second"]]
    return {
        "frames": len(shared),
        "violation_ratio_first": float(shared["violated_first"].mean()),
        "violation_ratio_second": float(shared["violated_second"].mean()),
        "both_met": len(both) / len(shared) if len(shared) else math.nan,
        "accuracy_first": float(both["expected_accuracy_first"].mean()),
        "accuracy_second": float(both["expected_accuracy_second"].mean()),
    }
