"""Folders of recordings, and files of many runs, as lists of traces. Torch-free."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from janus.errors import JanusError
from janus.network.readers import Steps, default_name, detect, read_steps, to_trace
from janus.network.runs import STEP_S, Run, drop_repeats, join_runs, parse_runs, read_pings
from janus.network.text import read_lines
from janus.network.trace import Trace

MOBILITIES = ("static", "walking", "driving")
NETWORKS = ("5g", "lte")
# What lies beside recordings without being one.
NOT_TRACES = re.compile(
    r"\..*|(README|COPYING|LICEN[CS]E|NOTICE|provenance)(\..*)?|.*\.(md|json|py|sh|pdf)", re.IGNORECASE
)
# Two files whose times go on belong together unless more than this lies between them.
SERIES_GAP_S = 60.0
MAX_DEPTH = 4


def read_traces(path: Path | str, *, direction: str | None = "uplink") -> list[Trace]:
    """Everything a folder holds, or every run of a run list.

    Run lists in folders become one trace for each folder, their short runs joined; files ``name_0, name_1, …`` whose
    times go on from one to the next become one trace.

    Args:
        path: A folder, or a file of runs.
        direction: Which of ``*.up`` and ``*.down`` to take where both are there; None takes both.

    Raises:
        JanusError: If there is nothing to read, or a file is not what it seems.
    """
    path = Path(path)
    if not path.is_dir():
        lines = read_lines(path)
        if detect(path, lines) == "runs":
            runs, notes = drop_repeats(parse_runs(path, lines))
            return [run_trace(run, tuple(notes)) for run in runs]
        return [to_trace(read_steps(path), path)]
    found = read_folder(path, direction, MAX_DEPTH)
    if not found:
        raise JanusError(f"{path}: the folder holds no trace; name one that does.")
    return found


def read_folder(folder: Path, direction: str | None, depth: int) -> list[Trace]:
    """Run lists, other files and subfolders, in this order."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as why:
        raise JanusError(f"{folder}: cannot be listed ({why.strerror}); name a folder that you may read.") from why
    found = [read_run_folder(folder)] if any(entry.suffix == ".list" for entry in entries) else []
    found += read_files([entry for entry in entries if is_trace(entry)], direction)
    inside = [entry for entry in entries if entry.is_dir() and not NOT_TRACES.fullmatch(entry.name)]
    if (folder / "throughput").is_dir():
        # The pings are read beside the throughput that they belong to.
        inside = [entry for entry in inside if entry.name != "ping"]
    inside.sort(key=lambda entry: MOBILITIES.index(entry.name) if entry.name in MOBILITIES else -1)
    return found + [trace for entry in inside if depth for trace in read_folder(entry, direction, depth - 1)]


def run_trace(run: Run, notes: tuple[str, ...]) -> Trace:
    """One run of a run list."""
    mbps, note = run.mbps()
    steps = Steps(time_s=np.arange(len(mbps)) * STEP_S, mbps=mbps, end_s=len(mbps) * STEP_S)
    steps = replace(steps, notes=(*notes, note) if note else notes)
    return to_trace(steps, run.path, name=f"{default_name(run.path)}-run-{run.label}")


def load_nuwins(folder: Path | str, mobility: str, network: str) -> Trace:
    """One of the six classes of the 5G-MeMU uplink recordings, all its runs joined.

    ``rtt_ms`` is the ping list of the class in its order, one entry each 0.1 s, from the start again when it ends:
    pings were recorded in other runs, so they have the right spread but do not belong to the rates beside them.

    Args:
        folder: The one that holds ``throughput`` and ``ping``.
        mobility: ``static``, ``walking`` or ``driving``.
        network: ``5g`` or ``lte``.

    Raises:
        JanusError: If the class is unknown or not there.
    """
    for what, value, allowed in (("mobility", mobility, MOBILITIES), ("network", network, NETWORKS)):
        if value not in allowed:
            raise JanusError(f"{what} {value!r} is unknown: choose one of {', '.join(allowed)}.")
    return read_run_folder(Path(folder) / "throughput" / mobility / network)


