"""Results that take too long for a notebook, or need recordings that Janus does not ship: CSV with provenance."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd

from janus.errors import JanusError
from janus.files import data_folder, write_text
from janus.provenance import provenance

MARK = "# provenance: "


def write_table(path: Path | str, table: pd.DataFrame, **facts) -> None:
    """Write a table as CSV, its provenance in the first line.

    Raises:
        JanusError: If the place cannot be written.
    """
    about = json.dumps(provenance(rows=len(table), **facts), ensure_ascii=False)
    write_text(path, f"{MARK}{about}\n{table.to_csv(index=False)}")


def read_table(path: Path | str) -> tuple[pd.DataFrame, dict]:
    """A table and its provenance, as `write_table` wrote them.

    Raises:
        JanusError: If the file cannot be read or has no provenance.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as why:
        raise JanusError(f"{path}: cannot be read ({why.strerror}); make it with `janus reproduce --out`.") from why
    first, _, rest = text.partition("\n")
    if not first.startswith(MARK):
        raise JanusError(f"{path}: line 1 holds no provenance; make the file again with `janus reproduce --out`.")
    try:
        return pd.read_csv(io.StringIO(rest)), json.loads(first.removeprefix(MARK))
    except ValueError as why:
        raise JanusError(f"{path}: is no table of `janus reproduce` ({why}); make it again with --out.") from why


def stored(name: str) -> pd.DataFrame:
    """A table of ``data/results`` by name; ``attrs["about"]`` says in words where it comes from.

    Raises:
        JanusError: If it is not there.
    """
    table, facts = read_table(data_folder("results") / f"{name}.csv")
    seconds = facts["seconds_of_each"]
    much = "each in full" if seconds == "all" else f"at most {seconds:g} s of each"
    table.attrs["about"] = (
        f"stored: {facts['rows']} rows from `{facts.get('command', 'python')}` on {facts['date']}, "
        f"{facts['traces']}, {much}; {facts['kind']}"
    )
    return table
