"""Tables of the lesson on scheduling: what a level buys, which plan wins at which bandwidth, second by second."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd

from janus.files import data_folder
from janus.grid import PlanGrid
from janus.network import Trace
from janus.reproduce.replays import frames_of, rounded
from janus.reproduce.task import CLASSES, Bench, kept_share
from janus.simulate import summarise
from janus.simulate.replay import ROUNDING_MS
from janus.units import BYTES_PER_KB

# From a bad cell edge to the best of mmWave, Mbit/s.
BANDWIDTHS_MBPS = tuple(np.geomspace(1, 200, 70).round(3).tolist())
# What makes a trace hard for a scheduler.
STATISTICS = (
    "mean_mbps",
    "cv",
    "p10_mbps",
    "p90_mbps",
    "ac_1s",
    "ac_5s",
    "outage_share",
    "outages_per_min",
    "outage_p95_s",
)


def level_table(bench: Bench, encoding: str, levels: tuple[float, ...], *, mbps: float, rtt_ms: float) -> pd.DataFrame:
    """What some levels buy on one link.

    Returns:
        ``level``, ``tokens_kept_percent``, ``tokens_at_the_end``; modelled milliseconds of ``device_only_ms``,
        ``cloud_only_ms`` and the ``best_split`` among all, ``best_ms``, with ``payload_kb`` there.
    """
    grid = bench.grid(encoding).rebuilt(levels=levels)
    modelled = grid.modelled_ms(mbps, rtt_ms)
    rows = []
    for at, level in enumerate(grid.levels):
        best = int(modelled[at].argmin())
        rows.append(
            {
                "level": level,
                "tokens_kept_percent": kept_share(bench.geometry, "declining", level),
                "tokens_at_the_end": int(grid.tokens_at_split[at, -1]),
                "device_only_ms": modelled[at, -1],
                "cloud_only_ms": modelled[at, 0],
                "best_split": grid.splits[best],
                "best_ms": modelled[at, best],
                "payload_kb": grid.payload_bytes[at, best] / BYTES_PER_KB,
            }
        )
    return rounded(pd.DataFrame(rows))


def split_table(grid: PlanGrid, levels: tuple[float, ...], *, rtt_ms: float) -> pd.DataFrame:
    """Modelled time of every split over bandwidth: ``level``, ``split``, ``mbps``, ``modelled_ms``, ``best``."""
    part = grid.rebuilt(levels=levels)
    rows = []
    for mbps in BANDWIDTHS_MBPS:
        modelled = part.modelled_ms(mbps, rtt_ms)
        for at, level in enumerate(part.levels):
            best = int(modelled[at].argmin())
            rows += [
                {"level": level, "split": split, "mbps": mbps, "modelled_ms": modelled[at, i], "best": i == best}
                for i, split in enumerate(part.splits)
            ]
    return rounded(pd.DataFrame(rows))


def choice_table(
    bench: Bench, encodings: tuple[str, ...], slos_ms: tuple[float, ...], *, rtt_ms: float
) -> pd.DataFrame:
    """What Janus as published chooses on a steady link, over bandwidth.

    Returns:
        ``encoding``, ``slo_ms``, ``mbps``, ``level``, ``tokens_kept_percent``, ``split``, ``modelled_ms``,
        ``meets_slo``.
    """
    rows = []
    for encoding in encodings:
        grid = bench.grid(encoding)
        for slo_ms in slos_ms:
            for mbps in BANDWIDTHS_MBPS:
                level, split, ms = grid.decide(mbps, rtt_ms, slo_ms)
                rows.append(
                    {
                        "encoding": encoding,
                        "slo_ms": slo_ms,
                        "mbps": mbps,
                        "level": grid.levels[level],
                        "tokens_kept_percent": kept_share(bench.geometry, "declining", grid.levels[level]),
                        "split": grid.splits[split],
                        "modelled_ms": ms,
                        "meets_slo": ms <= slo_ms,
                    }
                )
    return rounded(pd.DataFrame(rows))


def margin_table(
    bench: Bench, trace: Trace, shares: tuple[float, ...], *, slo_ms: float, encoding: str
) -> pd.DataFrame:
    """Janus as published, told a tighter SLO than the one it is judged by; Janus-robust and the Oracle beside it.

    Args:
        bench, trace, slo_ms, encoding: What is replayed.
        shares: Of the SLO that Janus is told.

    Returns:
        ``policy``, ``told_ms``, ``late_percent``, ``tokens_kept_percent``, ``throughput_fps``.
    """
    grid = bench.grid(encoding)
    runs = [("janus", share * slo_ms) for share in shares] + [("janus-robust", slo_ms), ("oracle", slo_ms)]
    rows = []
    for policy, told_ms in runs:
        frames = frames_of(bench, trace, policy, grid, told_ms)
        rows.append(
            {
                "policy": policy,
                "told_ms": told_ms,
                "late_percent": 100 * (frames["modelled_ms"] > slo_ms + ROUNDING_MS).mean(),
                "tokens_kept_percent": frames["tokens_kept_percent"].mean(),
                "throughput_fps": float(summarise(frames)["throughput_fps"].iloc[0]),
            }
        )
    return rounded(pd.DataFrame(rows))


def by_second(decisions: pd.DataFrame, policy: str) -> pd.DataFrame:
    """A policy's frames, second by second.

    Returns:
        ``second``, ``frames``, ``late`` among them, ``expected_mbps`` and ``was_mbps`` (medians), ``splits`` used,
        ``tokens_kept_percent``, ``worst_ms``.
    """
    frames = decisions[decisions["policy"] == policy]
    seconds = frames["time_s"].map(math.floor)
    rows = []
    for second, part in frames.groupby(seconds):
        rows.append(
            {
                "second": second,
                "frames": len(part),
                "late": int(part["violated"].sum()),
                "expected_mbps": part["estimated_mbps"].median(),
                "was_mbps": part["actual_mbps"].median(),
                "splits": ", ".join(f"{split}" for split in sorted(set(part["split"]))),
                "tokens_kept_percent": part["tokens_kept_percent"].mean(),
                "worst_ms": part["modelled_ms"].max(),
            }
        )
    table = pd.DataFrame(rows)
    for column in table.select_dtypes("float"):
        table[column] = table[column].round(0 if column == "worst_ms" else 1)
    return table


def statistics_table() -> pd.DataFrame:
    """Recorded classes beside what the generator makes of them (stored in ``data/traces/statistics.json``)."""
    classes = json.loads((data_folder("traces") / "statistics.json").read_text(encoding="utf-8"))["classes"]
    rows = [
        {"network": name, "traces": kind, **{key: classes[name][kind][key] for key in STATISTICS}}
        for name in CLASSES
        for kind in ("recorded", "generated")
    ]
    return pd.DataFrame(rows).set_index(["network", "traces"])
