"""What a streamed set has shown already, kept on disk in its order, so that it is there without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from janus.files import write_bytes, write_text


@dataclass(frozen=True, kw_only=True)
class Record:
    """One streamed image: its name, its label as the set has it, and its bytes."""

    name: str
    label: int | str | None
    data: bytes


def kept(folder: Path, fetch: Callable[[int], Iterator[Record]]) -> Iterator[Record]:
    """The records in ``folder``, then those that ``fetch`` gives from there on, which are put there too.

    Args:
        folder: One file for each record, numbered, and ``complete`` once all are there.
        fetch: Gives the records from a position on.
    """
    at = 0
    while (path := folder / f"{at:07d}").is_file():
        yield _load(path)
        at += 1
    if (folder / "complete").is_file():
        return
    for record in fetch(at):
        head = json.dumps({"name": record.name, "label": record.label})
        write_bytes(folder / f"{at:07d}", head.encode() + b"\n" + record.data)
        yield record
        at += 1
    write_text(folder / "complete", f"{at}\n")


def _load(path: Path) -> Record:
    head, _, data = path.read_bytes().partition(b"\n")
    return Record(data=data, **json.loads(head))
