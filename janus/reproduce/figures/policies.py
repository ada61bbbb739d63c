"""Figures of policies: what they come to, what they decide, where the paper's headlines hold."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from janus.figures.style import BLUE, INK, ORANGE, SMALL_PX, VERMILLION
from janus.reproduce.figures.look import ENCODING_NAMES, POLICY_LOOK, panels

# Column, name and unit; late frames over a logarithmic axis, where 0.01 stands for none.
MEASURES = {
    "violation_shown_percent": "late frames, % (log scale)",
    "throughput_fps": "frames a second",
    "tokens_kept_percent": "tokens kept, %",
}
LATE_AXIS = {
    "type": "log", "range": [-2.15, 2.15], "tickmode": "array", "tickvals": [0.01, 0.1, 1, 10, 100],
    "ticktext": ["0", "0.1", "1", "10", "100"],
}  # fmt: skip
# Pale to blue below the paper's figure, which is 62.5 % of the scale, and green from there on.
MAP_COLORS = [
    [0, "rgba(127,127,127,0.06)"],
    [0.62, "rgba(86,180,233,0.55)"],
    [0.63, "rgba(0,158,115,0.6)"],
    [1, "rgba(0,158,115,0.9)"],
]
ENCODING_LOOK = {"raw": (ORANGE, "diamond-open"), "jpeg85": (BLUE, "circle"), "png": (INK, "square-open")}


def policy_figure(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Late frames, throughput and tokens kept of every policy, one column a network.

    Args:
        table: From `janus.reproduce.policy_table`, of one SLO.
        title: Of the whole.
    """
    traces = list(dict.fromkeys(table["trace"]))
    policies = [policy for policy in POLICY_LOOK if policy in set(table["policy"])]
    rows, columns = len(MEASURES), len(traces)
    figure = panels(
        title, rows, columns, titles=[f"<b>{name}</b>" for name in traces] + [""] * columns * (rows - 1),
        height=820, x=[""] * columns, y=[""] * rows, shared_y=True, gap_x=0.025, gap_y=0.085, left=98,
    )  # fmt: skip
    for row, (measure, name) in enumerate(MEASURES.items(), start=1):
        for column, trace in enumerate(traces, start=1):
            for encoding, (color, symbol) in ENCODING_LOOK.items():
                part = table[(table["trace"] == trace) & (table["encoding"] == encoding)]
                if part.empty:
                    continue
                part = part.set_index("policy").reindex(policies)
                label = f"input as {ENCODING_NAMES[encoding]}"
                figure.add_scatter(
                    x=part[measure].tolist(), y=policies, mode="markers", name=label, legendgroup=label,
                    marker={"color": color, "symbol": symbol, "size": 9, "line": {"width": 1.8, "color": color}},
                    showlegend=row == column == 1, cliponaxis=False, row=row, col=column,
                    hovertemplate=f"%{{y}}, {label}: %{{x:.4g}}<extra></extra>",
                )  # fmt: skip
            figure.update_xaxes(title={"text": name, "standoff": 4, "font": {"size": SMALL_PX}}, row=row, col=column)
    figure.update_yaxes(autorange="reversed", showgrid=True, griddash="dot")
    figure.update_xaxes(rangemode="tozero", nticks=4, showgrid=True, gridcolor="rgba(127,127,127,0.15)")
    figure.update_xaxes(LATE_AXIS, row=1)
    figure.update_xaxes(range=[-4, 104], dtick=50, row=3)
    return figure


