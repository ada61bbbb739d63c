"""Several figures in one widget, and a widget brought up to date without being made anew."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from janus.figures.style import TITLE_PX, Figure, figure, note

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Height of the key between a title and its plot.
KEY_PX = 17


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a figure goes in the whole, as shares of its plotting area, from left and from below."""

    x: tuple[float, float]
    y: tuple[float, float]


def beside(figures: Sequence[Figure], places: Sequence[Place], *, height: int, margin: dict) -> Figure:
    """One figure out of several that stand alone: one widget loads much faster than several.

    Args:
        figures: Each with one pair of axes, shapes and annotations that refer to them, and a key in its ``meta``.
        places: One for each.
        height: Pixels of the whole.
        margin: Around the whole.
    """
    traces, layout = [], {"annotations": [], "shapes": [], "showlegend": False, "height": height, "margin": margin}
    for number, (part, place) in enumerate(zip(figures, places, strict=True), start=1):
        suffix = "" if number == 1 else str(number)
        own = part["layout"]
        for trace in part["data"]:
            traces.append(trace | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        layout[f"xaxis{suffix}"] = own["xaxis"] | {"domain": place.x, "anchor": f"y{suffix}"}
        layout[f"yaxis{suffix}"] = own["yaxis"] | {"domain": place.y, "anchor": f"x{suffix}"}
        title = note(
            f"<b>{own['title']['text']}</b>", x=0, xref="x domain", y=1, yref="y domain", xanchor="left",
            yanchor="bottom", yshift=KEY_PX, font={"size": TITLE_PX},
        )  # fmt: skip
        key = note(own["meta"]["key"], x=0, xref="x domain", y=1, yref="y domain", xanchor="left", yanchor="bottom")
        layout["annotations"] += [_moved(one, suffix) for one in (title, key, *own.get("annotations", ()))]
        layout["shapes"] += [_moved(one, suffix) for one in own.get("shapes", ())]
        layout |= {key: own[key] for key in SHARED if key in own}
    return figure(traces, layout)


SHARED = ("font", "paper_bgcolor", "plot_bgcolor", "hovermode", "barmode", "bargap")


def _moved(item: dict, suffix: str) -> dict:
    """A shape or annotation on the axes with that number instead of on x and y."""
    refs = {ref: item.get(ref, ref[0]) for ref in ("xref", "yref")}
    return item | {ref: f"{value[0]}{suffix}{value[1:]}" for ref, value in refs.items()}


def refresh(widget: go.FigureWidget, old: Figure, new: Figure) -> None:
    """Bring a widget from one figure to another with the same traces in the same order, in one message.

    Only what differs travels, and what a person has zoomed or hidden otherwise stays.

    Args:
        widget: The figure in the page.
        old: What it was made from, or last brought up to.
        new: What it is to show.
    """
    with widget.batch_update():
        for trace, before, after in zip(widget.data, old["data"], new["data"], strict=True):
            for key, value in after.items():
                if before.get(key) != value:
                    trace[key] = value
        for key, value in new["layout"].items():
            if old["layout"].get(key) != value:
                widget.layout[key] = value
    # What a page that opens later is told, after a reload or in an app: plotly sets it once, when the widget is made.
    # In place, so that it is not sent to the pages that have it already.
    widget._widget_data[:] = deepcopy(widget._data)
    widget._widget_layout.clear()
    widget._widget_layout.update(deepcopy(widget._layout_obj._props))


def tell_again(widget: go.FigureWidget) -> None:
    """Send all of a figure to the pages that show it, if it was ever changed.

    A page misses changes that come after it has asked what the figure is and before it has drawn it, which takes
    seconds.
    """
    if not widget._last_layout_edit_id:
        return
    from plotly.basedatatypes import Undefined

    traces = widget._data
    keys = sorted({key for trace in traces for key in trace} - {"type", "uid"})
    # plotly's own word for "as it is".
    whole = {key: [deepcopy(trace[key]) if key in trace else Undefined for trace in traces] for key in keys}
    widget._send_update_msg(whole, deepcopy(widget._layout_obj._props))
