from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HelloRequest(_message.Message):
    __slots__ = ("protocol", "model", "weights_sha256", "padding", "with_profile")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    WITH_PROFILE_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    model: str
    weights_sha256: bytes
    padding: bytes
    with_profile: bool
    def __init__(self, protocol: _Optional[int] = ..., model: _Optional[str] = ..., weights_sha256: _Optional[bytes] = ..., padding: _Optional[bytes] = ..., with_profile: bool = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("protocol", "model", "weights_sha256", "version", "max_batch", "emulates", "slowdown", "profile", "codebook_sha256")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_FIELD_NUMBER: _ClassVar[int]
    EMULATES_FIELD_NUMBER: _ClassVar[int]
    SLOWDOWN_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    CODEBOOK_SHA256_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    model: str
    weights_sha256: bytes
    version: str
    max_batch: int
    emulates: str
    slowdown: float
    profile: str
    codebook_sha256: bytes
    def __init__(self, protocol: _Optional[int] = ..., model: _Optional[str] = ..., weights_sha256: _Optional[bytes] = ..., version: _Optional[str] = ..., max_batch: _Optional[int] = ..., emulates: _Optional[str] = ..., slowdown: _Optional[float] = ..., profile: _Optional[str] = ..., codebook_sha256: _Optional[bytes] = ...) -> None: ...

class FinishRequest(_message.Message):
    __slots__ = ("weights_sha256", "split", "removed", "tokens", "picture")
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    weights_sha256: bytes
    split: int
    removed: _containers.RepeatedScalarFieldContainer[int]
    tokens: bytes
    picture: Picture
    def __init__(self, weights_sha256: _Optional[bytes] = ..., split: _Optional[int] = ..., removed: _Optional[_Iterable[int]] = ..., tokens: _Optional[bytes] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ...) -> None: ...

class Picture(_message.Message):
    __slots__ = ("encoding", "data")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    encoding: str
    data: bytes
    def __init__(self, encoding: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class FinishReply(_message.Message):
    __slots__ = ("logits", "batch", "timing")
    LOGITS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    logits: bytes
    batch: int
    timing: Timing
    def __init__(self, logits: _Optional[bytes] = ..., batch: _Optional[int] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("queue_ms", "decode_ms", "compute_ms", "encode_ms", "total_ms", "batched")
    QUEUE_MS_FIELD_NUMBER: _ClassVar[int]
    DECODE_MS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_MS_FIELD_NUMBER: _ClassVar[int]
    ENCODE_MS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MS_FIELD_NUMBER: _ClassVar[int]
    BATCHED_FIELD_NUMBER: _ClassVar[int]
    queue_ms: float
    decode_ms: float
    compute_ms: float
    encode_ms: float
    total_ms: float
    batched: int
    def __init__(self, queue_ms: _Optional[float] = ..., decode_ms: _Optional[float] = ..., compute_ms: _Optional[float] = ..., encode_ms: _Optional[float] = ..., total_ms: _Optional[float] = ..., batched: _Optional[int] = ...) -> None: ...
