"""Bytes of the cut: exact where promised, bounded where not, refused when forged."""

import random
import struct
import zlib

import pytest
import torch
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from janus.codec import HEADER, TOKEN_CODECS, decode, encode
from janus.errors import JanusError
from janus.merging import TokenState, merge

# Largest error relative to the largest magnitude of a token, from the formats' own definitions.
TOLERANCE = {"fp32": 0.0, "fp16": 2**-11, "bf16": 2**-8, "int8": 0.5 / 127 + 1e-6}


def make_state(seed=0, batch=2, n=12, width=8, merged=True, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    state = TokenState(x=torch.randn(batch, n, width, generator=generator) * scale)
    return merge(state, torch.randn(batch, n, 4, generator=generator), 3) if merged else state


@pytest.mark.parametrize("codec", TOKEN_CODECS)
@given(seed=st.integers(0, 999), batch=st.integers(1, 3), n=st.integers(2, 30), width=st.integers(1, 20),
       merged=st.booleans(), scale=st.floats(1e-6, 1e4))  # fmt: skip
def test_round_trip_within_the_stated_error(codec, seed, batch, n, width, merged, scale):
    """Shapes, sizes and protected tokens come back; values within the format's error; items sum to the bytes."""
    state = make_state(seed, batch, n, width, merged, scale)

    payload = encode(state, codec)
    back = decode(payload.data)

    assert sum(payload.items.values()) == len(payload) == len(payload.data)
    assert back.protected == state.protected
    assert (back.sizes is None) == (state.sizes is None)
    assert state.sizes is None or torch.equal(back.sizes, state.sizes)
    largest = state.x.abs().amax(-1, keepdim=True)
    # fp16 has an absolute floor too: its smallest step near zero is 2^-24.
    assert (
        (back.x - state.x).abs() <= TOLERANCE[codec.partition("+")[0]] * largest + 2**-24 * (codec[:4] == "fp16")
    ).all()


@pytest.mark.parametrize("codec", TOKEN_CODECS)
def test_every_truncation_is_refused(codec):
    """A payload cut anywhere is refused, and so is one with a byte too many."""
    data = encode(make_state(), codec).data

    for end in [*range(0, len(data), 7), len(data) - 1]:
        with pytest.raises(JanusError, match="payload refused"):
            decode(data[:end])
    with pytest.raises(JanusError, match="payload refused"):
        decode(data + b"\0")


def reseal(header: list, body: bytes) -> bytes:
    """A payload with a header of the forger's choice and a right checksum and length."""
    return HEADER.pack(*header[:-2], len(body), zlib.crc32(body)) + body


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (0, b"EVIL", "Janus header"),
        (1, 9, "version 9"),
        (2, 77, "flag"),
        (3, 2, "flag"),
        (4, 5, "flag"),
        (5, 0, "out of bounds"),
        (5, 65535, "out of bounds"),
        (6, 65535, "out of bounds"),
        (7, 0, "out of bounds"),
        (7, 9, "its body has"),
        (8, 60000, "out of bounds"),
    ],
)
def test_a_forged_header_is_refused(field, value, words):
    """Each field of the header is checked, even when length and checksum are right."""
    data = encode(make_state(), "fp32").data
    header = list(HEADER.unpack(data[: HEADER.size]))
    header[field] = value

    with pytest.raises(JanusError, match=words):
        decode(reseal(header, data[HEADER.size :]))


def test_a_bomb_is_not_unpacked():
    """A zstd body that would grow beyond what the header needs is refused without unpacking it."""
    import zstandard

    data = encode(make_state(), "fp32+zstd").data
    bomb = zstandard.ZstdCompressor().compress(bytes(200_000_000))

    with pytest.raises(JanusError, match="its body has"):
        decode(reseal(list(HEADER.unpack(data[: HEADER.size])), bomb))


@pytest.mark.parametrize(
    ("codec", "part", "words"),
    [("fp32", struct.pack("<f", float("nan")), "not finite"), ("int8", None, "not finite"), ("fp16", None, "sizes")],
)
def test_forged_values_are_refused(codec, part, words):
    """NaN tokens, infinite scales and sizes of zero are refused though the checksum is right."""
    data = encode(make_state(), codec).data
    header, body = list(HEADER.unpack(data[: HEADER.size])), bytearray(data[HEADER.size :])
    if codec == "fp32":
        body[:4] = part
    elif codec == "int8":
        body[2 * 9 * 8 : 2 * 9 * 8 + 4] = struct.pack("<f", float("inf"))
    else:
        body[-2:] = b"\0\0"

    with pytest.raises(JanusError, match=words):
        decode(reseal(header, bytes(body)))


@pytest.mark.parametrize("codec", TOKEN_CODECS)
def test_mutations_are_decoded_or_refused_never_worse(codec):
    """A thousand resealed mutations: each is decoded to finite tokens or refused with a sentence."""
    rng = random.Random(0)
    data = encode(make_state(), codec).data
    refused = 0
    for _ in range(1000):
        body = bytearray(data[HEADER.size :])
        header = bytearray(data[: HEADER.size])
        where = rng.choice([header, body])
        where[rng.randrange(len(where))] = rng.randrange(256)
        try:
            state = decode(reseal(list(HEADER.unpack(bytes(header))), bytes(body)))
        except JanusError:
            refused += 1
        else:
            assert torch.isfinite(state.x).all()
    assert refused > 0


@pytest.mark.parametrize(
    ("state", "codec", "words"),
    [
        (make_state(), "gzip", "codec 'gzip' is unknown: choose one of fp32"),
        (TokenState(x=torch.full((1, 2, 2), float("nan"))), "fp32", "NaN"),
        (TokenState(x=torch.full((1, 2, 2), 1e30)), "fp16", "too large for fp16"),
        (TokenState(x=torch.ones(1, 3, 2), protected=(2,)), "fp32", "in front"),
    ],
)
def test_bad_input_is_one_sentence(state, codec, words):
    """What cannot be encoded is named."""
    with pytest.raises(JanusError, match=words):
        encode(state, codec)


def test_a_stream_that_asks_for_much_memory_is_refused():
    """zstd frames may claim windows of gigabytes; ours needs 2 MiB."""
    state = TokenState(x=torch.zeros(1, 20, 24))
    data = bytearray(encode(state, "fp32+zstd").data)
    greedy = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True, write_content_size=False)
    ).compressobj()
    body = greedy.compress(bytes(1 << 20)) + greedy.flush()
    fields = list(HEADER.unpack(data[: HEADER.size]))
    fields[-2:] = len(body), zlib.crc32(body)

    with pytest.raises(JanusError, match="does not decompress"):
        decode(HEADER.pack(*fields) + body)
