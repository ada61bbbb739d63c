"""What matters of a trace in a dozen numbers, on one grid, so that traces can be compared. Torch-free."""

from __future__ import annotations

import numpy as np

from janus.network.trace import Trace

GRID_S = 0.1
LAGS_S = (0.1, 0.5, 1.0, 2.0, 5.0)
# Under this a frame of some tens of kilobytes takes a second: for a frame with a deadline the link is gone.
OUTAGE_MBPS = 0.5


def trace_statistics(trace: Trace) -> dict[str, float]:
    """Mean, spread, persistence and outages of a trace, resampled to 0.1 s.

    Returns:
        ``mean_mbps``, ``std_mbps``, ``cv``, ``p10_mbps``, ``p50_mbps``, ``p90_mbps``; ``ac_<lag>s``, the
        autocorrelation (0 where the trace is shorter or does not vary); ``outage_share`` (of time under 0.5 Mbit/s),
        ``outages_per_min``, ``outage_mean_s`` and ``outage_p95_s`` (0 where there is none), ``zero_share``;
        ``duration_s``.
    """
    mbps = trace.resampled(GRID_S).uplink_mbps
    lengths = outage_lengths_s(mbps)
    p10, p50, p90 = np.quantile(mbps, (0.1, 0.5, 0.9))
    mean, std = float(np.mean(mbps)), float(np.std(mbps))
    return {
        "duration_s": trace.duration_s,
        "mean_mbps": mean,
        "std_mbps": std,
        "cv": std / mean if mean else 0.0,
        "p10_mbps": float(p10),
        "p50_mbps": float(p50),
        "p90_mbps": float(p90),
        **{f"ac_{lag:g}s": autocorrelation(mbps, round(lag / GRID_S)) for lag in LAGS_S},
        "outage_share": float(np.mean(mbps < OUTAGE_MBPS)),
        "outages_per_min": len(lengths) * 60 / trace.duration_s,
        **outage_summary(lengths),
        "zero_share": float(np.mean(mbps == 0)),
    }


def outage_lengths_s(mbps: np.ndarray) -> np.ndarray:
    """Length of each stretch under 0.5 Mbit/s, for rates in steps of 0.1 s."""
    _, counts = stretches(mbps < OUTAGE_MBPS)
    return counts * GRID_S


def outage_summary(lengths_s: np.ndarray) -> dict[str, float]:
    """Mean and 95 % quantile of outage lengths; 0 where there is none."""
    return {
        "outage_mean_s": float(np.mean(lengths_s)) if len(lengths_s) else 0.0,
        "outage_p95_s": float(np.quantile(lengths_s, 0.95)) if len(lengths_s) else 0.0,
    }


def stretches(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First entry and number of entries of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges[::2], edges[1::2] - edges[::2]


def autocorrelation(values: np.ndarray, lag: int) -> float:
    """Sample autocorrelation (one mean and one variance for the whole)."""
    centred = values - values.mean()
    power = float(np.dot(centred, centred))
    # A constant leaves only rounding.
    if lag >= len(values) or power <= 1e-18 * max(float(np.dot(values, values)), 1e-300):
        return 0.0
    return float(np.dot(centred[:-lag], centred[lag:])) / power if lag else 1.0
