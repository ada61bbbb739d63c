"""One file, one trace: Mahimahi packet files, two columns, CSV with a header, and run lists.

Nothing is repaired in silence: a fault is a sentence with the file, the line and the remedy.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from janus.errors import JanusError, JanusWarning
from janus.network.catalogue import recognise
from janus.network.runs import STEP_S, join_runs, looks_like_runs, parse_runs
from janus.network.text import check_increasing, fault, read_lines, split_fields, table, wanted_columns
from janus.network.trace import DIRECTIONS, KINDS, MAX_STEPS, Trace
from janus.units import bytes_per_ms_to_mbps, ms_to_s, s_to_ms

FORMATS = ("mahimahi", "columns", "csv", "runs")
# What a Mahimahi line stands for (its README): one packet of 1500 bytes.
PACKET_BYTES = 1500
# Means beyond this are kbit/s taken for Mbit/s: no uplink carries 10 Gbit/s.
SUSPICIOUS_MBPS = 10_000.0
METADATA = ("name", "source", "direction", "licence", "kind", "duration_s")
SUFFIX_DIRECTIONS = {".up": "uplink", ".down": "downlink"}


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What a file says, on its own clock: start of each step, rates, round-trip times, and the end of the last."""

    time_s: np.ndarray
    mbps: np.ndarray
    rtt_ms: np.ndarray | None = None
    end_s: float
    facts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_trace(
    path: Path | str,
    *,
    format: str | None = None,
    name: str | None = None,
    step_s: float = 0.1,
    source: str | None = None,
    direction: str | None = None,
    licence: str | None = None,
) -> Trace:
    """One file as one trace; the runs of a run list are joined (`read_traces` gives them one by one).

    Args:
        path: The file.
        format: ``mahimahi`` (one packet of 1500 bytes a line, in ms), ``columns`` (seconds and Mbit/s), ``csv`` (a
            header with time_s, uplink_mbps and maybe rtt_ms) or ``runs``; None looks at the content.
        name: Name of the trace; None takes what the file says, or its own name.
        step_s: Bins into which the packets of a Mahimahi file are counted.
        source: Where it comes from; None takes what the file says or is known of it. So for the next two.
        direction: ``uplink``, ``downlink`` or ``unknown``.
        licence: Terms of the recording.

    Raises:
        JanusError: If something in the file is negative, missing, not a number or out of order.
    """
    path = Path(path)
    steps = read_steps(path, format=format, step_s=step_s)
    return to_trace(steps, path, name=name, source=source, direction=direction, licence=licence)


def read_steps(path: Path, *, format: str | None = None, step_s: float = 0.1) -> Steps:
    """One file on its own clock."""
    if format is not None and format not in FORMATS:
        raise JanusError(f"format {format!r} is unknown: choose one of {', '.join(FORMATS)}.")
    lines = read_lines(path)
    found = format or detect(path, lines)
    if found == "mahimahi":
        return read_mahimahi(path, lines, step_s)
    if found == "runs":
        mbps, notes = join_runs(parse_runs(path, lines))
        return Steps(time_s=np.arange(len(mbps)) * STEP_S, mbps=mbps, end_s=len(mbps) * STEP_S, notes=notes)
    return read_csv(path, lines) if found == "csv" else read_columns(path, lines)


def to_trace(steps: Steps, path: Path, *, name: str | None = None, **given: str | None) -> Trace:
    """Steps as a trace, with what is known about the file; warns of a mean that must be in kbit/s."""
    known = recognise(path)
    facts = {
        "source": f"{known.paper}; {known.repository}" if known else path.name,
        "direction": SUFFIX_DIRECTIONS.get(path.suffix, "uplink" if known and known.name == "nuwins" else "unknown"),
        "licence": known.licence if known else "unknown",
        "name": default_name(path),
        **{key: value for key, value in steps.facts.items() if key != "duration_s"},
        **{key: value for key, value in given.items() if value is not None},
    }
    if name is not None:
        facts["name"] = name
    trace = Trace(
        time_s=steps.time_s,
        uplink_mbps=steps.mbps,
        rtt_ms=steps.rtt_ms,
        duration_s=steps.end_s,
        notes=steps.notes,
        **facts,
    )
    if trace.mean_mbps > SUSPICIOUS_MBPS:
        warnings.warn(
            f"{path}: the mean is {trace.mean_mbps:.4g} Mbit/s, over 10 Gbit/s; if the file is in kbit/s, divide it by "
            "1000.",
            JanusWarning,
            stacklevel=3,
        )
    return trace


def default_name(path: Path) -> str:
    """The file's name without its ending; a run list is also named after its folders (``5g-driving``)."""
    match = re.search(r"(static|walking|driving)/(5g|lte)$", path.resolve().parent.as_posix())
    stem = path.name if path.suffix == ".down" else path.stem
    if path.suffix == ".list" and match:
        return "-".join([match[2], match[1], *([] if stem == "throughput" else [stem])])
    return stem or path.name


