"""Every way to send, measured image by image: pictures and tokens really encoded, decoded and classified."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from janus.accuracy import NAMED
from janus.codec import decode, encode
from janus.configuration import embed_pixels, one_of
from janus.equal import Measured
from janus.merging import TokenState
from janus.paired import paired_difference
from janus.picture import check_encoding, decode_picture, encode_picture
from janus.preprocess import Preprocess
from janus.schedule import MergeSchedule
from janus.standing import interval95
from janus.transform import Codebook
from janus.transform.shelf import NAME as TRANSFORM
from janus.transform.shelf import transform_step
from janus.units import s_to_ms
from janus.vit import OpenViT

# The paper's compressor; not one of Janus's codecs, for it only loses.
LZW = "fp32+lzw"
STRIP_BYTES = 279
UNMERGED = "unmerged"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What to compare.

    Attributes:
        pictures: Encodings, such as jpeg85.
        schedules: How tokens merge, by name.
        splits: Blocks on the device, ascending.
        codecs: Of the tokens.
        baselines: Other codecs, `LZW` among them, for the first schedule alone: the others differ in tokens only.
    """

    pictures: Sequence[str]
    schedules: dict[str, MergeSchedule]
    splits: Sequence[int]
    codecs: Sequence[str]
    baselines: Sequence[str] = ()


@dataclass(eq=False)
class Tally:
    """What was seen of one way, image by image.

    Attributes:
        hits: Whether the answer was right.
        sizes: Bytes of the payload.
        encode_s: Processor seconds to encode it.
        decode_s: And to decode it.
        items: Bytes by part, summed.
    """

    hits: list[bool] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    encode_s: list[float] = field(default_factory=list)
    decode_s: list[float] = field(default_factory=list)
    items: dict[str, int] = field(default_factory=dict)

    def send(self, encode: Callable[[], tuple[bytes, dict]], decode: Callable[[bytes], Any]) -> Any:
        """Encode and decode one image, and return what came back."""
        start = time.process_time()
        data, items = encode()
        middle = time.process_time()
        back = decode(data)
        self.decode_s.append(time.process_time() - middle)
        self.encode_s.append(middle - start)
        self.sizes.append(len(data))
        self._count(items)
        return back

    def add(self, other: Tally) -> None:
        """More images of the same way."""
        self.hits += other.hits
        self.sizes += other.sizes
        self.encode_s += other.encode_s
        self.decode_s += other.decode_s
        self._count(other.items)

    def _count(self, items: dict[str, int]) -> None:
        self.items |= {name: self.items.get(name, 0) + size for name, size in items.items()}

    def measured(self, row: dict, reference: np.ndarray) -> Measured:
        """With its figures, and its difference from the unmerged model."""
        hits, sizes = np.array(self.hits), np.array(self.sizes, dtype=float)
        low, high = interval95(hits)
        facts = {
            "bytes_mean": round(float(sizes.mean()), 1), "bytes_p90": round(float(np.percentile(sizes, 90)), 1),
            "items": {name: round(size / len(sizes), 1) for name, size in self.items.items()},
            "encode_ms": round(s_to_ms(float(np.median(self.encode_s))), 3),
            "decode_ms": round(s_to_ms(float(np.median(self.decode_s))), 3),
            "top1": round(100 * float(hits.mean()), 3), "low": round(low, 3), "high": round(high, 3),
            "paired": paired_difference(hits, reference).row(),
        }  # fmt: skip
        return Measured(row=row | facts, hits=hits, sizes=sizes)


