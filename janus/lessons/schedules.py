"""Schedules side by side at a cut. Torch-free."""

from __future__ import annotations

import numpy as np
import pandas as pd

from janus.arithmetic import multiply_adds
from janus.geometry import ModelGeometry, find_geometry
from janus.grid import find_codec
from janus.reproduce.accuracy import accuracy_table
from janus.schedule import MergeSchedule
from janus.units import BYTES_PER_KB

CODEC = "int8"


def accuracy_at_cut(split: int) -> pd.DataFrame:
    """`janus.reproduce.accuracy_table` of constant and declining schedules, with what a cut would send.

    Args:
        split: Blocks before the cut.

    Returns:
        Its columns, ``tokens_at_split`` and ``payload_kb`` (as int8).
    """
    table = accuracy_table()
    table = table[table["schedule"].isin(["constant", "declining"])].reset_index(drop=True)
    geometries = {model: find_geometry(model) for model in dict.fromkeys(table["model"])}
    tokens = [
        geometries[row.model].plan(MergeSchedule(family=row.schedule, level=row.level)).tokens[split]
        for row in table.itertuples()
    ]
    sizes = [
        payload_kb(geometries[model], count, CODEC) for model, count in zip(table["model"], tokens, strict=True)
    ]  # fmt: skip
    return table.assign(tokens_at_split=tokens, payload_kb=np.round(sizes, 2))


def payload_kb(geometry: ModelGeometry, tokens: int, codec: str) -> float:
    """Kilobytes of so many tokens in a codec."""
    size = find_codec(codec).payload_bytes(np.array(tokens), geometry.width, np.array(tokens < geometry.tokens))
    return float(size) / BYTES_PER_KB


def equal_payload(geometry: ModelGeometry, r: int, split: int) -> MergeSchedule:
    """The declining schedule that sends as nearly as it can what r tokens a block would send at ``split``."""
    wanted = geometry.plan(MergeSchedule(family="constant", level=r)).tokens[split]
    highest = MergeSchedule().max_level(geometry.depth, geometry.tokens, geometry.protected)
    levels = np.floor(np.linspace(0, highest, 1000) * 1e4) / 1e4
    # Of equally near ones the smallest level: it merges least behind the cut.
    return min(
        (MergeSchedule(level=float(level)) for level in levels),
        key=lambda schedule: abs(geometry.plan(schedule).tokens[split] - wanted),
    )


def payload_pairs(geometry: ModelGeometry, r: int, splits: tuple[int, ...]) -> pd.DataFrame:
    """r tokens a block beside the declining schedule of equal payload, at several cuts.

    Returns:
        ``split``, ``schedule``, ``level``, ``tokens_at_split``, ``payload_kb``, ``giga_multiply_adds`` of the whole
        model and ``before_cut_percent``, the share of the tokens' work that lies before the cut.
    """
    rows = []
    for split in splits:
        for schedule in (MergeSchedule(family="constant", level=r), equal_payload(geometry, r, split)):
            plan = geometry.plan(schedule)
            rows.append(
                {
                    "split": split,
                    "schedule": schedule.family,
                    "level": float(schedule.level),
                    "tokens_at_split": plan.tokens[split],
                    "payload_kb": round(payload_kb(geometry, plan.tokens[split], CODEC), 2),
                    "giga_multiply_adds": round(multiply_adds(geometry.arithmetic, plan) / 1e9, 3),
                    "tokens_at_the_end": plan.tokens[-1],
                    "before_cut_percent": 100 * sum(plan.tokens[:split]) / plan.token_blocks,
                }
            )
    return pd.DataFrame(rows)
