"""A figure as a file, SVG or PNG, without a browser: matplotlib draws what plotly's JSON says.

Only what Janus's figures use is understood: bars, lines, markers, texts, error bars, areas, lines across, and notes.
Import it where a file is wanted, since it brings matplotlib.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from jaxtyping import UInt8
from matplotlib import ticker
from matplotlib.figure import Figure as Canvas
from matplotlib.transforms import blended_transform_factory

from janus.errors import JanusError
from janus.figures.style import FONT_PX, SMALL_PX, TITLE_PX, Figure

FORMATS = {"svg": "image/svg+xml", "png": "image/png"}
# CSS pixels, of which 96 are an inch, and points, of which 72 are one.
WIDTH_PX, HEIGHT_PX, PX_PER_INCH, PT_PER_PX = 760, 400, 96, 0.75
# Of each, where several stand below one another.
SEVERAL_PX = 190
# Twice as many as a plain screen has, for print.
PNG_DPI = 2 * PX_PER_INCH
INK, FOOT = "#222222", "#666666"
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
HATCHES = {None: "", "\\": r"\\\\", "/": "////", "-": "----", "x": "xxxx"}
SYMBOLS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "cross": "P", "star": "*", "x": "X",
    "x-thin": "x",
}  # fmt: skip
# Plain fonts, and texts as texts: an SVG stays small and can be edited.
LOOK = {"svg.fonttype": "none", "svg.hashsalt": "janus", "font.family": "sans-serif", "hatch.linewidth": 1.2}


def still(figures: Sequence[Figure], format: str, facts: Mapping[str, str]) -> bytes:
    """Figures of `janus.figures`, one below the other, as a file.

    Args:
        figures: Each with one pair of axes.
        format: One of `FORMATS`.
        facts: Where its numbers come from; written below it, and into the file's own description.

    Raises:
        JanusError: If there is no such format.
    """
    with matplotlib.rc_context(LOOK):
        height = HEIGHT_PX if len(figures) == 1 else SEVERAL_PX * len(figures)
        canvas = Canvas(figsize=(WIDTH_PX / PX_PER_INCH, height / PX_PER_INCH), layout="constrained")
        for axes, figure in zip(canvas.subplots(len(figures), squeeze=False)[:, 0], figures, strict=True):
            _draw(axes, figure)
        return _file(canvas, format, facts)


def _draw(axes, figure: Figure) -> None:
    layout = figure["layout"]
    tops: defaultdict[float, float] = defaultdict(float)
    for trace in (trace for trace in figure["data"] if len(trace["x"])):
        _bars(axes, trace, tops, layout) if trace["type"] == "bar" else _points(axes, trace)
    _axis(axes, "x", layout["xaxis"])
    _axis(axes, "y", layout["yaxis"])
    for number, shape in enumerate(layout.get("shapes", ())):
        _band(axes, shape, first=not number) if shape.get("type") == "rect" else _line(axes, shape)
    for note in layout.get("annotations", ()):
        _note(axes, note)
    title = layout["title"]["text"] or layout["meta"].get("title", "")
    axes.set_title(_plain(title), loc="left", fontsize=_pt(TITLE_PX), fontweight="bold", pad=24)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 0.99), ncols=7, frameon=False, fontsize=_pt(SMALL_PX),
        handlelength=1.4, columnspacing=1.0, handletextpad=0.4,
    )  # fmt: skip


def pictures_still(
    pictures: Sequence[tuple[str, UInt8[np.ndarray, "h w 3"]]], format: str, title: str, facts: Mapping[str, str]
) -> bytes:
    """Pictures side by side with their captions, as a file.

    Args:
        pictures: Caption and pixels of each.
        format: One of `FORMATS`.
        title: Over all.
        facts: As in `still`.

    Raises:
        JanusError: If there is no such format.
    """
    with matplotlib.rc_context(LOOK):
        canvas = Canvas(figsize=(WIDTH_PX / PX_PER_INCH, HEIGHT_PX / PX_PER_INCH), layout="constrained")
        canvas.suptitle(title, x=0.01, ha="left", fontsize=_pt(TITLE_PX), fontweight="bold")
        for axes, (caption, pixels) in zip(canvas.subplots(1, len(pictures), squeeze=False)[0], pictures, strict=True):
            axes.imshow(pixels, interpolation="none")
            axes.set_axis_off()
            axes.set_title(caption, fontsize=_pt(SMALL_PX), y=0, pad=-14, va="top")
        return _file(canvas, format, facts)


def _file(canvas: Canvas, format: str, facts: Mapping[str, str]) -> bytes:
    if format not in FORMATS:
        raise JanusError(f"format {format!r:.20} is unknown; choose one of {', '.join(FORMATS)}.")
    lines = [f"{name}: {text}" for name, text in facts.items()]
    # A long word, such as a state, is broken rather than clipped.
    below = "\n".join(line for name in lines for line in textwrap.wrap(name, 150, break_on_hyphens=False))
    canvas.supxlabel(below, x=0.01, ha="left", fontsize=_pt(7.5), color=FOOT)
    width, height = canvas.get_size_inches()
    canvas.set_size_inches(width, height + (below.count("\n") + 1) * 10 / PX_PER_INCH)
    described = {"Title": facts.get("figure", ""), "Description": "\n".join(lines)}
    software = {"svg": {"Creator": "Janus", "Date": None}, "png": {"Software": "Janus"}}[format]
    out = io.BytesIO()
    canvas.savefig(out, format=format, dpi=PNG_DPI, facecolor="white", metadata=described | software)
    return out.getvalue()


def _bars(axes, trace: dict, tops: defaultdict[float, float], layout: dict) -> None:
    """Bars on top of those that stand there already."""
    marker, x, y = trace["marker"], trace["x"], trace["y"]
    pattern = marker.get("pattern", {})
    axes.bar(
        x, y, width=1 - layout.get("bargap", 0.2), bottom=[tops[at] for at in x], label=trace["name"],
        color=marker["color"], hatch=HATCHES[pattern.get("shape")], edgecolor=pattern.get("fgcolor", "none"),
        linewidth=0,
    )  # fmt: skip
    for at, height in zip(x, y, strict=True):
        tops[at] += height
    for at, text in zip(x, trace.get("text", ()), strict=False):
        axes.annotate(text, (at, tops[at]), (0, 2), textcoords="offset points", ha="center", va="bottom",
                      fontsize=_pt(SMALL_PX), color=INK)  # fmt: skip


def _points(axes, trace: dict) -> None:
    mode, x, y = trace["mode"], trace["x"], trace["y"]
    line, marker = trace.get("line", {}), trace.get("marker", {})
    label = trace["name"] if trace.get("showlegend", True) and "name" in trace else None
    steps = {"drawstyle": "steps-post"} if line.get("shape") == "hv" else {}
    if trace.get("fill") == "tozeroy":
        axes.fill_between(x, y, color=_colour(trace["fillcolor"]), linewidth=0, label=label,
                          step="post" if steps else None)  # fmt: skip
        label = None
    if "lines" in mode and line.get("width"):
        axes.plot(x, y, linestyle=DASHES[line.get("dash", "solid")], linewidth=line["width"] * PT_PER_PX,
                  color=_colour(line["color"]), label=None if "markers" in mode else label, **steps)  # fmt: skip
    if "markers" in mode:
        colour, error = _colour(marker["color"]), trace.get("error_y", {})
        bars = np.array([error["arrayminus"], error["array"]]) if error.get("array") else None
        given = marker.get("symbol", "circle")
        symbols = np.array([given] * len(x) if isinstance(given, str) else given)
        for symbol in dict.fromkeys(symbols.tolist()):
            own = symbols == symbol
            axes.errorbar(
                np.array(x)[own], np.array(y)[own], None if bars is None else bars[:, own],
                fmt=SYMBOLS[symbol.removesuffix("-open")], color=colour, markersize=marker["size"] * PT_PER_PX,
                label=label, markerfacecolor="none" if symbol.endswith("-open") else colour, capsize=3, elinewidth=1,
                clip_on=False, zorder=4,
            )  # fmt: skip
            label = None  # once in the key
    if "text" in mode:
        for at, height, text in zip(x, y, trace["text"], strict=True):
            axes.annotate(_plain(text), (at, height), (0, 2), textcoords="offset points", ha="center", va="bottom",
                          fontsize=_pt(SMALL_PX), color=INK,
                          fontweight="bold" if "<b>" in text else "normal")  # fmt: skip


def _axis(axes, which: str, axis: dict) -> None:
    getattr(axes, f"set_{which}label")(_plain(axis["title"]["text"]), fontsize=_pt(FONT_PX), color=INK)
    own = getattr(axes, f"{which}axis")
    if "tickvals" in axis:
        own.set_ticks(axis["tickvals"], [_plain(text) for text in axis["ticktext"]])
    elif "nticks" in axis and "range" in axis:
        low, high = axis["range"]
        own.set_major_locator(ticker.MultipleLocator(_step(low, high, axis["nticks"])))
    if "range" in axis:
        getattr(axes, f"set_{which}lim")(axis["range"])
    elif axis.get("rangemode") == "tozero":
        axes.set_ylim(bottom=0)
    if axis.get("showgrid"):
        axes.grid(axis=which, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    # Below the mark of the chosen bar, which stands across the axis.
    axes.tick_params(which, labelsize=_pt(SMALL_PX), length=0, colors=INK, pad=7 if which == "x" else 3.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#bbbbbb")


def _step(low: float, high: float, most: int) -> float:
    """Between two ticks, as plotly has it: 2, 5 or 10 times a power of ten, for no more than so many."""
    rough = (high - low) / most
    base = 10.0 ** math.floor(math.log10(rough))
    return base * next(times for times in (2, 5, 10) if times * base >= rough)


def _band(axes, shape: dict, *, first: bool) -> None:
    axes.axvspan(shape["x0"], shape["x1"], color=_colour(shape["fillcolor"]), linewidth=0, zorder=0.5,
                 label=shape["name"] if first else None)  # fmt: skip


def _line(axes, shape: dict) -> None:
    if shape.get("visible", True):
        axes.plot(
            [shape["x0"], shape["x1"]], [shape["y0"], shape["y1"]], transform=_where(axes, shape), color=_colour(
            shape["line"]["color"]), linestyle=DASHES[shape["line"]["dash"]], linewidth=1.2,
        )  # fmt: skip


def _note(axes, note: dict) -> None:
    low, high = axes.get_xlim()
    beyond = "domain" not in note.get("xref", "") and not low <= note["x"] <= high
    if beyond or not note["text"]:
        return
    colour = note.get("font", {}).get("color", INK)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5} if "bgcolor" in note else None
    axes.annotate(
        _plain(note["text"]), (note["x"], note["y"]), (note.get("xshift", 0), 0), xycoords=_where(axes, note),
        textcoords="offset points", ha=note.get("xanchor", "center"), bbox=box,
        va={"middle": "center"}.get(note.get("yanchor", "middle"), note.get("yanchor", "center")),
        rotation=-note.get("textangle", 0), fontsize=_pt(SMALL_PX), color=_colour(colour), annotation_clip=False,
    )  # fmt: skip


def _where(axes, item: dict):
    """Coordinates of the axes for what refers to their domain, of the data for the rest."""
    x, y = (axes.transAxes if "domain" in item.get(ref, "") else axes.transData for ref in ("xref", "yref"))
    return blended_transform_factory(x, y)


def _pt(px: float) -> float:
    return px * PT_PER_PX


def _plain(text: str) -> str:
    """Text without plotly's markup; matplotlib's own sign for formulas is kept as a sign."""
    return re.sub(r"<[^>]*>", "", text.replace("<br>", "\n")).replace("$", r"\$")


def _colour(colour: str):
    """``rgba(…)`` as matplotlib has it; other colours are the same."""
    if not colour.startswith("rgba"):
        return colour
    red, green, blue, alpha = map(float, colour[5:-1].split(","))
    return red / 255, green / 255, blue / 255, alpha
