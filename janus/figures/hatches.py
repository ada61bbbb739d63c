"""Lines over the colour of a bar, so that it is known without its colour, too."""

from __future__ import annotations

import re

TILE_PX = 6
# By plotly's sign: our name, the path in a tile, and how wide it is drawn.
HATCHES = {
    "/": ("forward", "M-1.5,1.5l3,-3M0,6l6,-6M4.5,7.5l3,-3", 1.6),
    "\\": ("back", "M-1.5,4.5l3,3M0,0l6,6M4.5,-1.5l3,3", 1.6),
    "-": ("level", "M0,3h6", 1.6),
    "x": ("cross", "M0,0l6,6M0,6l6,-6", 1.0),
}
FILL = re.compile(r"url\(#janus-(\w+)-([0-9A-Fa-f]{6})\)")


def hatched(color: str, shape: str) -> str:
    """A fill of that colour under those lines; it refers to a `pattern`."""
    return f"url(#janus-{HATCHES[shape][0]}-{color.removeprefix('#')})"


def pattern(fill: str) -> str:
    """The SVG pattern that a fill of `hatched` refers to."""
    name, color = FILL.fullmatch(fill).groups()
    path, width = next((path, width) for own, path, width in HATCHES.values() if own == name)
    return (
        f'<pattern id="janus-{name}-{color}" width="{TILE_PX}" height="{TILE_PX}" patternUnits="userSpaceOnUse">'
        f'<rect width="{TILE_PX}" height="{TILE_PX}" fill="#{color}"/>'
        f'<path d="{path}" stroke="#ffffff" stroke-width="{width}"/></pattern>'
    )
