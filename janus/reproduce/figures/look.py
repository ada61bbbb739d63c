"""What the figures of the reproduction share: panels, and one look for each policy."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from janus.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL_PX,
    TITLE_PX,
    VERMILLION,
    axis,
    legend,
)

# Colour, dash and marker say the same three times. Mixed and Neurosurgeon share a colour: both only choose a split;
# the two Cloud-Only share theirs.
POLICY_LOOK = {
    "device-only": (GREY, "dot", "square"),
    "cloud-only": (SKY, "dash", "circle"),
    "cloud-only-adaptive": (SKY, "longdashdot", "circle-open"),
    "mixed": (PURPLE, "dashdot", "diamond"),
    "neurosurgeon": (PURPLE, "dot", "triangle-up"),
    "tome": (ORANGE, "longdash", "x"),
    "janus": (BLUE, "solid", "circle"),
    "janus-robust": (VERMILLION, "solid", "star"),
    "janus-codec": (INK, "solid", "hexagram"),
    "oracle": (GREEN, "longdashdot", "cross"),
}
ENCODING_NAMES = {"raw": "raw pixels", "png": "PNG", "jpeg85": "JPEG 85", "h264-23": "H.264"}
INPUT_LOOK = {"raw": (INK, "dot"), "png": (PURPLE, "dashdot"), "jpeg85": (VERMILLION, "dash")}
# Lines of one family, from weak to strong.
RAMP = (SKY, BLUE, PURPLE, VERMILLION)
DASHES = ("dot", "dash", "dashdot", "solid")
# Above the panels: the title, the legend, the panels' own titles.
TOP_PX, BOTTOM_PX, LEFT_PX, RIGHT_PX = 92, 48, 58, 14


def panels(
    title: str,
    rows: int,
    columns: int,
    *,
    titles: Sequence[str] = (),
    height: int,
    x: Sequence[str],
    y: Sequence[str],
    shared_x: bool | str = False,
    shared_y: bool | str = False,
    gap_x: float | None = None,
    gap_y: float | None = None,
    row_heights: Sequence[float] | None = None,
    left: int = LEFT_PX,
    right: int = RIGHT_PX,
) -> go.Figure:
    """An empty figure of panels.

    Args:
        title: Of the whole.
        rows, columns: How many.
        titles: Of the panels, row by row.
        height: Pixels of the whole.
        x: Name and unit of the x axis of each column; written below its last panel.
        y: Name and unit of the y axis of each row; written at the first column.
        shared_x, shared_y: As in plotly.
        gap_x, gap_y: Between panels, as shares of the whole.
        row_heights: Shares of the rows.
        left, right: Margins in pixels.
    """
    figure = make_subplots(
        rows=rows, cols=columns, subplot_titles=list(titles) or None, shared_xaxes=shared_x, shared_yaxes=shared_y,
        horizontal_spacing=gap_x, vertical_spacing=gap_y, row_heights=row_heights,
    )  # fmt: skip
    figure.update_annotations(font={"size": SMALL_PX + 0.5, "color": INK})
    count = len(titles) or rows * columns  # the last row may not be full
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            last = row * columns + column > count
            figure.update_xaxes(axis(x[column - 1] if last else ""), row=row, col=column)
            own = axis(y[row - 1] if column == 1 else "") | {"gridcolor": FAINT, "showgrid": True}
            figure.update_yaxes(own, row=row, col=column)
    figure.update_layout(
        title={"text": title, "font": {"size": TITLE_PX}, "x": 0, "xref": "container", "xanchor": "left",
               "pad": {"l": 8}, "yref": "container", "y": 1, "yanchor": "top", "automargin": False},
        font={"color": INK, "size": SMALL_PX + 1},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=height,
        margin={"l": left, "r": right, "t": TOP_PX, "b": BOTTOM_PX},
        hovermode="closest",
        # Below the title, above the panels' own titles.
        legend=legend() | {"yref": "container", "y": 1 - 32 / height, "yanchor": "top", "itemclick": "toggle"},
        # The default template alone is 7 kB in every figure of a notebook.
        template="none",
    )  # fmt: skip
    figure.layout.title.pad.t = 10
    return figure
