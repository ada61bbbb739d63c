"""Modelled latency of every split, by part."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from janus.figures.hatches import hatched
from janus.figures.style import (
    CLOUD,
    DEVICE,
    GREY,
    HATCH,
    ORANGE,
    PAPER,
    PURPLE,
    SMALL_PX,
    VERMILLION,
    WHITE,
    Figure,
    bar,
    base,
    figure,
    key,
    line,
    note,
    rooms,
    scatter,
    square,
)
from janus.figures.table import Table, records

if TYPE_CHECKING:
    import pandas as pd

PARTS: dict[str, tuple[str, dict]] = {
    "device_ms": ("device", DEVICE),
    "encode_ms": ("encode", {"color": PURPLE, "pattern": {"shape": "x", "size": 5} | HATCH}),
    "uplink_ms": ("uplink", {"color": ORANGE, "pattern": {"shape": "/", "size": 6, "solidity": 0.3} | HATCH}),
    "round_trip_ms": ("round trip", {"color": GREY, "pattern": {"shape": "-", "size": 5} | HATCH}),
    "cloud_ms": ("cloud", CLOUD),
}

# The bars that have lines over their colour.
FILLS = tuple(
    hatched(marker["color"], marker["pattern"]["shape"]) for _, marker in PARTS.values() if "pattern" in marker
)
LEFT_PX = 40
# How much of the axis a number on a bar takes, in the lowest figure.
NUMBER = 0.13


def latency_figure(
    table: Table, *, slo_ms: float, slo: str, level: str, measured: pd.DataFrame | None = None
) -> Figure:
    """One stacked bar for each split, the SLO as a line, the plan marked, measured points beside the bars.

    Args:
        table: From `janus.workbench.latency_table`.
        slo_ms: The latency target.
        slo: The target in words, for the line.
        level: The level in words, for the title.
        measured: From `janus.workbench.measured_table`.
    """
    x = list(table["position"])
    rows = [SimpleNamespace(**row) for row in records(table)]
    cuts = [f"split {row.split}{f' as {_picture(row)}' if row.split == 0 else ''}" for row in rows]
    bars = [
        bar(
            x=x, y=list(table[column]), name=name, marker=marker, customdata=cuts,
            hovertemplate=f"%{{customdata}}, {name}: modelled %{{y:.3g}} ms<extra></extra>",
        )
        for column, (name, marker) in PARTS.items()
    ]  # fmt: skip
    fits = [row for row in rows if not row.over]
    top = table.attrs["top_ms"] if measured is None else measured.attrs["top_ms"]

    def over_line(ms: float) -> float:
        """Where a number stands: on its bar, or, if the line of the SLO would strike it through, on that line."""
        return slo_ms if ms < slo_ms < ms + NUMBER * top else ms

    chosen = [row.position for row in rows if row.chosen]
    needed = rooms({row.position: row.label for row in rows}, *chosen)
    sums = scatter(
        meta=[pixels for pixels, row in zip(needed, rows, strict=True) if not row.over],
        x=[row.position for row in fits], y=[over_line(row.modelled_ms) for row in fits], mode="text",
        textposition="top center",
        customdata=[[cut, row.modelled_ms] for cut, row in zip(cuts, rows, strict=True) if not row.over],
        text=[f"<b>{row.label}</b>" if row.chosen else row.label for row in fits],
        textfont={"size": SMALL_PX}, showlegend=False, cliponaxis=False,
        hovertemplate="%{customdata[0]}: modelled %{customdata[1]:.3g} ms<extra></extra>",
    )  # fmt: skip
    mark = scatter(
        x=chosen, y=[0] * len(chosen), mode="markers", name="chosen", showlegend=False,
        marker={"symbol": "triangle-up", "size": 12, "color": VERMILLION, "line": {"width": 1, "color": WHITE}},
        cliponaxis=False, hoverinfo="skip",
    )  # fmt: skip
    points = _points(measured)
    layout = base(f"Modelled latency by split, {level}", "split: blocks on the device", "modelled, ms")
    layout["barmode"] = "stack"
    layout["bargap"] = 0.25
    tried = [row for row in rows if row.candidate or row.chosen or row.position < 0]
    layout["xaxis"] |= {
        "range": table.attrs["position_range"],
        "tickmode": "array",
        "tickangle": 0,
        "tickvals": [row.position for row in tried],
        "ticktext": [_tick(row) for row in tried],
    }
    layout["yaxis"] |= {"range": [0, top], "nticks": 6}
    beyond = slo_ms > top
    layout["shapes"] = [line("dash", x0=0, x1=1, xref="x domain", y0=slo_ms, y1=slo_ms, visible=not beyond)]
    layout["annotations"] = [
        note(f"↑<br>{slo}" if beyond else slo, x=1, xref="x domain", xanchor="left", xshift=3, align="left",
             y=top if beyond else slo_ms, yanchor="top" if beyond else "middle",
             font={"size": SMALL_PX + 0.5, "color": VERMILLION})
    ]  # fmt: skip
    layout["annotations"] += [
        note(f"↑\u00a0{row.label}" if row.modelled_ms > top else row.label, x=row.position, y=1, yref="y domain",
             yanchor="top", textangle=-90, borderpad=0, bgcolor=PAPER, font={"size": SMALL_PX})
        for row in rows
        if row.over
    ]  # fmt: skip
    signs = [(square(marker), marker["color"], name) for name, marker in PARTS.values()]
    # The key begins over the axis, to fit a narrow screen.
    layout["meta"] = key(signs if measured is None or measured.empty else [*signs, *POINTS]) | {"left": LEFT_PX}
    return figure([*bars, sums, mark, *points], layout)


POINTS = [("◆", VERMILLION, "measured"), ("◇", VERMILLION, "its model")]


def _points(measured: pd.DataFrame | None) -> list[dict]:
    """Medians with their tenths, and what the model says of the pair that was measured; empty where none is."""
    columns = (
        "split",
        "n",
        "median_ms",
        "above_ms",
        "below_ms",
        "shown_ms",
        "shown_modelled_ms",
        "modelled_ms",
        "word",
    )
    split, n, median, above, below, shown, shown_modelled, modelled, word = (
        [[] for _ in columns] if measured is None else [measured[name].tolist() for name in columns]
    )
    over = [] if measured is None else measured["over"].tolist()
    look = {"size": 9, "color": VERMILLION, "line": {"width": 1.5, "color": VERMILLION}}
    return [
        scatter(
            x=split, y=shown, mode="markers", name="measured", cliponaxis=False,
            marker=look | {"symbol": ["triangle-up" if beyond else "diamond" for beyond in over]},
            customdata=[list(row) for row in zip(n, median, above, below, word, strict=True)],
            error_y={
                "type": "data", "symmetric": False, "color": VERMILLION, "thickness": 2, "width": 5,
                "array": [0 if beyond else more for beyond, more in zip(over, above, strict=True)],
                "arrayminus": [0 if beyond else less for beyond, less in zip(over, below, strict=True)],
            },
            hovertemplate="split %{x}: %{customdata[1]:.3g} ms %{customdata[4]}, median of %{customdata[0]} frames "
            "(slowest tenth +%{customdata[2]:.2g} ms, fastest −%{customdata[3]:.2g} ms)<extra></extra>",
        ),
        scatter(
            x=split, y=shown_modelled, mode="markers", name="model of that pair", cliponaxis=False,
            marker=look | {"symbol": "diamond-open", "size": 13}, customdata=modelled,
            hovertemplate="split %{x}: %{customdata:.3g} ms modelled for the pair that was measured<extra></extra>",
        ),
    ]  # fmt: skip


def _tick(row) -> str:
    if row.position <= 0:
        return _picture(row) if row.position < 0 else f"0<br>{_picture(row)}"
    return str(row.position)


def _picture(row) -> str:
    """What the picture travels as."""
    forms = {"raw": "raw", "png": "PNG", "webp": "WebP", "avif": "AVIF"}
    return forms.get(row.travels_as.rstrip("0123456789"), "JPEG")
