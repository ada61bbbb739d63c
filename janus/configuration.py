"""One way to run a model: merged on a schedule, cut at a split, with what crosses the cut made into bytes and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8

from janus.codec import check_codec, decode, encode
from janus.errors import JanusError
from janus.merging import TokenState
from janus.picture import check_encoding, decode_picture, encode_picture
from janus.preprocess import Normaliser
from janus.schedule import MergePlan, MergeSchedule
from janus.split import check_split
from janus.transform import Codebook
from janus.transform.shelf import transform_step
from janus.vit import OpenViT


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One row of an evaluation.

    Attributes:
        schedule: How tokens merge.
        split: Blocks on the device, 0…depth.
        codec: What makes bytes at the cut: a token codec, at split 0 a picture encoding, at split = depth None.
        book: The codebook, for the codec ``transform``.
    """

    schedule: MergeSchedule
    split: int
    codec: str | None
    book: Codebook | None = field(default=None, compare=False, repr=False)

    def check(self, vit: OpenViT) -> MergePlan:
        """What the schedule comes to on ``vit``.

        Raises:
            JanusError: If the level, the split or the codec does not fit it.
        """
        check_split(self.split, vit.depth)
        if self.split == vit.depth:
            if self.codec is not None:
                raise JanusError(f"codec {self.codec}: nothing travels at split {self.split}; leave the codec out.")
        elif self.codec is None:
            raise JanusError(f"split {self.split}: something travels there; say as what with codec or encoding.")
        elif self.split == 0:
            check_encoding(self.codec)
        else:
            check_codec(self.codec)
            if transform_step(self.codec) is not None:
                check_book(self.book, vit).at(self.split)
        return vit.plan(self.schedule)

    @property
    def untouched(self) -> bool:
        """Whether it is the model itself, unmerged and unsplit."""
        schedule = self.schedule
        level = any(schedule.removed) if schedule.family == "list" else schedule.family != "none" and schedule.level
        return self.codec is None and not level

    def row(self) -> dict:
        """As the first columns of a table, in JSON's types."""
        schedule = self.schedule
        explicit = schedule.family == "list"
        return {
            "schedule": schedule.label,
            "level": None if explicit else 0.0 if schedule.family == "none" else float(schedule.level),
            **({"removed": list(schedule.removed)} if explicit else {}),
            "split": self.split,
            "codec": self.codec,
        }


def check_book(book: Codebook | None, vit: OpenViT) -> Codebook:
    """Return a codebook if it is for a model of these measures.

    Raises:
        JanusError: If there is none, or it is another model's.
    """
    if book is None:
        raise JanusError("codec transform: it needs a codebook; make one with `janus calibrate`, or choose int8.")
    if (book.width, book.prefix, book.tokens) != (vit.width, len(vit.protected), vit.tokens):
        raise JanusError(
            f"codec transform: the codebook of {book.model} is for {book.tokens} tokens of {book.width} channels, "
            f"{book.prefix} of them prefix tokens, and the model has {vit.tokens} of {vit.width}, {len(vit.protected)} "
            "of them: take the model's own, or make it with `janus calibrate`."
        )
    return book


def configurations(
    depth: int,
    schedules: Sequence[MergeSchedule],
    splits: Sequence[int] = (),
    codecs: Sequence[str] = ("fp32",),
    encodings: Sequence[str] = ("raw",),
    book: Codebook | None = None,
) -> list[Configuration]:
    """Every schedule at every split with every codec that applies there.

    Args:
        depth: Blocks of the model.
        schedules: At least one.
        splits: None stands for the unsplit model.
        codecs: For the tokens of splits 1…depth-1.
        encodings: For the picture of split 0.
        book: For the codec ``transform``.
    """

    def ways(split: int) -> Sequence[str | None]:
        if split == depth:
            return (None,)
        return encodings if split == 0 else codecs

    found = [
        Configuration(schedule=schedule, split=split, codec=codec, book=book)
        for schedule in schedules
        for split in splits or (depth,)
        for codec in ways(split)
    ]
    return list(dict.fromkeys(found))


