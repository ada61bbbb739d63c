"""Several figures in one, or one whose title and key are notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from janus.figures.style import TITLE_PX, Figure, figure, note

# Height of the key between a title and its plot.
KEY_PX = 17


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a figure goes in the whole, as shares of its plotting area, from left and from below."""

    x: tuple[float, float]
    y: tuple[float, float]


def beside(figures: Sequence[Figure], places: Sequence[Place], *, height: int, margin: dict) -> Figure:
    """One figure out of several that stand alone.

    Args:
        figures: Each with one pair of axes, shapes and annotations that refer to them, and a key in its ``meta``,
            where ``left`` says how many pixels left of the plot title and key begin.
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
        left = -own["meta"].get("left", 0)
        title = note(
            f"<b>{own['title']['text']}</b>", x=0, xref="x domain", y=1, yref="y domain", xanchor="left",
            yanchor="bottom", xshift=left, yshift=KEY_PX, font={"size": TITLE_PX},
        )  # fmt: skip
        key = note(
            own["meta"]["key"], x=0, xref="x domain", y=1, yref="y domain", xanchor="left", yanchor="bottom",
            xshift=left,
        )  # fmt: skip
        layout["annotations"] += [_moved(one, suffix) for one in (title, key, *own.get("annotations", ()))]
        layout["shapes"] += [_moved(one, suffix) for one in own.get("shapes", ())]
        layout |= {key: own[key] for key in SHARED if key in own}
    return figure(traces, layout)


SHARED = ("font", "paper_bgcolor", "plot_bgcolor", "hovermode", "barmode", "bargap")


def _moved(item: dict, suffix: str) -> dict:
    """A shape or annotation on the axes with that number instead of on x and y."""
    refs = {ref: item.get(ref, ref[0]) for ref in ("xref", "yref")}
    return item | {ref: f"{value[0]}{suffix}{value[1:]}" for ref, value in refs.items()}
