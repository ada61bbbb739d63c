"""Policies over traces: what they come to, what they decide over time, and what the SLO does. All modelled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import joblib
import numpy as np
import pandas as pd

from janus.grid import PlanGrid
from janus.network import Trace
from janus.policy import Decision, FrameReport, Policy, Transfer, make_policy
from janus.progress import bar
from janus.reproduce.task import ENCODINGS, SEED, Bench, kept_share, short_name
from janus.simulate import ReplaySettings, avoidable, compare, replay, summarise

POLICIES = ("device-only", "cloud-only", "mixed", "neurosurgeon", "tome", "janus", "janus-robust", "oracle")
RIVALS = ("device-only", "cloud-only", "mixed")
SETTINGS = ReplaySettings(seed=SEED)
# On a logarithmic axis no late frame at all stands here.
LEAST_PERCENT = 0.01
SUMMED = (
    "frames", "expected_accuracy", "timely_accuracy", "violation_ratio", "throughput_fps", "p50_ms", "p95_ms", "p99_ms",
    "sent_bytes", "fallback_ratio",
)  # fmt: skip


class Noting(Policy):
    """A policy that notes at which level the device would finish each frame by itself; all else is the policy's."""

    def __init__(self, policy: Policy):
        self.policy, self.name = policy, policy.name
        self.finish_levels: list[float] = []

    def keep_pace(self, period_ms: float) -> None:
        self.policy.keep_pace(period_ms)

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        decision = self.policy.decide(now_s, slo_ms)
        hedge = decision.hedge
        # Tokens that were merged before a cut are finished at that level.
        whole = hedge is not None and decision.split == 0
        self.finish_levels.append(decision.grid.levels[hedge.level_index] if whole else decision.level)
        return decision

    def observe(self, transfer: Transfer) -> None:
        self.policy.observe(transfer)

    def observe_frame(self, frame: FrameReport) -> None:
        self.policy.observe_frame(frame)


def frames_of(
    bench: Bench,
    trace: Trace,
    policy: str | Policy,
    grid: PlanGrid,
    slo_ms: float,
    settings: ReplaySettings = SETTINGS,
    rivals: Sequence[PlanGrid] = (),
) -> pd.DataFrame:
    """A replay, with ``tokens_kept_percent``: of the plan that gave the answer, NaN where a frame was dropped.

    Args:
        bench: Where the model's counts come from.
        trace, policy, grid, slo_ms, settings, rivals: As in `janus.simulate.replay`.
    """
    if policy == "janus-robust":
        policy = make_policy(policy, grid)
    if isinstance(policy, Policy):
        noting = Noting(policy)
        frames = replay(trace, noting, grid, slo_ms, settings)
        levels = frames["level"].to_numpy(dtype=float, copy=True)
        decided = np.isfinite(levels)
        levels[decided] = np.where(frames["fallback"][decided], noting.finish_levels, levels[decided])
    else:
        frames = replay(trace, policy, grid, slo_ms, settings, rivals=rivals)
        levels = frames["level"].to_numpy(dtype=float, copy=True)
    # The Oracle may borrow a plan of ToMe's: its levels are whole tokens per block, those of α stay below 1.
    frames["tokens_kept_percent"] = [_kept(bench, level) for level in levels.tolist()]
    return frames


def _kept(bench: Bench, level: float) -> float:
    if np.isnan(level):
        return np.nan
    return kept_share(bench.geometry, "constant" if level >= 1 else "declining", level)


def policy_table(
    bench: Bench,
    *,
    slos_ms: Sequence[float] = (),
    encodings: Sequence[str] = ENCODINGS,
    policies: Sequence[str] = POLICIES,
    settings: ReplaySettings = SETTINGS,
    jobs: int | None = -1,
    progress: bool = False,
) -> pd.DataFrame:
    """Every policy on every trace, closed loop unless the settings say otherwise.

    Args:
        bench: Task, machines, traces.
        slos_ms: Latency targets; the task's own one unless given.
        encodings: How the input travels.
        policies: Names.
        settings: Of the replays.
        jobs: Processes; -1 for all cores.
        progress: Show a bar.

    Returns:
        What `janus.simulate.summarise` and `compare` give, rounded, with ``kind`` of the trace, ``violation_percent``
        (and ``violation_shown_percent``, never below 0.01, for logarithmic axes) and ``tokens_kept_percent``: the mean
        over frames of the mean share of tokens that entered a block.
    """
    grids = [bench.grid(encoding) for encoding in encodings]
    # The Oracle may use ToMe's plans as well, so that it bounds ToMe, too.
    rivals = [[make_policy("tome", grid).grid] if "tome" in policies else [] for grid in grids]
    runs = list(product(bench.traces, zip(grids, rivals, strict=True), slos_ms or (bench.task.slo_ms,), policies))
    work = (
        joblib.delayed(_one)(bench, trace, policy, grid, slo_ms, settings, rival)
        for trace, (grid, rival), slo_ms, policy in runs
    )
    done = joblib.Parallel(n_jobs=jobs, return_as="generator")(work)
    rows = list(bar(done, total=len(runs), unit="replay", shown=progress))
    return rounded(compare(pd.DataFrame(rows), RIVALS))


