"""Text files of numbers, read with suspicion: bounded, never repaired, every fault with its file and line."""

from __future__ import annotations

import csv
import re
import stat
from pathlib import Path
from typing import NoReturn

import numpy as np

from janus.errors import JanusError

MAX_FILE_BYTES = 64_000_000
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
PLAIN = re.compile(r"[0-9eE.+-]*", re.ASCII)
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def fault(path: Path, line: int, what: str, remedy: str) -> NoReturn:
    """Raise the one sentence that names the file, the line and the remedy."""
    raise JanusError(f"{path}, line {line}: {what}; {remedy}.")


def read_lines(path: Path | str) -> list[str]:
    """The lines of a text file without their ends; line 1 is entry 0, and empty lines at the end are gone.

    Raises:
        JanusError: If it is not there, not a plain file, too large, empty, not UTF-8, or has a byte-order mark.
    """
    path = Path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise JanusError(f"{path}: this is a folder; name one of its files, or read the folder with read_traces.")
        # A pipe or a device could block or never end.
        if not stat.S_ISREG(status.st_mode):
            raise JanusError(f"{path}: this is not a plain file; copy what it gives into one.")
        if status.st_size > MAX_FILE_BYTES:
            raise JanusError(f"{path}: {status.st_size} bytes are over {MAX_FILE_BYTES}; cut the trace into parts.")
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES)
    except (OSError, ValueError) as why:
        if isinstance(why, JanusError):
            raise
        raise JanusError(f"{path}: cannot be read ({getattr(why, 'strerror', why)}); check the path.") from why
    if data.startswith(BYTE_ORDER_MARKS):
        fault(path, 1, "begins with a byte-order mark", "save the file as UTF-8 without one")
    if data.startswith(GZIP):
        fault(path, 1, "is compressed", "unpack it first (gunzip)")
    if b"\0" in data:
        fault(path, data.count(b"\n", 0, data.index(b"\0")) + 1, "holds binary data", "name a text file")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as why:
        fault(path, data.count(b"\n", 0, why.start) + 1, "is not UTF-8 text", "save the file as UTF-8")
    if not text.strip():
        fault(path, 1, "the file is empty", "name a file with at least two entries")
    return [line.rstrip("\r") for line in text.rstrip().split("\n")]


def split_fields(line: str) -> list[str]:
    """Fields between commas where there are any, else between blanks; quotes around one are gone."""
    fields = line.split(",") if "," in line else line.split()
    if '"' in line and "," in line:
        fields = next(csv.reader([line], skipinitialspace=True), [])
    return [field.strip().strip('"') for field in fields]


def wanted_columns(path: Path, lines: list[str], start: int, names: list[str], wanted: list[str]) -> list[str]:
    """The same lines with the wanted columns alone from ``start`` on; the others may hold anything.

    Raises:
        JanusError: If a line has more or fewer fields than the header has names.
    """
    places = [names.index(name) for name in wanted]
    kept = lines[:start]
    for number, line in enumerate(lines[start:], start=start + 1):
        fields = split_fields(line)
        if line.strip() and len(fields) != len(names):
            what = f"{len(fields)} entries instead of {len(names)} ({', '.join(names)})"
            fault(path, number, what, "fill in what is missing, or remove the line")
        kept.append(",".join(fields[place] for place in places) if line.strip() else "")
    return kept


def numbers(path: Path, line: int, fields: list[str]) -> np.ndarray:
    """Fields of one line as numbers that are finite and 0 or more."""
    try:
        # numpy, as Python, would also take 1_000 and the digits of other scripts.
        if PLAIN.fullmatch("".join(fields)):
            values = np.array(fields, dtype=np.float64)
            if np.all(np.isfinite(values)) and np.all(values >= 0):
                return values
    except ValueError:
        pass
    for place, field in enumerate(fields, start=1):
        check_number(path, line, field, f"entry {place}" if len(fields) > 1 else "the entry")
    fault(path, line, "holds something that is not a number", "write plain decimal numbers")


def check_number(path: Path, line: int, field: str, what: str) -> None:
    """Raise unless ``field`` is a finite decimal number of 0 or more."""
    shown = ascii(field if len(field) <= 40 else field[:40] + "…")
    if not field:
        fault(path, line, f"{what} is missing", "fill it in or remove the line")
    if not NUMBER.fullmatch(field):
        remedy = "remove the line" if field.lower().lstrip("+-") in ("nan", "inf", "infinity") else "write a number"
        fault(path, line, f"{what} is {shown}, not a finite number", remedy)
    if not np.isfinite(float(field)):
        fault(path, line, f"{what} is {shown}, beyond every number", "write a smaller one")
    if float(field) < 0:
        fault(path, line, f"{what} is {shown}, below 0", "correct or remove it")


def table(path: Path, lines: list[str], start: int, columns: list[str]) -> np.ndarray:
    """Lines ``start``… of a file as a table of numbers that are finite and 0 or more.

    Args:
        start: Index of the first line of the table, 0 for line 1.
        columns: What each column is called in a message.

    Returns:
        Shape [lines, columns].
    """
    rows = lines[start:]
    comma = "," if "," in rows[0] else None
    try:
        # loadtxt skips empty lines, so that their absence is part of the condition.
        if all(rows):
            values = np.loadtxt(rows, delimiter=comma, comments=None, ndmin=2)
            if values.shape[1] == len(columns) and np.all(np.isfinite(values)) and np.all(values >= 0):
                return values
    except ValueError:
        pass
    for line, row in enumerate(rows, start=start + 1):
        fields = [field.strip() for field in row.split(",")] if comma else row.split()
        if not row.strip():
            fault(path, line, "the line is blank", "fill it in or remove it")
        if len(fields) != len(columns):
            wanted = f"{len(columns)} ({', '.join(columns)})"
            fault(
                path, line, f"{len(fields)} entries instead of {wanted}", "fill in what is missing, or name the format"
            )
        for field, column in zip(fields, columns, strict=True):
            check_number(path, line, field, column)
    fault(path, start + 1, "the table cannot be read", "write one row of plain decimal numbers a line")


def check_increasing(path: Path, times: np.ndarray, start: int, *, repeats: bool = False) -> None:
    """Raise at the first line whose time is before (or, without ``repeats``, not after) the line above it."""
    step = np.diff(times)
    late = np.flatnonzero(step < 0 if repeats else step <= 0)
    if late.size:
        now, before = times[late[0] + 1], times[late[0]]
        line = start + int(late[0]) + 2
        if now == before:
            fault(path, line, f"time {now:.10g} is the same as that of the line above", "keep one of the two")
        fault(path, line, f"time {now:.10g} is before that of the line above", "sort the file by time")
