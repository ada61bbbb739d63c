"""A device's calls to the cloud. Each ends in an answer or in a `CallFailed` that says how."""

from __future__ import annotations

import ipaddress
import threading
import time
from dataclasses import dataclass

import grpc
import numpy as np

from janus.errors import JanusError
from janus.runtime import janus_pb2 as pb
from janus.runtime.credentials import DeviceCredentials, join_address, split_address
from janus.runtime.half import Half
from janus.runtime.janus_pb2_grpc import CloudStub
from janus.runtime.requests import PROTOCOL, Limits, max_message_bytes
from janus.units import s_to_ms

ROUND_ROBIN = '{"loadBalancingConfig": [{"round_robin": {}}]}'
# How a call can fail, as the table says it.
REASONS = {
    grpc.StatusCode.UNAVAILABLE: "cloud unavailable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no answer in time",
    grpc.StatusCode.CANCELLED: "given up",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "cloud busy",
}
# The other end is not there or does not answer; anything else it said itself.
# By how much the clocks of two machines may differ over one call.
SLACK_MS = 1000.0
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


class CallFailed(Exception):
    """A call without an answer.

    Attributes:
        reason: A few words for the table.
        details: The cloud's own sentence.
        lost: Whether the cloud is away, as opposed to having refused.
    """

    def __init__(self, code: grpc.StatusCode, details: str):
        self.reason = REASONS.get(code, f"refused ({code.name.lower()})")
        self.details, self.code, self.lost = details, code, code in LOST
        super().__init__(f"{self.reason}: {details}")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the cloud said, in wall-clock milliseconds.

    Attributes:
        logits: ``[batch, classes]``.
        total_ms: From handing over the request to holding the reply.
        queue_ms, decode_ms, compute_ms, encode_ms, cloud_ms: The cloud's own timing; ``cloud_ms`` is all of it.
        batched: Images computed together.
        reply_bytes: Size of the reply.
    """

    logits: np.ndarray
    total_ms: float
    queue_ms: float
    decode_ms: float
    compute_ms: float
    encode_ms: float
    cloud_ms: float
    batched: int
    reply_bytes: int

    @property
    def network_ms(self) -> float:
        """All that was not spent in the cloud: a difference of two durations, so clocks need not agree."""
        return max(self.total_ms - self.cloud_ms, 0.0)


class Pending:
    """A call under way.

    Attributes:
        started, ended: Moments of `time.perf_counter`; ``ended`` is NaN until it has.
    """

    def __init__(self, future, started: float):
        self._future = future
        self.started, self.ended = started, float("nan")
        self._done = threading.Event()
        future.add_done_callback(self._end)

    def _end(self, _) -> None:
        self.ended = time.perf_counter()
        self._done.set()

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._done.is_set()

    def when_done(self, then) -> None:
        """Call ``then()`` when it has ended."""
        self._future.add_done_callback(lambda _: then())

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; False when ``timeout_s`` was first."""
        return self._done.wait(max(timeout_s, 0.0))

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        self._future.cancel()

    @property
    def took_ms(self) -> float:
        """Wall-clock milliseconds of a call that has ended."""
        return s_to_ms(self.ended - self.started)

    def _reply(self):
        self._done.wait()
        try:
            return self._future.result()
        except grpc.FutureCancelledError:
            raise CallFailed(grpc.StatusCode.CANCELLED, "cancelled by this device") from None
        except grpc.RpcError as why:
            raise CallFailed(why.code(), why.details() or "") from None


class Hello(Pending):
    """A Hello under way."""

    def reply(self) -> pb.HelloReply:
        """Wait for the reply.

        Raises:
            CallFailed: If there is none.
        """
        return self._reply()


class Call(Pending):
    """A frame under way."""

    def __init__(self, future, started: float, classes: int, batch: int):
        super().__init__(future, started)
        self._shape = (batch, classes)

    def answer(self) -> Answer:
        """Wait for the answer.

        Raises:
            CallFailed: If there is none, or it is not one that belongs to the request.
        """
        reply = self._reply()
        batch, classes = self._shape
        if reply.batch != batch or len(reply.logits) != batch * classes * 4:
            raise CallFailed(grpc.StatusCode.DATA_LOSS, "the answer's shape is not that of the question")
        logits = np.frombuffer(reply.logits, "<f4").reshape(batch, classes)
        timing = reply.timing
        parts = (timing.total_ms, timing.queue_ms, timing.decode_ms, timing.compute_ms, timing.encode_ms)
        # What the way took is what is left of the whole: nonsense here would spoil the estimate of the bandwidth.
        if not all(0 <= part <= self.took_ms + SLACK_MS for part in parts):
            raise CallFailed(grpc.StatusCode.DATA_LOSS, "the cloud's own timing cannot be that of this call")
        return Answer(
            logits=logits, total_ms=self.took_ms, queue_ms=timing.queue_ms,
            decode_ms=timing.decode_ms, compute_ms=timing.compute_ms, encode_ms=timing.encode_ms,
            cloud_ms=timing.total_ms, batched=timing.batched, reply_bytes=reply.ByteSize(),
        )  # fmt: skip


