"""From a scene to pixels, in integers; also of a window alone, at the price of the window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from jaxtyping import Float32, Int8, UInt8

from janus.demo import shapes
from janus.demo.draws import Draws
from janus.demo.scene import SIDE, Scene, Thing
from janus.demo.shapes import SHAPES, TEXTURES, UNIT

WHOLE = (0, 0, SIDE, SIDE)
# Distance in pixels between the nodes of the background's two lattices, coarse and fine.
COARSE, FINE = 32, 8


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A rendered picture, or a window of it.

    Attributes:
        pixels: RGB.
        owner: For each pixel, 1 + the position in `Scene.things` of what is seen there; 0 for background.
        whole: For each thing, how many pixels of this window it would fill with nothing in front of it.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    owner: Int8[np.ndarray, "h w"]
    whole: tuple[int, ...]


def render(scene: Scene, window: tuple[int, int, int, int] = WHOLE, *, moment: int = 0) -> Frame:
    """Draw a scene.

    Args:
        scene: What is in it.
        window: Left, top, right and bottom in pixels. The result is that part of the whole picture, bit for bit.
        moment: Gives another grain over the same background.
    """
    left, top, right, bottom = window
    canvas = _background(scene.key, scene.colours, window).copy()
    owner = np.zeros((bottom - top, right - left), np.int8)
    whole = tuple(_draw(canvas, owner, window, thing, i + 1) for i, thing in enumerate(scene.things))
    canvas *= _light(scene, window)
    canvas >>= 8
    grain = Draws(scene.key, "grain", moment).grain(SIDE * SIDE * 3).reshape(SIDE, SIDE, 3)[top:bottom, left:right]
    canvas += grain * np.int32(scene.noise) >> 7
    canvas -= scene.noise
    return Frame(pixels=np.clip(canvas, 0, 255).astype(np.uint8), owner=owner, whole=whole)


@cache
def _lattice(spacing: int) -> Float32[np.ndarray, "side nodes"]:
    """Weights, in 1/spacing, that interpolate between nodes along one axis."""
    at = np.arange(SIDE)
    weights = np.zeros((SIDE, SIDE // spacing + 1), np.float32)
    weights[at, at // spacing] = spacing - at % spacing
    weights[at, at // spacing + 1] = at % spacing
    return weights


# The pictures of a clip share theirs, which takes longer than all else in them.
@lru_cache(maxsize=2)
def _background(key: str, colours: tuple, window: tuple[int, int, int, int]) -> np.ndarray:
    """Two colours that waver into each other, with finer blotches on top. [h, w, 3] in int32."""
    left, top, right, bottom = window
    draws = Draws(key, "ground")
    levels = []
    for spacing in (COARSE, FINE):
        lattice = _lattice(spacing)
        nodes = draws.grain(lattice.shape[1] ** 2).reshape(lattice.shape[1], -1).astype(np.float32)
        # Whole numbers below 2**24: float32 is exact, whatever order a BLAS adds them in.
        field = lattice[top:bottom] @ nodes @ lattice[left:right].T
        levels.append((field / (spacing * spacing)).astype(np.int32))  # 0…255; a power of two divides exactly
    coarse, fine = levels
    first, second = (np.array(colour, np.int32) for colour in colours)
    return first + ((second - first) * coarse[..., None] >> 8) + ((fine - 128) >> 3)[..., None]


def _light(scene: Scene, window: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = window
    gain, across, down = scene.light
    x, y = np.arange(left, right, dtype=np.int32) - SIDE // 2, np.arange(top, bottom, dtype=np.int32) - SIDE // 2
    return (gain + across * x[None, :] // SIDE + down * y[:, None] // SIDE)[..., None]


def _draw(canvas: np.ndarray, owner: np.ndarray, window: tuple[int, int, int, int], thing: Thing, number: int) -> int:
    """Draw one thing over what is there; return how many pixels it fills."""
    left, top, right, bottom = window
    reach = thing.radius // UNIT + 2
    cx, cy = thing.x // UNIT, thing.y // UNIT
    x0, x1 = max(cx - reach, left), min(cx + reach + 1, right)
    y0, y1 = max(cy - reach, top), min(cy + reach + 1, bottom)
    if x0 >= x1 or y0 >= y1:
        return 0
    # Distances are taken from the centres of pixels.
    x = (np.arange(x0, x1, dtype=np.int32) * UNIT + UNIT // 2 - thing.x)[None, :]
    y = (np.arange(y0, y1, dtype=np.int32) * UNIT + UNIT // 2 - thing.y)[:, None]
    outline = SHAPES.get(thing.shape, shapes.bar)
    inside = shapes.soft(outline(*shapes.rotate(x, y, thing.angle), thing.radius))
    first, second = (np.array(colour, np.int32) for colour in thing.colours)
    if thing.texture is None:
        colour = first
    else:
        u, v = shapes.rotate(x, y, thing.texture_angle)
        mix = shapes.soft(TEXTURES[thing.texture](u, v, thing.period))
        colour = first + ((second - first) * mix[..., None] // UNIT)
    part = canvas[y0 - top : y1 - top, x0 - left : x1 - left]
    part += (colour - part) * inside[..., None] // UNIT
    mask = inside * 2 > UNIT
    owner[y0 - top : y1 - top, x0 - left : x1 - left][mask] = number
    return int(mask.sum())
