"""Measured accuracy over the levels of a schedule."""

from __future__ import annotations

from janus.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    SMALL_PX,
    VERMILLION,
    Figure,
    band,
    base,
    figure,
    key,
    line,
    note,
    scatter,
)
from janus.figures.table import Table, records

OVER = ("level", "latency")
# Title and key begin over the axis, to be no wider than the figure is on a laptop.
LEFT_PX = 55
# Where one level has a name, there is room for it below the axis.
NAMED_RANGE = [-0.4, 1.4]
# What the words beside the line take of the axes in the lowest figure, in width and to both sides of their middle; and
# half of what a point takes.
WORDS, MARK = (0.24, 0.07), 0.03
MEETS, PALE = "rgba(0,158,115,0.13)", "rgba(0,158,115,0.4)"


def accuracy_figure(
    table: Table, levels: Table, *, over: str, level: float, slo_ms: float, unit: str, empty: str,
    label: str = "", named: str = "",
) -> Figure:  # fmt: skip
    """Stored and live accuracies with their 95 % intervals.

    Args:
        table: From `janus.workbench.accuracy_table`.
        levels: From `janus.workbench.level_table`: where the SLO is met.
        over: One of `OVER`.
        level: The plan's.
        slo_ms: The latency target.
        unit: What a level is, for the axis.
        empty: What to write where there is no accuracy at all.
        label: What stands beside every number of the model; there is none for a real one.
        named: What the one level of a schedule is called that has only the one, beside none.
    """
    by_level = over == "level"
    column = "level" if by_level else "modelled_ms"
    rows = records(table)
    kinds = ("stored", "sent", "live", "real")
    stored, sent, live, real = ([row for row in rows if row["kind"] == kind] for kind in kinds)
    before, now = [row for row in live if not row["now"]], [row for row in live if row["now"]]
    own = f", {label}" if label else ""
    traces = [
        _points(
            real, column, "stored, real images", color=GREY, symbol="square-open", size=6, dash="" if named else "dot"
        ),
        _points(stored, column, "stored", own, color=BLUE, symbol="circle", size=7, dash="" if named else "dash"),
        _points(sent, column, "stored, as sent at this cut", own, color=PURPLE, symbol="square", size=8),
        _points(before, column, "live, of plans before", own, color=ORANGE, symbol="diamond-open", size=9),
        _points(now, column, "live", own, color=ORANGE, symbol="diamond", size=10),
    ]
    # Smaller, else it is wider than the figure is on a laptop.
    small = f'<span style="font-size:{SMALL_PX}px;font-weight:normal">{label}</span>'
    title = f"Top-1: {small}" if label else "Measured accuracy"
    layout = base(title, unit if by_level else "modelled latency, ms", "top-1, % (95 % CI)")
    layout["xaxis"] |= {"range": table.attrs[f"{column}_range"], "nticks": 7}
    layout["yaxis"] |= {"range": table.attrs["top1_range"], "nticks": 6}
    if named and by_level:
        layout["xaxis"] |= {"range": NAMED_RANGE, "tickmode": "array", "tickvals": [0, 1], "ticktext": ["none", named]}
    at, text = (level, "this plan") if by_level else (slo_ms, "SLO")
    right, y = _free(rows, column, at, layout["xaxis"]["range"], layout["yaxis"]["range"])
    layout["shapes"] = [
        *_meets(levels, by_level, slo_ms, layout["xaxis"]["range"], bool(named)),
        line("dash", x0=at, x1=at, y0=0, y1=1, yref="y domain"),
    ]  # fmt: skip
    layout["annotations"] = [
        note(text, x=at, y=y, yref="y domain", yanchor="middle", xanchor="right" if right else "left",
             xshift=-4 if right else 4, font={"size": SMALL_PX + 0.5, "color": VERMILLION}),
        note("" if len(table) else empty, x=0.5, xref="x domain", y=0.5, yref="y domain", align="center"),
    ]  # fmt: skip
    beside = [("■", PURPLE, "sent")] if sent else []
    beside += [("□", GREY, "real")] if real else []
    layout["meta"] = key(
        [("●", BLUE, "stored"), *beside, ("◆", ORANGE, "live"), ("◇", ORANGE, "past"), ("■", PALE, "in time")]
    ) | {"left": LEFT_PX}
    return figure(traces, layout)


def _free(rows: list[dict], column: str, at: float, across: list[float], up: list[float]) -> tuple[bool, float]:
    """Where there is room for a few words beside a line: whether on its left, and how high, as a share of the axis."""
    wide, high = across[1] - across[0], up[1] - up[0]
    points = [(abs(row[column] - at) / wide, row[column] <= at, row) for row in rows]
    sides = [side for side in (True, False) if (at - across[0] if side else across[1] - at) > WORDS[0] * wide]
    for right in sorted(sides, key=lambda side: side != (at > sum(across) / 2)):
        for y in (WORDS[1], 1 - WORDS[1], 0.5, 0.3, 0.7):
            near = [row for away, left, row in points if away < WORDS[0] and (left == right or away < MARK)]
            ends = [((row["low"] - up[0]) / high, (row["high"] - up[0]) / high) for row in near]
            if all(top < y - WORDS[1] or bottom > y + WORDS[1] for bottom, top in ends):
                return right, y
    return at > sum(across) / 2, WORDS[1]


def _meets(levels: Table, by_level: bool, slo_ms: float, across: list[float], named: bool) -> list[dict]:
    """The levels, or the latencies, that meet the SLO, as pale bands.

    A level reaches to the next one, the last to the end of the axis; none and the one level of a schedule that has
    only the one meet halfway.
    """
    met = [[0, slo_ms]]
    if by_level:
        met = []
        starts = [across[0], sum(levels["level"]) / 2] if named else list(levels["level"])
        for start, end, meets in zip(starts, [*starts[1:], across[1]], levels["meets_slo"], strict=True):
            if meets and met and met[-1][1] == start:
                met[-1][1] = end
            elif meets:
                met.append([start, end])
    return [band(MEETS, "meets the SLO", x0=start, x1=end) for start, end in met]


def _points(
    rows: list[dict], column: str, name: str, own: str = "", *, color: str, symbol: str, size: float, dash: str = ""
) -> dict:
    return scatter(
        x=[row[column] for row in rows],
        y=[row["top1"] for row in rows],
        error_y={
            "type": "data", "symmetric": False, "color": color, "thickness": 1.5, "width": 4,
            "array": [row["high"] - row["top1"] for row in rows],
            "arrayminus": [row["top1"] - row["low"] for row in rows],
        },
        customdata=[[row[name] for name in ("level", "low", "high", "n")] for row in rows],
        name=name,
        mode="lines+markers" if dash else "markers",
        line={"dash": dash or "solid", "width": 1.5, "color": color},
        marker={"symbol": symbol, "size": size, "color": color, "line": {"width": 1.5, "color": color}},
        hovertemplate="level %{customdata[0]:g}: %{y:.1f} % (%{customdata[1]:.1f} to %{customdata[2]:.1f}), "
        f"%{{customdata[3]}} images, {name}{own}<extra></extra>",
    )  # fmt: skip
