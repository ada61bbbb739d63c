"""The picture with its merged tokens outlined, and a few drawn pictures for where there are no photographs. Torch-free.

In the manner of the figures of Bolya et al., ICLR 2023: what has merged into one token shows its mean colour within one
outline. Patches that stand alone keep their pixels, so that merged and single differ without any colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image, ImageDraw, ImageFilter

from janus.errors import JanusError


def outline_groups(
    pixels: UInt8[np.ndarray, "h w 3"], groups: Int[np.ndarray, " patches"], *, scale: int = 2
) -> UInt8[np.ndarray, "sh sw 3"]:
    """The picture with every group of patches filled with its mean colour and outlined.

    Args:
        pixels: The picture at the model's input size: square patches side by side, and perhaps a margin on the right
            and below that is less than one and that the model does not see either.
        groups: For each patch, row by row, the token that it has gone into; equal numbers are one group.
        scale: Pixels of the result for each pixel of the picture.

    Raises:
        JanusError: If the patches do not tile the picture.
    """
    height, width, _ = pixels.shape
    side = math.isqrt(height * width // len(groups)) if len(groups) else 0
    if side < 1 or (height // side) * (width // side) != len(groups):
        raise JanusError(
            f"a picture of {height} x {width} pixels is not made of {len(groups)} square patches: give the groups of "
            "this picture's own model."
        )
    rows, columns = height // side, width // side
    pixels = pixels[: rows * side, : columns * side]
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    of_pixel = group.reshape(rows, columns).repeat(side, 0).repeat(side, 1)
    merged = sizes[of_pixel] > 1
    means = np.stack([np.bincount(of_pixel.ravel(), pixels[..., c].ravel()) for c in range(3)], axis=-1)
    means /= np.bincount(of_pixel.ravel())[:, None]
    filled = np.where(merged[..., None], means[of_pixel].round().astype(np.uint8), pixels)
    large = filled.repeat(scale, 0).repeat(scale, 1)
    edge = edges(of_pixel.repeat(scale, 0).repeat(scale, 1))
    edge &= merged.repeat(scale, 0).repeat(scale, 1)
    # A dark line within a light one: seen on any colour.
    large[thicken(edge)] = 255
    large[edge] = 0
    return large


def count_groups(groups: Int[np.ndarray, " patches"]) -> tuple[int, int]:
    """How many tokens the patches have gone into, and how many patches the largest of them holds."""
    _, sizes = np.unique(groups, return_counts=True)
    return len(sizes), int(sizes.max())


def edges(label: Int[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels whose neighbour to the right or below has another label, and those neighbours."""
    edge = np.zeros(label.shape, bool)
    across, down = label[:, 1:] != label[:, :-1], label[1:] != label[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def thicken(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The mask and the pixels beside it."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    return wide


class DrawnPictures(Mapping[str, UInt8[np.ndarray, "s s 3"]]):
    """Pictures drawn by this module, by name: sky, water, grass and things, with a little grain.

    Each is drawn when it is first looked at, which takes longer than most of what a screen shows.
    """

    def __init__(self, size: int = 224, seed: int = 0):
        grain = np.random.default_rng(seed)
        self._grain = {name: grain.normal(0, 4, (size, size, 1)) for name in SCENES}
        self._drawn: dict[str, UInt8[np.ndarray, "s s 3"]] = {}

    def __getitem__(self, name: str) -> UInt8[np.ndarray, "s s 3"]:
        if name not in self._drawn:
            self._drawn[name] = _drawn(SCENES[name], self._grain[name])
        return self._drawn[name]

    def __iter__(self) -> Iterator[str]:
        return iter(SCENES)

    def __len__(self) -> int:
        return len(SCENES)


# Scenes are drawn this large and scaled down, which smooths their edges.
CANVAS = 896


def _drawn(draw, grain: Float[np.ndarray, "s s 1"]) -> UInt8[np.ndarray, "s s 3"]:
    canvas = draw().resize(grain.shape[:2], Image.Resampling.LANCZOS)
    noisy = np.asarray(canvas, dtype=np.float64) + grain
    return noisy.round().clip(0, 255).astype(np.uint8)


def _gradient(top: tuple, bottom: tuple, upto: float = 1.0) -> Image.Image:
    """A canvas that fades from ``top`` to ``bottom``, which is reached at the share ``upto`` of its height."""
    fade = np.clip(np.linspace(0, 1 / upto, CANVAS), 0, 1)[:, None, None]
    column = (1 - fade) * np.array(top) + fade * np.array(bottom)
    return Image.fromarray(np.broadcast_to(column, (CANVAS, CANVAS, 3)).round().astype(np.uint8))


def _house() -> Image.Image:
    picture = _gradient((74, 140, 214), (196, 222, 240), 0.6)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((690, 70, 800, 180), fill=(255, 236, 150))
    for x, y, w in ((120, 120, 190), (200, 100, 150), (260, 130, 170), (560, 230, 160), (620, 215, 120)):
        draw.ellipse((x, y, x + w, y + w * 0.45), fill=(250, 250, 252))
    draw.polygon([(0, 520), (180, 380), (360, 500), (560, 350), (896, 540), (896, 640), (0, 640)], fill=(112, 140, 130))
    draw.rectangle((0, 560, 896, 896), fill=(96, 158, 70))
    draw.polygon([(400, 896), (560, 896), (500, 620), (480, 620)], fill=(206, 186, 146))
    draw.rectangle((380, 430, 640, 660), fill=(226, 206, 172))
    draw.polygon([(350, 440), (510, 300), (670, 440)], fill=(168, 62, 48))
    draw.rectangle((470, 540, 540, 660), fill=(92, 58, 36))
    for x in (410, 570):
        draw.rectangle((x, 480, x + 44, 530), fill=(110, 160, 190), outline=(250, 250, 250), width=6)
    draw.rectangle((180, 520, 216, 720), fill=(88, 62, 40))
    for x, y, r in ((198, 440, 110), (130, 490, 80), (266, 490, 80), (198, 370, 80)):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(44, 108, 48))
    return picture


def _boat() -> Image.Image:
    picture = _gradient((236, 150, 90), (252, 222, 170), 0.55)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((600, 330, 720, 450), fill=(255, 244, 200))
    draw.rectangle((0, 490, 896, 896), fill=(38, 84, 120))
    for y in range(510, 896, 26):
        for x in range((y * 37) % 90 - 90, 896, 120):
            draw.line((x, y, x + 52, y), fill=(74, 124, 158), width=5)
    for y in range(504, 720, 24):
        draw.line((624 + (y * 13) % 30, y, 684 + (y * 7) % 24, y), fill=(226, 190, 140), width=8)
    draw.polygon([(200, 590), (560, 590), (500, 680), (260, 680)], fill=(120, 44, 36))
    draw.rectangle((366, 220, 378, 590), fill=(70, 50, 40))
    draw.polygon([(390, 240), (390, 560), (550, 560)], fill=(246, 244, 236))
    draw.polygon([(354, 260), (354, 560), (230, 560)], fill=(222, 218, 206))
    return picture.filter(ImageFilter.GaussianBlur(1.5))


def _fruit() -> Image.Image:
    picture = _gradient((208, 204, 196), (236, 232, 224), 0.5)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 520, 896, 896), fill=(150, 104, 66))
    for x in range(0, 896, 112):
        draw.line((x, 520, x - 60, 896), fill=(132, 90, 56), width=6)
    draw.ellipse((190, 740, 800, 830), fill=(112, 76, 48))
    draw.ellipse((150, 550, 750, 660), fill=(44, 84, 120))
    for x, y, r, colour in (
        (290, 520, 110, (206, 44, 40)), (470, 470, 120, (236, 150, 36)),
        (620, 530, 100, (126, 168, 50)), (410, 580, 80, (240, 200, 60)),
    ):  # fmt: skip
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        light = tuple(min(value + 45, 255) for value in colour)
        draw.ellipse((x - r * 0.6, y - r * 0.7, x - r * 0.1, y - r * 0.2), fill=light)
    draw.line((290, 415, 306, 365), fill=(70, 50, 30), width=12)
    draw.chord((150, 400, 750, 800), 2, 178, fill=(64, 110, 150))
    draw.rectangle((360, 780, 540, 805), fill=(54, 96, 134))
    return picture


SCENES = {"drawn: a house": _house, "drawn: a boat": _boat, "drawn: fruit": _fruit}
