"""Tidy tables behind the figures, one function for each. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from janus.accuracy import AccuracyTable
from janus.grid import ms_per_byte
from janus.workbench.columns import Columns
from janus.workbench.question import JPEG
from janus.workbench.words import ms_short

if TYPE_CHECKING:
    from janus.rates import RateRow
    from janus.workbench.answer import Answer

PARTS = ("device_ms", "encode_ms", "uplink_ms", "round_trip_ms", "cloud_ms")
# A bar so much taller than what matters (the plan, the SLO) is cut off, and an SLO so much higher than the plan is not
# drawn: either would squeeze all else into a line.
TALLEST = 2.5
HEADROOM = 1.15
# Above this share of the axis there is no room for a label on top of a bar.
LABELLED = 0.92


def token_table(answer: Answer) -> Columns:
    """Tokens left after the embedding (block 0) and after each block.

    Columns: ``block``, ``removed`` in it, ``tokens`` after it, ``unmerged`` (what it would be at level 0), ``side``
    (``device`` or ``cloud``), ``payload_bytes`` if the model were cut behind it (NaN where the codec serves no cut).
    ``attrs["block_range"]`` is the range of its axis.
    """
    here, merging, split = answer.here, answer.merging, answer.plan.split
    blocks = list(range(answer.depth + 1))
    columns = {
        "block": blocks,
        "removed": [0, *merging.removed],
        "tokens": list(merging.tokens),
        "unmerged": [merging.tokens[0]] * len(blocks),
        "side": ["device" if block <= split and split > 0 else "cloud" for block in blocks],
        "payload_bytes": _by_block(here.payload_bytes[0], here.splits, answer.depth).tolist(),
    }
    return Columns(columns=columns, attrs={"block_range": _range(answer)})


def _by_block(values: np.ndarray, splits: tuple[int, ...], depth: int) -> np.ndarray:
    """Values of some splits for all."""
    if len(splits) == depth + 1:
        return values
    every = np.full(depth + 1, np.nan)
    every[list(splits)] = values
    return every


def _range(answer: Answer) -> list[float]:
    """Ends of the axis that tokens and latencies share, one column for each split; one more where there is a JPEG."""
    return [(0 if answer.question.encoding == JPEG else _jpeg_at(answer)) - 0.7, answer.depth + 0.7]


def _jpeg_at(answer: Answer) -> int:
    """Column of the JPEG: left of split 0, and further left the narrower the columns are."""
    return -max(round(answer.depth / 12), 1)


def latency_table(answer: Answer) -> Columns:
    """Modelled latency of every split that the codec serves at the plan's level, by part.

    Columns: ``position`` (the split; below 0 for the picture as JPEG, where the encoding is another), ``split``,
    ``travels_as``, `PARTS`, their sum ``modelled_ms``, ``payload_bytes``, ``bytes_are`` (see `Answer.bytes_are`),
    ``tokens_at_split``, ``meets_slo``,
    ``candidate`` (Janus tries it), ``chosen``; and for the figure ``label`` (the sum in a few characters) and ``over``
    (whether the bar is too tall to write it on top). ``attrs`` holds ``top_ms``, the top of its axis, and
    ``position_range``.

    ``round_trip_ms`` is the round trip and the answer's way back.
    """
    q, here, splits = answer.question, answer.here, answer.here.splits
    columns = _parts(answer, here, 0, list(range(len(splits))), position=list(splits))
    if q.encoding != JPEG:
        level = answer.jpeg.levels.index(answer.plan.level)
        before = _parts(answer, answer.jpeg, level, [0], position=[_jpeg_at(answer)])
        columns = {name: before[name] + values for name, values in columns.items()}
    total = columns["modelled_ms"]
    matters = max(answer.modelled_ms, q.slo_ms if q.slo_ms <= TALLEST * answer.modelled_ms else 0.0)
    top = HEADROOM * max(matters, min(max(total), TALLEST * matters))
    columns |= {
        "meets_slo": [ms <= q.slo_ms for ms in total],
        "candidate": [at in answer.candidates for at in columns["position"]],
        "chosen": [at == answer.plan.split for at in columns["position"]],
        "label": [ms_short(ms) for ms in total],
        "over": [ms > LABELLED * top for ms in total],
    }
    return Columns(columns=columns, attrs={"top_ms": float(top), "position_range": _range(answer)})


def _parts(answer: Answer, grid, level: int, at: list[int], position: list[int]) -> dict[str, list]:
    """Columns of ``latency_table`` for one level of a grid and some of its splits."""
    q, splits, carriers = answer.question, [grid.splits[i] for i in at], [grid.travels_as[i] for i in at]
    payload = grid.payload_bytes[level, at]
    found = {
        "device_ms": grid.device_ms[level, at],
        "encode_ms": grid.encode_ms[level, at],
        "uplink_ms": np.where(payload > 0, payload * ms_per_byte(q.uplink_mbps), 0.0),
        "round_trip_ms": np.where(payload > 0, q.rtt_ms + grid.downlink_ms, 0.0),
        "cloud_ms": grid.cloud_ms[level, at],
        "modelled_ms": grid.modelled_ms(q.uplink_mbps, q.rtt_ms)[level, at],
        "payload_bytes": payload,
    }
    return {
        "position": position,
        "split": splits,
        "travels_as": carriers,
        **{name: values.tolist() for name, values in found.items()},
        "bytes_are": list(map(answer.bytes_are, splits, carriers)),
        "tokens_at_split": grid.tokens_at_split[level, at].tolist(),
    }


def level_table(answer: Answer) -> Columns:
    """Every level with the fastest of the splits that were free to choose.

    Columns: ``level``, ``modelled_ms``, ``meets_slo``, ``chosen``.
    """
    levels, least_ms = list(answer.grid.levels), answer.least_ms
    return Columns(
        columns={
            "level": levels,
            "modelled_ms": least_ms.tolist(),
            "meets_slo": (least_ms <= answer.question.slo_ms).tolist(),
            "chosen": [level == answer.plan.level for level in levels],
        }
    )


def accuracy_table(
    answer: Answer, stored: AccuracyTable | None, live: Iterable[dict] = (), real: AccuracyTable | None = None
) -> Columns:
    """Measured accuracy over the levels of the question's schedule, stored and live.

    Columns: ``kind`` (``stored``, ``sent`` for what is stored of the plan's cut with what crosses it lossy as it is,
    ``live``, or ``real`` for what is stored of the real model), ``level``, ``top1``,
    ``low``, ``high`` (95 %), ``n``, ``now`` (whether it is of the present plan, or, stored, unsplit), ``model``,
    ``modelled_ms`` (at that level, with the fastest of the free splits). ``attrs`` holds the ranges of the axes.

    Args:
        answer: What it belongs to.
        stored: Stored accuracies of the model.
        live: Rows of `janus.standing.Running.row`, with ``now`` and ``model`` added.
        real: Stored accuracies of a real model, where the model is the demo's.
    """
    family = answer.question.family
    rows = [("sent", one.level, one.top1, one.low, one.high, n, True, model) for one, n, model in _as_sent(answer)]
    for kind, known in (("stored", stored), ("real", real)):
        for row in known.rows if known else ():
            if (row.schedule == family or row.level == 0) and not row.codec:
                rows.append((kind, row.level, row.top1, row.low, row.high, row.n, True, known.model))
    for found in live:
        if found["schedule"] == family or found["level"] == 0:
            low, high = found["ci95"]
            values = (found["level"], found["top1"], low, high, found["n"], found["now"], found["model"])
            rows.append(("live", *values))
    # The first of each kind and level counts; in that order.
    first = {(kind, level, now): (kind, level, *rest, now, model) for kind, level, *rest, now, model in reversed(rows)}
    names = ("kind", "level", "top1", "low", "high", "n", "now", "model")
    ordered = sorted(first.values(), key=lambda row: row[:2])
    columns: dict[str, list] = {name: [row[at] for row in ordered] for at, name in enumerate(names)}
    # Between two levels of the grid the latency is read off the line between them.
    levels, ms, slo_ms = np.array(answer.grid.levels), answer.least_ms, answer.question.slo_ms
    columns["modelled_ms"] = np.interp(columns["level"], levels, ms).tolist()
    low, high = min(columns["low"], default=0.0), max(columns["high"], default=100.0)
    attrs = {
        "top1_range": _padded(low, high, least=0.0, most=100.0),
        "level_range": _padded(0.0, max(levels[-1], answer.plan.level) or 1.0),
        "modelled_ms_range": _padded(ms.min(), max(ms.max(), slo_ms if slo_ms <= TALLEST * ms.max() else 0.0)),
    }
    return Columns(columns=columns, attrs=attrs)


def _as_sent(answer: Answer) -> list[tuple[RateRow, int, str]]:
    """What was measured of the plan's split and of what travels there, at any level of the schedule."""
    rates, carrier = answer.here.rates, answer.travels_as
    if rates is None or not carrier:
        return []
    # The compressor behind a codec loses nothing.
    names = (carrier, f"{carrier}+zstd")
    return [
        (row, rates.n, rates.model)
        for row in rates.at(answer.plan.split)
        if row.carrier in names and row.merging[0] in ("none", answer.question.family)
    ]


def _padded(low: float, high: float, least: float = -np.inf, most: float = np.inf) -> list[float]:
    """A range with a little room at both ends."""
    room = 0.05 * (high - low) or 1.0
    return [float(max(low - room, least)), float(min(high + room, most))]
