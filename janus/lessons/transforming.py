"""What a transform codec does to the tokens of one picture, step by step, on the model at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from janus.codec import Payload, decode, encode
from janus.configuration import embed_pixels
from janus.data import Picture, open_images
from janus.errors import JanusError
from janus.lessons.subject import IMAGES, Subject
from janus.merging import TokenState
from janus.models import DEMO_NAME
from janus.picture import decode_picture, encode_picture
from janus.schedule import MergeSchedule
from janus.transform import Codebook, read_codebook
from janus.transform.codebook import LOW, OCTAVE
from janus.transform.shelf import NAME, shipped_codebook
from janus.units import BYTES_PER_KB

# A component that deviates by less than this many steps is left out.
SENT_FROM = 2.0**LOW


def demo_codebook() -> Codebook:
    """The codebook of the demo model.

    Raises:
        JanusError: If it is not among the shipped data.
    """
    return shipped(DEMO_NAME)


def shipped(model: str) -> Codebook:
    """The codebook that Janus ships for a model.

    Raises:
        JanusError: If there is none.
    """
    path = shipped_codebook(model)
    if path is None:
        raise JanusError(f"{model}: no codebook is among the data; take a fresh checkout, or run `janus calibrate`.")
    return read_codebook(path)


def component_table(books: Sequence[Codebook], split: int) -> pd.DataFrame:
    """How far the components of patch tokens deviate at one split, the greatest first.

    Args:
        books: Of the models.
        split: Blocks that have run.

    Returns:
        ``model``, ``component`` (from 1), ``deviation`` in units of step 1, ``share_percent`` (of the sum of squares,
        with those before it).
    """
    parts = []
    for book in books:
        deviation = 2.0 ** (book.at(split).scales / OCTAVE)
        power = np.cumsum(deviation**2)
        parts.append(
            pd.DataFrame(
                {
                    "model": book.model,
                    "component": np.arange(1, len(deviation) + 1),
                    "deviation": np.round(deviation, 5),
                    "share_percent": np.round(100 * power / power[-1], 2),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def demo_picture(subject: Subject, number: int) -> UInt8[np.ndarray, "h w 3"]:
    """One picture of the demo set that no training has seen, at the model's size.

    Raises:
        JanusError: If the set has no picture of that number.
    """
    shown = list(open_images(IMAGES).stream(subject.preprocess.pixels, limit=number + 1))
    if not 0 <= number < len(shown) or not isinstance(picture := shown[number], Picture):
        raise JanusError(f"picture {number}: {IMAGES} has pictures 0 to {len(shown) - 1}; choose one of them.")
    return np.array(picture.image)  # the set's own may not be written, which torch warns of


@dataclass(frozen=True, kw_only=True, eq=False)
class Desk:
    """One picture at one cut, ready to be sent in any way.

    Attributes:
        subject: The model.
        book: Its codebook.
        pixels: The picture.
        split: Blocks that have run.
        schedule: How tokens merge.
    """

    subject: Subject
    book: Codebook
    pixels: UInt8[np.ndarray, "h w 3"]
    split: int
    schedule: MergeSchedule

    @property
    def removed(self) -> tuple[int, ...]:
        """Tokens that each block removes."""
        return self.subject.vit.plan(self.schedule).removed

    @torch.inference_mode()
    def state(self) -> TokenState:
        """The tokens behind the cut."""
        embedded = embed_pixels(self.subject.vit, self.pixels[None], self.subject.preprocess)
        return self.subject.vit.blocks(embedded, 0, self.split, self.removed)

    @torch.inference_mode()
    def chances(self, state: TokenState) -> Float[Tensor, " classes"]:
        """What the rest of the model makes of tokens."""
        vit = self.subject.vit
        return vit.head(vit.blocks(state, self.split, vit.depth, self.removed)).softmax(-1)[0]

    @torch.inference_mode()
    def chances_of_picture(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, " classes"]:
        """What the unmerged model makes of a picture."""
        vit = self.subject.vit
        embedded = embed_pixels(vit, np.array(pixels[None]), self.subject.preprocess)  # a decoded one is read-only
        return vit.head(vit.blocks(embedded, 0, vit.depth, (0,) * vit.depth)).softmax(-1)[0]


def sent_table(desk: Desk, codecs: Sequence[str], encodings: Sequence[str]) -> pd.DataFrame:
    """One picture sent in several ways, really encoded and decoded.

    Args:
        desk: The picture at its cut.
        codecs: Of tokens.
        encodings: Of the picture itself, which is answered without merging.

    Returns:
        ``sent``, ``payload_kb``, its parts ``header``, ``sizes``, ``prefix`` and ``tokens`` in bytes (scales among the
        tokens; a picture has none), ``same_answer`` as fp32 tokens give, ``confidence_percent`` in that answer.
    """
    state = desk.state()
    whole = desk.chances(state)
    answer, rows = int(whole.argmax()), []

    def add(name: str, size: int, parts: dict[str, int], chances: Float[Tensor, " classes"]) -> None:
        same = "yes" if int(chances.argmax()) == answer else "no"
        rows.append(
            {"sent": name, "payload_kb": size / BYTES_PER_KB, **parts, "same_answer": same,
             "confidence_percent": 100 * float(chances[answer])}
        )  # fmt: skip

    for codec in codecs:
        sent = encode(state, codec, book=desk.book, split=desk.split)
        add(f"tokens as {codec}", len(sent), parts_of(sent), desk.chances(decode(sent.data, book=desk.book)))
    height, width = desk.pixels.shape[:2]
    for encoding in encodings:
        data = encode_picture(desk.pixels, encoding)
        back = decode_picture(data, height, width, encoding)
        nothing = dict.fromkeys(("header", "sizes", "prefix", "tokens"), pd.NA)
        add(f"picture as {encoding}", len(data), nothing, desk.chances_of_picture(back))
    return pd.DataFrame(rows)


def parts_of(sent: Payload) -> dict[str, int]:
    """Bytes by part, in the words of the transform; other codecs send prefix tokens among the tokens."""
    items = sent.items
    return {
        "header": items["header"],
        "sizes": items["sizes"],
        "prefix": items.get("prefix", 0),
        "tokens": items["tokens"] + items.get("scales", 0),
    }


def count_table(desk: Desk, steps: Sequence[float]) -> pd.DataFrame:
    """What one quantiser step leaves of the components of the patch tokens.

    Args:
        desk: The picture at its cut.
        steps: Of the codec transform.

    Returns:
        ``step``, ``values`` (numbers that there are), ``zero_percent`` of them once divided by the step and rounded,
        ``entropy_bits`` a value (of all values alike, as if the coder knew nothing of components), ``bits`` a value as
        they are really sent, ``payload_kb`` of everything.
    """
    cut, state = desk.book.at(desk.split), desk.state()
    prefix = len(state.protected)
    y = (state.x[0, prefix:].numpy() - cut.mean) @ cut.analysis
    rows = []
    for step in steps:
        counts = np.unique(np.round(y / step).astype(int), return_counts=True)[1] / y.size
        sent = encode(state, f"{NAME}{step:g}", book=desk.book, split=desk.split)
        rows.append(
            {
                "step": step,
                "values": y.size,
                "zero_percent": 100 * float((np.round(y / step) == 0).mean()),
                "entropy_bits": float(-(counts * np.log2(counts)).sum()),
                "bits": 8 * sent.items["tokens"] / y.size,
                "payload_kb": len(sent) / BYTES_PER_KB,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrorMap:
    """Where one step loses what.

    Attributes:
        step: Of the codec.
        size: Bytes of the payload.
        error_percent: Of each patch, how far its token is from what was sent, in percent of how far tokens of this
            picture lie from their mean.
        same: Whether the answer is the same as with fp32 tokens.
    """

    step: float
    size: int
    error_percent: Float[np.ndarray, "rows columns"]
    same: bool


def error_maps(desk: Desk, steps: Sequence[float]) -> list[ErrorMap]:
    """One map for each step. A patch that has merged has the error of its token."""
    state = desk.state()
    groups = desk.subject.groups(desk.pixels, desk.schedule)[desk.split]
    prefix, answer, maps = len(state.protected), int(desk.chances(state).argmax()), []
    x = state.x[0, prefix:]
    side = math.isqrt(len(groups))
    spread = float((x - x.mean(0)).norm(dim=-1).square().mean().sqrt())
    for step in steps:
        sent = encode(state, f"{NAME}{step:g}", book=desk.book, split=desk.split)
        back = decode(sent.data, book=desk.book)
        error = 100 * (back.x[0, prefix:] - x).norm(dim=-1).numpy() / spread
        maps.append(
            ErrorMap(
                step=step,
                size=len(sent),
                error_percent=error[groups - prefix].reshape(side, -1).round(1),
                same=int(desk.chances(back).argmax()) == answer,
            )
        )
    return maps
