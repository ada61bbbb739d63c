"""Figures of what machines compute and what crosses the cut."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from janus.figures.style import BLUE, GREEN, ORANGE, SKY, SMALL_PX, VERMILLION
from janus.reproduce.figures.look import DASHES, ENCODING_NAMES, INPUT_LOOK, RAMP, panels

# "About 1 ms" a decision.
PAPER_US = 1000
PANELS_IN_A_ROW = 3


def latency_figure(table: pd.DataFrame, *, measured: str = "measured") -> go.Figure:
    """A block's latency against its tokens, one panel a machine.

    Args:
        table: From `janus.reproduce.latency_table` or `janus.reproduce.profile_rows`.
        measured: What to call measured points.
    """
    machines = list(dict.fromkeys(table["machine"]))
    about = table.drop_duplicates("machine").set_index("machine")
    titles = [
        f"<b>{name}</b><br>line: r = {about.loc[name, 'line_r']:.3f}, misses up to "
        f"{about.loc[name, 'line_worst_percent']:.0f} %"
        for name in machines
    ]
    columns = min(len(machines), PANELS_IN_A_ROW)
    rows_of = -(-len(machines) // columns)
    figure = panels(
        "Latency of one block against its tokens", rows_of, columns, titles=titles, height=100 + 280 * rows_of,
        x=["tokens that enter the block"] * columns, y=["one block, ms"] * rows_of, gap_x=0.07, gap_y=0.25 / rows_of,
    )  # fmt: skip
    looks: dict[str, dict] = {
        "fit": {"mode": "lines", "name": "what predictions use", "line": {"color": GREEN, "width": 2.5}},
        "line": {"mode": "lines", "name": "the paper's line", "line": {"color": BLUE, "width": 1.8, "dash": "dash"}},
    }
    for at, machine in enumerate(machines):
        rows = table[table["machine"] == machine]
        kind = rows["kind"].iloc[0]
        points = {
            "mode": "markers",
            "name": measured if kind == "measured" else "from published figures (derived)",
            "marker": {
                "size": 8, "color": VERMILLION if kind == "measured" else ORANGE,
                "symbol": "circle" if kind == "measured" else "diamond-open", "line": {"width": 1.6},
            },
        }  # fmt: skip
        for what, look in (*looks.items(), ("point", points)):
            part = rows[rows["what"] == what]
            figure.add_scatter(
                x=part["tokens"].tolist(), y=part["block_ms"].tolist(), legendgroup=look["name"],
                hovertemplate="%{x} tokens: %{y:.3g} ms<extra></extra>", showlegend=_first(figure, look["name"]),
                row=at // columns + 1, col=at % columns + 1, **look,
            )  # fmt: skip
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(margin={"t": 112})
    return figure


def _first(figure: go.Figure, name: str) -> bool:
    """Whether no trace of this name is in the figure yet: each name stands in the legend once."""
    return all(trace.name != name for trace in figure.data)


def schedule_figure(table: pd.DataFrame) -> go.Figure:
    """Tokens after each block, constant and declining at equal compute, one panel a pair.

    Args:
        table: From `janus.reproduce.schedule_table`.
    """
    pairs = list(dict.fromkeys(table["pair"]))
    first = table.drop_duplicates(["pair", "schedule"]).set_index(["pair", "schedule"])
    titles = [
        f"{work(first.loc[(pair, 'constant'), 'giga_multiply_adds'])} G multiply-adds:"
        f"<br>r = {pair} and α = {first.loc[(pair, 'declining'), 'level']:.3f}"
        for pair in pairs
    ]
    figure = panels(
        "Tokens left after each block: constant and declining schedule at equal compute", 1, len(pairs), titles=titles,
        height=360, x=["block (0 is the embedding)"] * len(pairs), y=["tokens"], shared_y=True, gap_x=0.04,
    )  # fmt: skip
    looks = {
        "constant": ("constant (ToMe's r)", ORANGE, "dash", "square"),
        "declining": ("declining (the paper's α)", BLUE, "solid", "circle"),
    }
    for at, pair in enumerate(pairs, start=1):
        for schedule, (name, color, dash, symbol) in looks.items():
            rows = table[(table["pair"] == pair) & (table["schedule"] == schedule)]
            figure.add_scatter(
                x=rows["block"].tolist(), y=rows["tokens"].tolist(), name=name, legendgroup=name, showlegend=at == 1,
                mode="lines+markers", line={"color": color, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 5}, row=1, col=at,
                hovertemplate="after block %{x}: %{y} tokens<extra></extra>",
            )  # fmt: skip
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(dtick=6)
    figure.update_layout(margin={"t": 112})
    return figure


def payload_figure(payloads: pd.DataFrame, inputs: pd.DataFrame) -> go.Figure:
    """Payload behind every block, one panel a codec, with the picture itself as lines across.

    Args:
        payloads: From `janus.reproduce.payload_table`.
        inputs: From `janus.reproduce.input_table`.
    """
    codecs = list(dict.fromkeys(payloads["codec"]))
    levels, depth = list(dict.fromkeys(payloads["level"])), int(payloads["split"].max()) + 1
    figure = panels(
        "Payload of every split, by codec", 1, len(codecs), height=400,
        titles=[f"tokens as {codec}" for codec in codecs],
        x=["split: blocks on the device"] * len(codecs), y=["payload, kB (log scale)"], shared_y=True, gap_x=0.03,
    )  # fmt: skip
    for at, codec in enumerate(codecs, start=1):
        for level, color, dash in zip(levels, RAMP, DASHES, strict=True):
            rows = payloads[(payloads["codec"] == codec) & (payloads["level"] == level)]
            name = f"α = {level:g}" if level else "no merging"
            figure.add_scatter(
                x=rows["split"].tolist(), y=rows["payload_kb"].tolist(), customdata=rows["tokens"].tolist(), name=name,
                legendgroup=name, showlegend=at == 1, mode="lines", line={"color": color, "dash": dash, "width": 2},
                hovertemplate="split %{x}: %{y:.4g} kB, %{customdata} tokens<extra></extra>", row=1, col=at,
            )  # fmt: skip
        for row in inputs.itertuples():
            color, dash = INPUT_LOOK[row.encoding]
            name = f"input as {ENCODING_NAMES[row.encoding]}"
            figure.add_scatter(
                x=[0, depth], y=[row.input_kb] * 2, name=name, legendgroup=name, showlegend=at == 1, mode="lines",
                line={"color": color, "dash": dash, "width": 1.2}, row=1, col=at,
                hovertemplate=f"{name}: %{{y:.4g}} kB<extra></extra>",
            )  # fmt: skip
    figure.update_yaxes(type="log", dtick=1)
    figure.update_xaxes(range=[0, depth], dtick=4)
    return figure


def work(giga: float) -> str:
    """Multiply-adds for a heading: small models differ behind the point."""
    return f"{giga:.0f}" if giga >= 10 else f"{giga:.2f}"


# What accuracy is drawn over: words of the title, the axis, and how a point says it.
OVER = {
    "tokens_kept_percent": ("tokens kept", "tokens kept, % (mean over the blocks)", "%{x:.0f} % of the tokens"),
    "payload_kb": ("payload at split {split}", "payload at split {split}, kB as int8", "%{x:.1f} kB"),
}


def accuracy_figure(table: pd.DataFrame, *, over: str = "tokens_kept_percent", split: int = 0) -> go.Figure:
    """Measured accuracy against the share of tokens kept or the payload at a cut, one panel a model.

    Args:
        table: From `janus.reproduce.accuracy_table`, with ``payload_kb`` added where that is drawn over.
        over: One of `OVER`.
        split: Where the payload is counted.
    """
    models = list(dict.fromkeys(table["model"]))
    words, x_axis, said = (text.replace("{split}", str(split)) for text in OVER[over])
    figure = panels(
        f"Measured accuracy against {words}, 95 % intervals", 1, len(models),
        titles=[f"{name}<br>{rows['n'].iloc[0]} pictures" for name, rows in table.groupby("model", sort=False)],
        x=[x_axis] * len(models), y=["top-1, %"],
        gap_x=0.06, shared_y=True, height=390,
    )  # fmt: skip
    looks = {
        "declining": ("declining (the paper's α)", BLUE, "solid", "circle"),
        "constant": ("constant (ToMe's r)", ORANGE, "dash", "square"),
        "linear": ("linear", SKY, "dot", "diamond"),
    }
    for at, model in enumerate(models, start=1):
        for schedule, (name, color, dash, symbol) in looks.items():
            rows = table[(table["model"] == model) & (table["schedule"] == schedule)]
            figure.add_scatter(
                x=rows[over].tolist(), y=rows["top1_percent"].tolist(), name=name, legendgroup=name,
                error_y={"type": "data", "symmetric": False, "array": rows["above"].tolist(),
                         "arrayminus": rows["below"].tolist(), "color": color, "thickness": 1, "width": 3},
                customdata=rows["level"].tolist(), showlegend=_first(figure, name), mode="lines+markers",
                line={"color": color, "dash": dash, "width": 1.8}, marker={"symbol": symbol, "size": 7},
                hovertemplate=f"level %{{customdata:g}}: %{{y:.1f}} %, {said}<extra></extra>",
                row=1, col=at,
            )  # fmt: skip
    figure.update_xaxes(autorange="reversed")
    figure.update_layout(margin={"t": 112})
    return figure


def cost_figure(table: pd.DataFrame) -> go.Figure:
    """Microseconds of one decision in several ways, beside the paper's millisecond.

    Args:
        table: From `janus.reproduce.cost_table`.
    """
    figure = panels("Measured time of one decision", 1, 1, height=330, x=["µs (log scale)"], y=[""], left=310)
    cases = table["case"].tolist()
    figure.add_scatter(
        x=table["measured_us"].tolist(), y=cases, mode="markers+text", name="measured: median, 10th to 90th percentile",
        text=table["label"].tolist(), textposition="top center", textfont={"size": SMALL_PX + 1}, cliponaxis=False,
        marker={"symbol": "circle", "size": 9, "color": BLUE},
        error_x={"type": "data", "symmetric": False, "array": table["above"].tolist(),
                 "arrayminus": table["below"].tolist(), "thickness": 1.2, "color": BLUE},
        hovertemplate="%{y}: %{x:.3g} µs<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[PAPER_US] * len(cases), y=cases, mode="lines", name="the paper: about 1 ms",
        line={"dash": "dash", "width": 1.6, "color": VERMILLION}, hoverinfo="skip",
    )  # fmt: skip
    figure.update_xaxes(type="log", range=[0, 3.5], dtick=1)
    figure.update_yaxes(autorange="reversed")
    return figure
