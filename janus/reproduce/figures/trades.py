"""Figures of what is gained against what is given up."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from janus.figures.style import INK
from janus.reproduce.figures.look import ENCODING_NAMES, POLICY_LOOK, RAMP, panels
from janus.reproduce.figures.policies import LATE_AXIS


def trade_figure(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Measured accuracy of the answers against late frames, one panel a network and encoding, one mark a policy.

    Args:
        table: From `janus.reproduce.policy_table`, of a bench with measured accuracy.
        title: Of the whole.
    """
    cases = list(dict.fromkeys(zip(table["trace"], table["encoding"], strict=True)))
    figure = panels(
        title, 1, len(cases), height=400, x=["late frames, % (log scale)"] * len(cases), y=["expected top-1, %"],
        titles=[f"<b>{trace}</b>, {ENCODING_NAMES[encoding]}" for trace, encoding in cases], shared_y=True, gap_x=0.03,
    )  # fmt: skip
    for column, (trace, encoding) in enumerate(cases, start=1):
        rows = table[(table["trace"] == trace) & (table["encoding"] == encoding)].set_index("policy")
        for policy, (color, _, symbol) in POLICY_LOOK.items():
            if policy not in rows.index:
                continue
            figure.add_scatter(
                x=[rows.loc[policy, "violation_shown_percent"]], y=[rows.loc[policy, "expected_accuracy"]], name=policy,
                legendgroup=policy, showlegend=column == 1, mode="markers", row=1, col=column,
                marker={"color": color, "symbol": symbol, "size": 12},
                hovertemplate=f"{policy}: %{{x:.3g}} % late, top-1 %{{y:.1f}} %<extra></extra>",
            )  # fmt: skip
    figure.update_xaxes(LATE_AXIS)
    return figure


def robust_figure(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Fewer avoidable late frames against what is given up where both are in time; a panel a device and encoding.

    Args:
        table: From `janus.reproduce.robust_table`, of one task.
        title: Of the whole.
    """
    cases = list(dict.fromkeys(zip(table["device"], table["encoding"], strict=True)))
    known = table["accuracy_points"].notna().any()
    column, what, unit = ("accuracy_points", "top-1", "points") if known else ("tokens_kept_points", "tokens kept", "%")
    figure = panels(
        title, 1, len(cases), height=380, x=[f"{what}, {unit} more"] * len(cases),
        y=["fewer avoidable late frames, %"], shared_y=True, gap_x=0.03,
        titles=[f"<b>{device}</b>, {ENCODING_NAMES[encoding]}" for device, encoding in cases],
    )  # fmt: skip
    looks = zip(RAMP, ("circle", "star", "square", "diamond"), strict=True)
    for price, (color, symbol) in zip(dict.fromkeys(table["price"]), looks, strict=False):
        for at, (device, encoding) in enumerate(cases, start=1):
            rows = table[(table["price"] == price) & (table["device"] == device) & (table["encoding"] == encoding)]
            figure.add_scatter(
                x=rows[column], y=rows["fewer_avoidable_driving_percent"], name=f"price {price:g}", row=1, col=at,
                legendgroup=f"price {price:g}", showlegend=at == 1, mode="markers", customdata=rows["slo_ms"],
                marker={"color": color, "symbol": symbol, "size": 10},
                hovertemplate=f"price {price:g}, SLO %{{customdata:g}} ms: %{{y:.0f}} % fewer avoidable late frames on "
                f"drives;<br>where both are in time {what} %{{x:+.2f}} {unit}<extra></extra>",
            )  # fmt: skip
    figure.add_hline(y=30, line={"color": INK, "dash": "dot", "width": 1})
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    return figure