def slo_figure(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Late frames, throughput and tokens kept over the SLO, one column a network and encoding.

    Args:
        table: From `janus.reproduce.policy_table`, of several SLOs.
        title: Of the whole.
    """
    cases = list(dict.fromkeys(zip(table["trace"], table["encoding"], strict=True)))
    columns = len(cases)
    figure = panels(
        title, len(MEASURES), columns, height=680, x=["SLO, ms"] * columns, y=list(MEASURES.values()),
        titles=[f"<b>{trace}</b>, {ENCODING_NAMES[encoding]}" for trace, encoding in cases] + [""] * columns * 2,
        shared_x=True, gap_x=0.04, gap_y=0.05,
    )  # fmt: skip
    for row, measure in enumerate(MEASURES, start=1):
        for column, (trace, encoding) in enumerate(cases, start=1):
            rows = table[(table["trace"] == trace) & (table["encoding"] == encoding)]
            for policy, (color, dash, symbol) in POLICY_LOOK.items():
                part = rows[rows["policy"] == policy].sort_values("slo_ms")
                if part.empty:
                    continue
                figure.add_scatter(
                    x=part["slo_ms"].tolist(), y=part[measure].tolist(), name=policy, legendgroup=policy,
                    mode="lines+markers", line={"color": color, "dash": dash, "width": 1.8},
                    marker={"symbol": symbol, "size": 6}, showlegend=row == column == 1, row=row, col=column,
                    hovertemplate=f"{policy}, SLO %{{x:g}} ms: %{{y:.4g}}<extra></extra>",
                )  # fmt: skip
    figure.update_yaxes(LATE_AXIS, row=1)
    figure.update_yaxes(rangemode="tozero", row=2)
    figure.update_yaxes(range=[-4, 104], row=3)
    return figure


def timeline_figure(bandwidth: pd.DataFrame, decisions: pd.DataFrame, *, title: str) -> go.Figure:
    """The uplink and what it was taken for, the split, the tokens kept, and the latency, over time.

    Args:
        bandwidth: From `janus.reproduce.bandwidth_table`.
        decisions: From `janus.reproduce.decision_table`; latencies beyond 2.2 SLOs are marked at the top.
        title: Of the whole.
    """
    figure = panels(
        title, 4, 1, height=780, x=["time, s"], shared_x=True, gap_y=0.035,
        y=["uplink, Mbit/s", "split", "tokens kept, %", "latency, ms (top: beyond)"],
        row_heights=[0.26, 0.2, 0.2, 0.34],
    )  # fmt: skip
    figure.add_scatter(
        x=bandwidth["time_s"].tolist(), y=bandwidth["uplink_mbps"].tolist(), name="the uplink as it is", mode="lines",
        line={"color": INK, "width": 1, "shape": "hv"}, fill="tozeroy", fillcolor="rgba(127,127,127,0.18)",
        row=1, col=1, hovertemplate="%{x:.1f} s: %{y:.3g} Mbit/s<extra></extra>",
    )  # fmt: skip
    slo_ms = decisions.attrs["slo_ms"]
    for policy in dict.fromkeys(decisions["policy"]):
        frames = decisions[decisions["policy"] == policy]
        color, dash, symbol = POLICY_LOOK[policy]
        time_s, shown = frames["time_s"].tolist(), {"name": policy, "legendgroup": policy}
        step = {"color": color, "width": 1.6, "dash": dash, "shape": "hv"}
        if policy != "oracle":
            figure.add_scatter(
                x=time_s, y=frames["estimated_mbps"].tolist(), mode="lines", line=step | {"width": 1.4}, **shown,
                showlegend=False, row=1, col=1, hovertemplate=f"{policy} expects %{{y:.3g}} Mbit/s<extra></extra>",
            )  # fmt: skip
        for row, column in ((2, "split"), (3, "tokens_kept_percent")):
            figure.add_scatter(
                x=time_s, y=frames[column].tolist(), mode="lines", line=step, **shown, showlegend=row == 2, row=row,
                col=1, hovertemplate=f"{policy}: %{{y:.3g}}<extra></extra>",
            )  # fmt: skip
        figure.add_scatter(
            x=time_s, y=frames["modelled_ms"].clip(upper=2.12 * slo_ms).tolist(), mode="markers", **shown,
            showlegend=False, marker={"color": color, "symbol": symbol, "size": 6, "opacity": 0.85}, row=4, col=1,
            customdata=frames["modelled_ms"].tolist(), hovertemplate=f"{policy}: %{{customdata:.4g}} ms<extra></extra>",
        )  # fmt: skip
    ends = [float(bandwidth["time_s"].min()), float(bandwidth["time_s"].max())]
    figure.add_scatter(
        x=ends, y=[slo_ms] * 2, mode="lines", name=f"SLO {slo_ms:g} ms", hoverinfo="skip", row=4, col=1,
        line={"color": INK, "width": 1.6, "dash": "dash"},
    )  # fmt: skip
    figure.update_yaxes(rangemode="tozero")
    depth = decisions.attrs["depth"]
    figure.update_yaxes(range=[-1.2, depth + 1.2], dtick=6, row=2)
    figure.update_yaxes(range=[0, 105], dtick=50, row=3)
    # A frame that waits out an outage would squeeze all others into a line; it is in the tables.
    figure.update_yaxes(range=[0, 2.2 * slo_ms], row=4)
    figure.update_xaxes(range=ends)
    return figure


def map_figure(tables: dict[str, pd.DataFrame], *, title: str, paper: float, percent: bool) -> go.Figure:
    """A headline over mean uplink and SLO: one row per kind of rival, one column an encoding; cells that reach the
    paper's figure are framed.

    Args:
        tables: From `janus.reproduce.map_table`, by what they are against.
        title: Of the whole.
        paper: The paper's figure.
        percent: Whether ratios are shares.
    """
    encodings = list(dict.fromkeys(next(iter(tables.values()))["encoding"]))
    rows, columns = len(tables), len(encodings)
    figure = panels(
        title, rows, columns, height=330 * rows + 40, x=["mean uplink over the trace, Mbit/s"] * columns,
        y=["SLO, ms"] * rows, gap_x=0.06, gap_y=0.13,
        titles=[f"input as {ENCODING_NAMES[enc]}, {against}" for against in tables for enc in encodings],
    )  # fmt: skip
    for row, table in enumerate(tables.values(), start=1):
        for column, encoding in enumerate(encodings, start=1):
            part = table[table["encoding"] == encoding]
            grid = part.pivot(index="slo_ms", columns="scaled_to_mbps", values="ratio")
            x = [f"{mean:g}" if mean else "as it is" for mean in grid.columns]
            y = [f"{slo:g}" for slo in grid.index]
            text = [[cell(value, percent) for value in values] for values in grid.to_numpy()]
            figure.add_heatmap(
                x=x, y=y, z=grid.clip(lower=0).to_numpy().tolist(), text=text, texttemplate="%{text}",
                textfont={"size": SMALL_PX}, showscale=False, zmin=0, zmax=1.6 * paper,
                colorscale=MAP_COLORS,
                hovertemplate="mean %{x}, SLO %{y} ms: %{text}<extra></extra>", row=row, col=column,
            )  # fmt: skip
            for i, slo in enumerate(grid.index):
                for j, mean in enumerate(grid.columns):
                    if grid.loc[slo, mean] >= paper:
                        figure.add_shape(
                            type="rect", x0=j - 0.46, x1=j + 0.46, y0=i - 0.43, y1=i + 0.43, row=row, col=column,
                            line={"width": 2, "color": VERMILLION},
                        )  # fmt: skip
    figure.update_xaxes(type="category")
    figure.update_yaxes(type="category", showgrid=False)
    figure.update_layout(margin={"t": 62})
    return figure


def cell(value: float, percent: bool) -> str:
    """A ratio as a cell says it, cut off and not rounded up to the paper's; "more" where a reduction is none."""
    if percent:
        return "more" if value < 0 else f"{math.floor(1000 * value + 1e-9) / 10:.1f} %"
    return f"{value:.2f}×"
