"""What a figure asks of a table: a DataFrame will do, and so will `janus.workbench.columns.Columns`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol


class Table(Protocol):
    """Columns by name, in rows of one length."""

    @property
    def attrs(self) -> Mapping[Any, Any]:
        """What belongs to the whole of it."""
        ...

    def __getitem__(self, name: str, /) -> Iterable: ...

    def __iter__(self) -> Iterator: ...

    def __len__(self) -> int: ...


def records(table: Table) -> list[dict]:
    """Its rows, each by column."""
    names = list(table)
    return [dict(zip(names, row, strict=True)) for row in zip(*(table[name] for name in names), strict=True)]
