"""Figures of the lesson on bytes. No arithmetic: every number comes from a table."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import UInt8

from janus.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, SMALL_PX, VERMILLION
from janus.lessons.bytes import FAMILIES, PICTURES
from janus.lessons.transforming import SENT_FROM, ErrorMap
from janus.picture import encode_picture
from janus.reproduce.figures.look import panels
from janus.reproduce.qualities import LEADS, TRADES, TRAILS

# Colour, dash and marker of each of `FAMILIES`.
FAMILY_LOOK = (
    (VERMILLION, "dash", "square"),
    (PURPLE, "dashdot", "diamond"),
    (ORANGE, "dot", "triangle-up"),
    (GREY, "longdash", "x"),
    (BLUE, "solid", "circle"),
    (GREEN, "longdashdot", "cross"),
)
CURVE_LOOK = (
    (BLUE, "solid", "circle"),
    (ORANGE, "dash", "square"),
    (GREEN, "dot", "diamond"),
    (PURPLE, "dashdot", "x"),
)
STANDING_LOOK = {LEADS: (GREEN, "circle"), TRADES: (SKY, "diamond"), TRAILS: (VERMILLION, "x")}
# Steps for which it is drawn what the coder leaves out, with their dashes.
LIMITS = ((1, "dot"), (0.25, "longdashdot"))
# Cuts beside each other, not upon each other.
ASIDE = 0.006


def bars(rows: pd.DataFrame, above: str, below: str, color: str) -> dict:
    """Arms of the intervals."""
    return {"type": "data", "symmetric": False, "array": rows[above].tolist(), "arrayminus": rows[below].tolist(),
            "color": color, "thickness": 1, "width": 3}  # fmt: skip


def rate_figure(table: pd.DataFrame) -> go.Figure:
    """Top-1 over bytes on the wire, one panel a model: a line along each front, pale marks for what lies behind it.

    Args:
        table: From `janus.lessons.front_table`.
    """
    models = list(dict.fromkeys(table["model"]))
    n = table["n"].iloc[0]
    figure = panels(
        f"Top-1 over bytes on the wire: measured, {n} pictures, 95 % intervals", 1, len(models), height=520,
        x=["kB a picture (log scale)"] * len(models), y=["top-1, %"], shared_y=True, gap_x=0.03,
        titles=[f"<b>{model.partition('.')[0]}</b><br>unmerged {table.attrs['unmerged'][model]:.1f} % (line across)"
                for model in models],
    )  # fmt: skip
    for at, model in enumerate(models, start=1):
        for family, (color, dash, symbol) in zip(FAMILIES, FAMILY_LOOK, strict=True):
            rows = table[(table["model"] == model) & (table["family"] == family)].sort_values("payload_kb")
            picture = family in PICTURES.values()
            for front in (False, True):
                part = rows[rows["front"] == front]
                if part.empty:
                    continue
                words = [
                    f"{row.codec} {row.quality:g}"
                    if picture
                    else f"{row.codec} {row.quality:g}, {row.merging}, split {row.split}".replace(" nan", "")
                    for row in part.itertuples()
                ]
                figure.add_scatter(
                    x=part["payload_kb"].tolist(), y=part["top1_percent"].tolist(), name=family, legendgroup=family,
                    showlegend=front and at == 1, mode="lines+markers" if front else "markers", row=1, col=at,
                    line={"color": color, "dash": dash, "width": 1.8}, opacity=1 if front else 0.45,
                    marker={"color": color, "symbol": symbol, "size": 7 if front else 5},
                    error_y=bars(part, "above", "below", color) if front else None, customdata=words,
                    hovertemplate="%{customdata}: %{x:.3g} kB, %{y:.1f} %<extra></extra>",
                )  # fmt: skip
        figure.add_hline(
            y=table.attrs["unmerged"][model], line={"color": INK, "dash": "dot", "width": 1}, row=1, col=at
        )
    figure.update_xaxes(type="log", dtick="D2", range=[-0.65, 2.25])
    figure.update_yaxes(dtick=10)
    figure.update_layout(margin={"t": 126})
    return figure


def component_figure(table: pd.DataFrame, split: int) -> go.Figure:
    """How far the components of tokens deviate, the greatest first.

    Args:
        table: From `janus.lessons.component_table`.
        split: Where.
    """
    figure = panels(
        f"Components of the patch tokens behind block {split}, from each model's codebook", 1, 1, height=380,
        x=["component, the greatest first"], y=["deviation, in units of step 1 (log scale)"],
    )  # fmt: skip
    for (model, rows), (color, dash, _) in zip(table.groupby("model", sort=False), cycle(CURVE_LOOK), strict=False):
        figure.add_scatter(
            x=rows["component"].tolist(), y=rows["deviation"].tolist(), name=model, mode="lines",
            line={"color": color, "dash": dash, "width": 2}, customdata=rows["share_percent"].tolist(),
            hovertemplate="component %{x}: %{y:.3g}; with those before it %{customdata:.0f} % of the squares"
            "<extra></extra>",
        )  # fmt: skip
    last = int(table["component"].max())
    for step, dash in LIMITS:
        figure.add_scatter(
            x=[0, last], y=[step * SENT_FROM] * 2, name=f"below: not sent at step {step:g}", mode="lines",
            line={"color": INK, "dash": dash, "width": 1.2}, hoverinfo="skip",
        )  # fmt: skip
    figure.update_yaxes(type="log", dtick=1)
    figure.update_xaxes(range=[0, last + 1])
    figure.update_layout(margin={"t": 72})
    return figure


def error_figure(pixels: UInt8[np.ndarray, "h w 3"], maps: Sequence[ErrorMap]) -> go.Figure:
    """The picture, and beside it where each step loses what: a slider chooses the step, without a kernel.

    Args:
        pixels: The picture.
        maps: From `janus.lessons.error_maps`.
    """
    shown = maps[len(maps) // 2]
    figure = panels(
        "Quality as a knob: where a coarser step loses what", 1, 2, height=470, x=["column of patches"] * 2,
        y=["row of patches"], titles=["the picture", _title(shown)], gap_x=0.08,
    )  # fmt: skip
    rows, columns = maps[0].error_percent.shape
    source = "data:image/jpeg;base64," + base64.b64encode(encode_picture(pixels, "jpeg85")).decode()
    figure.add_image(
        source=source, x0=-0.5 + columns / pixels.shape[1] / 2, dx=columns / pixels.shape[1],
        y0=-0.5 + rows / pixels.shape[0] / 2, dy=rows / pixels.shape[0], hoverinfo="skip", row=1, col=1,
    )  # fmt: skip
    most = max(float(one.error_percent.max()) for one in maps)
    for one in maps:
        figure.add_heatmap(
            z=one.error_percent.tolist(), zmin=0, zmax=round(most, 1), colorscale="Cividis", visible=one is shown,
            row=1, col=2,
            colorbar={"title": {"text": "error, %", "side": "right"}, "outlinewidth": 0, "thickness": 12},
            hovertemplate="row %{y}, column %{x}: %{z:.0f} %<extra></extra>",
        )  # fmt: skip
    steps = [
        {
            "label": f"{one.step:g}",
            "method": "update",
            "args": [{"visible": [True, *(other is one for other in maps)]}, {"annotations[1].text": _title(one)}],
        }
        for one in maps
    ]
    figure.update_layout(
        sliders=[{"active": maps.index(shown), "steps": steps, "currentvalue": {"prefix": "step "}, "x": 0.54,
                  "len": 0.46, "y": -0.1, "pad": {"t": 20}, "font": {"size": SMALL_PX, "color": INK},
                  "bordercolor": INK}],
        margin={"t": 84, "b": 96},
    )  # fmt: skip
    figure.update_yaxes(scaleanchor="x2", constrain="domain", row=1, col=2)
    figure.update_xaxes(constrain="domain", row=1, col=2)
    for column in (1, 2):
        figure.update_yaxes(range=[rows - 0.5, -0.5], showgrid=False, dtick=4, row=1, col=column)
        figure.update_xaxes(range=[-0.5, columns - 0.5], dtick=4, row=1, col=column)
    return figure


def _title(one: ErrorMap) -> str:
    return f"<b>step {one.step:g}</b>: {one.size} bytes, {'the same answer' if one.same else 'another answer'}"


def gain_figure(table: pd.DataFrame) -> go.Figure:
    """What a searched schedule has more of, at the paper's compute and payload, one panel a model.

    Args:
        table: From `janus.lessons.gain_table`.
    """
    models, cuts = list(dict.fromkeys(table["model"])), sorted(set(table["split"]))
    figure = panels(
        "Searched schedules less the paper's at equal cost: measured, paired 95 % intervals", 1, len(models),
        height=400, x=["α of the paper's schedule"] * len(models), y=["top-1, points more"], shared_y=True, gap_x=0.03,
        titles=[f"<b>{model.partition('.')[0]}</b>" for model in models],
    )  # fmt: skip
    for at, model in enumerate(models, start=1):
        for i, (split, (color, _, symbol)) in enumerate(zip(cuts, cycle(CURVE_LOOK), strict=False)):
            rows = table[(table["model"] == model) & (table["split"] == split)]
            figure.add_scatter(
                x=[level + (i - (len(cuts) - 1) / 2) * ASIDE for level in rows["level"]], y=rows["points"].tolist(),
                name=f"cut {split}", legendgroup=f"cut {split}", showlegend=at == 1, mode="markers", row=1, col=at,
                marker={"color": color, "symbol": [symbol if found else f"{symbol}-open" for found in rows["found"]],
                        "size": 9, "line": {"width": 1.5, "color": color}},
                error_y={"type": "data", "symmetric": False, "color": color, "thickness": 1.2, "width": 4,
                         "array": (rows["points_high"] - rows["points"]).tolist(),
                         "arrayminus": (rows["points"] - rows["points_low"]).tolist()},
                customdata=rows[["level", "searched_percent", "compared_percent"]].to_numpy().tolist(),
                hovertemplate=f"α %{{customdata[0]:g}}, cut {split}: %{{customdata[1]:.1f}} % against "
                "%{customdata[2]:.1f} %<extra></extra>",
            )  # fmt: skip
    figure.add_hline(y=0, line={"color": INK, "dash": "dot", "width": 1})
    figure.update_xaxes(range=[0.28, 0.52], dtick=0.05)
    return figure


def trace_figure(table: pd.DataFrame, title: str) -> go.Figure:
    """Tokens after each block of schedules of equal cost.

    Args:
        table: From `janus.lessons.trace_table`.
        title: Of the figure.
    """
    figure = panels(title, 1, 1, height=360, x=["block (0 is the embedding)"], y=["tokens"])
    for (name, rows), (color, dash, symbol) in zip(
        table.groupby("schedule", sort=False), cycle(CURVE_LOOK), strict=False
    ):
        figure.add_scatter(
            x=rows["block"].tolist(), y=rows["tokens"].tolist(), mode="lines+markers",
            name=f"{name}: {rows['top1_percent'].iloc[0]:.1f} %", line={"color": color, "dash": dash, "width": 2},
            marker={"symbol": symbol, "size": 6}, hovertemplate="after block %{x}: %{y} tokens<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(dtick=2)
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(margin={"t": 72})
    return figure


def standing_figure(table: pd.DataFrame, rivals: Sequence[str]) -> go.Figure:
    """How one policy stands against some rivals, one mark a case, one panel a rival.

    Args:
        table: From `janus.reproduce.standings`.
        rivals: Which, from left to right.
    """
    figure = panels(
        "Janus with a codec against each rival, one mark a case: modelled", 1, len(rivals), height=400,
        x=["late, points less often"] * len(rivals), y=["expected top-1, points more"], shared_y=True, gap_x=0.03,
        titles=[f"against <b>{rival}</b>" for rival in rivals],
    )  # fmt: skip
    for at, rival in enumerate(rivals, start=1):
        for standing, (color, symbol) in STANDING_LOOK.items():
            rows = table[(table["rival"] == rival) & (table["standing"] == standing)]
            figure.add_scatter(
                x=rows["fewer_late_points"].tolist(), y=rows["more_accurate_points"].tolist(), name=standing,
                legendgroup=standing, showlegend=at == 1, mode="markers", row=1, col=at,
                marker={"color": color, "symbol": symbol, "size": 8 if standing == TRAILS else 7},
                customdata=[f"{row.model.partition('.')[0]}, {row.device}, SLO {row.slo_ms:g} ms, {row.trace}"
                            for row in rows.itertuples()],
                hovertemplate="%{customdata}:<br>late %{x:+.2f} points less often, %{y:+.2f} points more accurate"
                "<extra></extra>",
            )  # fmt: skip
    figure.add_hline(y=0, line={"color": INK, "dash": "dot", "width": 1})
    figure.add_vline(x=0, line={"color": INK, "dash": "dot", "width": 1})
    return figure
