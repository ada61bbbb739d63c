"""What comes through the port: what does not fit is refused with a status and a reason, before it costs anything."""

import threading
import zlib
from dataclasses import replace

import grpc
import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_kit import frame, half, pixels, removed, state_at, until

from janus.codec import HEADER, MAGIC, VERSION, encode
from janus.picture import encode_picture
from janus.runtime import janus_pb2 as pb
from janus.runtime.client import CallFailed, CloudClient
from janus.runtime.requests import Limits, Refused, max_message_bytes, picture_request, read_work
from janus.runtime.server import serve

HALF = half()
FINISH = "/janus.v1.Cloud/Finish"


@pytest.fixture(scope="module")
def cloud():
    with serve(HALF) as running:
        yield running


@pytest.fixture(scope="module")
def client(cloud):
    opened = CloudClient(HALF, (cloud.address,))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def channel(cloud):
    with grpc.insecure_channel(cloud.address) as opened:
        yield opened


def png(picture):
    return encode_picture(picture, "png")


def broken(**changes):
    """A good request with fields changed."""
    request = frame(HALF, 0, 4, 2)
    for field, value in changes.items():
        request.ClearField(field)
        if isinstance(value, list):
            getattr(request, field).extend(value)
        elif value is not None:
            setattr(request, field, value)
    return request


def with_tokens(state):
    return broken(tokens=encode(state).data)