def read_run_folder(folder: Path) -> Trace:
    """All run lists of a folder as one trace, with the pings of the folder beside it."""
    files = sorted(folder.glob("*.list"))
    if not files:
        raise JanusError(f"{folder}: there is no *.list file; name the folder that holds throughput and ping.")
    mbps, notes = join_runs(run for file in files for run in parse_runs(file))
    parts = folder.resolve().parts
    rtt_ms = None
    if "throughput" in parts:
        place = len(parts) - 1 - parts[::-1].index("throughput")
        pings = sorted(Path(*parts[:place], "ping", *parts[place + 1 :]).glob("*.list"))
        if pings:
            rtt_ms = np.resize(read_pings(pings), len(mbps))
            notes = (*notes, "round-trip times are the pings of other runs, in their order, repeated")
    steps = Steps(time_s=np.arange(len(mbps)) * STEP_S, mbps=mbps, rtt_ms=rtt_ms, end_s=len(mbps) * STEP_S, notes=notes)
    known_class = len(parts) > 1 and parts[-1] in NETWORKS and parts[-2] in MOBILITIES
    return to_trace(steps, files[0], name=f"{parts[-1]}-{parts[-2]}" if known_class else folder.name)


def is_trace(file: Path) -> bool:
    """Whether a file of a folder of recordings is to be read on its own."""
    return file.is_file() and file.suffix != ".list" and not NOT_TRACES.fullmatch(file.name)


def natural(file: Path) -> list:
    """Key that puts ``name_10`` after ``name_9``."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", file.name)]


def read_files(files: list[Path], direction: str | None) -> list[Trace]:
    """The files of a folder, series joined."""
    ways = {"uplink": ".up", "downlink": ".down"}
    if direction in ways:
        other = next(suffix for way, suffix in ways.items() if way != direction)
        chosen = [file for file in files if file.suffix != other]
        if files and not chosen:
            raise JanusError(
                f"{files[0].parent}: only {other} files are here, no {direction}; name the files themselves."
            )
        files = chosen
    series: dict[tuple[str, str], list[Path]] = {}
    for file in sorted(files, key=natural):
        match = re.fullmatch(r"(.+)_\d+", file.stem)
        key = (match[1], file.suffix) if match else (file.name, "")
        series.setdefault(key, []).append(file)
    return [trace for (stem, _), members in series.items() for trace in read_series(stem, members)]


def read_series(stem: str, files: list[Path]) -> list[Trace]:
    """Numbered files: those whose times go on become one trace."""
    chains: list[list[tuple[Path, Steps]]] = []
    for file in files:
        steps = read_steps(file)
        before = chains[-1][-1][1] if chains else None
        if before is not None and 0 < steps.time_s[0] - before.time_s[-1] <= SERIES_GAP_S:
            chains[-1].append((file, steps))
        else:
            chains.append([(file, steps)])
    if len(chains) == 1 and len(files) > 1:
        return [join_series(chains[0], stem)]
    return [join_series(chain, f"{chain[0][0].stem}-{chain[-1][0].stem.rpartition('_')[2]}") for chain in chains]


def join_series(chain: list[tuple[Path, Steps]], name: str) -> Trace:
    """Files on one clock as one trace; the last rate of a file holds until the next file begins."""
    (path, first), (_, last) = chain[0], chain[-1]
    if len(chain) == 1:
        # The file may name itself.
        return to_trace(first, path)
    pieces = [steps for _, steps in chain]
    joined = Steps(
        time_s=np.concatenate([steps.time_s for steps in pieces]),
        mbps=np.concatenate([steps.mbps for steps in pieces]),
        rtt_ms=None if any(s.rtt_ms is None for s in pieces) else np.concatenate([s.rtt_ms for s in pieces]),
        end_s=last.end_s,
        facts=first.facts,
        notes=(*(note for steps in pieces for note in steps.notes), f"{len(chain)} files joined: their times go on"),
    )
    return to_trace(joined, path, name=name)
