"""Figures as a file, SVG or PNG, without a browser: Vega draws them as it does in the page, here in vl-convert.

Import it where a file is wanted.
"""

from __future__ import annotations

import base64
import html
import io
import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import vl_convert
from jaxtyping import UInt8
from PIL import Image, PngImagePlugin

from janus.errors import JanusError
from janus.figures.drawn import drawn
from janus.figures.encoded import as_json
from janus.figures.hatches import FILL, pattern
from janus.figures.place import WHOLE, Place
from janus.figures.specification import HALO, filled
from janus.figures.style import FONT, SMALL_PX, TITLE_PX, Figure

FORMATS = {"svg": "image/svg+xml", "png": "image/png"}
WIDTH_PX, HEIGHT_PX = 760, 400
# Of each, where several stand below one another, and what of it lies between two plots.
SEVERAL_PX, BETWEEN_PX = 170, 44
MARGIN = {"l": 60, "r": 64, "t": 52, "b": 42}
# Twice as many as a plain screen has, for print.
PNG_SCALE = 2
# The first has all signs of our keys: for one that is missing, another font would draw the whole line.
FONTS = f"DejaVu Sans, {FONT}"
INK, FOOT, PAPER = "#222222", "#666666", "#ffffff"
# Of a key over its plot, of a title over that, and of a line of the facts below all.
OVER_PX, KEY_PX, FOOT_PX, FOOT_SIZE_PX = 7, 18, 13, 10
FOOT_CHARACTERS = 116
GAP_PX = 12


def still(figures: Sequence[Figure], format: str, facts: Mapping[str, str]) -> bytes:
    """Figures of `janus.figures`, one below the other, as a file.

    Args:
        figures: Each with one pair of axes.
        format: One of `FORMATS`.
        facts: Where its numbers come from; written below it, and into the file's own description.

    Raises:
        JanusError: If there is no such format.
    """
    height = HEIGHT_PX if len(figures) == 1 else SEVERAL_PX * len(figures)
    wide, high = WIDTH_PX - MARGIN["l"] - MARGIN["r"], height - MARGIN["t"] - MARGIN["b"]
    places = WHOLE if len(figures) == 1 else _rows(len(figures), BETWEEN_PX / high)
    panels = [drawn(figure) for figure in figures]
    whole = filled(places, MARGIN, panels) | {"width": wide, "height": high}
    parts = [_inner(vl_convert.vega_to_svg(as_json(whole)))]
    for panel, place in zip(panels, places, strict=True):
        left, bottom = MARGIN["l"] - panel["left"], MARGIN["t"] + (1 - place.y[1]) * high - OVER_PX
        parts.append(_text(panel["key"], left, bottom, SMALL_PX + 0.5))
        parts.append(_text(panel["title"], left, bottom - KEY_PX, TITLE_PX, "bold"))
    return _file(parts, WIDTH_PX, height, format, facts)


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
    side = (WIDTH_PX - GAP_PX * (len(pictures) + 1)) / len(pictures)
    parts, bottom = [_text([{"text": title}], GAP_PX, GAP_PX + TITLE_PX, TITLE_PX, "bold")], 0.0
    top = 2 * GAP_PX + TITLE_PX
    for number, (caption, pixels) in enumerate(pictures):
        left, high = GAP_PX + number * (side + GAP_PX), side * pixels.shape[0] / pixels.shape[1]
        parts.append(
            f'<image x="{left:g}" y="{top:g}" width="{side:g}" height="{high:g}" image-rendering="optimizeSpeed" '
            f'xlink:href="data:image/png;base64,{_png(pixels)}"/>'
        )
        parts.append(_text([{"text": caption}], left, top + high + GAP_PX + 2, SMALL_PX))
        bottom = max(bottom, top + high)
    return _file(parts, WIDTH_PX, bottom + 2 * GAP_PX, format, facts)


def _rows(count: int, between: float) -> tuple[Place, ...]:
    """Places below one another, from above, with ``between`` of the whole height between two."""
    each = (1 - between * (count - 1)) / count
    tops = [1 - number * (each + between) for number in range(count)]
    return tuple(Place(y=(top - each, top)) for top in tops)


def _inner(svg: str) -> str:
    """What Vega has drawn, on paper instead of in a page, and the same whenever it is drawn."""
    numbers = {name: f"cut{n}" for n, name in enumerate(dict.fromkeys(re.findall(r"\bclip\d+\b", svg)))}
    svg = re.sub(r"\bclip\d+\b", lambda found: numbers[found[0]], svg)
    svg = svg.replace(f'stroke="{HALO}"', f'stroke="{PAPER}" paint-order="stroke" stroke-linejoin="round"')
    svg = re.sub(r' font-family="[^"]*"', "", svg)  # that of the whole
    return svg[svg.index(">") + 1 : svg.rindex("</svg>")]


def _text(runs: Sequence[Mapping[str, str]], x: float, y: float, size: float, weight: str = "normal") -> str:
    spans = []
    for run in runs:
        look = {"fill": run.get("color"), "font-size": run.get("font-size"), "font-weight": run.get("font-weight")}
        said = "".join(f' {name}="{html.escape(value)}"' for name, value in look.items() if value)
        spans.append(f"<tspan{said}>{html.escape(run['text'])}</tspan>")
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}px" font-weight="{weight}" fill="{INK}">{"".join(spans)}</text>'
    )


def _file(parts: Sequence[str], width: float, height: float, format: str, facts: Mapping[str, str]) -> bytes:
    if format not in FORMATS:
        raise JanusError(f"format {format!r:.20} is unknown; choose one of {', '.join(FORMATS)}.")
    lines = [f"{name}: {text}" for name, text in facts.items()]
    # A long word, such as a state, is broken rather than clipped.
    below = [part for line in lines for part in textwrap.wrap(line, FOOT_CHARACTERS, break_on_hyphens=False)]
    foot = "".join(
        f'<text x="{GAP_PX}" y="{height + GAP_PX + FOOT_PX * n:g}" font-size="{FOOT_SIZE_PX}px" fill="{FOOT}">'
        f"{html.escape(line)}</text>"
        for n, line in enumerate(below)
    )
    inside = "".join(parts)
    patterns = "".join(pattern(fill) for fill in dict.fromkeys(found[0] for found in FILL.finditer(inside)))
    high = height + FOOT_PX * len(below) + GAP_PX
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width:g}" '
        f'height="{high:g}" viewBox="0 0 {width:g} {high:g}" color="{INK}" font-family="{FONTS}">'
        f"<title>{html.escape(facts.get('figure', ''))}</title><desc>{html.escape(chr(10).join(lines))}</desc>"
        f'<defs>{patterns}</defs><rect width="100%" height="100%" fill="{PAPER}"/>{inside}{foot}</svg>'
    )
    if format == "svg":
        return svg.encode()
    return _described(vl_convert.svg_to_png(svg, scale=PNG_SCALE), facts.get("figure", ""), "\n".join(lines))


def _described(png: bytes, title: str, description: str) -> bytes:
    """The same picture, with words in the file."""
    words = PngImagePlugin.PngInfo()
    for name, text in (("Title", title), ("Description", description), ("Software", "Janus")):
        words.add_itxt(name, text)
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(out, "PNG", pnginfo=words)
    return out.getvalue()


def _png(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()
