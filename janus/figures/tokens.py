"""Tokens left after each block."""

from __future__ import annotations

from janus.figures.style import (
    CLOUD,
    DEVICE,
    INK,
    SMALL_PX,
    VERMILLION,
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


def tokens_figure(table: Table, *, split: int, cut: str) -> Figure:
    """Tokens after the embedding and each block, by the side that computes them.

    Args:
        table: From `janus.workbench.token_table`.
        split: Where the cut is marked.
        cut: What to write beside the mark.
    """
    rows = records(table)
    bars = [_bars([row for row in rows if row["side"] == side], side, marker) for side, marker in SIDES.items()]
    unmerged = scatter(
        x=[row["block"] for row in rows], y=[row["unmerged"] for row in rows], name="unmerged", mode="lines",
        line={"dash": "dot", "width": 1.5, "color": INK}, hoverinfo="skip",
    )  # fmt: skip
    depth, most = rows[-1]["block"], rows[0]["unmerged"]
    layout = base("Tokens left after each block", "block (0 is the embedding)", "tokens")
    layout["barmode"] = "stack"
    layout["bargap"] = 0.25
    layout["xaxis"] |= {"range": table.attrs["block_range"], "tickmode": "array", "tickvals": ticks(depth)}
    layout["xaxis"]["ticktext"] = [str(tick) for tick in ticks(depth)]
    # Room above the bars for their numbers.
    layout["yaxis"] |= {"range": [0, most * HEADROOM], "nticks": 5}
    behind = split + 0.5 if split else -0.5  # with the picture in the cloud, so is its embedding
    layout["shapes"] = [line("dash", x0=behind, x1=behind, y0=0, y1=1, yref="y domain")]
    left = split < depth * 0.5
    layout["annotations"] = [
        note(cut, x=behind, y=0.99, yref="y domain", xanchor="left" if left else "right", yanchor="top",
             xshift=5 if left else -5, align="left" if left else "right",
             font={"size": SMALL_PX + 0.5, "color": VERMILLION})
    ]  # fmt: skip
    counts = _numbers([row["block"] for row in rows], [row["tokens"] for row in rows], most)
    layout["meta"] = key(
        [*((square(marker), marker["color"], NAMES[side]) for side, marker in SIDES.items()), ("┅", INK, "unmerged")]
    )
    return figure([*bars, unmerged, counts], layout)


SIDES = {"device": DEVICE, "cloud": CLOUD}
NAMES = {"device": "on the device", "cloud": "in the cloud"}
HEADROOM = 1.42
# Every block has a tick, or every other where blocks are many.
FEW = 16
# How much of the axis a number takes, in the lowest figure.
NUMBER = 0.13


def ticks(depth: int) -> list[int]:
    """Every block, or every other where there are many."""
    return list(range(0, depth + 1, 1 if depth <= FEW else 2))


def _bars(rows: list[dict], side: str, marker: dict) -> dict:
    x, y, removed = ([row[name] for row in rows] for name in ("block", "tokens", "removed"))
    return bar(
        x=x, y=y, customdata=removed,
        name=NAMES[side], marker=marker,
        hovertemplate="after block %{x}: %{y} tokens, %{customdata} merged in it<extra></extra>",
    )  # fmt: skip


def _numbers(blocks: list[int], tokens: list[int], most: int) -> dict:
    """The numbers on the bars; where the line of the unmerged ones would strike one through, it stands on that line."""
    at = [most if n < most < n + NUMBER * HEADROOM * most else n for n in tokens]
    texts = [str(n) for n in tokens]
    return scatter(
        meta=rooms(dict(zip(blocks, texts, strict=True))),
        x=blocks, y=at, mode="text", textposition="top center", textfont={"size": SMALL_PX}, showlegend=False,
        text=texts,
        cliponaxis=False, hoverinfo="skip",
    )  # fmt: skip
