"""Shapes and textures as signed distances, in whole sixteenths of a pixel.

Integers throughout: floats would differ in their last bits from one machine to the next, and with them the pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Int32

UNIT = 16  # of a pixel
TURN = 1024  # of a full circle
_SCALE = 12  # bits behind the point of sines and cosines

# No value of the table lies near the middle between two integers, so rounding is the same everywhere.
_ANGLES = 2 * np.pi * np.arange(TURN) / TURN
_COS = np.rint(np.cos(_ANGLES) * (1 << _SCALE)).astype(np.int32).tolist()
_SIN = np.rint(np.sin(_ANGLES) * (1 << _SCALE)).astype(np.int32).tolist()

Plane = Int32[np.ndarray, "h w"]


def rotate(x: Plane, y: Plane, angle: int) -> tuple[Plane, Plane]:
    """Coordinates in a frame that is turned by ``angle`` (in 1/`TURN`)."""
    c, s = _COS[angle % TURN], _SIN[angle % TURN]
    return (c * x + s * y) >> _SCALE, (c * y - s * x) >> _SCALE


def offset(length: int, angle: int) -> tuple[int, int]:
    """The x and y of a step of ``length`` towards ``angle``."""
    return length * _COS[angle % TURN] >> _SCALE, length * _SIN[angle % TURN] >> _SCALE


def soft(distance: Plane) -> Plane:
    """0…`UNIT`: how much of a pixel lies inside, from the signed distance of its centre (positive inside)."""
    return np.clip(distance + UNIT // 2, 0, UNIT)


# Shapes: signed distance, positive inside, of a shape with outer radius r about the origin.


def disc(u: Plane, v: Plane, r: int) -> Plane:
    """A disc. Its distance is exact to first order at the edge, the only place where it matters."""
    return (r * r - u * u - v * v) // (2 * r)


def square(u: Plane, v: Plane, r: int) -> Plane:
    """A square."""
    half = r * 11 // 16
    return half - np.maximum(np.abs(u), np.abs(v))


def hexagon(u: Plane, v: Plane, r: int) -> Plane:
    """A regular hexagon."""
    first, second = rotate(u, v, TURN // 6), rotate(u, v, TURN // 3)
    return r * 27 // 32 - np.maximum(np.abs(u), np.maximum(np.abs(first[0]), np.abs(second[0])))


def triangle(u: Plane, v: Plane, r: int) -> Plane:
    """A regular triangle."""
    first, second = rotate(u, v, TURN // 3), rotate(u, v, 2 * TURN // 3)
    return r // 2 - np.maximum(u, np.maximum(first[0], second[0]))


def cross(u: Plane, v: Plane, r: int) -> Plane:
    """Two bars across each other."""
    a, b = np.abs(u), np.abs(v)
    return np.minimum(r * 15 // 16 - np.maximum(a, b), r * 5 // 16 - np.minimum(a, b))


def star(u: Plane, v: Plane, r: int) -> Plane:
    """Two triangles across each other: six points."""
    return np.maximum(triangle(u, v, r), triangle(-u, -v, r))


def bar(u: Plane, v: Plane, r: int) -> Plane:
    """A long bar: what lies across other things."""
    return np.minimum(r - np.abs(u), r // 8 - np.abs(v))


# Textures: signed distance to the border between the two colours, for a period p.


def _wave(u: Plane, p: int) -> Plane:
    """Positive in half of every period, negative in the other."""
    return np.abs(u % p - p // 2) - p // 4


def stripes(u: Plane, v: Plane, p: int) -> Plane:
    """Straight stripes."""
    return _wave(u, p)


def zigzag(u: Plane, v: Plane, p: int) -> Plane:
    """Stripes that are bent every period and a half."""
    return _wave(u + np.abs(v % (3 * p) - 3 * p // 2), p)


def checks(u: Plane, v: Plane, p: int) -> Plane:
    """A chessboard."""
    a, b = _wave(u, p), _wave(v, p)
    return np.maximum(np.minimum(a, b), np.minimum(-a, -b))


def dots(u: Plane, v: Plane, p: int) -> Plane:
    """Discs on a square grid, which cover four ninths of it."""
    return disc(u % p - p // 2, v % p - p // 2, p * 3 // 8)


SHAPES: dict[str, Callable[[Plane, Plane, int], Plane]] = {
    "disc": disc,
    "hexagon": hexagon,
    "square": square,
    "triangle": triangle,
    "cross": cross,
    "star": star,
}
TEXTURES: dict[str, Callable[[Plane, Plane, int], Plane]] = {
    "stripes": stripes,
    "zigzag": zigzag,
    "checks": checks,
    "dots": dots,
}
