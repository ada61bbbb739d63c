"""Schedules that were searched for, beside the paper's at equal cost, as they were measured and stored. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from janus.accuracy import NAMED
from janus.errors import JanusError
from janus.lessons.bytes import TRANSFORM, about, stored_document
from janus.rates import find_rates
from janus.schedules import searched
from janus.units import BYTES_PER_KB

SCHEDULES = "measured-schedules"


def gain_table() -> pd.DataFrame:
    """Searched schedules against those whose compute and payload they keep to, from `janus bench schedules`.

    Returns:
        ``model``, ``split``, ``level``, ``found`` (whether the search found anything surely better), top-1 as
        ``searched_percent`` and ``compared_percent``, ``searched_agreement`` and ``compared_agreement`` (percent of the
        pictures on which the first guess is the unmerged model's), ``points`` with ``points_low`` and ``points_high``
        (paired), ``token_blocks``, ``tokens_at_cut``, ``n``, and the tokens after each block, ``searched`` and
        ``compared``. ``attrs["about"]`` says where it comes from.
    """
    doc = stored_document(SCHEDULES, "janus bench schedules")
    rows = [
        {
            "model": row.get("model") or doc["provenance"]["model"],
            "split": row["split"],
            "level": row["level"],
            "found": row["better"],
            "searched_percent": row["searched"]["top1"],
            "compared_percent": row["compared"]["top1"],
            "searched_agreement": row["searched"]["agreement"],
            "compared_agreement": row["compared"]["agreement"],
            "points": row["paired"]["difference"],
            "points_low": row["paired"]["ci95"][0],
            "points_high": row["paired"]["ci95"][1],
            "token_blocks": row["searched"]["token_blocks"],
            "tokens_at_cut": row["searched"]["tokens_at_cut"],
            "n": row["paired"]["n"],
            "searched": tuple(row["searched"]["tokens"]),
            "compared": tuple(row["compared"]["tokens"]),
        }
        for row in doc["results"]
        if row["name"] != "unmerged"
    ]
    table = pd.DataFrame(rows).sort_values(["model", "split", "level"], ascending=[False, True, True])
    table.attrs["about"] = about(doc)
    return table.reset_index(drop=True)


def gain_words(table: pd.DataFrame) -> list[str]:
    """What the searched schedules gain, model by model, and every cell in which they lose.

    Args:
        table: From `gain_table`.
    """
    lines: list[str] = []
    for model, rows in table.groupby("model", sort=False):
        found = rows[rows["found"]]
        sure = found[found["points_low"] > 0]
        lines.append(
            f"{model}: found in {len(found)} of {len(rows)} cells, elsewhere the paper's own stays; surely more "
            f"accurate in {len(sure)}, surely less in {int((rows['points_high'] < 0).sum())}; differences from "
            f"{rows['points'].min():+.2f} to {rows['points'].max():+.2f} points"
        )
        for row in rows[rows["points"] < 0].itertuples():
            lines.append(
                f"  less at α {row.level:g}, cut {row.split}: {row.points:+.2f} points [{row.points_low:+.2f}, "
                f"{row.points_high:+.2f}], {abs(round(row.points * row.n / 100))} of {row.n} pictures; its first guess "
                f"is the unmerged model's in {row.searched_agreement:.1f} % against {row.compared_agreement:.1f} %"
            )
    return lines


def coded_table(models: Sequence[str]) -> pd.DataFrame:
    """Finds in the transform beside the schedules that they stand for, at equal splits and steps, from stored rates.

    Args:
        models: Full tags.

    Returns:
        ``model``, ``searched``, ``split``, ``step``, ``payload_kb`` and ``top1_percent`` of both (the other's begin
        with ``paper_``), ``bytes_fewer_percent`` and ``points`` more, wherever both were measured.

    Raises:
        JanusError: If no rates of a model are stored.
    """
    rows = []
    for model in models:
        rates = find_rates("stored", model)
        for find in searched(model):
            for ours in rates.of(find.name, NAMED) if find.better and find.like else ():
                theirs = rates.row(*find.like, ours.split, ours.carrier)
                if ours.codec == TRANSFORM and theirs is not None:
                    rows.append(
                        {
                            "model": model.partition(".")[0],
                            "searched": ours.schedule,
                            "split": ours.split,
                            "step": ours.quality,
                            "payload_kb": round(ours.bytes_mean / BYTES_PER_KB, 4),
                            "paper_payload_kb": round(theirs.bytes_mean / BYTES_PER_KB, 4),
                            "bytes_fewer_percent": round(100 * (1 - ours.bytes_mean / theirs.bytes_mean), 2),
                            "top1_percent": ours.top1,
                            "paper_top1_percent": theirs.top1,
                            "points": round(ours.top1 - theirs.top1, 3),
                        }
                    )
    return pd.DataFrame(rows)


def trace_table(gains: pd.DataFrame, model: str, level: float, splits: Sequence[int]) -> pd.DataFrame:
    """Tokens after each block of searched schedules and of the one that they are compared with.

    Args:
        gains: From `gain_table`.
        model: Full tag.
        level: Of the paper's schedule.
        splits: Cuts that were searched for.

    Returns:
        ``schedule``, ``cut`` (0 for the paper's, which knows of none), ``block``, ``tokens``, ``top1_percent``.

    Raises:
        JanusError: If nothing was measured there.
    """
    there = gains[(gains["model"] == model) & (gains["level"] == level) & gains["split"].isin(splits)]
    if there.empty:
        raise JanusError(f"{SCHEDULES}: holds nothing of {model} at level {level:g} and cuts {list(splits)}.")
    first = there.iloc[0]
    curves = [(f"the paper's, α {level:g}", 0, first["compared"], first["compared_percent"])]
    curves += [
        (f"searched for cut {row.split}", row.split, row.searched, row.searched_percent) for row in there.itertuples()
    ]
    rows = [
        {"schedule": name, "cut": cut, "block": block, "tokens": count, "top1_percent": top1}
        for name, cut, tokens, top1 in curves
        for block, count in enumerate(tokens)
    ]
    return pd.DataFrame(rows)
