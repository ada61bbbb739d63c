"""Payload of a cut detector."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from janus.figures.style import GREY
from janus.reproduce.figures.look import DASHES, ENCODING_NAMES, RAMP, panels

SYMBOLS = ("circle", "square", "diamond", "x")


def detection_figure(table: pd.DataFrame, *, title: str, levels: tuple[int, ...] = (0, 4, 8, 40)) -> go.Figure:
    """Bytes at the cut over the split, a line a level, and the picture itself as a line across.

    Args:
        table: From `janus.reproduce.detection.byte_table`.
        title: Of the whole.
        levels: Which r to draw, at most four.
    """
    figure = panels(title, 1, 1, height=380, x=["split: blocks on the device"], y=["kB a picture"])
    tokens = table[table["codec"] == "int8"]
    for r, color, dash, symbol in zip(levels, RAMP, DASHES, SYMBOLS, strict=False):
        rows = tokens[tokens["r"] == r]
        figure.add_scatter(
            x=rows["split"].tolist(), y=rows["kilobytes"].round(2).tolist(), mode="lines+markers",
            name=f"int8, r = {r}" if r else "int8, unmerged",
            line={"color": color, "dash": dash, "width": 2}, marker={"symbol": symbol, "size": 8},
            hovertemplate=f"r = {r}, split %{{x}}: %{{y:.3g}} kB<extra></extra>",
        )  # fmt: skip
    splits = [int(tokens["split"].min()), int(tokens["split"].max())]
    for row in table[table["codec"].str.startswith("jpeg")].itertuples():
        figure.add_scatter(
            x=[splits[0] - 0.3, splits[1] + 0.3], y=[round(row.kilobytes, 2)] * 2, mode="lines",
            name=f"the picture as {ENCODING_NAMES.get(row.codec, row.codec)}",
            line={"color": GREY, "dash": "longdashdot", "width": 2}, hovertemplate="%{y:.3g} kB<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(dtick=1, range=[splits[0] - 0.3, splits[1] + 0.3])
    figure.update_yaxes(rangemode="tozero")
    return figure
