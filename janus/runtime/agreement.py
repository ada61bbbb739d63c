"""Modelled against measured: the same plans from the profiles and through the processes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from janus.errors import JanusError
from janus.files import data_folder
from janus.grid import GridSettings, PlanGrid
from janus.runtime.machines import HALVES
from janus.runtime.pair import LocalPair
from janus.runtime.session import RunSettings
from janus.runtime.spot import NEVER_MS, modelled_of
from janus.runtime.ways import with_sizes
from janus.split import Plan

if TYPE_CHECKING:
    import pandas as pd

# Of this project's own machine.
STORED = "measured-agreement.json"
# Drawn about the diagonal.
BAND = 0.08


def agreement(
    pair: LocalPair,
    images,
    *,
    levels: Sequence[float],
    splits: Sequence[int],
    rates: Sequence[float],
    rounds: int = 2,
    frames: int = 10,
    codec: str = "int8",
    on_row: Callable[[dict], None] = lambda row: None,
) -> pd.DataFrame:
    """Run every combination of level, split and bandwidth, in turn in each round, after a profile for that round.

    The model knows the link's rate; the round trip is the one that the device measures with empty calls. Profiles that
    the pair was given are not measured.

    Args:
        pair: An open pair.
        images: See `janus.runtime.runs.prepare`.
        levels: Of the declining schedule.
        splits: Blocks on the device.
        rates: Uplink in Mbit/s.
        rounds: How often all combinations run; noise of the machine then hits them alike.
        frames: Of each in a round; one more goes before, not counted.
        codec: How tokens travel.
        on_row: Told of each combination at the end.

    Returns:
        One row each: ``model``, ``level``, ``split``, ``mbps``, ``frames``, ``payload_bytes``, ``modelled_ms``,
        ``measured_ms`` (medians), ``measured_p10_ms``, ``measured_p90_ms``, ``error`` (modelled over measured, less 1),
        and what a figure needs beside them. ``attrs`` hold ``median_absolute_error``.
    """
    import pandas as pd

    settings = with_sizes(
        GridSettings(levels=tuple(sorted({0.0, *levels})), splits=tuple(range(pair.half.vit.depth + 1)), codec=codec),
        pair.half,
    )
    cases = [(level, split, mbps) for level in levels for split in splits for mbps in rates]
    runs: dict[tuple, list[pd.DataFrame]] = {case: [] for case in cases}
    for _ in range(rounds):
        # A machine that others use is not as fast in one minute as in the next: what is compared is measured together.
        pair.machines.forget()
        device, cloud = (pair.machines.coded(who, codec) for who in HALVES)
        grid = PlanGrid.build(device, cloud, settings)
        for level, split, mbps in cases:
            table = pair.run(
                images, policy=Plan(level=level, split=split), slo_ms=NEVER_MS, grid=settings, trace=mbps,
                settings=RunSettings(frames=frames + 1), limit=frames + 1, progress=False,
            )  # fmt: skip
            plan = Plan(level=level, split=split)
            table["modelled_ms"] = modelled_of(grid, plan, table["payload_bytes"], mbps=mbps, rtt_ms=pair.line.rtt_ms)
            runs[level, split, mbps].append(table.iloc[1:])
    rows = []
    for level, split, mbps in cases:
        frame = pd.concat(runs[level, split, mbps])
        p10, measured, p90 = np.percentile(frame["measured_ms"], (10, 50, 90)).tolist()
        modelled = statistics.median(frame["modelled_ms"])
        rows.append({
            "model": pair.half.name, "level": level, "split": split, "mbps": mbps, "frames": len(frame),
            "payload_bytes": int(frame["payload_bytes"].median()), "modelled_ms": modelled, "measured_ms": measured,
            "measured_p10_ms": p10, "measured_p90_ms": p90, "error": modelled / measured - 1,
        })  # fmt: skip
        on_row(rows[-1])
    return _for_figures(pd.DataFrame(rows))


def stored_agreement() -> pd.DataFrame:
    """What `janus bench modelled --out` left in ``data/results``; ``attrs["about"]`` says in words where it comes from.

    Raises:
        JanusError: If it is not there.
    """
    import pandas as pd

    path = data_folder("results") / STORED
    try:
        doc = json.loads(path.read_text(encoding="utf-8"))
        table, facts = _for_figures(pd.DataFrame(doc["results"])), doc["provenance"]
        hardware = facts["hardware"]
        table.attrs["about"] = (
            f"stored: {len(table)} combinations, measured by `{facts['command']}` on {facts['date']}, "
            f"{hardware['processor']}, {hardware['cores']} cores"
        )
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise JanusError(f"{path}: is not what `janus bench modelled --out` writes; make it again.") from why
    return table


def _for_figures(table: pd.DataFrame) -> pd.DataFrame:
    """Add lengths of error bars, errors in percent, and the ends of the diagonal and of the band about it."""
    table["above_ms"] = table["measured_p90_ms"] - table["measured_ms"]
    table["below_ms"] = table["measured_ms"] - table["measured_p10_ms"]
    table["error_percent"] = 100 * table["error"]
    ends = [0.0, 1.05 * float(table[["modelled_ms", "measured_p90_ms"]].max(axis=None))]
    table.attrs = {
        "median_absolute_error": float(table["error"].abs().median()),
        "ends_ms": ends,
        "same_ms": ends,
        # Modelled over measured is off by so much on either side.
        "low_ms": [end / (1 + BAND) for end in ends],
        "high_ms": [end / (1 - BAND) for end in ends],
        "band": f"±{100 * BAND:g} %",
    }
    return table
