"""What a replay, or a run of the real thing, comes to: one row per policy, ratios, extremes. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from janus.units import ms_to_s

if TYPE_CHECKING:
    import pandas as pd

BASELINES = ("device-only", "cloud-only", "mixed")
# The real runtime's own latency before what its policy expected.
LATENCIES = ("measured_ms", "emulated_ms", "modelled_ms")
# What tells runs apart; a table has those that were varied.
KEYS = ("trace", "encoding", "slo_ms", "policy")


def summarise(tables: pd.DataFrame | Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One row per policy.

    Args:
        tables: Tables of one policy each, from `replay` or from the real runtime (then ``measured_ms`` or
            ``emulated_ms`` counts).

    Returns:
        Keys, then ``frames``, ``expected_accuracy`` (percent, over answered frames), ``timely_accuracy`` (a late answer
        counts as wrong), ``violation_ratio``, ``throughput_fps`` (answers), ``p50_ms``, ``p95_ms``, ``p99_ms``
        (infinite where frames were never answered), ``sent_bytes`` (probes included), ``fallback_ratio``,
        ``dropped_ratio``, ``decision_us`` (median).
    """
    import pandas as pd

    tables = [tables] if isinstance(tables, pd.DataFrame) else list(tables)
    return pd.DataFrame([_row(table) for table in tables])


def _row(table: pd.DataFrame) -> dict:
    keys = {key: table[key].iloc[0] for key in KEYS if key in table and len(table)}
    latency = next(column for column in LATENCIES if column in table)
    ms = table[latency].to_numpy(dtype=np.float64)
    answered = np.isfinite(ms)
    violated = table["violated"].to_numpy(dtype=bool)
    accuracy = table["expected_accuracy"].to_numpy(dtype=np.float64)
    ends_s = (table["time_s"].to_numpy() + ms_to_s(ms))[answered]
    # Where frames went unanswered the run lasted as long as the trace.
    lasted_s = ends_s.max(initial=0.0) if answered.all() else table.attrs.get("duration_s", ends_s.max(initial=0.0))
    p50, p95, p99 = np.percentile(ms, [50, 95, 99], method="higher") if len(ms) else [math.nan] * 3
    return {
        **keys,
        "frames": len(table),
        "expected_accuracy": float(accuracy[answered].mean()) if answered.any() else math.nan,
        "timely_accuracy": float(np.where(violated, 0.0, accuracy).mean()) if len(table) else math.nan,
        "violation_ratio": float(violated.mean()) if len(table) else math.nan,
        "throughput_fps": float(answered.sum() / lasted_s) if lasted_s > 0 else 0.0,
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "p99_ms": float(p99),
        "sent_bytes": int(table["payload_bytes"].sum()) + table.attrs.get("probe_bytes", 0),
        "fallback_ratio": float(table["fallback"].mean()) if len(table) else math.nan,
        "dropped_ratio": float(table["dropped"].mean()) if "dropped" in table else 0.0,
        "decision_us": table.attrs.get("decision_us", math.nan),
    }


def compare(summary: pd.DataFrame, baselines: Iterable[str] = BASELINES) -> pd.DataFrame:
    """Add each policy's ratios to baselines of the same trace, encoding and SLO.

    ``fewer_violations_vs_…`` is the relative reduction of the violation ratio, 1 for none left; NaN where the baseline
    has none itself. ``throughput_vs_…`` is a ratio.
    """
    shared = [key for key in KEYS if key != "policy" and key in summary]
    compared = summary.copy()
    for baseline in baselines:
        rows = summary[summary["policy"] == baseline][[*shared, "violation_ratio", "throughput_fps"]]
        if rows.empty:
            continue
        matched = summary[shared].merge(rows, how="left", on=shared)
        violations, throughput = matched["violation_ratio"], matched["throughput_fps"]
        name = baseline.replace("-", "_")
        fewer = 1 - summary["violation_ratio"].to_numpy() / violations.where(violations > 0).to_numpy()
        compared[f"fewer_violations_vs_{name}"] = fewer
        compared[f"throughput_vs_{name}"] = (
            summary["throughput_fps"].to_numpy() / throughput.where(throughput > 0).to_numpy()
        )
    return compared


def extremes(compared: pd.DataFrame, policy: str = "janus") -> pd.DataFrame:
    """Best and worst case of one policy's ratios over everything that was varied.

    Returns:
        One row per ratio: ``ratio``, ``best``, ``best_case``, ``worst``, ``worst_case`` (in words).
    """
    import pandas as pd

    rows = compared[compared["policy"] == policy]
    found = []
    for column in (c for c in compared if "_vs_" in str(c)):
        known = rows[rows[column].notna()]
        if known.empty:
            continue
        best, worst = known.loc[known[column].idxmax()], known.loc[known[column].idxmin()]
        found.append(
            {
                "ratio": column,
                "best": best[column],
                "best_case": _case(best),
                "worst": worst[column],
                "worst_case": _case(worst),
            }
        )
    return pd.DataFrame(found, columns=["ratio", "best", "best_case", "worst", "worst_case"])


def _case(row: pd.Series) -> str:
    parts = [str(row[key]) for key in ("trace", "encoding") if key in row]
    return ", ".join([*parts, f"SLO {row['slo_ms']:g} ms"])
