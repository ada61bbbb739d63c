"""What was measured: beside what was modelled, and over the time of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from janus.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SKY,
    SMALL_PX,
    VERMILLION,
    axis,
    base,
    legend,
    line,
)

if TYPE_CHECKING:
    import pandas as pd

MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
COLOURS = (BLUE, ORANGE, GREEN, SKY, VERMILLION, GREY)
# Where an answer came from: words, colour, marker.
ANSWERS = {
    "cloud": ("cloud", GREEN, "circle"),
    "device": ("device, as planned", BLUE, "square"),
    "fallback": ("device instead of the cloud", VERMILLION, "x"),
}


def agreement_figure(table: pd.DataFrame) -> go.Figure:
    """Measured over modelled latency, the diagonal, and a band about it.

    Args:
        table: From `janus.runtime.agreement.agreement`.
    """
    figure = go.Figure(layout=base("Measured and modelled latency", "modelled, ms", "measured, ms"))
    ends = table.attrs["ends_ms"]
    for name, dash in (("same", "solid"), ("low", "dot"), ("high", "dot")):
        figure.add_scatter(
            x=ends, y=table.attrs[f"{name}_ms"], mode="lines", hoverinfo="skip", showlegend=name != "high",
            name={"same": "the same", "low": table.attrs["band"], "high": ""}[name],
            line={"color": INK, "dash": dash, "width": 1},
        )  # fmt: skip
    for at, (split, rows) in enumerate(table.groupby("split")):
        figure.add_scatter(
            x=rows["modelled_ms"].tolist(), y=rows["measured_ms"].tolist(), mode="markers", name=f"split {split}",
            marker={"symbol": MARKS[at % len(MARKS)], "color": COLOURS[at % len(COLOURS)], "size": 9},
            error_y={
                "type": "data", "symmetric": False, "array": rows["above_ms"].tolist(),
                "arrayminus": rows["below_ms"].tolist(), "thickness": 1, "width": 3, "color": INK,
            },
            customdata=rows[["model", "level", "mbps", "error_percent"]].to_numpy().tolist(),
            hovertemplate=f"%{{customdata[0]}}, level %{{customdata[1]}}, split {split}, %{{customdata[2]}} Mbit/s:<br>"
            "modelled %{x:.1f} ms, measured %{y:.1f} ms, error %{customdata[3]:+.1f} %<extra></extra>",
        )  # fmt: skip
    figure.update_layout(height=420)
    return figure


def run_figure(table: pd.DataFrame, bandwidth: pd.DataFrame, *, title: str, slo_ms: float) -> go.Figure:
    """Bandwidth, decisions and latency of one run over its time.

    Args:
        table: From `janus.runtime.runs.record`.
        bandwidth: ``time_s``, ``uplink_mbps`` of the trace.
        title: Of the figure.
        slo_ms: The target, drawn across.
    """
    latency = "emulated_ms" if "emulated_ms" in table else "measured_ms"
    word = latency.removesuffix("_ms")
    figure = make_subplots(
        rows=4, cols=1, shared_xaxes=True, vertical_spacing=0.04, row_heights=[0.3, 0.16, 0.16, 0.38]
    )
    figure.add_scatter(
        x=bandwidth["time_s"].tolist(), y=bandwidth["uplink_mbps"].tolist(), mode="lines", name="uplink, trace",
        line={"color": GREY, "width": 1, "shape": "hv"}, fill="tozeroy", fillcolor=FAINT, row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=table["time_s"].tolist(), y=table["estimated_mbps"].tolist(), mode="lines", name="uplink, estimated",
        line={"color": ORANGE, "width": 1.5, "dash": "dash", "shape": "hv"}, row=1, col=1,
    )  # fmt: skip
    for row, column, name in ((2, "split", "split"), (3, "level", "level")):
        figure.add_scatter(
            x=table["time_s"].tolist(), y=table[column].tolist(), mode="lines+markers", name=name, showlegend=False,
            line={"color": BLUE, "width": 1.5, "shape": "hv"}, marker={"color": BLUE, "size": 4}, row=row, col=1,
            hovertemplate=f"%{{x:.2f}} s: {name} %{{y:.3g}}<extra></extra>",
        )  # fmt: skip
    kinds = table["answered_by"].where(~table["fallback"], "fallback")
    for kind, (name, colour, mark) in ANSWERS.items():
        rows = table[kinds == kind]
        figure.add_scatter(
            x=rows["time_s"].tolist(), y=rows[latency].tolist(), mode="markers", name=name, row=4, col=1,
            marker={"color": colour, "symbol": mark, "size": 6}, text=rows["reason"].tolist(),
            hovertemplate=f"%{{x:.2f}} s: {word} %{{y:.1f}} ms, {name} %{{text}}<extra></extra>",
        )  # fmt: skip
    look = base(title, "", "")
    figure.update_layout({name: look[name] for name in ("title", "font", "paper_bgcolor", "plot_bgcolor", "hovermode")})
    figure.update_layout(height=620, margin={"l": 56, "r": 12, "t": 76, "b": 46}, legend=legend())
    for row, words in enumerate(("Mbit/s", "split", "level", f"{word} latency, ms"), start=1):
        figure.update_yaxes(axis(words) | {"gridcolor": FAINT, "showgrid": True}, row=row, col=1)
        figure.update_xaxes(axis("time, s" if row == 4 else ""), row=row, col=1)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(range=[0, table.attrs["depth"]], row=2, col=1)
    figure.add_shape(line("dash", x0=0, x1=1, xref="x4 domain", y0=slo_ms, y1=slo_ms, yref="y4"))
    figure.add_annotation(
        text=f"SLO {slo_ms:g} ms", x=1, xref="x4 domain", xanchor="right", y=slo_ms, yref="y4", yanchor="bottom",
        showarrow=False, font={"size": SMALL_PX, "color": VERMILLION},
    )  # fmt: skip
    return figure
