"""A trace as CSV: a comment with what is known about it, a header, one row a step. Torch-free."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from janus.files import write_text
from janus.network.trace import Trace


def trace_csv(trace: Trace, *, decimals: int | None = None, comments: tuple[str, ...] = ()) -> str:
    """The text of a CSV that `read_trace` reads back.

    Args:
        trace: What to write.
        decimals: Decimals of every number; None keeps each to its last bit.
        comments: Lines to put on top.
    """
    columns = {"time_s": trace.time_s, "uplink_mbps": trace.uplink_mbps}
    if trace.rtt_ms is not None:
        columns["rtt_ms"] = trace.rtt_ms
    facts = {key: getattr(trace, key) for key in ("name", "source", "direction", "licence", "kind")}
    facts["duration_s"] = repr(trace.duration_s if decimals is None else round(trace.duration_s, decimals))
    head = [*comments, *(f"{key}: {' '.join(str(value).split())}" for key, value in facts.items())]
    values = [column if decimals is None else np.round(column, decimals) for column in columns.values()]
    rows = [",".join(map(repr, row)) for row in zip(*(column.tolist() for column in values), strict=True)]
    return "\n".join([*(f"# {line}" for line in head), ",".join(columns), *rows]) + "\n"


def write_trace(trace: Trace, path: Path | str) -> None:
    """Write `trace_csv` in one piece.

    Raises:
        JanusError: If the folder does not exist or cannot be written.
    """
    write_text(path, trace_csv(trace))
