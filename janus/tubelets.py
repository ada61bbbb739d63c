"""A clip with its merged tubelets outlined, over a few of its frames.

In the manner of `janus.pictures`: what has merged into one token shows its mean colour, here over space and time,
within one outline; tubelets that stand alone keep their pixels. A token that spans several frames must be known again
in each: the largest of those have a colour and a number of their own. Torch-free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int, UInt8
from PIL import Image, ImageColor, ImageDraw, ImageFont

from janus.errors import JanusError
from janus.figures.style import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILLION
from janus.pictures import edges, thicken

# Edges of the largest tokens that span several frames, in the order of their numbers.
COLOURS = (VERMILLION, BLUE, GREEN, ORANGE, PURPLE, SKY)
# Pixels: between two frames, of the line of words above each, and of its letters.
GAP, WORDS, FONT = 14, 24, 15


@dataclass(frozen=True, kw_only=True)
class Tubelets:
    """Which tubelets of a clip have become one token.

    Attributes:
        group: For each tubelet, step by step and row by row, the token that it has gone into: 0…tokens - 1.
        frames: Frames that a tubelet is deep.
    """

    group: Int[np.ndarray, "steps rows columns"]
    frames: int

    @classmethod
    def of(cls, shape: Sequence[int], groups: Int[np.ndarray, " tubelets"], *, frames: int = 2) -> Tubelets:
        """Arrange the source map of a clip's tokens.

        Args:
            shape: Of the clip's pixels at the model's input size: frames, height, width, channels.
            groups: For each tubelet the token that it has gone into (`TokenState.source`); equal numbers are one.
            frames: Frames that a tubelet is deep: 2 in VideoMAE.

        Raises:
            JanusError: If tubelets of square patches do not tile the clip.
        """
        length, height, width = shape[:3]
        steps = length // frames if frames > 0 and length % frames == 0 else 0
        each = len(groups) // steps if steps and len(groups) % steps == 0 else 0
        side = math.isqrt(height * width // each) if each else 0
        if side < 1 or height % side or width % side or (height // side) * (width // side) != each:
            raise JanusError(
                f"a clip of {length} frames of {height} x {width} pixels is not made of {len(groups)} tubelets of "
                f"{frames} frames: give the groups of this clip's own model."
            )
        number = np.unique(groups, return_inverse=True)[1]
        return cls(group=number.reshape(steps, height // side, width // side), frames=frames)

    @cached_property
    def sizes(self) -> Int[np.ndarray, " tokens"]:
        """Tubelets of each token."""
        return np.bincount(self.group.ravel())

    @cached_property
    def spans(self) -> Int[np.ndarray, " tokens"]:
        """Steps in which each token has a tubelet."""
        return sum(np.bincount(np.unique(step), minlength=len(self.sizes)) for step in self.group)

    @property
    def largest(self) -> list[int]:
        """The tokens that are marked: of those that span several steps the largest, the earlier one where equal."""
        order = np.argsort(-self.sizes, kind="stable")
        return [int(token) for token in order if self.spans[token] > 1][: len(COLOURS)]

    def table(self) -> pd.DataFrame:
        """The marked tokens: ``number``, ``tubelets``, ``first_frame`` and ``last_frame`` (from 1), ``steps``."""
        rows = []
        for number, token in enumerate(self.largest, start=1):
            at = np.flatnonzero((self.group == token).any((1, 2)))
            rows.append(
                {
                    "number": number,
                    "tubelets": int(self.sizes[token]),
                    "first_frame": int(at[0]) * self.frames + 1,
                    "last_frame": int(at[-1] + 1) * self.frames,
                    "steps": int(self.spans[token]),
                }
            )
        return pd.DataFrame(rows, columns=["number", "tubelets", "first_frame", "last_frame", "steps"])


def outline_tubelets(
    pixels: UInt8[np.ndarray, "t h w 3"], tubelets: Tubelets, *, scale: int = 2
) -> UInt8[np.ndarray, "steps sh sw 3"]:
    """The first frame of every step with its merged tubelets filled, outlined, and the marked ones numbered.

    Args:
        pixels: The clip at the model's input size.
        tubelets: Of this clip.
        scale: Pixels of the result for each pixel of the clip.
    """
    side = pixels.shape[1] // tubelets.group.shape[1]
    of_pixel = tubelets.group.repeat(side, 1).repeat(side, 2)
    # Every frame of a tubelet belongs to its token's mean, not only the one that is shown.
    of_frame = of_pixel.repeat(tubelets.frames, 0).ravel()
    means = np.stack([np.bincount(of_frame, pixels[..., c].ravel()) for c in range(3)], axis=-1)
    means = (means / np.bincount(of_frame)[:, None]).round().astype(np.uint8)
    merged = tubelets.sizes[of_pixel] > 1
    shown = np.where(merged[..., None], means[of_pixel], pixels[:: tubelets.frames])
    return np.stack(
        [
            _outlined(frame, label, alone, tubelets.largest, side * scale, scale)
            for frame, label, alone in zip(shown, of_pixel, ~merged, strict=True)
        ]
    )


def _outlined(
    frame: UInt8[np.ndarray, "h w 3"],
    label: Int[np.ndarray, "h w"],
    alone: Bool[np.ndarray, "h w"],
    marked: list[int],
    side: int,
    scale: int,
) -> UInt8[np.ndarray, "sh sw 3"]:
    large, label, alone = (plane.repeat(scale, 0).repeat(scale, 1) for plane in (frame, label, alone))
    edge = edges(label) & ~alone
    large[thicken(edge)] = 255
    large[edge] = 0
    for token, colour in zip(marked, COLOURS, strict=False):
        # Twice as wide as the others, so that the mark does not hang on colour alone.
        large[thicken(edge & (label == token)) & (label == token)] = ImageColor.getrgb(colour)
    picture = Image.fromarray(large)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(side * 0.6)
    for number, token in enumerate(marked, start=1):
        place = _place(label[side // 2 :: side, side // 2 :: side] == token)
        if place:
            row, column = place
            middle = ((column + 0.5) * side, (row + 0.5) * side)
            draw.text(middle, str(number), fill="black", stroke_fill="white", stroke_width=2, anchor="mm", font=font)
    return np.asarray(picture)


def _place(mask: Bool[np.ndarray, "rows columns"]) -> tuple[int, int] | None:
    """The patch of a token that is nearest to the middle of all of its patches in a frame."""
    at = np.argwhere(mask)
    if not len(at):
        return None
    row, column = at[((at - at.mean(0)) ** 2).sum(1).argmin()]
    return int(row), int(column)


def clip_strip(
    pixels: UInt8[np.ndarray, "t h w 3"],
    tubelets: Tubelets,
    *,
    steps: Sequence[int] | None = None,
    columns: int = 4,
    scale: int = 2,
) -> Image.Image:
    """Some steps of a clip side by side, their frames written above them; the ground is the page's own.

    Args:
        pixels: The clip at the model's input size.
        tubelets: Of this clip.
        steps: Which, from 0 on; all unless given.
        columns: Frames in a row.
        scale: Pixels of the result for each pixel of the clip.

    Raises:
        JanusError: If the clip has no such step.
    """
    last = len(tubelets.group) - 1
    chosen = list(range(last + 1)) if steps is None else list(steps)
    if not chosen or not all(0 <= step <= last for step in chosen):
        raise JanusError(f"steps {chosen} are not in a clip of {last + 1}: choose some of 0 to {last}.")
    frames = outline_tubelets(pixels, tubelets, scale=scale)
    _, height, width, _ = frames.shape
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    whole = Image.new("RGBA", (columns * (width + GAP) - GAP, rows * (height + WORDS + GAP) - GAP), (0, 0, 0, 0))
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(FONT)
    for at, step in enumerate(chosen):
        x, y = at % columns * (width + GAP), at // columns * (height + WORDS + GAP)
        first = step * tubelets.frames + 1
        words = f"frames {first} to {first + tubelets.frames - 1}" if tubelets.frames > 1 else f"frame {first}"
        draw.text((x, y + 2), words, fill=INK, font=font)
        whole.paste(Image.fromarray(frames[step]), (x, y + WORDS))
    return whole
