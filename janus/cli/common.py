"""What the commands share: one JSON document at the end, in one shape."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from janus.errors import JanusError
from janus.files import write_text
from janus.provenance import provenance

if TYPE_CHECKING:
    import pandas as pd


# janus.backends.BACKENDS, which brings torch.
BACKENDS = ("eager", "bf16", "openvino", "openvino-bf16", "compile", "compile-bf16")


class Jobs(click.ParamType):
    """A number of processes, or -1 for all cores."""

    name = "N"

    def convert(self, value, param, ctx):
        try:
            jobs = int(value)
        except ValueError:
            jobs = 0
        if jobs < -1 or jobs == 0:
            self.fail(f"{value!r} must be a whole number of processes, 1 or more, or -1 for all cores.", param, ctx)
        return jobs


JOBS = Jobs()


def check_out(out: Path | None, option: str = "--out") -> None:
    """Refuse a place that cannot be written before the work, not after it.

    Raises:
        JanusError: If the folder of ``out`` does not exist or may not be written, or ``out`` is a folder itself.
    """
    if out is None:
        return
    if not os.path.isdir(out.absolute().parent):
        raise JanusError(f"{option} {out}: the folder {out.parent} does not exist; make it first or choose another.")
    if os.path.isdir(out):
        raise JanusError(f"{option} {out}: this is a folder; name a file in it.")
    if not os.access(out.absolute().parent, os.W_OK):
        raise JanusError(f"{option} {out}: the folder {out.parent} may not be written; choose another.")


def tell_skip(skip) -> dict[str, str]:
    """Say that something could not be read; what `document` has of it."""
    print(f"janus: skipped {skip.file}: {skip.reason}", file=sys.stderr)
    return {"file": skip.file, "reason": skip.reason}


def make_folder(out: Path) -> None:
    """Make a folder for results, where there is none yet.

    Raises:
        JanusError: If that cannot be.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise JanusError(f"--out {out}: the folder cannot be made ({why.strerror}); choose another place.") from why


def records(table: pd.DataFrame) -> list[dict]:
    """Rows as JSON takes them: what is not finite is null."""
    return [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def document(results: list, skipped: list | None = None, **facts) -> dict:
    """The shape of every `--json`: results, what was skipped, and where the numbers come from."""
    return {"results": results, "skipped": skipped or [], "provenance": provenance(**facts)}


def emit(doc: dict, *, as_json: bool, out: Path | None = None) -> None:
    """Print the document when asked, and write it to ``out`` in one piece."""
    text = json.dumps(doc, indent=1, allow_nan=False)
    if out is not None:
        write_text(out, text + "\n")
    if as_json:
        sys.stdout.write(text + "\n")
