"""Colours, patterns and the look that all figures share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Okabe and Ito, "Color Universal Design", 2008.
BLUE, ORANGE, SKY, GREEN = "#0072B2", "#E69F00", "#56B4E9", "#009E73"
VERMILLION, PURPLE, GREY = "#D55E00", "#CC79A7", "#999999"
# Text and lines that can be read on white and on JupyterLab's dark grey; inside the workbench the theme's own replace
# them.
INK, FAINT = "#7f7f7f", "rgba(127,127,127,0.25)"
WHITE = "#ffffff"
# Behind text on bars, where plotly draws; on the screen and in files such text has an edge instead.
PAPER = "rgba(254,254,254,0.85)"
DEVICE = {"color": BLUE}
# On top of the bar's colour, which is plotly's way only where a template says so.
HATCH = {"fgcolor": WHITE, "fillmode": "overlay"}
CLOUD = {"color": GREEN, "pattern": {"shape": "\\", "size": 6, "solidity": 0.3} | HATCH}
# Characters that look like the patterns of the bars, for keys in a line of text.
SQUARES = {None: "■", "\\": "▧", "/": "▨", "-": "▤", "x": "▩"}
# Of plotly's dashes, pixels on and off, where Vega draws them.
DASHES_PX: dict[str, list[float]] = {"solid": [], "dot": [1.5, 3], "dash": [6, 4], "dashdot": [6, 3, 1.5, 3]}
# JupyterLab's own; texts are measured with it, so it must not be changed behind the back of what draws.
FONT = "system-ui, -apple-system, BlinkMacSystemFont, 'Segoe UI', Helvetica, Arial, sans-serif"
FONT_PX, SMALL_PX, TITLE_PX = 12, 10.5, 13.5
# Of a small number: about the widest digits that a browser has for it, and what keeps it apart from the next.
DIGIT_PX, GAP_PX = 6.7, 2.0


Figure = dict[str, Any]


def figure(data: list[dict], layout: dict) -> Figure:
    """A figure as plotly's JSON: `plotly.graph_objects.Figure(…)` makes an object of it.

    Plain dictionaries, because plotly's objects take longer to make than all the rest of an answer.
    """
    return {"data": data, "layout": layout}


def bar(**options) -> dict:
    """A trace of bars."""
    return {"type": "bar", **options}


def scatter(**options) -> dict:
    """A trace of points or lines."""
    return {"type": "scatter", **options}


def rooms(texts: Mapping[float, str], chosen: float | None = None) -> list[float]:
    """Pixels that an axis must have for each of small numbers side by side; one that needs more is left out.

    In a narrow figure every other stays, or every fourth, and none beside the chosen one, which always does.

    Args:
        texts: The numbers by their places, which are one apart; below 0 stands what has no neighbours.
        chosen: The place of the chosen one.
    """
    every = len(texts) * (max(map(len, texts.values()), default=0) * DIGIT_PX + GAP_PX)

    def needed(place: float) -> float:
        apart = math.inf if chosen is None else abs(place - chosen)
        if place < 0 or apart == 0:
            return 0.0
        return every if place % 2 or apart == 1 else every / 2 if place % 4 or apart == 2 else 0.0

    return [needed(place) for place in texts]


def base(title: str, x: str, y: str) -> dict:
    """Layout of a figure that stands alone."""
    return {
        "title": {"text": title, "font": {"size": TITLE_PX}, "x": 0, "xref": "paper", "yref": "container", "y": 0.97},
        "font": {"color": INK, "size": FONT_PX, "family": FONT},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 56, "r": 12, "t": 64, "b": 46},
        "height": 340,
        "hovermode": "closest",
        "xaxis": axis(x),
        "yaxis": axis(y) | {"gridcolor": FAINT, "showgrid": True},
        "legend": legend(),
    }


def axis(title: str) -> dict:
    """An axis with its name and unit."""
    return {
        "title": {"text": title, "standoff": 6, "font": {"size": FONT_PX}},
        "tickfont": {"size": SMALL_PX},
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "linecolor": FAINT,
        "ticks": "",
        "automargin": False,
        "fixedrange": True,
    }


def legend() -> dict:
    """One line between title and plot, never over the data."""
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "font": {"size": SMALL_PX + 0.5},
        "bgcolor": "rgba(0,0,0,0)",
        "itemclick": False,
        "itemdoubleclick": False,
        "itemsizing": "constant",
        "traceorder": "normal",
    }


def key(entries: list[tuple[str, str, str]]) -> dict:
    """What the colours mean in one line of text, for where a legend would be too wide.

    Args:
        entries: Sign, colour and words of each.
    """
    return {
        "key": "\u2002".join(
            f'<span style="color:{colour}">{sign}</span>\u00a0{words}' for sign, colour, words in entries
        )
    }


def square(marker: dict) -> str:
    """The sign of a bar."""
    return SQUARES[marker.get("pattern", {}).get("shape")]


def note(text: str, **where) -> dict:
    """A text in the plot without an arrow."""
    return {"text": text, "showarrow": False, "font": {"size": SMALL_PX + 0.5}, **where}


def line(dash: str, **where) -> dict:
    """A line across the plot."""
    return {"type": "line", "line": {"dash": dash, "width": 1.5, "color": VERMILLION}, **where}


def band(color: str, name: str, **where) -> dict:
    """A pale stretch of the plot, over its whole height, behind the data."""
    return {
        "type": "rect", "fillcolor": color, "line": {"width": 0}, "layer": "below", "name": name, "y0": 0, "y1": 1,
        "yref": "y domain", **where,
    }  # fmt: skip