def through_cut(
    vit: OpenViT,
    configuration: Configuration,
    plan: MergePlan,
    pixels: UInt8[np.ndarray, "b *frames h w 3"],
    embedded: TokenState,
    preprocess: Normaliser,
) -> tuple[Any, int]:
    """The model's answer to a batch that went through the cut, and the bytes that travelled for it.

    Args:
        vit: The model.
        configuration: Where the cut is and what makes bytes there.
        plan: Its schedule on this model.
        pixels: The pictures, or clips, whose frames travel as one picture each.
        embedded: Their tokens before the first block.
        preprocess: The model's own.
    """
    split, payload = configuration.split, 0
    state = embedded
    if split == 0:
        pixels, payload = _send_pictures(pixels, configuration.codec)
        state = embed_pixels(vit, pixels, preprocess)
    elif split < vit.depth:
        state = vit.blocks(state, 0, split, plan.removed)
        state, payload = send_tokens(state, configuration.codec, book=configuration.book, split=split)
    else:
        split = 0  # the device does it all
    return vit.head(vit.blocks(state, split, vit.depth, plan.removed)), payload


def embed_pixels(
    vit: OpenViT, pixels: UInt8[np.ndarray, "b *frames h w 3"], preprocess: Normaliser
) -> TokenState:  # fmt: skip
    """Pictures or clips as tokens before the first block, where the model is."""
    torch_device = next(vit.model.parameters()).device
    return vit.embed(preprocess.normalise(pixels).to(torch_device))


@torch.inference_mode()
def follow_groups(
    vit: OpenViT, pixels: UInt8[np.ndarray, "h w 3"], plan: MergePlan, preprocess: Normaliser
) -> list[Int[np.ndarray, " patches"]]:
    """Which token each patch of one picture is in, after the embedding and after each block."""
    state = embed_pixels(vit, pixels[None], preprocess).with_source()
    found = [state.source]
    for i in range(vit.depth):
        state = vit.blocks(state, i, i + 1, plan.removed)
        found.append(state.source)
    return [source[0].cpu().numpy() for source in found]


def _send_pictures(
    pixels: UInt8[np.ndarray, "b *frames h w 3"], encoding: str
) -> tuple[UInt8[np.ndarray, "b *frames h w 3"], int]:  # fmt: skip
    height, width = pixels.shape[-3:-1]
    sent = [encode_picture(picture, encoding) for picture in pixels.reshape(-1, height, width, 3)]
    got = np.stack([decode_picture(data, height, width, encoding) for data in sent])
    return got.reshape(pixels.shape), sum(map(len, sent))


def send_tokens(
    state: TokenState, codec: str, *, book: Codebook | None = None, split: int = 0
) -> tuple[TokenState, int]:  # fmt: skip
    """A batch of tokens as the other side gets it, each image encoded by itself, and the bytes of all."""
    sent = [encode(one_of(state, i), codec, book=book, split=split).data for i in range(state.x.shape[0])]
    got = [decode(data, book=book) for data in sent]
    device = state.x.device
    return TokenState(
        x=torch.cat([one.x for one in got]).to(device, state.x.dtype),
        sizes=None if state.sizes is None else torch.cat([one.sizes for one in got]).to(device),
        protected=got[0].protected,
        source=None if got[0].source is None else torch.cat([one.source for one in got]).to(device),
        grid=got[0].grid,
    ), sum(map(len, sent))


def one_of(state: TokenState, i: int) -> TokenState:
    """One image's tokens, as a batch of one."""
    sizes = None if state.sizes is None else state.sizes[i : i + 1]
    source = None if state.source is None else state.source[i : i + 1]
    return replace(state, x=state.x[i : i + 1], sizes=sizes, source=source)
