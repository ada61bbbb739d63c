"""Policies that choose a quality beside all others, over measured rate tables: who leads whom, and where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import joblib
import numpy as np
import pandas as pd

from janus.grid import PlanGrid
from janus.network import Trace
from janus.policy import make_policy
from janus.progress import bar
from janus.reproduce.replays import SETTINGS, rounded
from janus.reproduce.task import short_name
from janus.simulate import ReplaySettings, replay, summarise

POLICIES = (
    "device-only", "cloud-only", "cloud-only-adaptive", "mixed", "neurosurgeon", "tome", "janus", "janus-robust",
    "janus-codec", "oracle",
)  # fmt: skip
OURS, BOUND = "janus-codec", "oracle"
# All policies see the same frames; with a period that is no shorter than the SLO one in time delays no other.
CAMERA = replace(SETTINGS, mode="camera", camera_fps=5.0)
CASE = ("model", "device", "cloud", "slo_ms", "trace")
# Differences below these are none: a twentieth of a point, and one frame of two thousand.
SAME_POINTS, SAME_PERCENT = 0.05, 0.05
LEADS, TRADES, TRAILS = "leads", "trades", "trails"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """A pair of machines that a table is made for.

    Attributes:
        grid: Their plans, with a rate table.
        slos_ms: Latency targets that are sensible for them.
    """

    grid: PlanGrid
    slos_ms: tuple[float, ...]


def quality_table(
    pairs: Sequence[Pair],
    traces: Sequence[Trace],
    *,
    policies: Sequence[str] = POLICIES,
    settings: ReplaySettings = CAMERA,
    jobs: int | None = -1,
    progress: bool = False,
) -> pd.DataFrame:
    """Every policy in every case.

    Returns:
        `CASE`, ``kind`` of the trace, ``policy``, ``frames``, ``violation_percent``, ``expected_accuracy`` (percent, of
        the answered frames), ``timely_accuracy`` (a late answer counts as wrong), ``p95_ms``, ``sent_bytes``, and the
        percentages of frames that sent a picture (``picture_percent``), tokens (``tokens_percent``), nothing
        (``device_percent``), or were finished on the device after all (``fallback_percent``). All is modelled.
    """
    runs = [
        (pair.grid, slo_ms, trace, policy)
        for pair in pairs
        for slo_ms, trace, policy in product(pair.slos_ms, traces, policies)
    ]
    work = (joblib.delayed(_one)(*run, policies, settings) for run in runs)
    done = joblib.Parallel(n_jobs=jobs, return_as="generator")(work)
    return rounded(pd.DataFrame(list(bar(done, total=len(runs), unit="replay", shown=progress))))


def _one(
    grid: PlanGrid, slo_ms: float, trace: Trace, policy: str, policies: Sequence[str], settings: ReplaySettings
) -> dict:
    # The Oracle may use everybody's plans, so that it bounds them all.
    others = [name for name in policies if name != BOUND] if policy == BOUND else []
    rivals = [make_policy(name, grid).grid for name in others]
    frames = replay(trace, policy, grid, slo_ms, settings, rivals=rivals)
    summary, split, depth = summarise(frames).iloc[0], frames["split"], grid.geometry.depth
    return {
        "model": grid.device.model, "device": grid.device.label, "cloud": grid.cloud.label, "slo_ms": slo_ms,
        "trace": short_name(trace.name), "kind": trace.kind, "policy": policy, "frames": len(frames),
        "violation_percent": 100 * summary["violation_ratio"],
        "expected_accuracy": summary["expected_accuracy"], "timely_accuracy": summary["timely_accuracy"],
        "p95_ms": summary["p95_ms"], "sent_bytes": summary["sent_bytes"],
        "picture_percent": 100 * (split == 0).mean(),
        "tokens_percent": 100 * ((split > 0) & (split < depth)).mean(),
        "device_percent": 100 * (split == depth).mean(),
        "fallback_percent": 100 * summary["fallback_ratio"],
    }  # fmt: skip


def standings(table: pd.DataFrame, policy: str = OURS) -> pd.DataFrame:
    """How one policy stands against every other causal one, case by case.

    Returns:
        `CASE`, ``rival``; ``fewer_late_points`` and ``more_accurate_points`` (the policy's advantage in percentage
        points of frames and of expected accuracy), ``more_timely_points``; ``standing``: it ``leads`` where it is late
        no more often and no less accurate, ``trails`` where it is late more often without being more accurate or less
        accurate without being late less often, and ``trades`` one for the other elsewhere. Differences that are less
        than a twentieth of a point are none.
    """
    own = table[table["policy"] == policy]
    others = table[~table["policy"].isin((policy, BOUND))]
    both = own.merge(others, on=list(CASE), suffixes=("", "_rival"))
    late = (both["violation_percent_rival"] - both["violation_percent"]).to_numpy()
    better = (both["expected_accuracy"] - both["expected_accuracy_rival"]).to_numpy()
    # Who never answers is not accurate.
    better = np.where(np.isnan(better), np.inf, better)
    leads = (late >= -SAME_PERCENT) & (better >= -SAME_POINTS)
    trades = ((late > SAME_PERCENT) & ~leads) | ((better > SAME_POINTS) & ~leads)
    return rounded(
        both[list(CASE)].assign(
            rival=both["policy_rival"],
            fewer_late_points=late,
            more_accurate_points=np.where(np.isinf(better), np.nan, better),
            more_timely_points=both["timely_accuracy"] - both["timely_accuracy_rival"],
            standing=np.select([leads, trades], [LEADS, TRADES], TRAILS),
        )
    )


def lead_table(found: pd.DataFrame) -> pd.DataFrame:
    """Standings counted, rival by rival.

    Args:
        found: From `standings`.

    Returns:
        ``rival``, ``cases``, in how many of them the policy ``leads``, ``trades`` and ``trails``; the mean, the least
        and the most of ``fewer_late_points``, and the means of ``more_accurate_points`` and ``more_timely_points``.
    """
    rows = []
    for rival, part in found.groupby("rival", sort=False):
        fewer = part["fewer_late_points"]
        rows.append(
            {
                "rival": rival,
                "cases": len(part),
                **{standing: int((part["standing"] == standing).sum()) for standing in (LEADS, TRADES, TRAILS)},
                "fewer_late_points": fewer.mean(),
                "least": fewer.min(),
                "most": fewer.max(),
                "more_accurate_points": part["more_accurate_points"].mean(),
                "more_timely_points": part["more_timely_points"].mean(),
            }
        )
    return pd.DataFrame(rows)


def trail_words(found: pd.DataFrame) -> list[str]:
    """Every case in which some rival is ahead, by name, and who is.

    Args:
        found: From `standings`.
    """
    lines = []
    for case, part in found[found["standing"] == TRAILS].groupby(list(CASE), sort=False):
        model, device, cloud, slo_ms, trace = case
        ahead = "; ".join(
            f"{row.rival} (late {0.0 - row.fewer_late_points:+.2f} points, accuracy {row.more_accurate_points:+.2f})"
            for row in part.itertuples()
        )
        lines.append(f"behind in {model.partition('.')[0]}, {device}, {cloud}, SLO {slo_ms:g} ms, {trace}: {ahead}")
    return lines


def lead_words(table: pd.DataFrame, policy: str = OURS) -> list[str]:
    """Whether it leads, rival by rival; then every case in which a rival is ahead of it, by name."""
    found = standings(table, policy)
    lines = [
        f"against {row.rival}: leads in {row.leads} of {row.cases} cases, trades lateness for accuracy in "
        f"{row.trades}, trails in {row.trails}; late {row.fewer_late_points:+.2f} points less often on average "
        f"({row.least:+.2f} to {row.most:+.2f}), accuracy {row.more_accurate_points:+.2f}, accuracy in time "
        f"{row.more_timely_points:+.2f} points"
        for row in lead_table(found).itertuples()
    ]
    return [*lines, *trail_words(found)]