def detect(path: Path, lines: list[str]) -> str:
    """The format of a file, from its first lines.

    Raises:
        JanusError: If it looks like none of them.
    """
    if looks_like_runs(lines):
        return "runs"
    first = first_row(lines)
    fields = split_fields(lines[first]) if first < len(lines) else []
    if any(re.search("[A-Za-z_]{2}", entry) and entry.lower() not in ("nan", "inf") for entry in fields):
        if {"time_s", "uplink_mbps"} & set(fields):
            return "csv"
        fault(path, first + 1, "neither numbers nor a header with time_s and uplink_mbps", "add that header")
    if len(fields) not in (1, 2):
        what = f"{len(fields)} entries, where a trace has one or two"
        fault(path, first + 1, what, "add a header with time_s, uplink_mbps and rtt_ms, or name the format")
    return "mahimahi" if len(fields) == 1 else "columns"


def first_row(lines: list[str]) -> int:
    """Index of the first line that is not a comment."""
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))


def read_mahimahi(path: Path, lines: list[str], step_s: float) -> Steps:
    """Packets counted in bins. A stamp t closes the millisecond before it; the file lasts until its last stamp."""
    if not step_s >= ms_to_s(1):
        raise JanusError(f"step_s {step_s} of a packet file must be 0.001 (one millisecond) or more.")
    start = first_row(lines)
    if start == len(lines):
        fault(path, start, "no packet after the comments", "name a file with at least one")
    stamps = table(path, lines, start, ["time in ms"])[:, 0]
    broken = np.flatnonzero(stamps != np.floor(stamps))
    if broken.size:
        line = start + int(broken[0]) + 1
        fault(path, line, f"time {stamps[broken[0]]:g} is no whole millisecond", "add the rates, or name the format")
    check_increasing(path, stamps, start, repeats=True)
    end, step = stamps[-1], s_to_ms(step_s)
    if end == 0:
        fault(path, len(lines), "all packets are at 0 ms", "write the millisecond of each packet")
    count = int(np.ceil(end / step))
    if count > MAX_STEPS:
        fault(path, len(lines), f"time {end:g} ms is too far out", "write milliseconds, not some other unit")
    packets = np.bincount(np.minimum(np.maximum(stamps - 1, 0) // step, count - 1).astype(np.int64), minlength=count)
    edges = np.append(np.arange(count) * step, end)
    mbps = bytes_per_ms_to_mbps(packets * PACKET_BYTES / np.diff(edges))
    return Steps(time_s=ms_to_s(edges[:-1]), mbps=mbps, end_s=float(ms_to_s(end)))


def read_columns(path: Path, lines: list[str]) -> Steps:
    """Seconds and Mbit/s. Each rate holds until the next time, the last for the median step."""
    start = first_row(lines)
    return steps_of(path, table(path, lines, start, ["time in s", "Mbit/s"]), start)


def read_csv(path: Path, lines: list[str]) -> Steps:
    """Named columns, in any order, after comments that may hold ``# key: value``."""
    header = first_row(lines)
    facts: dict[str, str] = {}
    for number, line in enumerate(lines[:header], start=1):
        key, colon, value = line.lstrip("# ").partition(":")
        if colon and key.strip() in METADATA:
            facts[key.strip()] = check_fact(path, number, key.strip(), value.strip())
    names = split_fields(lines[header]) if header < len(lines) else []
    for wanted in ("time_s", "uplink_mbps"):
        if names.count(wanted) != 1:
            fault(path, header + 1, f"the header has {names.count(wanted)} columns {wanted}", "give it exactly one")
    if header + 1 == len(lines):
        fault(path, header + 1, "no row after the header", "add at least two")
    order = [name for name in ["time_s", "uplink_mbps", "rtt_ms"] if name in names]
    ignored = [name for name in names if name not in order]
    notes = (f"{path.name}: columns {', '.join(ignored)} are ignored",) if ignored else ()
    if names != order or '"' in lines[header]:
        # What is ignored may be text, missing or below 0, as signal strengths and longitudes are.
        lines = wanted_columns(path, lines, header + 1, names, order)
    return steps_of(path, table(path, lines, header + 1, order), header + 1, facts, notes)


def check_fact(path: Path, line: int, key: str, value: str) -> str:
    """A value of the header comment, if it can be one."""
    allowed = {"direction": DIRECTIONS, "kind": KINDS}.get(key)
    if allowed and value not in allowed:
        fault(path, line, f"{key} {value[:40]!a} is unknown", f"write one of {', '.join(allowed)}")
    if key == "name" and (not value or re.search(r"[/\\\0]", value)):
        fault(path, line, f"name {value[:40]!a} cannot be that of a file", "write one without slashes")
    if key == "duration_s":
        table(path, [value], 0, ["duration_s"])
    return value


def steps_of(path: Path, values: np.ndarray, start: int, facts: dict | None = None, notes: tuple = ()) -> Steps:
    """Rows of time, rate and maybe round-trip time; ``start`` is the index of their first line."""
    facts = facts or {}
    time_s = values[:, 0]
    check_increasing(path, time_s, start)
    if len(time_s) == 1 and "duration_s" not in facts:
        fault(path, start + 1, "a single entry does not say how long it holds", "add a second one at its end")
    end = float(facts.get("duration_s") or time_s[-1] + np.median(np.diff(time_s)))
    if end <= time_s[-1]:
        fault(path, start + len(time_s), f"the last time is not before duration_s {end:g}", "correct the header")
    rtt = values[:, 2] if values.shape[1] > 2 else None
    return Steps(time_s=time_s, mbps=values[:, 1], rtt_ms=rtt, end_s=end, facts=facts, notes=notes)
