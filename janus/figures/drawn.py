"""A figure as tables and signals of `janus.figures.specification`. No arithmetic beyond where a thing stands."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from janus.figures.hatches import hatched
from janus.figures.runs import lines_of, runs
from janus.figures.specification import HALO, LINE, TABLES, TEXT
from janus.figures.style import DASHES_PX, FONT_PX, SMALL_PX, Figure
from janus.figures.ticks import ends, ticks

# Vega knows the others by the same name.
SHAPES = {"x-thin": "M-0.5,-0.5L0.5,0.5M-0.5,0.5L0.5,-0.5"}
# Around a point, for whoever asks with the mouse.
HIT_PX = 12
Ends = tuple[float, float]
FIELD = re.compile(r"%\{(x|y|customdata)(?:\[(\d+)\])?(?::([^}]*))?\}")


def drawn(figure: Figure) -> dict[str, Any]:
    """What the page draws of it.

    Returns:
        ``tables`` by `TABLES`, ``signals`` by name, ``title`` and ``key`` as runs of text (see `runs`), and ``left``,
        pixels by which those two begin left of the plot.
    """
    layout = figure["layout"]
    xs, ys = ([v for trace in figure["data"] for v in trace[axis]] for axis in "xy")
    across, up = ends(layout["xaxis"], xs), ends(layout["yaxis"], ys)
    tables: dict[str, list[dict]] = {name: [] for name in TABLES}
    tops: defaultdict[float, float] = defaultdict(float)
    for number, trace in enumerate(figure["data"]):
        if trace["type"] == "bar":
            tables["bars"] += _bars(trace, tops, (1 - layout.get("bargap", 0.2)) / 2)
        else:
            _scatter(trace, number, tables, across, up)
    for shape in layout.get("shapes", ()):
        box = {f"{axis}{end}": _at(shape, axis, span, end) for axis, span in (("x", across), ("y", up)) for end in "01"}
        if shape["type"] == "rect":
            tables["bands"].append(box | {"fill": shape["fillcolor"]})
        elif shape.get("visible", True):
            tables["rules"].append(box | _line(shape["line"]))
    for note in layout.get("annotations", ()):
        x, y = _at(note, "x", across), _at(note, "y", up)
        if note["text"] and across[0] <= x <= across[1]:
            tables["texts"].append(_note(note) | {"x": x, "y": y})
    signals: dict[str, Any] = {}
    for axis, span in (("x", across), ("y", up)):
        values, texts = ticks(layout[f"{axis}axis"], *span)
        signals[f"{axis}_ends"], signals[f"{axis}_ticks"] = span, values
        signals[f"{axis}_title"] = layout[f"{axis}axis"]["title"]["text"]
        signals[f"{axis}_labels"] = [lines_of(text) for text in texts]
    meta = layout.get("meta", {})
    return {
        "tables": tables, "signals": signals, "title": runs(layout["title"]["text"]), "key": runs(meta.get("key", "")),
        "left": meta.get("left", 0),
    }  # fmt: skip


def _bars(trace: dict, tops: defaultdict[float, float], half: float) -> Iterator[dict]:
    """Bars on top of those that stand there already."""
    marker, tips = trace["marker"], _tips(trace)
    pattern = marker.get("pattern")
    fill = hatched(marker["color"], pattern["shape"]) if pattern else marker["color"]
    for x, height, tip in zip(trace["x"], trace["y"], tips, strict=True):
        low, tops[x] = tops[x], tops[x] + height
        if height:
            yield {"x0": x - half, "x1": x + half, "y0": low, "y1": tops[x], "fill": fill, "tip": tip}


def _scatter(trace: dict, number: int, tables: dict[str, list[dict]], across: Ends, up: Ends) -> None:
    def seen(point: dict) -> bool:
        """A point without a value is nowhere, and one beyond the axes is cut off unless its trace is not."""
        x, y = point["x"], point["y"]
        if y is None or not math.isfinite(y):
            return False
        return not trace.get("cliponaxis", True) or (across[0] <= x <= across[1] and up[0] <= y <= up[1])

    x, y, mode = trace["x"], trace["y"], trace["mode"]
    points = [{"x": a, "y": b} for a, b in zip(x, y, strict=True)]
    line, marker = trace.get("line", {}), trace.get("marker", {})
    path = {"path": number, "interpolate": "step-after" if line.get("shape") == "hv" else "linear"}
    if trace.get("fill") == "tozeroy":
        tables["areas"] += [point | path | {"fill": trace["fillcolor"]} for point in points]
    if "lines" in mode:
        tables["lines"] += [point | path | _line(line) for point in points]
    if trace.get("error_y", {}).get("array"):
        error = trace["error_y"]
        look = _line({"color": error["color"], "width": error["thickness"]}) | {"cap": (2 * error["width"]) ** 2}
        tables["errors"] += [
            look | {"x": a, "low": b - less, "high": b + more}
            for a, b, less, more in zip(x, y, error["arrayminus"], error["array"], strict=True)
        ]
    if "markers" in mode:
        looks = zip(points, _looks(marker, len(x)), strict=True)
        tables["dots"] += [point | look for point, look in looks if seen(point)]
    if "text" in mode:
        tables["texts"] += [
            point | _text(text, SMALL_PX, TEXT, "center", "bottom", dy=-1) | {"room": room}
            for point, text, room in zip(points, trace["text"], trace.get("meta", [0] * len(x)), strict=True)
            if text and seen(point)
        ]
    if trace.get("hovertemplate"):
        size = max(marker.get("size", 0), HIT_PX) ** 2
        tables["hits"] += [
            point | {"size": size, "tip": tip} for point, tip in zip(points, _tips(trace), strict=True) if seen(point)
        ]


def _looks(marker: dict, count: int) -> Iterator[dict]:
    """Shape, size and colours of each point."""
    given = marker.get("symbol", "circle")
    edge = marker.get("line", {"width": 0, "color": marker["color"]})
    for symbol in [given] * count if isinstance(given, str) else given:
        shape = symbol.removesuffix("-open")
        yield {
            "shape": SHAPES.get(shape, shape), "size": marker["size"] ** 2, **_line(edge),
            "fill": "transparent" if shape != symbol else marker["color"],
        }  # fmt: skip


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stroke": line["color"], "strokeWidth": line.get("width", 1.5),
        "strokeDash": DASHES_PX[line.get("dash", "solid")],
    }  # fmt: skip


def _at(item: dict, axis: str, span: Ends, end: str = "") -> float:
    """Where it stands on the axis, given as a value of it or as a share of its length."""
    value = item[f"{axis}{end}"]
    return span[0] + value * (span[1] - span[0]) if "domain" in item.get(f"{axis}ref", "") else value


def _note(note: dict) -> dict[str, Any]:
    font = note.get("font", {})
    align, baseline = note.get("xanchor", "center"), note.get("yanchor", "middle")
    if note.get("textangle"):  # a quarter turn to the left: its end is above
        align, baseline = {"top": "right", "middle": "center", "bottom": "left"}[baseline], "middle"
    text = _text(note["text"], font.get("size", FONT_PX), font.get("color", TEXT), align, baseline,
                 dx=note.get("xshift", 0), angle=note.get("textangle", 0))  # fmt: skip
    return text | ({"halo": HALO} if "bgcolor" in note else {})


def _text(
    text: str, size: float, color: str, align: str, baseline: str, *, dx: float = 0, dy: float = 0, angle: float = 0
) -> dict[str, Any]:  # fmt: skip
    """A text of one line or several; Vega has lines go down from the first."""
    lines = lines_of(text)
    height = size * LINE
    above = {"top": 0.0, "middle": 0.5, "bottom": 1.0}[baseline] * (len(lines) - 1) * height
    return {
        "text": lines, "fontSize": size, "fill": color, "align": align, "baseline": baseline, "dx": dx,
        "dy": dy - above, "angle": angle, "lineHeight": height, "fontWeight": "bold" if "<b>" in text else "normal",
        "halo": None,
    }  # fmt: skip


def _tips(trace: dict) -> list[str]:
    """What is said of each point to whoever asks with the mouse."""
    template = trace.get("hovertemplate", "").removesuffix("<extra></extra>")
    own = trace.get("customdata", [None] * len(trace["x"]))
    values = zip(trace["x"], trace["y"], own, strict=True)
    return [_told(template, x, math.nan if y is None else y, more) for x, y, more in values]


def _told(template: str, *values: Any) -> str:
    names = dict(zip(("x", "y", "customdata"), values, strict=True))
    told = _format_of(template).format(**names)
    if "e+" in told:
        told = _format_of(template).format(**{name: _plain(value) for name, value in names.items()})
    return told


class _Plain(float):
    """A number of which three digits of a large one are all of it, not a power of ten."""

    def __format__(self, form: str) -> str:
        text = super().__format__(form)
        return super().__format__(".0f") if "e+" in text else text


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _Plain(value) if isinstance(value, float) else value


@lru_cache(maxsize=256)
def _format_of(template: str) -> str:
    """Plotly's template as Python's."""
    literals = [text.replace("{", "{{").replace("}", "}}") for text in FIELD.split(template)[::4]]
    fields = [
        f"{{{name}{f'[{index}]' if index else ''}{f':{form}' if form else ''}}}"
        for name, index, form in FIELD.findall(template)
    ]
    return literals[0] + "".join(field + literal for field, literal in zip(fields, literals[1:], strict=True))
