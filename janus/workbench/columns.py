"""A tidy table as plain lists, for what is drawn while somebody moves a control. Torch-free.

The same as a DataFrame where a person asks for one: to import pandas takes a third of the time until the screen is
there, and to make four DataFrames of a few rows took two thirds of the time in which a control answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns by name, and what belongs to all of them; a figure reads it as it reads a DataFrame.

    Attributes:
        columns: Plain Python values, as many in each.
        attrs: As a DataFrame's.
    """

    columns: Mapping[str, list]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        """Rows."""
        return len(next(iter(self.columns.values())))

    def frame(self) -> pd.DataFrame:
        """The same as a DataFrame."""
        import pandas as pd

        frame = pd.DataFrame(dict(self.columns))
        frame.attrs = dict(self.attrs)
        return frame
