"""One policy over a trace: bandwidth, decisions and latency, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from janus.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    SMALL_PX,
    VERMILLION,
    Figure,
    base,
    figure,
    key,
    line,
    note,
    scatter,
)

if TYPE_CHECKING:
    import pandas as pd

# Keys begin over the axis, since the figures may be narrow.
LEFT_PX = 36


def course_figures(table: pd.DataFrame, measured: pd.DataFrame, *, slo_ms: float, slo: str) -> tuple[Figure, ...]:
    """Bandwidth, split, level and latency over the same time, for `janus.figures.beside`.

    Args:
        table: From `janus.workbench.over_time`.
        measured: From `janus.workbench.measured_over_time`; empty where nothing was measured.
        slo_ms: The latency target.
        slo: The same in words, for its line.
    """
    x = table["time_s"].tolist()
    span = [0, table.attrs["span_s"]]
    uplink = [
        scatter(
            x=x, y=table["uplink_mbps"].tolist(), mode="lines", name="uplink", fill="tozeroy", fillcolor=FAINT,
            line={"color": GREY, "width": 1, "shape": "hv"},
            hovertemplate="%{x:.1f} s: the trace carries %{y:.3g} Mbit/s<extra></extra>",
        ),
        scatter(
            x=x, y=table["estimated_mbps"].tolist(), mode="lines", name="estimated", connectgaps=False,
            line={"color": ORANGE, "width": 1.5, "dash": "dash", "shape": "hv"},
            hovertemplate="%{x:.1f} s: estimated %{y:.3g} Mbit/s<extra></extra>",
        ),
    ]  # fmt: skip
    decisions = [
        [
            scatter(
                x=x, y=table[column].tolist(), mode="lines+markers", name=column,
                line={"color": BLUE, "width": 1.5, "shape": "hv"}, marker={"color": BLUE, "size": 3},
                hovertemplate=f"%{{x:.1f}} s: {column} %{{y:.3g}}<extra></extra>",
            )
        ]
        for column in ("split", "level")
    ]  # fmt: skip
    times = "%{x:.1f} s: "
    latency = [
        scatter(
            x=x, y=table["worst_ms"].tolist(), mode="lines", name="slowest", connectgaps=False,
            line={"color": SKY, "width": 1, "dash": "dot"},
            hovertemplate=times + "slowest %{y:.3g} ms, modelled<extra></extra>",
        ),
        scatter(
            x=x, y=table["p50_ms"].tolist(), mode="lines", name="median", connectgaps=False,
            line={"color": GREEN, "width": 2},
            hovertemplate=times + "median %{y:.3g} ms, modelled<extra></extra>",
        ),
        scatter(
            x=x, y=table["late_at_ms"].tolist(), mode="markers", name="some late", cliponaxis=False,
            marker={"symbol": "x-thin", "size": 6, "color": VERMILLION, "line": {"width": 1.5, "color": VERMILLION}},
            customdata=table["late_percent"].tolist(),
            hovertemplate=times + "%{customdata:.0f} % of the frames are late<extra></extra>",
        ),
        scatter(
            x=measured["time_s"].tolist(), y=measured["shown_ms"].tolist(), mode="markers", name="measured",
            cliponaxis=False, customdata=measured["measured_ms"].tolist(),
            marker={"symbol": "diamond", "size": 6, "color": ORANGE, "line": {"width": 0.5, "color": "#000000"}},
            hovertemplate=times + "measured %{customdata:.3g} ms<extra></extra>",
        ),
    ]  # fmt: skip
    top = measured.attrs.get("top_ms", table.attrs["top_ms"])
    signs = [("━", GREEN, "median"), ("┈", SKY, "slowest"), ("✕", VERMILLION, "some late")]
    signs += [("◆", ORANGE, "measured")] if len(measured) else []
    parts = (
        (uplink, "Uplink", "Mbit/s", [("■", GREY, "trace"), ("┅", ORANGE, "estimated")], None, ""),
        (decisions[0], "Split", "blocks", [("━", BLUE, "blocks on the device")], [0, table.attrs["depth"]], ""),
        (decisions[1], "Level", "level", [("━", BLUE, "strength of merging")], None, ""),
        (latency, "Modelled latency", "ms", signs, [0, top], "time, s"),
    )
    made = []
    for traces, title, unit, entries, ends, below in parts:
        layout = base("", below, unit)
        layout["xaxis"] |= {"range": span, "nticks": 8, "showticklabels": bool(below)}
        layout["yaxis"] |= {"rangemode": "tozero", "nticks": {"Split": 3, "Level": 2}.get(title, 5)}
        layout["yaxis"] |= {"range": ends} if ends else {}
        layout["meta"] = {"key": f"<b>{title}</b>\u2002{key(entries)['key']}", "left": LEFT_PX}
        made.append(figure(traces, layout))
    made[-1]["layout"]["shapes"] = [line("dash", x0=0, x1=1, xref="x domain", y0=slo_ms, y1=slo_ms)]
    made[-1]["layout"]["annotations"] = [
        note(slo, x=1, xref="x domain", xanchor="left", xshift=3, y=slo_ms, yanchor="middle", align="left",
             font={"size": SMALL_PX + 0.5, "color": VERMILLION})
    ]  # fmt: skip
    return tuple(made)
