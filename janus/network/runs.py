"""The run-list format of the 5G-MeMU uplink recordings (Ghoshal et al., 2022), with its traps.

A separator of ``#``, a line ``Run N``, then either one line of Mbit/s, one value each 0.1 s, or four lines: time
stamps and Mbit/s of the 5G leg, time stamps and Mbit/s of the LTE leg. The two legs alternate (a phone on a
non-standalone 5G network falls back to LTE), so their sum is what the phone sent. Stamps of a leg may be out of
order or fall twice into one slot of 0.1 s: values are added up by slot, which keeps every byte. A slot without a
value in either leg carried nothing. Blank lines mean nothing here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from janus.errors import JanusError, JanusWarning
from janus.network.text import fault, numbers, read_lines
from janus.network.trace import MAX_STEPS

STEP_S = 0.1
SEPARATOR = re.compile(r"#+")
LABEL = re.compile(r"Run\s+(\S+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: its label, where it starts, and its lines of numbers with their line numbers."""

    path: Path
    label: str
    line: int
    rows: tuple[tuple[int, np.ndarray], ...]
    text: str

    def mbps(self) -> tuple[np.ndarray, str | None]:
        """Mbit/s in slots of 0.1 s, shape [n], and a note where stamps were out of order or slots empty."""
        if len(self.rows) == 1:
            return self.rows[0][1], None
        (time_line, time_5g), (line_5g, mbps_5g), (lte_line, time_lte), (line_lte, mbps_lte) = self.rows
        for line, stamps, values in ((line_5g, time_5g, mbps_5g), (line_lte, time_lte, mbps_lte)):
            if len(stamps) != len(values):
                fault(self.path, line, f"{len(values)} values for {len(stamps)} time stamps", "give one for each")
        slots = []
        for line, stamps in ((time_line, time_5g), (lte_line, time_lte)):
            if stamps.max() / STEP_S > MAX_STEPS:
                fault(self.path, line, f"time stamp {stamps.max():g} s is too far out", "write stamps in seconds")
            # 0.3 / 0.1 is a little under 3.
            slots.append(np.floor(stamps / STEP_S + 1e-6).astype(np.int64))
        first = min(slot.min() for slot in slots)
        count = max(slot.max() for slot in slots) - first + 1
        total = sum(np.bincount(s - first, v, count) for s, v in zip(slots, (mbps_5g, mbps_lte), strict=True))
        filled = sum(np.bincount(slot - first, minlength=count) for slot in slots)
        late = sum(int(np.sum(np.diff(stamps) <= 0)) for stamps in (time_5g, time_lte))
        note = (
            f"{self.path.name}, run {self.label}: two legs added in slots of {STEP_S} s, {late} stamps out of order, "
            f"{int(np.sum(filled == 0))} slots without a value counted as 0"
        )
        return total, note


def looks_like_runs(lines: list[str]) -> bool:
    """Whether the first line that says anything is a separator or the name of a run."""
    first = next((line.strip() for line in lines if line.strip()), "")
    return bool(SEPARATOR.fullmatch(first) or LABEL.fullmatch(first))


def parse_runs(path: Path | str, lines: list[str] | None = None) -> list[Run]:
    """All runs of a file, in its order.

    Raises:
        JanusError: If a run has neither one nor four lines of numbers, or a number is not one.
    """
    path = Path(path)
    runs: list[Run] = []
    label, line_of_label = "", 0
    rows: list[tuple[int, np.ndarray]] = []
    texts: list[str] = []

    def finish() -> None:
        if line_of_label:
            if len(rows) not in (1, 4):
                fault(
                    path,
                    line_of_label,
                    f"run {label} has {len(rows)} lines of numbers",
                    "give one (Mbit/s) or four (times and Mbit/s of both legs)",
                )
            runs.append(Run(path=path, label=label, line=line_of_label, rows=tuple(rows), text="\n".join(texts)))
        rows.clear()
        texts.clear()

    for number, raw in enumerate(read_lines(path) if lines is None else lines, start=1):
        text = raw.strip()
        named = LABEL.fullmatch(text)
        if not text or SEPARATOR.fullmatch(text):
            continue
        if named:
            finish()
            label, line_of_label = named[1], number
        elif not line_of_label:
            fault(path, number, "numbers come before the first run", "write a line 'Run 1' above them")
        else:
            rows.append((number, numbers(path, number, [field.strip() for field in text.split(",")])))
            texts.append(text)
    finish()
    if not runs:
        fault(path, 1, "the file holds no run", "write a line 'Run 1' and its numbers")
    return runs


def drop_repeats(runs: Iterable[Run]) -> tuple[list[Run], list[str]]:
    """Runs without those that repeat an earlier one to the letter, and a sentence for each that was left out."""
    kept: dict[str, Run] = {}
    notes = []
    for run in runs:
        first = kept.setdefault(run.text, run)
        if first is not run:
            where = f"line {first.line}" if first.path == run.path else f"{first.path.name}, line {first.line}"
            notes.append(
                f"{run.path}, line {run.line}: run {run.label} repeats run {first.label} ({where}) to the letter and "
                "is left out"
            )
            warnings.warn(notes[-1] + ".", JanusWarning, stacklevel=2)
    return list(kept.values()), notes


def join_runs(runs: Iterable[Run]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Mbit/s of all runs, one after the other in slots of 0.1 s, and what there is to say about it."""
    runs, notes = drop_repeats(runs)
    parts, slots = [], 0
    for run in runs:
        mbps, note = run.mbps()
        parts.append(mbps)
        slots += len(mbps)
        if slots > MAX_STEPS:
            fault(run.path, run.line, f"the runs up to this one take over {MAX_STEPS} slots", "cut the file into parts")
        notes += [note] if note else []
    if len(runs) > 1:
        notes.append(f"{len(runs)} runs joined, one after the other")
    return np.concatenate(parts), tuple(notes)


def read_pings(files: Iterable[Path]) -> np.ndarray:
    """All round-trip times (ms) of some ping lists, in order.

    Raises:
        JanusError: If a run has more than one line of numbers.
    """
    found = []
    for run in (run for path in files for run in parse_runs(path)):
        if len(run.rows) != 1:
            raise JanusError(f"{run.path}, line {run.line}: run {run.label} is no list of pings; give it one line.")
        found.append(run.rows[0][1])
    return np.concatenate(found)
