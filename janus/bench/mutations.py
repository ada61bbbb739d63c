"""Requests as an enemy would send them: good ones with something changed, and checksums put right to get deeper."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import torch

from janus.codec import HEADER, TOKEN_CODECS, encode
from janus.picture import encode_picture
from janus.runtime.half import Half
from janus.runtime.janus_pb2 import FinishRequest
from janus.runtime.requests import picture_request, tokens_request
from janus.schedule import MergeSchedule
from janus.transform import MAGIC as TRANSFORM_MAGIC
from janus.transform import Codebook
from janus.transform.wire import HEADER as TRANSFORM_HEADER

ENCODINGS = ("raw", "png", "jpeg85", "webp80", "avif60")
# Finely, so that the coder must escape its tables, and as it is used.
TRANSFORMS = ("transform0.01", "transform1")
INTERESTING = (0, 1, 2, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1)


def seeds(half: Half) -> list[FinishRequest]:
    """Good requests: every codec at several cuts, every picture format; with a codebook the codec transform, too."""
    depth, made = half.vit.depth, []
    height, width = half.vit.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    for level in (0.0, 0.3):
        removed = half.vit.plan(MergeSchedule(level=level)).removed
        made += [picture_request(half, removed, encode_picture(pixels, form), form) for form in ENCODINGS]
        with torch.inference_mode():
            state = half.vit.embed(half.preprocess.normalise(pixels[None]))
            for split in range(1, depth + 1):
                state = half.vit.blocks(state, split - 1, split, removed)
                if split in (1, depth // 2, depth):
                    made += [tokens_request(half, split, removed, encode(state, codec).data) for codec in TOKEN_CODECS]
                if half.book is not None and split in half.book.splits:
                    sent = (encode(state, codec, book=half.book, split=split).data for codec in TRANSFORMS)
                    made += [tokens_request(half, split, removed, data) for data in sent]
    return made


def mutants(half: Half, count: int, seed: int) -> Iterator[bytes]:
    """So many mutated requests as they would travel; the same seed gives the same."""
    chance, good = random.Random(seed), seeds(half)
    ways: tuple[Callable, ...] = (_any_byte, _any_byte, _fields, _header, _body, _body, _picture, _junk)
    for _ in range(count):
        yield chance.choice(ways)(chance, chance.choice(good), good)


def transform_seeds(half: Half, book: Codebook) -> list[bytes]:
    """Good payloads of the codec ``transform``: merged and not, of one image and of two, fine and coarse."""
    height, width = half.vit.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    made = []
    for level in (0.0, 0.3):
        removed = half.vit.plan(MergeSchedule(level=level)).removed
        for batch in (1, 2):
            with torch.inference_mode():
                state = half.vit.embed(half.preprocess.normalise(pixels[:batch]))
            for at, split in zip((0, *book.splits), book.splits, strict=False):
                with torch.inference_mode():
                    state = half.vit.blocks(state, at, split, removed)
                made += [encode(state, codec, book=book, split=split).data for codec in TRANSFORMS]
    return made


def transform_mutants(half: Half, book: Codebook, count: int, seed: int) -> Iterator[bytes]:
    """So many mutated payloads, most with a right checksum; the same seed gives the same."""
    chance, good = random.Random(seed), transform_seeds(half, book)
    for _ in range(count):
        data = chance.choice(good)
        yield damaged(chance, data) if chance.random() < 0.2 else _resealed(chance, data)


def _resealed(chance: random.Random, data: bytes) -> bytes:
    """A payload of the codec ``transform`` whose header or body lies, with a right checksum."""
    values, body = list(TRANSFORM_HEADER.unpack(data[: TRANSFORM_HEADER.size])), data[TRANSFORM_HEADER.size :]
    if chance.random() < 0.4:
        at = chance.randrange(1, 6)
        low, high = (-128, 127) if at == 3 else (0, (1 << 8) - 1 if at < 4 else (1 << 16) - 1)
        values[at] = min(max(chance.choice((*range(70), *INTERESTING)), low), high)
    else:
        body = damaged(chance, body)
        body = body[: len(body) // 4 * 4]
    front = TRANSFORM_HEADER.pack(*values)[:-4]
    return front + zlib.crc32(body, zlib.crc32(front)).to_bytes(4, "little") + body


def _any_byte(chance: random.Random, request: FinishRequest, good) -> bytes:
    return damaged(chance, request.SerializeToString())


def _junk(chance: random.Random, request: FinishRequest, good) -> bytes:
    """No request at all, or two spliced together."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.choice((0, 1, 10, 1000, 50_000)))
    one, two = request.SerializeToString(), chance.choice(good).SerializeToString()
    return one[: chance.randrange(len(one))] + two[chance.randrange(len(two)) :]


