"""Boxes on a picture: what stands there and what was found, told apart by colour, line and place of their words.

Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from janus.errors import JanusError

Box = tuple[float, float, float, float]
PAPER, INK = (255, 255, 255), (40, 40, 40)
MARGIN = 10


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one kind of box is drawn.

    Attributes:
        words: What it means.
        colour: Of line and label; of Okabe and Ito, "Color Universal Design", 2008.
        dash: Pixels drawn and left out; None for an unbroken line.
        above: Whether its label would rather stand at the top of the box than at its bottom.
    """

    words: str
    colour: tuple[int, int, int]
    dash: tuple[int, int] | None
    above: bool


TRUTH = Look(words="annotated", colour=(0, 114, 178), dash=(7, 5), above=False)
FOUND = Look(words="found, with its score", colour=(213, 94, 0), dash=None, above=True)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One box: left, top, right and bottom in pixels of the picture, and what stands beside it."""

    box: Box
    label: str
    look: Look


def draw_boxes(
    pixels: UInt8[np.ndarray, "h w 3"], marks: Sequence[Mark], *, scale: int = 2, text_px: int = 13
) -> UInt8[np.ndarray, "sh sw 3"]:
    """The picture with boxes and their labels on it. No label leaves the picture, and none covers another that it need
    not cover.

    Args:
        pixels: The picture, ``scale`` times as large already.
        marks: What lies outside the picture is cut off. Labels of later ones lie over those of earlier ones.
        scale: Pixels of the picture for each pixel that the boxes count in.
        text_px: Height of the labels.

    Raises:
        JanusError: If a box is turned inside out or not finite.
    """
    canvas = Image.fromarray(np.ascontiguousarray(pixels))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(text_px)
    height, width, _ = pixels.shape
    boxes = [_fitted(mark.box, scale, width, height) for mark in marks]
    # Colours within white, to be seen on any picture; broken lines last, to be seen where two boxes are the same.
    for box in boxes:
        for ends in _strokes(box, None):
            draw.line(ends, fill=PAPER, width=5)
    for mark, box in sorted(zip(marks, boxes, strict=True), key=lambda pair: pair[0].look.dash is not None):
        for ends in _strokes(box, mark.look.dash):
            draw.line(ends, fill=mark.look.colour, width=3)
    taken: list[Box] = []
    for mark, box in ((mark, box) for mark, box in zip(marks, boxes, strict=True) if mark.label):
        text = _shortened(mark.label, font, width - 6)
        wide, high = font.getlength(text) + 6, text_px + 5
        place = _place(box, wide, high, (width, height), taken, above=mark.look.above)
        taken.append((*place, place[0] + wide, place[1] + high))
        draw.rectangle(taken[-1], fill=mark.look.colour)
        draw.text((place[0] + 3, place[1] + high / 2), text, fill=PAPER, font=font, anchor="lm")
    return np.asarray(canvas)


def side_by_side(
    panels: Sequence[tuple[str, UInt8[np.ndarray, "h w 3"]]], looks: Sequence[Look] = (TRUTH, FOUND)
) -> UInt8[np.ndarray, "height width 3"]:
    """Pictures in a row, each below its caption, above what the kinds of boxes mean.

    Raises:
        JanusError: If there is none.
    """
    if not panels:
        raise JanusError("there is no picture to put side by side; give at least one.")
    font, line = ImageFont.load_default(15), 26
    widths = [max(pixels.shape[1], int(font.getlength(caption)) + 1) for caption, pixels in panels]
    key = [(look, 44 + int(font.getlength(look.words)) + 24) for look in looks]
    tallest = max(pixels.shape[0] for _, pixels in panels)
    width = MARGIN + max(sum(widths) + MARGIN * len(widths), sum(wide for _, wide in key))
    canvas = Image.new("RGB", (width, 2 * line + tallest + 2 * MARGIN), PAPER)
    draw, left = ImageDraw.Draw(canvas), MARGIN
    for (caption, pixels), wide in zip(panels, widths, strict=True):
        draw.text((left, MARGIN + line / 2), caption, fill=INK, font=font, anchor="lm")
        canvas.paste(Image.fromarray(pixels), (left, MARGIN + line))
        left += wide + MARGIN
    left, middle = MARGIN, MARGIN + 1.5 * line + tallest
    for look, wide in key:
        for ends in _dashes((left, middle), (left + 36, middle), look.dash):
            draw.line(ends, fill=look.colour, width=3)
        draw.text((left + 44, middle), look.words, fill=INK, font=font, anchor="lm")
        left += wide
    return np.asarray(canvas)


def _fitted(box: Box, scale: int, width: int, height: int) -> Box:
    """A box in the picture's own pixels, cut off at its edges."""
    left, top, right, bottom = (float(side) * scale for side in box)
    if not (np.isfinite([left, top, right, bottom]).all() and left <= right and top <= bottom):
        raise JanusError(f"box {box} is not left, top, right and bottom; give it in pixels of the picture.")
    x, y = np.clip([left, right], 0, width - 1), np.clip([top, bottom], 0, height - 1)
    return float(x[0]), float(y[0]), float(x[1]), float(y[1])


def _strokes(box: Box, dash: tuple[int, int] | None) -> Iterator[Box]:
    left, top, right, bottom = box
    for start, end in (
        ((left, top), (right, top)), ((right, top), (right, bottom)),
        ((right, bottom), (left, bottom)), ((left, bottom), (left, top)),
    ):  # fmt: skip
        yield from _dashes(start, end, dash)


def _dashes(start: tuple[float, float], end: tuple[float, float], dash: tuple[int, int] | None) -> Iterator[Box]:
    """The pieces of a line that are drawn."""
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    if dash is None or length == 0:
        yield *start, *end
        return
    at = np.arange(0, length, sum(dash))
    for a, b in zip(at / length, np.minimum(at + dash[0], length) / length, strict=True):
        (x, y), (u, v) = ([p + share * (q - p) for p, q in zip(start, end, strict=True)] for share in (a, b))
        yield x, y, u, v


def _shortened(text: str, font, most: float) -> str:
    """As much of a text as fits."""
    if font.getlength(text) <= most:
        return text
    while text and font.getlength(text + "…") > most:
        text = text[:-1]
    return text + "…"


def _place(
    box: Box, wide: float, high: float, size: tuple[int, int], taken: list[Box], *, above: bool
) -> tuple[float, float]:
    """Left and top of a label: at its box, inside the picture, and clear of other labels if that can be."""
    left, top, right, bottom = box
    rows = (top - high, top, bottom - high, bottom) if above else (bottom, bottom - high, top, top - high)
    places = [
        (min(max(x, 0.0), max(size[0] - wide - 1, 0.0)), min(max(y, 0.0), max(size[1] - high - 1, 0.0)))
        for x in (left, right - wide)
        for y in rows
    ]
    clear = (
        (x, y)
        for x, y in places
        if not any(x < r and l < x + wide and y < b and t < y + high for l, t, r, b in taken)  # noqa: E741
    )
    return next(clear, places[0])
