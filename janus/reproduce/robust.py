"""Janus-robust against Janus as published, frame by frame of one camera: how far one gets, and at what price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import joblib
import numpy as np
import pandas as pd

from janus.network import Trace
from janus.policy import JanusRobust, RobustSettings
from janus.progress import bar
from janus.reproduce.replays import SETTINGS, frames_of, rounded
from janus.reproduce.task import ENCODINGS, Bench, short_name
from janus.simulate import ReplaySettings, avoidable
from janus.units import ms_to_s

# Without a price on lost accuracy, as it is by default, and ten times that.
PRICES = (0.0, RobustSettings.price, 10 * RobustSettings.price)
# What a run is, beside its price.
RUN = ("task", "device", "encoding", "slo_ms", "trace")


def robust_sweep(
    benches: Sequence[Bench],
    *,
    prices: Sequence[float] = PRICES,
    encodings: Sequence[str] = ENCODINGS,
    settings: ReplaySettings = SETTINGS,
    jobs: int | None = -1,
    progress: bool = False,
) -> pd.DataFrame:
    """Both policies on the same frames: a camera whose period is the SLO, so that a frame in time delays no other.

    Args:
        benches: Tasks on machines, with traces; their tasks' SLOs are swept.
        prices: `RobustSettings.price` to try.
        encodings: How the input travels.
        settings: Of the replays, but for the camera.
        jobs: Processes; -1 for all cores.
        progress: Show a bar.

    Returns:
        `RUN`, ``kind`` of the trace, ``price``, ``frames``; for ``janus`` and ``robust`` each ``…_late`` and
        ``…_avoidable`` (frames; avoidable as in `janus.simulate.avoidable`); over the ``both_met`` frames that both
        answered in time ``…_tokens_kept_percent`` and ``…_accuracy`` (NaN where none was measured).
    """
    runs = [
        (bench, encoding, slo_ms, trace)
        for bench, encoding in product(benches, encodings)
        for slo_ms, trace in product(bench.task.slos_ms, bench.traces)
    ]
    work = (joblib.delayed(_one_run)(*run, prices, settings) for run in runs)
    done = joblib.Parallel(n_jobs=jobs, return_as="generator")(work)
    rows = bar(done, total=len(runs), unit="run", shown=progress)
    return rounded(pd.DataFrame([row for found in rows for row in found]))


def _one_run(
    bench: Bench, encoding: str, slo_ms: float, trace: Trace, prices: Sequence[float], settings: ReplaySettings
) -> list[dict]:
    grid = bench.grid(encoding)
    camera = replace(settings, mode="camera", camera_fps=1 / ms_to_s(slo_ms), late="drop")

    def played(policy) -> pd.DataFrame:
        frames = frames_of(bench, trace, policy, grid, slo_ms, camera)
        return frames.assign(avoidable=avoidable(frames, trace, grid, camera))

    janus, rows = played("janus"), []
    for price in prices:
        robust = played(JanusRobust(grid, robust=RobustSettings(price=price)))
        both = ~janus["violated"].to_numpy() & ~robust["violated"].to_numpy()
        row = {
            "task": bench.task.name, "device": bench.device.name, "encoding": encoding, "slo_ms": slo_ms,
            "trace": short_name(trace.name), "kind": trace.kind, "price": price, "frames": len(janus),
            "both_met": int(both.sum()),
        }  # fmt: skip
        for name, frames in (("janus", janus), ("robust", robust)):
            row[f"{name}_late"] = int(frames["violated"].sum())
            row[f"{name}_avoidable"] = int(frames["avoidable"].sum())
            row[f"{name}_tokens_kept_percent"] = frames["tokens_kept_percent"][both].mean()
            row[f"{name}_accuracy"] = frames["expected_accuracy"][both].mean()
        rows.append(row)
    return rows


def robust_table(sweep: pd.DataFrame) -> pd.DataFrame:
    """The sweep in one row for each price, device, encoding and SLO, all traces together.

    Returns:
        ``runs``; ``more_late_runs`` (those in which Janus-robust was late more often) and ``at_worst_frames`` (by how
        many of a run); ``fewer_late_percent``; ``fewer_avoidable_driving_percent`` of the avoidable late frames on
        driving traces (NaN where there were none); ``tokens_kept_points`` and ``accuracy_points``: mean difference over
        the frames that both met, Janus-robust less Janus.
    """
    rows = []
    keys = ["task", "price", "device", "encoding", "slo_ms"]
    for values, part in sweep.groupby(keys, sort=False):
        driving = part[part["trace"].str.contains("driving")]
        more = part["robust_late"] - part["janus_late"]
        row = dict(zip(keys, values, strict=True))
        row["runs"] = len(part)
        row["more_late_runs"] = int((more > 0).sum())
        row["at_worst_frames"] = int(max(more.max(), 0))
        row["fewer_late_percent"] = fewer_percent(part, "late")
        row["fewer_avoidable_driving_percent"] = fewer_percent(driving, "avoidable")
        row["tokens_kept_points"] = _difference(part, "tokens_kept_percent")
        row["accuracy_points"] = _difference(part, "accuracy")
        rows.append(row)
    return rounded(pd.DataFrame(rows)).sort_values(["task", "price"], kind="stable", ignore_index=True)


def fewer_percent(part: pd.DataFrame, what: str) -> float:
    """By how much Janus-robust has fewer late or avoidable frames than Janus, all runs together."""
    before, after = part[f"janus_{what}"].sum(), part[f"robust_{what}"].sum()
    return 100 * (1 - after / before) if before else np.nan


def _difference(part: pd.DataFrame, what: str) -> float:
    """Mean over the frames that both met, Janus-robust less Janus."""
    known = part[part[f"janus_{what}"].notna() & part[f"robust_{what}"].notna()]
    if known.empty:
        return np.nan
    return float(np.average(known[f"robust_{what}"] - known[f"janus_{what}"], weights=known["both_met"]))


def robust_words(sweep: pd.DataFrame) -> list[str]:
    """Whether Janus-robust earns its name: late frames, avoidable ones on drives, and what it gives up, per price."""
    lines = []
    for (task, price), part in sweep.groupby(["task", "price"], sort=False):
        table = robust_table(part)
        driving = part[part["trace"].str.contains("driving") & (part["janus_avoidable"] > 0)]
        few = (driving["robust_avoidable"] > 0.7 * driving["janus_avoidable"]).sum()
        more = int(table["more_late_runs"].sum())
        often = f"in {more or 'none'} of {len(part)} runs"
        often += f", by at most {table['at_worst_frames'].max()} frames of one" if more else ""
        known = part["janus_accuracy"].notna().any()
        measure, unit = ("accuracy", "points of top-1") if known else ("tokens_kept", "per cent of the tokens")
        change = table[f"{measure}_points"].dropna()
        lines.append(
            f"{task}, price {price:g}: late more often than Janus {often}; {fewer_percent(part, 'late'):.0f} % fewer "
            f"late frames in all; {fewer_percent(driving, 'avoidable'):.0f} % fewer avoidable ones on driving traces "
            f"(under 30 % in {few} of {len(driving)} runs there); where both were in time it keeps "
            f"{change.min():+.2f} to {change.max():+.2f} {unit} over the {len(table)} settings."
        )
    return lines