def _fields(chance: random.Random, request: FinishRequest, good) -> bytes:
    """Another plan, another split, another input for the same plan."""
    changed = FinishRequest.FromString(request.SerializeToString())
    for _ in range(chance.randint(1, 3)):
        what = chance.randrange(5)
        if what == 0:
            changed.split = chance.choice((*range(26), *INTERESTING)) % 2**32
        elif what == 1 and changed.removed:
            changed.removed[chance.randrange(len(changed.removed))] = chance.choice(INTERESTING)
        elif what == 2:
            changed.removed.extend([chance.choice(INTERESTING)] * chance.choice((1, 1000)))
        elif what == 3:
            changed.weights_sha256 = damaged(chance, changed.weights_sha256)
        else:
            other = chance.choice(good)
            if other.WhichOneof("input") == "tokens":
                changed.tokens = other.tokens
            else:
                changed.picture.CopyFrom(other.picture)
    return changed.SerializeToString()


def _header(chance: random.Random, request: FinishRequest, good) -> bytes:
    """A payload whose header lies, with a right checksum."""
    tokens = _tokens(chance, request, good)
    if tokens.tokens.startswith(TRANSFORM_MAGIC):
        tokens.tokens = _resealed(chance, tokens.tokens)
        return tokens.SerializeToString()
    values = list(HEADER.unpack(tokens.tokens[: HEADER.size]))
    at = chance.randrange(1, len(values) - 1)
    most = (1 << 8) - 1 if at < 5 else (1 << 16) - 1 if at < 9 else (1 << 32) - 1
    values[at] = chance.choice(INTERESTING) & most
    tokens.tokens = HEADER.pack(*values) + tokens.tokens[HEADER.size :]
    return tokens.SerializeToString()


def _body(chance: random.Random, request: FinishRequest, good) -> bytes:
    """A damaged body behind a header that agrees with it."""
    tokens = _tokens(chance, request, good)
    if tokens.tokens.startswith(TRANSFORM_MAGIC):
        tokens.tokens = _resealed(chance, tokens.tokens)
        return tokens.SerializeToString()
    values, body = list(HEADER.unpack(tokens.tokens[: HEADER.size])), damaged(chance, tokens.tokens[HEADER.size :])
    values[-2:] = [len(body), zlib.crc32(body)]
    tokens.tokens = HEADER.pack(*values) + body
    return tokens.SerializeToString()


def _picture(chance: random.Random, request: FinishRequest, good) -> bytes:
    """A damaged picture, or one under another name."""
    pictures = [other for other in good if other.WhichOneof("input") == "picture"]
    changed = FinishRequest.FromString(chance.choice(pictures).SerializeToString())
    if chance.random() < 0.2:
        changed.picture.encoding = chance.choice(
            (*ENCODINGS, "gif", "jpeg0", "jpeg101", "eps", "../x", "\x00", "ﬁ" * 8)
        )
    else:
        changed.picture.data = damaged(chance, changed.picture.data)
    return changed.SerializeToString()


def _tokens(chance: random.Random, request: FinishRequest, good) -> FinishRequest:
    """A copy of this request, or of another if it holds no tokens."""
    if request.WhichOneof("input") != "tokens":
        request = chance.choice([other for other in good if other.WhichOneof("input") == "tokens"])
    return FinishRequest.FromString(request.SerializeToString())


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Flipped, overwritten, cut, doubled, or with something put in; one to four times."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if not out:
            return chance.randbytes(8)
        at = chance.randrange(len(out)) if chance.random() < 0.5 else chance.randrange(min(len(out), 200))
        what = chance.randrange(6)
        if what == 0:
            out[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            out[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif what == 2:
            del out[at : at + chance.choice((1, 4, 100, 10_000))]
        elif what == 3:
            out[at:at] = chance.randbytes(chance.choice((1, 4, 100)))
        elif what == 4:
            out[at : at + 4] = chance.choice(INTERESTING).to_bytes(4, "little")
        else:
            out[at:at] = out[at : at + chance.choice((1, 10, 1000))]
    return bytes(out)
