"""One picture with its merged tokens outlined, after several blocks: a strip of small pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from janus.figures.style import INK
from janus.lessons.subject import Subject
from janus.pictures import count_groups, outline_groups
from janus.schedule import MergeSchedule

if TYPE_CHECKING:
    from IPython.display import Image as Shown

# Pixels: of one small picture, between two, and of the two lines above each.
SIDE, GAP, WORDS, FONT = 296, 14, 44, 16
COLUMNS = 3
# A palette keeps the whole near 100 kB where the picture has little grain.
COLOURS = 64


def merged_strip(
    subject: Subject, pixels: UInt8[np.ndarray, "h w 3"], schedule: MergeSchedule, blocks: tuple[int, ...]
) -> Shown:
    """The picture after some blocks, as a PNG whose background is the page's own.

    Args:
        subject: What runs.
        pixels: At the model's input size.
        schedule: How tokens merge.
        blocks: After which blocks; 0 is the embedding.
    """
    from IPython.display import Image as Shown

    words, pictures, found = [], [], subject.groups(pixels, schedule)
    for block in blocks:
        groups = found[block]
        tokens, largest = count_groups(groups)
        where = f"after block {block}" if block else "before the first block"
        words.append((where, f"{tokens} tokens, largest of {largest} patches" if largest > 1 else f"{tokens} tokens"))
        pictures.append(outline_groups(pixels, groups))
    file = io.BytesIO()
    strip(words, pictures).quantize(COLOURS).save(file, "PNG", optimize=True)
    alt = "; ".join(f"{first}: {second}" for first, second in words)
    return Shown(
        data=file.getvalue(), alt=f"The picture with its merged tokens in one outline and their mean colour. {alt}."
    )


def strip(words: list[tuple[str, str]], pictures: list[UInt8[np.ndarray, "h w 3"]]) -> Image.Image:
    """Pictures side by side in rows, two lines of text above each."""
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    size = (columns * (SIDE + GAP) - GAP, rows * (SIDE + WORDS + GAP) - GAP)
    whole = Image.new("RGBA", size, (0, 0, 0, 0))
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(FONT)
    for at, ((first, second), picture) in enumerate(zip(words, pictures, strict=True)):
        x, y = (at % columns) * (SIDE + GAP), (at // columns) * (SIDE + WORDS + GAP)
        draw.text((x, y + 2), first, fill=INK, font=font)
        draw.text((x, y + FONT + 5), second, fill=INK, font=font)
        small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        whole.paste(small, (x, y + WORDS))
    return whole