class CloudClient:
    """One channel to one cloud, or to several replicas in turn."""

    def __init__(self, half: Half, addresses: tuple[str, ...], credentials: DeviceCredentials | None = None):
        """Open a channel; nothing is sent yet.

        Args:
            half: The device's model.
            addresses: HOST:PORT of each replica.
            credentials: What the cloud asks for.
        """
        credentials = credentials or DeviceCredentials()
        self.half = half
        self._metadata = credentials.metadata(addresses)
        target, tls = target_of(addresses), credentials.channel_credentials()
        options = channel_options(max_message_bytes(half, Limits()), addresses)
        if tls is None:
            self._channel = grpc.insecure_channel(target, options)
        else:
            self._channel = grpc.secure_channel(target, tls, options)
        self._stub = CloudStub(self._channel)

    def hello(self, timeout_s: float, padding: int = 0, *, with_profile: bool = False) -> Hello:
        """Start a Hello with ``padding`` bytes of ballast. Where there is no connection it waits for one."""
        request = pb.HelloRequest(
            protocol=PROTOCOL,
            model=self.half.name,
            weights_sha256=self.half.key,
            padding=bytes(padding),
            with_profile=with_profile,
        )
        started = time.perf_counter()
        call = self._invoke(self._stub.Hello, request, timeout_s, wait_for_ready=True)
        return Hello(call, started)

    def finish(self, request: pb.FinishRequest, timeout_s: float, batch: int = 1) -> Call:
        """Start the rest of a frame. Where there is no connection the call fails at once."""
        started = time.perf_counter()
        future = self._invoke(self._stub.Finish, request, timeout_s)
        return Call(future, started, self.half.classes, batch)

    def _invoke(self, method, request, timeout_s: float, **options):
        try:
            return method.future(request, timeout=timeout_s, metadata=self._metadata, **options)
        except ValueError as why:  # the channel was closed under our hands
            raise CallFailed(grpc.StatusCode.UNAVAILABLE, "the connection is being renewed") from why

    def close(self) -> None:
        """Cancel what is under way and drop the connection."""
        self._channel.close()


def target_of(addresses: tuple[str, ...]) -> str:
    """gRPC's name for one or several replicas.

    Raises:
        JanusError: If there is none, or several of which one is not an IP address.
    """
    pairs = [split_address(address) for address in addresses]
    if not pairs:
        raise JanusError("no cloud address: give HOST:PORT, or several with commas between.")
    if len(pairs) == 1:
        return join_address(*pairs[0])
    literal = []
    for host, port in pairs:
        try:
            ip = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        except ValueError as why:
            raise JanusError(
                f"cloud address {host!r}: several replicas are given by IP address, or by one name that has them all."
            ) from why
        literal.append((ip.version, join_address(str(ip), port)))
    if len({version for version, _ in literal}) > 1:
        raise JanusError("cloud addresses mix IPv4 and IPv6: give one kind.")
    return f"ipv{literal[0][0]}:" + ",".join(address for _, address in literal)


def channel_options(largest_bytes: int, addresses: tuple[str, ...]) -> list[tuple[str, int | str]]:
    """gRPC's settings for a device that loses its cloud and wants it back quickly."""
    options: list[tuple[str, int | str]] = [
        ("grpc.service_config", ROUND_ROBIN),
        ("grpc.max_send_message_length", largest_bytes),
        ("grpc.max_receive_message_length", largest_bytes),
        ("grpc.http2.lookahead_bytes", largest_bytes),
        # gRPC's own are 1 s, 120 s and 20 s; the second of these is also the patience of a connection attempt.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 2000),
        ("grpc.max_reconnect_backoff_ms", 500),
        # A retry would send the payload twice and blur what is learned of the link; the device finishes the frame.
        ("grpc.enable_retries", 0),
        # A new channel must not inherit the connection that the old one has lost.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    ]
    if len(addresses) > 1:
        options.append(("grpc.default_authority", addresses[0]))
    return options