HONEST = state_at(HALF, pixels(0), 4, 2)
HOSTILE = {
    "other weights": (broken(weights_sha256=b"x" * 32), "load the same weights"),
    "a split beyond the model": (broken(split=5), "beyond a model of 4 blocks"),
    "no plan": (broken(removed=[]), "removed has 0 entries"),
    "a plan of another depth": (broken(removed=[1] * 5), "removed has 5 entries"),
    "a plan that cannot be": (broken(removed=[4, 4, 4, 4_000_000_000]), "more than the model can merge"),
    "no input": (broken(tokens=None), "takes tokens"),
    "tokens at split 0": (broken(split=0), "takes a picture"),
    "a picture at split 2": (picture_request(HALF, removed(HALF, 4), b"", "raw"), "not 32 x 32 x 3"),
    "a picture of another size": (
        picture_request(HALF, removed(HALF, 4), png(pixels(0, side=64)), "png"),
        "64 x 64 where 32 x 32",
    ),
    "a picture of another kind": (
        picture_request(HALF, removed(HALF, 4), png(pixels(0)), "jpeg85"),
        "not a whole JPEG",
    ),
    "an encoding from a fable": (picture_request(HALF, removed(HALF, 4), b"", "../../etc/passwd"), "is unknown"),
    "a long encoding": (picture_request(HALF, removed(HALF, 4), b"", "x" * 10_000), "is unknown"),
    "tokens of another cut": (with_tokens(state_at(HALF, pixels(0), 4, 1)), "tokens 61 instead of 57"),
    "tokens of another plan": (with_tokens(state_at(HALF, pixels(0), 0, 2)), "tokens 65 instead of 57"),
    "tokens of another width": (with_tokens(replace(HONEST, x=HONEST.x[..., :24])), "channels 24 instead of 48"),
    "other protected tokens": (with_tokens(replace(HONEST, protected=(0, 1), sizes=None)), "protected tokens 2"),
    "no sizes": (with_tokens(replace(HONEST, sizes=None)), "merged False instead of True"),
    "sizes of more patches": (
        with_tokens(replace(HONEST, sizes=torch.cat([HONEST.sizes[:, :-1], HONEST.sizes[:, -1:] + 1], 1))),
        "do not sum to the 65 tokens",
    ),
    "too many pictures": (
        with_tokens(replace(HONEST, x=HONEST.x.repeat(9, 1, 1), sizes=HONEST.sizes.repeat(9, 1))),
        "batch of 9 images is over 8",
    ),
    "a truncated payload": (broken(tokens=encode(HONEST).data[:-1]), "truncated"),
    "a flipped bit": (broken(tokens=encode(HONEST).data[:-1] + b"\7"), "checksum"),
    "no payload": (broken(tokens=b""), "less than a header"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_request_that_does_not_fit_is_refused_with_a_reason(client, name):
    """Each with a status and one sentence; nothing of it is run."""
    request, says = HOSTILE[name]

    with pytest.raises(CallFailed) as refused:
        client.finish(request, 30).answer()
    assert says in refused.value.details
    assert refused.value.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
    assert not refused.value.lost


def nan_payload():
    """A payload with a NaN and a right checksum: `encode` refuses to make one."""
    data = bytearray(encode(HONEST).data)
    data[HEADER.size : HEADER.size + 4] = np.float32(np.nan).tobytes()
    data[HEADER.size - 4 : HEADER.size] = zlib.crc32(data[HEADER.size :]).to_bytes(4, "little")
    return bytes(data)


def test_values_that_are_not_finite_are_refused(client):
    """A NaN behind a right checksum never reaches the model."""
    with pytest.raises(CallFailed, match="not finite"):
        client.finish(broken(tokens=nan_payload()), 30).answer()


def test_a_small_message_that_inflates_is_refused_before_it_is_inflated():
    """A header that promises a gigabyte does not fit the plan, so it is not looked at any further."""
    body = zstandard.ZstdCompressor().compress(bytes(1 << 20))
    header = HEADER.pack(MAGIC, VERSION, 0, 1, 1, 8, 16384, 2048, 1, len(body), zlib.crc32(body))

    with pytest.raises(Refused, match="tokens 16384 instead of 57"):
        read_work(broken(tokens=header + body), HALF, Limits())


@pytest.mark.parametrize(
    ("options", "data", "code", "says"),
    [
        ({}, b"", "INVALID_ARGUMENT", "takes a deadline"),
        ({"timeout": 1e6}, b"", "INVALID_ARGUMENT", "at most 60 s"),
        ({"timeout": 30}, b"\xff\xff\xff", "INVALID_ARGUMENT", "is no janus.v1.FinishRequest"),
        ({"timeout": 30}, bytes(max_message_bytes(HALF, Limits()) + 1), "RESOURCE_EXHAUSTED", "larger than max"),
        (
            {"timeout": 30, "compression": grpc.Compression.Gzip},
            bytes(1000),
            "UNIMPLEMENTED",
            "'gzip' is disabled",
        ),
    ],
    ids=["no deadline", "a deadline in weeks", "no protobuf", "too large", "compressed"],
)
def test_a_message_that_is_no_request_is_refused(channel, options, data, code, says):
    """Whatever comes through the port gets a status."""
    with pytest.raises(grpc.RpcError, match=says) as refused:
        channel.unary_unary(FINISH)(data, **options)
    assert refused.value.code().name == code


def test_calls_that_never_send_their_request_do_not_hold_their_places_for_ever(monkeypatch):
    """All places are taken by calls without a deadline and without a request; with their connection they end."""
    monkeypatch.setattr("janus.runtime.server.MAX_AGE_MS", 1000)
    monkeypatch.setattr("janus.runtime.server.MAX_GRACE_MS", 1000)
    never = threading.Event()

    def nothing():
        never.wait()
        yield from ()

    with serve(HALF, limits=Limits(max_waiting=1)) as running, grpc.insecure_channel(running.address) as channel:
        calls = [channel.stream_unary(FINISH).future(nothing()) for _ in range(20)]
        for call in calls:
            assert call.exception(timeout=60) is not None
        never.set()
        opened = CloudClient(HALF, (running.address,))

        def served():
            try:
                return opened.finish(frame(HALF, 0, 4, 2), 30).answer().batched == 1
            except CallFailed:
                return False  # the device hears that a call is over before its place is free

        until(served)
        opened.close()


BASE = frame(HALF, 0, 4, 2).SerializeToString()


@settings(max_examples=150, deadline=None)
@given(
    at=st.integers(0, len(BASE) - 1),
    junk=st.binary(max_size=40),
    cut=st.integers(0, 60),
    from_header=st.booleans(),
)
def test_a_mutated_request_is_refused_or_harmless(at, junk, cut, from_header):
    """Whatever is overwritten or cut out, the answer is a refusal with a status, or work that fits the model."""
    at = at % 120 if from_header else at
    data = BASE[:at] + junk + BASE[at + cut :]
    try:
        request = pb.FinishRequest.FromString(data)
    except Exception as why:
        assert "Error parsing message" in str(why)
        return
    try:
        accepted = read_work(request, HALF, Limits())
    except Refused as why:
        assert why.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
        assert 20 < len(str(why)) < 600
    else:
        assert accepted.batch <= 8
