"""What a request may hold: every field is checked against the served model before anything is decoded or run."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
import numpy as np
from torch import Tensor

from janus.codec import decode, encode, read_header
from janus.errors import JanusError
from janus.merging import TokenState
from janus.picture import decode_picture
from janus.runtime.half import Half
from janus.runtime.janus_pb2 import FinishRequest, HelloRequest
from janus.schedule import MergePlan, MergeSchedule

# Both ends say it at connect; a change of the messages or of their meaning changes it.
PROTOCOL = 1
# What a probe may carry to measure the uplink.
MAX_PADDING_BYTES = 1 << 16
# Fields beside the tokens or the picture: hash, plan, encoding, protobuf's own tags.
FRAMING_BYTES = 1 << 14


class Refused(JanusError):
    """A request that is not served, with the gRPC status that says why."""

    def __init__(self, code: grpc.StatusCode, reason: str):
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the cloud lets itself in for.

    Attributes:
        max_batch: Images in one request, and images computed together.
        max_waiting: Requests held at once; one more is refused with RESOURCE_EXHAUSTED.
        max_deadline_s: Longest time that a request may ask to be worked on.
    """

    max_batch: int = 8
    max_waiting: int = 16
    max_deadline_s: float = 60.0

    def __post_init__(self) -> None:
        for field in ("max_batch", "max_waiting"):
            if getattr(self, field) < 1:
                raise JanusError(f"{field} {getattr(self, field)} must be 1 or more.")
        if not self.max_deadline_s > 0:
            raise JanusError(f"max_deadline_s {self.max_deadline_s:g} must be more than 0.")


@dataclass(frozen=True, kw_only=True)
class Work:
    """A request that may be run.

    Attributes:
        split: Blocks that have run.
        removed: Tokens to merge in each block of the model.
        input: The tokens, or normalised pictures ``[1, 3, H, W]`` at split 0.
        batch: Images.
    """

    split: int
    removed: tuple[int, ...]
    input: TokenState | Tensor
    batch: int

    @property
    def plan(self) -> tuple:
        """What requests must share to be computed together."""
        return self.split, self.removed


def max_message_bytes(half: Half, limits: Limits) -> int:
    """Size of the largest request that the model allows: unmerged fp32 tokens, or a raw picture."""
    height, width = half.vit.input_size
    tokens = limits.max_batch * half.vit.tokens * (half.vit.width * 4 + 8)
    return max(tokens, height * width * 3 * 2, MAX_PADDING_BYTES) + FRAMING_BYTES


def check_hello(request: HelloRequest, half: Half) -> None:
    """Refuse a device that holds another model or speaks another protocol.

    Raises:
        Refused: With the two things that differ.
    """
    if request.protocol != PROTOCOL:
        raise _failed(f"protocol {request.protocol} is not {PROTOCOL}: use the same release of Janus at both ends.")
    if request.model != half.name:
        raise _failed(f"the cloud serves {half.name}, not {request.model[:200]}: start both ends with one --model.")
    check_key(request.weights_sha256, half)
    if len(request.padding) > MAX_PADDING_BYTES:
        raise _invalid(f"a probe of {len(request.padding)} bytes is over {MAX_PADDING_BYTES}: send less.")


def check_key(key: bytes, half: Half) -> None:
    """Refuse other weights under the same name.

    Raises:
        Refused: With the first digits of both hashes.
    """
    if key != half.key:
        raise _failed(
            f"the cloud's weights of {half.name} have SHA-256 {half.key.hex()[:12]}…, the device's {key.hex()[:12]}…: "
            "load the same weights at both ends."
        )


def read_work(request: FinishRequest, half: Half, limits: Limits) -> Work:
    """Check a request and decode its input.

    Raises:
        Refused: FAILED_PRECONDITION for another model, INVALID_ARGUMENT for anything else, with a sentence.
    """
    check_key(request.weights_sha256, half)
    plan = _read_plan(request, half)
    kind = request.WhichOneof("input")
    try:
        if request.split == 0:
            if kind != "picture":
                raise JanusError("split 0 takes a picture: the embedding runs in the cloud.")
            return Work(split=0, removed=plan.removed, input=_read_picture(request.picture, half), batch=1)
        if kind != "tokens":
            raise JanusError(f"split {request.split} takes tokens: encode them with janus.encode.")
        state = _read_tokens(request.tokens, plan, request.split, half, limits)
    except JanusError as why:
        raise _invalid(str(why)) from why
    return Work(split=request.split, removed=plan.removed, input=state, batch=state.x.shape[0])


def tokens_request(half: Half, split: int, removed: tuple[int, ...], data: bytes) -> FinishRequest:
    """The request for encoded tokens at a split of 1 or more."""
    return FinishRequest(weights_sha256=half.key, split=split, removed=removed, tokens=data)


def picture_request(half: Half, removed: tuple[int, ...], data: bytes, encoding: str) -> FinishRequest:
    """The request for an encoded picture, at split 0."""
    request = FinishRequest(weights_sha256=half.key, split=0, removed=removed)
    request.picture.encoding = encoding
    request.picture.data = data
    return request


def encode_tokens(half: Half, state: TokenState, codec: str, split: int) -> bytes:
    """Tokens at a split as bytes."""
    return encode(state, codec, book=half.book, split=split).data


def _read_plan(request: FinishRequest, half: Half) -> MergePlan:
    depth = half.vit.depth
    if request.split > depth:
        raise _invalid(f"split {request.split} is beyond a model of {depth} blocks: give 0 to {depth}.")
    if len(request.removed) != depth:
        raise _invalid(f"removed has {len(request.removed)} entries for {depth} blocks: give one for each.")
    plan = half.vit.plan(MergeSchedule.explicit(request.removed))
    if plan.clipped:
        raise _invalid(f"removed asks for more than the model can merge: {plan.notes[0]}.")
    return plan


def _read_picture(picture, half: Half) -> Tensor:
    height, width = half.vit.input_size
    if len(picture.encoding) > 16:
        raise JanusError("the picture's encoding is unknown: choose raw, png or jpeg with a quality.")
    pixels = decode_picture(picture.data, height, width, picture.encoding)
    return half.preprocess.normalise(np.array(pixels)[None])  # raw pixels are a view of the message, not to be written


def _read_tokens(data: bytes, plan: MergePlan, split: int, half: Half, limits: Limits) -> TokenState:
    header = read_header(data, book=half.book)
    if header.batch > limits.max_batch:
        raise JanusError(f"a batch of {header.batch} images is over {limits.max_batch}: send them one after another.")
    wanted = (plan.tokens[split], half.vit.width, len(half.vit.protected), any(plan.removed[:split]))
    found = (header.tokens, header.width, header.protected, header.merged)
    if found != wanted:
        names = ("tokens", "channels", "protected tokens", "merged")
        told = ", ".join(
            f"{name} {f} instead of {w}" for name, f, w in zip(names, found, wanted, strict=True) if f != w
        )
        raise JanusError(f"the tokens do not fit split {split} of this plan ({told}): send what the plan says.")
    if header.split not in (0, split):
        raise JanusError(f"the tokens are of split {header.split}, not {split}: send what the plan says.")
    state = decode(data, book=half.book)
    if state.sizes is not None and (state.sizes.sum(1) != half.vit.tokens).any():
        raise JanusError(f"token sizes do not sum to the {half.vit.tokens} tokens of the model: send them as merged.")
    return state


def _invalid(reason: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, reason)


def _failed(reason: str) -> Refused:
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, reason)
