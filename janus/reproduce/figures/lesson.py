"""Figures of the lesson on scheduling."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from janus.figures.style import BLUE, GREEN, HATCH, INK, ORANGE, PURPLE, SKY, SMALL_PX, VERMILLION
from janus.reproduce.figures.look import DASHES, ENCODING_NAMES, RAMP, panels

SPLIT_LOOK = ((SKY, "dash"), (PURPLE, "dot"), (ORANGE, "dashdot"), (GREEN, "longdash"), (BLUE, "solid"))


def bandwidth_figure(tables: dict[str, pd.DataFrame]) -> go.Figure:
    """Uplinks over time, one panel a trace.

    Args:
        tables: From `janus.reproduce.bandwidth_table`, by name.
    """
    figure = panels(
        "The uplinks", len(tables), 1, height=170 * len(tables) + 110, titles=[f"<b>{name}</b>" for name in tables],
        x=["time, s"], y=["Mbit/s"] * len(tables), shared_x=True, gap_y=0.12,
    )  # fmt: skip
    for row, table in enumerate(tables.values(), start=1):
        figure.add_scatter(
            x=table["time_s"].tolist(), y=table["uplink_mbps"].tolist(), mode="lines", showlegend=False, row=row, col=1,
            line={"color": BLUE, "width": 1, "shape": "hv"}, fill="tozeroy", fillcolor="rgba(86,180,233,0.25)",
            hovertemplate="%{x:.1f} s: %{y:.3g} Mbit/s<extra></extra>",
        )  # fmt: skip
    figure.update_layout(margin={"t": 66})
    return figure


def split_figure(table: pd.DataFrame, *, slo_ms: float) -> go.Figure:
    """Modelled latency of some splits over bandwidth, one panel a level, with their lower envelope.

    Args:
        table: From `janus.reproduce.split_table`.
        slo_ms: Drawn across.
    """
    levels = list(dict.fromkeys(table["level"]))
    depth = int(table["split"].max())
    wins = table[table["best"]]["split"].value_counts().index.tolist()
    chosen = sorted({0, depth, *[split for split in wins if 0 < split < depth][:3]})
    # Where no cut between the ends ever wins, two are shown to see by how much they lose.
    chosen = chosen if len(chosen) > 2 else sorted({0, *sorted(set(table["split"]))[3:8:3], depth})
    figure = panels(
        "Modelled latency of a split over bandwidth", 1, len(levels), height=400,
        titles=[f"α = {level:g}" if level else "no merging" for level in levels],
        x=["uplink, Mbit/s (log scale)"] * len(levels), y=["latency, ms (log scale)"], shared_y=True, gap_x=0.03,
    )  # fmt: skip
    for at, level in enumerate(levels, start=1):
        rows = table[table["level"] == level]
        best = rows[rows["best"]]
        figure.add_scatter(
            x=best["mbps"].tolist(), y=best["modelled_ms"].tolist(), mode="lines", name="the best split",
            legendgroup="best", showlegend=at == 1, line={"color": "rgba(127,127,127,0.4)", "width": 9},
            hoverinfo="skip", row=1, col=at,
        )  # fmt: skip
        for split, (color, dash) in zip(chosen, SPLIT_LOOK, strict=False):
            part = rows[rows["split"] == split]
            name = {0: "split 0: cloud-only", depth: f"split {depth}: device-only"}.get(split, f"split {split}")
            figure.add_scatter(
                x=part["mbps"].tolist(), y=part["modelled_ms"].tolist(), mode="lines", name=name, legendgroup=name,
                showlegend=at == 1, line={"color": color, "dash": dash, "width": 2}, row=1, col=at,
                hovertemplate=f"{name}, %{{x:.3g}} Mbit/s: %{{y:.4g}} ms<extra></extra>",
            )  # fmt: skip
        figure.add_hline(row=1, col=at, y=slo_ms, line={"color": VERMILLION, "dash": "dash", "width": 1.3})
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1)
    return figure


def choice_figure(table: pd.DataFrame) -> go.Figure:
    """Tokens kept, split and latency of Janus's choice over bandwidth, one column an encoding.

    Args:
        table: From `janus.reproduce.choice_table`.
    """
    encodings, slos = list(dict.fromkeys(table["encoding"])), list(dict.fromkeys(table["slo_ms"]))
    figure = panels(
        "What Janus chooses on a steady link", 3, len(encodings), height=640, shared_x=True, gap_x=0.06, gap_y=0.05,
        titles=[f"input as {ENCODING_NAMES[encoding]}" for encoding in encodings] + [""] * 2 * len(encodings),
        x=["uplink, Mbit/s (log scale)"] * len(encodings), y=["tokens kept, %", "split", "modelled latency, ms"],
    )  # fmt: skip
    measures = ("tokens_kept_percent", "split", "modelled_ms")
    for column, encoding in enumerate(encodings, start=1):
        for slo_ms, color, dash in zip(slos, RAMP[1:], DASHES[1:], strict=False):
            part = table[(table["encoding"] == encoding) & (table["slo_ms"] == slo_ms)]
            name = f"SLO {slo_ms:g} ms"
            for row, measure in enumerate(measures, start=1):
                figure.add_scatter(
                    x=part["mbps"].tolist(), y=part[measure].tolist(), mode="lines", name=name, legendgroup=name,
                    showlegend=row == column == 1, line={"color": color, "dash": dash, "width": 2, "shape": "hv"},
                    row=row, col=column, hovertemplate=f"{name}, %{{x:.3g}} Mbit/s: %{{y:.4g}}<extra></extra>",
                )  # fmt: skip
            figure.add_hline(row=3, col=column, y=slo_ms, line={"color": color, "dash": "dot", "width": 1})
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(range=[0, 105], row=1)
    figure.update_yaxes(range=[-1, table["split"].max() + 1], dtick=6, row=2)
    figure.update_yaxes(rangemode="tozero", row=3)
    return figure


def gap_figure(tables: dict[str, pd.DataFrame]) -> go.Figure:
    """Late frames of each policy, the share that some plan would have saved in solid, one panel a trace.

    Args:
        tables: From `janus.reproduce.lateness_table`, by the name of the trace.
    """
    figure = panels(
        "Late frames, and how many of them some plan would have saved", 1, len(tables), height=360, left=98,
        titles=[f"<b>{name}</b>" for name in tables], x=["late frames, %"] * len(tables), y=[""],
        shared_y=True, gap_x=0.05,
    )  # fmt: skip
    parts = {
        "avoidable_percent": ("avoidable: a plan would have been in time", {"color": VERMILLION}),
        "unavoidable_percent": (
            "unavoidable: no plan would",
            {
                "color": INK,
                "pattern": {"shape": "/", "size": 6, "solidity": 0.3} | HATCH,
            },
        ),
    }
    for at, rows in enumerate(tables.values(), start=1):
        for column, (name, marker) in parts.items():
            figure.add_bar(
                x=rows[column].tolist(), y=rows["policy"].tolist(), orientation="h", name=name, legendgroup=name,
                marker=marker, showlegend=at == 1, row=1, col=at,
                hovertemplate=f"%{{y}}: %{{x:.3g}} %, {name}<extra></extra>",
            )  # fmt: skip
        figure.add_scatter(
            x=rows["late_percent"].tolist(), y=rows["policy"].tolist(), mode="text", showlegend=False,
            text=rows["label"].tolist(), textposition="middle right", textfont={"size": SMALL_PX}, cliponaxis=False,
            hoverinfo="skip", row=1, col=at,
        )  # fmt: skip
        figure.update_xaxes(range=[0, 1.25 * rows["late_percent"].max() + 1], row=1, col=at)
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure
