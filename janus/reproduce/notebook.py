"""How a notebook of the reproduction begins: versions, hardware, seed, sources; figures as plain JSON."""

from __future__ import annotations

import importlib.metadata
import math

import pandas as pd
import plotly.io

from janus.provenance import hardware, versions

# In JupyterLab plotly's own extension draws this; the default would store 4.5 MB of JavaScript in the notebook, too.
RENDERER = "plotly_mimetype"
# Endings of column names, and how a heading says them.
UNITS = {
    "_percent": ", %", "_ms": ", ms", "_mbps": ", Mbit/s", "_fps": ", frames/s", "_kb": ", kB", "_us": ", µs",
    "_s": ", s",
}  # fmt: skip
DEFAULT_RENDERER = "plotly_mimetype+notebook"


def begin(*sources: str, seed: int) -> None:
    """Print what the numbers of a notebook depend on, and show tables whole.

    Args:
        sources: Where model, data and networks come from, a sentence each.
        seed: Of everything random.
    """
    if plotly.io.renderers.default == DEFAULT_RENDERER:
        plotly.io.renderers.default = RENDERER
    pd.set_option("display.max_columns", 40, "display.max_rows", 80, "display.max_colwidth", 90)
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "pandas", "plotly"))
    found = versions()
    print(f"versions: janus-vit {found['janus-vit']}, Python {found['python']}, {packages}")
    print(f"hardware: {hardware()['processor']}")
    print(f"seed: {seed}")
    print("\n".join(sources))


def tidy(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """A table as people read it: three significant digits, headings with units, the first column as the index.

    Args:
        table: Any.
        columns: Which, in this order; all unless given.
    """
    part = table[list(columns)] if columns else table
    shown = part.map(cell).rename(columns=heading)
    return shown if part.index.names != [None] else shown.set_index(shown.columns[0])


def heading(name: str) -> str:
    """A column's name with its unit behind a comma."""
    for ending, unit in UNITS.items():
        if name.endswith(ending):
            return name.removesuffix(ending).replace("_", " ") + unit
    return name.replace("_", " ")


def cell(value) -> str:
    """A value with three significant digits and no exponent; what is missing as a dash."""
    if not isinstance(value, float):
        return "–" if value is pd.NA else str(value)
    if math.isnan(value):
        return "–"
    if value == 0 or abs(value) >= 1000 or not math.isfinite(value):
        return f"{value:,.0f}"
    return f"{value:.{max(2 - math.floor(math.log10(abs(value))), 0)}f}"
