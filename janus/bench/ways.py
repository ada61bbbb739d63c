"""Every way to send, measured image by image: pictures and tokens really encoded, decoded and classified."""

from __future__ import annotations

import hashlib
import io
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from janus.bench.equal import Measured
from janus.codec import decode, encode
from janus.configuration import embed_pixels
from janus.merging import TokenState
from janus.paired import paired_difference
from janus.picture import decode_picture, encode_picture
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
# Time is told of so many images. It is the processor's: what else the machine does is not in it, and of an encoder with
# several threads their sum.
TIMED = 200


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What to compare.

    Attributes:
        pictures: Encodings, such as jpeg85.
        schedules: How tokens merge, with their names in a table.
        splits: Blocks on the device.
        codecs: Of the tokens; `LZW` among them if need be.
        only: For codecs other than ``transform``, the schedules that they are measured at; None for all.
    """

    pictures: Sequence[str]
    schedules: Sequence[tuple[str, MergeSchedule]]
    splits: Sequence[int]
    codecs: Sequence[str]
    only: Sequence[str] | None = None


class Tally:
    """What was seen of one way so far."""

    def __init__(self) -> None:
        self.hits: list[bool] = []
        self.sizes: list[int] = []
        self.items: dict[str, int] = defaultdict(int)
        self.encode_s: list[float] = []
        self.decode_s: list[float] = []

    def add(self, encode: Callable[[], tuple[bytes, dict]], decode: Callable[[bytes], object], known: dict | None = None):
        """Encode and decode one image, and return what came back.

        Args:
            encode: Gives the bytes, and how many go to which part.
            decode: The other end.
            known: What this picture was encoded to for another model, if it was; it is filled in.
        """
        if known:
            data, items, encode_s = known["sent"]
        else:
            start = time.process_time()
            data, items = encode()
            encode_s = time.process_time() - start
            if known is not None:
                known["sent"] = data, items, encode_s
        start = time.process_time()
        back = decode(data)
        decode_s = time.process_time() - start
        if len(self.encode_s) < TIMED:
            self.encode_s.append(encode_s)
            self.decode_s.append(decode_s)
        self.sizes.append(len(data))
        for name, size in items.items():
            self.items[name] += size
        return back

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
def measure(
    vit: OpenViT,
    batches: Iterator[tuple[np.ndarray, np.ndarray]],
    grid: Grid,
    *,
    preprocess: Preprocess,
    book: Codebook | None,
    sent: dict[tuple, dict],
) -> tuple[Measured, list[Measured]]:
    """Measure every way on the same images.

    Args:
        vit: The model.
        batches: Pixels and labels.
        grid: What to compare.
        preprocess: The model's own.
        book: For the codec ``transform``.
        sent: Pictures as they were encoded for another model with the same pixels, by encoding and pixels.

    Returns:
        The unmerged fp32 model, to which nothing happens, and the ways.
    """
    tallies: dict[tuple, Tally] = defaultdict(Tally)
    reference: list[bool] = []
    for pixels, labels in batches:

        def right(state: TokenState, split: int, removed, labels=labels) -> list[bool]:
            answer = vit.head(vit.blocks(state, split, vit.depth, removed))
            return (answer.argmax(-1).cpu().numpy() == labels).tolist()

        none = (0,) * vit.depth
        embedded = embed_pixels(vit, pixels, preprocess)
        reference += right(embedded, 0, none)
        for form in grid.pictures:
            tally = tallies["picture", form]
            height, width = pixels.shape[1:3]
            back = [
                tally.add(
                    lambda one=one: ((data := encode_picture(one, form)), {"picture": len(data)}),
                    lambda data: decode_picture(data, height, width, form),
                    sent.setdefault((form, hashlib.sha256(one.tobytes()).digest()), {}),
                )
                for one in pixels
            ]
            tally.hits += right(embed_pixels(vit, np.stack(back), preprocess), 0, none)
        for name, schedule in grid.schedules:
            removed, state, at = vit.plan(schedule).removed, embedded, 0
            for split in grid.splits:
                state = vit.blocks(state, at, split, removed)
                at = split
                for codec in grid.codecs:
                    plain = transform_step(codec) is None
                    if plain and grid.only is not None and name not in grid.only:
                        continue
                    tally = tallies["tokens", codec, name, split]
                    sent = through_codec(state, codec, tally, book, split)
                    tally.hits += right(sent, split, removed)
    reference_hits = np.array(reference)
    low, high = interval95(reference_hits)
    unmerged = Measured(
        row={"top1": 100 * float(reference_hits.mean()), "low": low, "high": high},
        hits=reference_hits, sizes=np.zeros(len(reference_hits)),
    )  # fmt: skip
    levels = {name: schedule.level for name, schedule in grid.schedules}
    families = {name: "none" if not schedule.level and schedule.family != "list" else schedule.family
                for name, schedule in grid.schedules}  # fmt: skip
    named = {name: name if family == "list" else family for name, family in families.items()}
    ways = []
    for key, tally in tallies.items():
        if key[0] == "picture":
            form = key[1].rstrip("0123456789")
            quality = int(key[1][len(form) :]) if key[1] != form else None
            row = {"kind": "picture", "codec": form, "quality": quality, "schedule": "none", "level": 0.0, "split": 0}
        else:
            _, codec, name, split = key
            step = None if transform_step(codec) is None else float(codec.removeprefix(TRANSFORM) or 1)
            row = {
                "kind": "tokens", "codec": codec if step is None else TRANSFORM, "quality": step,
                "schedule": named[name], "level": float(levels[name]), "split": split,
            }  # fmt: skip
        ways.append(tally.measured(row, reference_hits))
    return unmerged, ways


def through_codec(state: TokenState, codec: str, tally: Tally, book: Codebook | None, split: int) -> TokenState:
    """A batch of tokens as the other side gets it, each image by itself."""
    back = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is told is the time on one core
    for i in range(state.x.shape[0]):
        one = replace(state, x=state.x[i : i + 1], sizes=None if state.sizes is None else state.sizes[i : i + 1])
        if codec == LZW:
            back.append(tally.add(lambda one=one: lzw(one), lambda data, one=one: one))
        else:
            back.append(
                tally.add(
                    lambda one=one: ((sent := encode(one, codec, book=book, split=split)).data, sent.items),
                    lambda data: decode(data, book=book),
                )
            )
    torch.set_num_threads(threads)
    sizes = None if state.sizes is None else torch.cat([one.sizes for one in back])
    return replace(state, x=torch.cat([one.x for one in back]).to(state.x), sizes=sizes)


def lzw(state: TokenState) -> tuple[bytes, dict]:
    """The payload of fp32 with its body in LZW, as the paper compresses; libtiff's, by Pillow."""
    data = encode(state, "fp32").data
    file = io.BytesIO()
    Image.frombytes("L", (len(data), 1), data).save(file, "TIFF", compression="tiff_lzw")
    with Image.open(file) as image:
        packed = sum(image.tag_v2[STRIP_BYTES])
    return file.getvalue()[:packed], {"tokens": packed}
