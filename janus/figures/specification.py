"""One specification for Vega that draws any figure of ours: bars, areas, lines, points, notes, by table.

https://vega.github.io/vega/docs/specification/. What changes from answer to answer are tables and signals only
(`janus.figures.drawn`), which Vega brings to the page in a sixth of the time that plotly.js takes for its own figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from janus.figures.place import Place
from janus.figures.style import FAINT, FONT, FONT_PX, SMALL_PX

TABLES = ("bands", "areas", "bars", "lines", "errors", "dots", "rules", "texts", "hits")
# Of each axis; with the number of the panel at the end they are signals.
SIGNALS = tuple(f"{axis}_{what}" for axis in "xy" for what in ("ends", "title", "ticks", "labels"))
# What the page makes of it is readable on light and on dark: the theme's own colour of text.
TEXT = "currentColor"
# Around a number that stands on a bar; the workbench puts the theme's own background in its place.
HALO = "#fefefe"
HALO_PX = 4
# Between the title of an axis and the edge of the figure.
EDGE_PX = 2
LINE = 1.2  # of a text, in its own size

POINT = {"x": {"scale": "x", "field": "x"}, "y": {"scale": "y", "field": "y"}}
BOX = {
    f"{axis}{second}": {"scale": axis, "field": f"{axis}{end}"} for axis in "xy" for second, end in (("", 0), ("2", 1))
}
STROKE = {name: {"field": name} for name in ("stroke", "strokeWidth", "strokeDash")}


def specification(places: Sequence[Place], margin: Mapping[str, float]) -> dict[str, Any]:
    """What Vega draws figures by.

    Args:
        places: One for each figure of the whole, as shares of its plotting area, from left and from below.
        margin: Pixels around all of them: ``l``, ``r``, ``t``, ``b``.
    """
    numbers = range(len(places))
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "autosize": "none",
        "padding": dict(zip(("left", "right", "top", "bottom"), (margin[side] for side in "lrtb"), strict=True)),
        "background": None,
        "config": {"text": {"font": FONT}, "axis": {"labelFont": FONT, "titleFont": FONT}},
        "signals": [{"name": f"{name}{n}", "value": None} for n in numbers for name in SIGNALS],
        "data": [{"name": f"{name}{n}", "values": []} for n in numbers for name in TABLES],
        "marks": [_panel(n, place, margin) for n, place in enumerate(places)],
    }


def filled(
    places: Sequence[Place], margin: Mapping[str, float], panels: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:  # fmt: skip
    """The specification with what is to be drawn in it, for whoever draws it once.

    Args:
        places: As in `specification`.
        margin: As there.
        panels: From `janus.figures.drawn.drawn`, one for each place.
    """
    whole = specification(places, margin)
    for n, panel in enumerate(panels):
        given = {f"{name}{n}": value for name, value in (panel["tables"] | panel["signals"]).items()}
        for item in (*whole["data"], *whole["signals"]):
            if item["name"] in given:
                item["values" if "values" in item else "value"] = given[item["name"]]
    return whole


def _panel(number: int, place: Place, margin: Mapping[str, float]) -> dict[str, Any]:
    (left, right), (bottom, top) = place.x, place.y
    across, up = {"signal": f"width * {right - left}"}, {"signal": f"height * {top - bottom}"}

    def mark(kind: str, table: str, clip: bool = False, interactive: bool = False, **encode) -> dict:
        return {
            "type": kind, "from": {"data": f"{table}{number}"}, "clip": clip, "interactive": interactive,
            "aria": False, "encode": {"update": encode},
        }  # fmt: skip

    def path(kind: str, table: str, **encode) -> dict:
        """One mark for each path, in a group of the panel's size, which it is cut off at."""
        one = mark(kind, "", clip=True, **POINT, defined={"signal": "isValid(datum.y)"},
                   interpolate={"field": "interpolate"}, **encode) | {"from": {"data": "one"}}  # fmt: skip
        facet = {"name": "one", "data": f"{table}{number}", "groupby": "path"}
        size = {"update": {"width": across, "height": up}}
        return {"type": "group", "from": {"facet": facet}, "interactive": False, "encode": size, "marks": [one]}

    fill, tooltip = {"field": "fill"}, {"field": "tip"}
    return {
        "type": "group",
        "aria": False,
        "encode": {
            "update": {
                "x": {"signal": f"width * {left}"}, "y": {"signal": f"height * {1 - top}"}, "width": across,
                "height": up,
            }
        },
        "scales": [
            _scale("x", [0, across], number),
            _scale("y", [up, 0], number),
        ],
        "axes": [
            _axis("y", number) | {"grid": True, "gridColor": FAINT, "labelPadding": 4, "titleAngle": -90,
                                  "titleX": EDGE_PX - margin["l"], "titleBaseline": "top"},
            _axis("x", number) | {"labelPadding": 5, "titleY": margin["b"] - EDGE_PX, "titleBaseline": "bottom"},
        ],
        "marks": [
            mark("rect", "bands", clip=True, **BOX, fill=fill),
            path("area", "areas", y2={"scale": "y", "value": 0}, fill=fill),
            mark("rect", "bars", clip=True, interactive=True, **BOX, fill=fill, tooltip=tooltip),
            path("line", "lines", **STROKE),
            mark("rule", "errors", clip=True, x={"scale": "x", "field": "x"}, y={"scale": "y", "field": "low"},
                 y2={"scale": "y", "field": "high"}, **STROKE),
            *(
                mark("symbol", "errors", clip=True, x={"scale": "x", "field": "x"}, y={"scale": "y", "field": end},
                     shape={"value": "stroke"}, size={"field": "cap"}, **STROKE)
                for end in ("low", "high")
            ),
            mark("symbol", "dots", **POINT, fill=fill, shape={"field": "shape"}, size={"field": "size"}, **STROKE),
            mark("rule", "rules", clip=True, **BOX, **STROKE),
            # A number that is too much for so narrow a figure is left out.
            mark("text", "texts", **POINT, fill=fill, stroke={"field": "halo"}, strokeWidth={"value": HALO_PX},
                 opacity={"signal": f"datum.room > {across['signal']} ? 0 : 1"},
                 **{name: {"field": name} for name in ("text", "dx", "dy", "angle", "align", "baseline", "fontSize",
                                                       "fontWeight", "lineHeight")}),
            mark("symbol", "hits", interactive=True, **POINT, size={"field": "size"}, tooltip=tooltip,
                 fill={"value": "transparent"}),
        ],
    }  # fmt: skip


def _scale(axis: str, pixels: list, number: int) -> dict[str, Any]:
    return {
        "name": axis, "type": "linear", "domain": {"signal": f"{axis}_ends{number} || [0, 1]"}, "range": pixels,
        "zero": False, "nice": False,
    }  # fmt: skip


def _axis(axis: str, number: int) -> dict[str, Any]:
    ticks, labels, title = (f"{axis}_{what}{number}" for what in ("ticks", "labels", "title"))
    return {
        "scale": axis, "orient": {"x": "bottom", "y": "left"}[axis], "ticks": False, "domainColor": FAINT,
        "values": {"signal": f"{ticks} || []"}, "title": {"signal": f"{title} || ''"}, "aria": False,
        "labelFontSize": SMALL_PX, "titleFontSize": FONT_PX, "titleFontWeight": "normal", "labelColor": TEXT,
        "titleColor": TEXT, "labelOverlap": False, "labelBound": False, "labelFlush": False,
        "encode": {"labels": {"update": {"text": {"signal": f"{labels}[indexof({ticks}, datum.value)]"}}}},
    }  # fmt: skip
