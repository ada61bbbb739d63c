"""What the machines compute: block latency against tokens with its line, and schedules at equal compute."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from janus.arithmetic import multiply_adds
from janus.errors import JanusError
from janus.files import data_folder
from janus.geometry import ModelGeometry
from janus.profile import MACHINES, LatencyProfile, find_profile, load_profile
from janus.schedule import MergePlan, MergeSchedule
from janus.units import BYTES_PER_KB

# Points of a drawn curve.
CURVE_POINTS = 40
# The machines of the paper, and one with figures for small models too.
SHOWN_MACHINES = ("orin-nano", "orin-nx", "v100")


def measured_profiles(model: str | None = None) -> list[LatencyProfile]:
    """Profiles in ``data/profiles`` that were measured, of one model's architecture or of any."""
    derived = tuple(f"{machine}__" for machine in MACHINES)
    files = sorted(file for file in data_folder("profiles").glob("*.json") if not file.name.startswith(derived))
    profiles = [load_profile(file) for file in files]
    return [p for p in profiles if p.kind == "measured" and (model is None or _is_of(p, model))]


def _is_of(profile: LatencyProfile, model: str) -> bool:
    try:
        profile.check_model(model)
    except JanusError:
        return False
    return True


def latency_table(model: str, machines: tuple[str, ...] = SHOWN_MACHINES) -> pd.DataFrame:
    """A block's latency against its tokens on each machine, derived ones first, then all that were measured.

    Returns:
        ``machine`` (its label), ``kind``, ``what`` (``point``, ``line``: the paper's, ``fit``: what predictions use),
        ``tokens``, ``block_ms``, ``line_r``, ``line_worst_percent`` (its largest miss of a point), ``fit_used``.
    """
    profiles = [find_profile(machine, model) for machine in machines] + measured_profiles(model)
    return pd.concat([profile_rows(profile) for profile in profiles], ignore_index=True)


def measured_table() -> pd.DataFrame:
    """As `latency_table`, of every measured profile that is shipped; ``machine`` names the model as well.

    Raises:
        JanusError: If none is.
    """
    profiles = measured_profiles()
    if not profiles:
        raise JanusError(f"{data_folder('profiles')}: holds no measured profile; make one with `janus profile`.")
    rows = [profile_rows(p).assign(machine=f"{p.label}, {p.model.split('.')[0]}") for p in profiles]
    return pd.concat(rows, ignore_index=True)


def profile_rows(profile: LatencyProfile) -> pd.DataFrame:
    """Rows of `latency_table` for one profile."""
    points = sorted((s.tokens, s.median_ms) for s in profile.blocks if s.removed == 0)
    tokens = np.array([n for n, _ in points])
    # No point lies beyond the model's own tokens by much; the curve is drawn where there are points.
    curve = np.unique(np.round(np.linspace(tokens.min(), tokens.max(), CURVE_POINTS)).astype(int))
    parts = {
        "point": (tokens, np.array([ms for _, ms in points])),
        "line": (curve, profile.line(curve)),
        "fit": (curve, profile.fit(curve)),
    }
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "machine": profile.label,
                    "kind": profile.kind,
                    "what": what,
                    "tokens": n,
                    "block_ms": np.round(ms, 4),
                    "line_r": round(profile.line.r, 4),
                    "line_worst_percent": round(100 * profile.line.worst_relative_error, 1),
                    "fit_used": profile.fit_used,
                }
            )
            for what, (n, ms) in parts.items()
        ],
        ignore_index=True,
    )


def equal_compute(geometry: ModelGeometry, r: int, family: str = "declining") -> MergeSchedule:
    """The schedule of another family whose multiply-adds are nearest to those of r tokens per block."""

    def work(schedule: MergeSchedule) -> int:
        return multiply_adds(geometry.arithmetic, geometry.plan(schedule))

    wanted = work(MergeSchedule(family="constant", level=r))
    low, high = 0.0, MergeSchedule(family=family).max_level(geometry.depth, geometry.tokens, geometry.protected)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if work(MergeSchedule(family=family, level=middle)) > wanted else (low, middle)
    # Counts are integers, so levels go in steps: the nearer of those on either side, as short as a heading needs.
    sides = [MergeSchedule(family=family, level=math.floor(low * 1e4) / 1e4 + step) for step in (0.0, 1e-4)]
    return min(sides, key=lambda side: abs(work(side) - wanted))


def schedule_table(geometry: ModelGeometry, rs: tuple[int, ...]) -> pd.DataFrame:
    """Tokens after each block for r tokens per block, and for the declining schedule of equal multiply-adds.

    Returns:
        ``pair`` (r), ``schedule``, ``level``, ``block`` (0 is the embedding), ``removed`` in it, ``tokens`` after it,
        ``giga_multiply_adds`` and ``tokens_kept_percent`` (mean over blocks) of the whole.
    """
    rows = []
    for r in rs:
        for schedule in (MergeSchedule(family="constant", level=r), equal_compute(geometry, r)):
            rows.append(_schedule_rows(geometry, schedule, geometry.plan(schedule)).assign(pair=r))
    return pd.concat(rows, ignore_index=True)


def _schedule_rows(geometry: ModelGeometry, schedule: MergeSchedule, plan: MergePlan) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "schedule": schedule.family,
            "level": schedule.level,
            "block": range(geometry.depth + 1),
            "removed": (0, *plan.removed),
            "tokens": plan.tokens,
            "giga_multiply_adds": round(multiply_adds(geometry.arithmetic, plan) / 1e9, 2),
            "tokens_kept_percent": round(100 * plan.mean_kept, 1),
        }
    )


def schedule_summary(table: pd.DataFrame, width: int) -> pd.DataFrame:
    """One row per schedule of `schedule_table`: its compute, and its payload at an early and a middle cut.

    Args:
        table: From `schedule_table`.
        width: Channels of a token; a payload is counted at one byte a channel, without scales.
    """
    rows = []
    for (pair, family, level), plan in table.groupby(["pair", "schedule", "level"], sort=False):
        tokens = plan["tokens"].to_numpy()
        rows.append(
            {
                "pair": pair,
                "schedule": family,
                "level": level,
                "giga_multiply_adds": plan["giga_multiply_adds"].iloc[0],
                "tokens_kept_percent": plan["tokens_kept_percent"].iloc[0],
                "tokens_at_the_end": tokens[-1],
                **{f"kB_at_split_{k}": round(tokens[k] * width / BYTES_PER_KB) for k in (4, 8, 12)},
            }
        )
    return pd.DataFrame(rows)