@torch.inference_mode()
def measure_batch(
    vit: OpenViT, pixels: np.ndarray, labels: np.ndarray, grid: Grid, preprocess: Preprocess, book: Codebook | None
) -> dict[str, Tally]:
    """Every way on a few images, by name: `UNMERGED`, an encoding, or schedule, split and codec.

    Args:
        vit: The model.
        pixels: Of the images, at its size.
        labels: Of the images.
        grid: What to compare.
        preprocess: The model's own.
        book: For the codec ``transform``.
    """
    tallies: dict[str, Tally] = {UNMERGED: Tally()}
    none = (0,) * vit.depth

    def answer(tally: Tally, state: TokenState, split: int, removed) -> None:
        guess = vit.head(vit.blocks(state, split, vit.depth, removed)).argmax(-1)
        tally.hits += (guess.cpu().numpy() == labels).tolist()

    embedded = embed_pixels(vit, pixels, preprocess)
    answer(tallies[UNMERGED], embedded, 0, none)
    for form in grid.pictures:
        tally = tallies[form] = Tally()
        back = [_send_picture(tally, one, form) for one in pixels]
        answer(tally, embed_pixels(vit, np.stack(back), preprocess), 0, none)
    for name, schedule in grid.schedules.items():
        removed, state, at = vit.plan(schedule).removed, embedded, 0
        for split in grid.splits:
            state, at = vit.blocks(state, at, split, removed), split
            first = name == next(iter(grid.schedules))
            for codec in (*(grid.baselines if first else ()), *grid.codecs):
                tally = tallies[f"{name}|{split}|{codec}"] = Tally()
                answer(tally, _send_tokens(tally, state, codec, book, split), split, removed)
    return tallies


def ways_of(grid: Grid, tallies: dict[str, Tally]) -> tuple[Measured, list[Measured]]:
    """The unmerged model, to which nothing happens, and every way, with its place in a table of rates."""
    reference = np.array(tallies[UNMERGED].hits)
    low, high = interval95(reference)
    top1 = {"top1": round(100 * float(reference.mean()), 3), "low": round(low, 3), "high": round(high, 3)}
    ways = []
    for key, tally in tallies.items():
        if key == UNMERGED:
            continue
        name, _, rest = key.partition("|")
        if rest:
            split, _, codec = rest.partition("|")
            schedule, step = grid.schedules[name], transform_step(codec)
            row = {
                "kind": "tokens", "codec": codec if step is None else TRANSFORM,
                "quality": None if step is None else float(codec.removeprefix(TRANSFORM) or 1),
                "schedule": schedule.label, "level": NAMED if schedule.name else float(schedule.level),
                "split": int(split),
            } | ({"removed": list(schedule.removed)} if schedule.name else {})  # fmt: skip
        else:
            form, quality = check_encoding(name)
            row = {"kind": "picture", "codec": form, "quality": quality, "schedule": "none", "level": 0.0, "split": 0}
        ways.append(tally.measured(row, reference))
    return Measured(row=top1, hits=reference, sizes=np.zeros(len(reference))), ways


def _send_picture(tally: Tally, pixels: np.ndarray, form: str) -> np.ndarray:
    def encode_it() -> tuple[bytes, dict]:
        data = encode_picture(pixels, form)
        return data, {"picture": len(data)}

    height, width = pixels.shape[:2]
    return tally.send(encode_it, lambda data: decode_picture(data, height, width, form))


def _send_tokens(tally: Tally, state: TokenState, codec: str, book: Codebook | None, split: int) -> TokenState:
    """A batch of tokens as the other side gets it, each image by itself."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is told is the time on one core
    back = [_send_one(tally, one_of(state, i), codec, book, split) for i in range(state.x.shape[0])]
    torch.set_num_threads(threads)
    sizes = None if state.sizes is None else torch.cat([one.sizes for one in back])
    return replace(state, x=torch.cat([one.x for one in back]).to(state.x), sizes=sizes)


def _send_one(tally: Tally, state: TokenState, codec: str, book: Codebook | None, split: int) -> TokenState:
    if codec == LZW:
        return tally.send(lambda: lzw(state), lambda data: state)

    def encode_it() -> tuple[bytes, dict]:
        sent = encode(state, codec, book=book, split=split)
        return sent.data, sent.items

    return tally.send(encode_it, lambda data: decode(data, book=book))


def lzw(state: TokenState) -> tuple[bytes, dict]:
    """The payload of fp32 with its body in LZW, as the paper compresses; libtiff's, by Pillow."""
    data = encode(state, "fp32").data
    file = io.BytesIO()
    Image.frombytes("L", (len(data), 1), data).save(file, "TIFF", compression="tiff_lzw")
    file.seek(0)
    packed = sum(TiffImageFile(file).tag_v2[STRIP_BYTES])
    return file.getvalue()[:packed], {"tokens": packed}