def _one(
    bench: Bench,
    trace: Trace,
    policy: str,
    grid: PlanGrid,
    slo_ms: float,
    settings: ReplaySettings,
    rivals: Sequence[PlanGrid],
) -> dict:
    frames = frames_of(bench, trace, policy, grid, slo_ms, settings, rivals)
    summary = summarise(frames).iloc[0]
    percent = 100 * summary["violation_ratio"]
    return {
        "trace": short_name(trace.name),
        "kind": trace.kind,
        "encoding": grid.encoding.name,
        "slo_ms": slo_ms,
        "policy": policy,
        **{name: summary[name] for name in SUMMED},
        "violation_percent": percent,
        "violation_shown_percent": max(percent, LEAST_PERCENT),
        "tokens_kept_percent": frames["tokens_kept_percent"].mean(),
    }


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Five significant digits: enough to compare, and the same on every machine."""
    out = table.copy()
    for column in out.select_dtypes("float"):
        out[column] = [float(f"{value:.5g}") for value in out[column]]
    return out


def overview(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """One value of `policy_table`: policies down, encodings and traces across."""
    wide = table.pivot_table(index="policy", columns=["encoding", "trace"], values=value, sort=False)
    return wide.reindex([policy for policy in POLICIES if policy in wide.index]).round(2)


def decision_table(
    bench: Bench,
    trace: Trace,
    policies: Sequence[str],
    *,
    slo_ms: float,
    encoding: str,
    settings: ReplaySettings = SETTINGS,
) -> pd.DataFrame:
    """What policies decide on a trace, frame by frame.

    Returns:
        The columns of a replay, ``tokens_kept_percent``, ``avoidable`` (late, although some plan would not have been).
        ``attrs`` hold ``depth`` and the SLO.
    """
    grid = bench.grid(encoding)
    tables = []
    for policy in policies:
        frames = frames_of(bench, trace, policy, grid, slo_ms, settings)
        frames["avoidable"] = avoidable(frames, trace, grid, settings)
        frames.attrs = {}
        tables.append(frames)
    table = rounded(pd.concat(tables, ignore_index=True))
    table.attrs = {"depth": bench.geometry.depth, "slo_ms": slo_ms}
    return table


def within(table: pd.DataFrame, start_s: float, end_s: float) -> pd.DataFrame:
    """The rows of a table over time that lie in a window."""
    return table[table["time_s"].between(start_s, end_s)].reset_index(drop=True)


def bandwidth_table(trace: Trace, step_s: float = 0.5) -> pd.DataFrame:
    """A trace on a coarser grid: ``time_s``, ``uplink_mbps``."""
    coarse = trace.resampled(step_s)
    return pd.DataFrame({"time_s": coarse.time_s, "uplink_mbps": np.round(coarse.uplink_mbps, 2)})


def lateness_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """How late the late frames are, and how many some plan would have saved.

    Returns:
        Per policy: ``frames``, ``late_percent``; those late ``by_a_hair_percent`` (at most 5 % of the SLO),
        ``by_up_to_half_percent`` and ``by_more_percent``; ``avoidable_percent``, ``unavoidable_percent``;
        ``tokens_kept_percent``, ``throughput_fps``; ``label`` for a figure.
    """
    rows = []
    for policy, frames in decisions.groupby("policy", sort=False):
        over = frames["modelled_ms"] / frames["slo_ms"] - 1
        late, avoid = frames["violated"], frames["avoidable"]
        rows.append(
            {
                "policy": policy,
                "frames": len(frames),
                "late_percent": 100 * late.mean(),
                "by_a_hair_percent": 100 * (late & (over <= 0.05)).mean(),
                "by_up_to_half_percent": 100 * (late & (over > 0.05) & (over <= 0.5)).mean(),
                "by_more_percent": 100 * (late & (over > 0.5)).mean(),
                "avoidable_percent": 100 * (late & avoid).mean(),
                "unavoidable_percent": 100 * (late & ~avoid).mean(),
                "tokens_kept_percent": frames["tokens_kept_percent"].mean(),
                "throughput_fps": float(summarise(frames)["throughput_fps"].iloc[0]),
            }
        )
    table = rounded(pd.DataFrame(rows))
    return table.assign(label=[f"{value:.1f} %" for value in table["late_percent"]])
