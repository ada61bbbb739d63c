"""Figures of the lessons that the reproduction does not have."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from janus.figures.latency import PARTS
from janus.figures.style import BLUE, GREEN, HATCH, INK, ORANGE, PURPLE, SKY, SMALL_PX, VERMILLION
from janus.reproduce.figures.look import DASHES, ENCODING_NAMES, INPUT_LOOK, RAMP, panels

NETWORK_LOOK = (
    (ORANGE, "dash", "square"),
    (BLUE, "solid", "circle"),
    (SKY, "dot", "diamond"),
    (PURPLE, "dashdot", "x"),
)


def activation_figure(table: pd.DataFrame, inputs: pd.DataFrame) -> go.Figure:
    """What would cross a cut, over the share of the blocks before it.

    Args:
        table: From `janus.lessons.activation_table`.
        inputs: From `janus.reproduce.input_table`, of the ViT.
    """
    figure = panels(
        "What crosses a cut, at one byte a value", 1, 1, height=400,
        x=["blocks before the cut, % of all"], y=["kB (log scale)"],
    )  # fmt: skip
    for (network, rows), (color, dash, symbol) in zip(table.groupby("network", sort=False), NETWORK_LOOK, strict=False):
        figure.add_scatter(
            x=rows["done_percent"].tolist(), y=rows["kilobytes"].tolist(), name=network, mode="lines+markers",
            line={"color": color, "dash": dash, "width": 2}, marker={"symbol": symbol, "size": 6},
            customdata=rows["block"].tolist(),
            hovertemplate=f"{network}, behind block %{{customdata}}: %{{y:.4g}} kB<extra></extra>",
        )  # fmt: skip
    for row in inputs[inputs["encoding"] != "png"].itertuples():
        color, dash = INPUT_LOOK[row.encoding]
        figure.add_scatter(
            x=[0, 100], y=[row.input_kb] * 2, name=f"the picture as {ENCODING_NAMES[row.encoding]}", mode="lines",
            line={"color": color, "dash": dash, "width": 1.3}, hovertemplate="%{y:.4g} kB<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[0, 102], dtick=25)
    figure.update_yaxes(type="log", dtick=1)
    return figure


def stack_figure(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Modelled latency of every split by part, one panel a bandwidth, the best split marked.

    Args:
        table: From `janus.lessons.stack_table`.
        title: Of the whole.
    """
    bandwidths = list(dict.fromkeys(table["mbps"]))
    best = table[table["best"]].set_index("mbps")
    figure = panels(
        title, 1, len(bandwidths), height=400, gap_x=0.06, y=["modelled latency, ms"],
        x=["split: blocks on the device"] * len(bandwidths),
        titles=[
            f"<b>{mbps:g} Mbit/s</b><br>best: split {best.loc[mbps, 'split']}, {best.loc[mbps, 'modelled_ms']:.0f} ms"
            for mbps in bandwidths
        ],
    )  # fmt: skip
    for at, mbps in enumerate(bandwidths, start=1):
        rows = table[table["mbps"] == mbps]
        for column, (name, marker) in PARTS.items():
            figure.add_bar(
                x=rows["split"].tolist(), y=rows[column].tolist(), name=name, legendgroup=name, marker=marker,
                showlegend=at == 1, row=1, col=at,
                hovertemplate=f"split %{{x}}, {name}: %{{y:.4g}} ms<extra></extra>",
            )  # fmt: skip
        figure.add_scatter(
            x=[best.loc[mbps, "split"]], y=[0], mode="markers", name="the best split", legendgroup="best",
            showlegend=at == 1, cliponaxis=False, hoverinfo="skip", row=1, col=at,
            marker={"symbol": "triangle-up", "size": 12, "color": VERMILLION, "line": {"width": 1, "color": "#ffffff"}},
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.2, margin={"t": 112})
    figure.update_xaxes(dtick=4)
    return figure


def best_split_figure(table: pd.DataFrame) -> go.Figure:
    """The best split as a function of bandwidth, one panel for each way the input travels.

    Args:
        table: From `janus.lessons.best_split_table`.
    """
    inputs, levels = list(dict.fromkeys(table["input"])), list(dict.fromkeys(table["level"]))
    depth = int(table["split"].max())
    figure = panels(
        "The best split over bandwidth", 1, len(inputs), height=400, gap_x=0.04, shared_y=True,
        titles=[f"the picture as {ENCODING_NAMES.get(name, name)}" for name in inputs],
        x=["uplink, Mbit/s (log scale)"] * len(inputs), y=["split: blocks on the device"],
    )  # fmt: skip
    for at, name in enumerate(inputs, start=1):
        for level, color, dash in zip(levels, RAMP, DASHES, strict=False):
            rows = table[(table["input"] == name) & (table["level"] == level)]
            words = f"α = {level:g}" if level else "no merging"
            figure.add_scatter(
                x=rows["mbps"].tolist(), y=rows["split"].tolist(), customdata=rows["modelled_ms"].tolist(), name=words,
                legendgroup=words, showlegend=at == 1, mode="lines", row=1, col=at,
                line={"color": color, "dash": dash, "width": 2.2, "shape": "hv"},
                hovertemplate=f"{words}, %{{x:.3g}} Mbit/s: split %{{y}}, %{{customdata:.4g}} ms<extra></extra>",
            )  # fmt: skip
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(range=[-0.8, depth + 0.8], dtick=4)
    return figure


def share_figure(table: pd.DataFrame) -> go.Figure:
    """Attention before merging, after it, and after it without the sizes.

    Args:
        table: From `janus.lessons.share_table`.
    """
    cases = {
        "unmerged_percent": "one by one, summed",
        "merged_percent": "merged, sizes counted",
        "forgotten_percent": "merged, sizes forgotten",
    }
    figure = panels("Where one query's attention goes", 1, 1, height=260, x=["attention, %"], y=[""], left=170)
    # Colour, pattern, and the colour of a text that can be read on both.
    looks = ((BLUE, "", "#ffffff"), (ORANGE, "/", "#000000"), (GREEN, "\\", "#000000"), (SKY, "x", "#000000"))
    for row, (color, shape, ink) in zip(table.itertuples(), looks, strict=False):
        shares = [getattr(row, column) for column in cases]
        marker: dict = {"color": color}
        if shape:
            marker = marker | {"pattern": {"shape": shape, "size": 6, "solidity": 0.2} | HATCH}
        figure.add_bar(
            x=shares, y=list(cases.values()), orientation="h", name=f"{row.patches} patches of {row.patch}",
            marker=marker, text=[f"{share:.0f} %" for share in shares], textposition="inside",
            insidetextanchor="middle", textangle=0, constraintext="none", textfont={"size": SMALL_PX, "color": ink},
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.35, margin={"t": 70})
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"color": INK})
    return figure
