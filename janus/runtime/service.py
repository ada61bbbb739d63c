"""The cloud's two calls: Hello, and Finish for the rest of a frame. Holds nothing between frames but the model."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import CancelledError

import grpc
from google.protobuf.message import DecodeError

import janus
from janus.profile import LatencyProfile, profile_text
from janus.runtime import janus_pb2 as pb
from janus.runtime.credentials import token_matches
from janus.runtime.engine import Engine
from janus.runtime.half import Half
from janus.runtime.pace import Pace
from janus.runtime.requests import PROTOCOL, Limits, Refused, check_hello, read_work
from janus.units import s_to_ms

LOG = logging.getLogger("janus.cloud")
SERVICE = pb.DESCRIPTOR.services_by_name["Cloud"].full_name
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
# Refusals in the log, per second; a hostile device must not fill a disk.
LOG_LINES_PER_S = 20


class RefusalLog:
    """One line for a refusal, without its content; beyond some lines a second only their number."""

    def __init__(self, lines_per_s: int = LOG_LINES_PER_S, clock=time.monotonic):
        self._most, self._clock = lines_per_s, clock
        self._second, self._lines, self._left_out = 0, 0, 0
        self._lock = threading.Lock()

    def __call__(self, peer: str, code: grpc.StatusCode, reason: str) -> None:
        with self._lock:
            now = int(self._clock())
            if now != self._second:
                if self._left_out:
                    LOG.warning("refused %d more", self._left_out)
                self._second, self._lines, self._left_out = now, 0, 0
            if self._lines >= self._most:
                self._left_out += 1
                return
            self._lines += 1
        # A reason may quote the request, which must not write lines of its own or control a terminal.
        quoted = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in reason)
        LOG.warning("refused %s: %s: %s", peer, code.name, quoted)


class CloudService:
    """What `janus.proto` calls Cloud. A handler never raises anything but an abort with a status and a reason."""

    def __init__(
        self, half: Half, *, limits: Limits, pace: Pace | None, profile: LatencyProfile | None, log: RefusalLog
    ):
        self.half, self.limits, self.pace, self._log = half, limits, pace, log
        self._profile = "" if profile is None else profile_text(profile)
        self.engine = Engine(half, max_batch=limits.max_batch, pace=pace)
        self._places = threading.BoundedSemaphore(limits.max_waiting)

    def handlers(self) -> grpc.GenericRpcHandler:
        """Both calls. Requests are parsed in the handler, so that what is no request gets a status of ours."""
        calls = {
            "Hello": grpc.unary_unary_rpc_method_handler(self._hello),
            "Finish": grpc.unary_unary_rpc_method_handler(self._finish),
        }
        return grpc.method_handlers_generic_handler(SERVICE, calls)

    def _hello(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        def answer() -> bytes:
            request = _parse(pb.HelloRequest, data)
            check_hello(request, self.half)
            reply = pb.HelloReply(
                protocol=PROTOCOL,
                model=self.half.name,
                weights_sha256=self.half.key,
                version=janus.__version__,
                max_batch=self.limits.max_batch,
                codebook_sha256=self.half.book_key,
            )
            if request.with_profile:
                reply.profile = self._profile
            if self.pace is not None:
                reply.emulates, reply.slowdown = self.pace.profile.label, self.pace.slowdown
            return reply.SerializeToString()

        return self._guarded(answer, context)

    def _finish(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        return self._guarded(lambda: self._work(data, context), context)

    def _work(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        start = time.perf_counter()
        patience = context.time_remaining()
        if patience is None or patience > self.limits.max_deadline_s:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"every call takes a deadline of at most {self.limits.max_deadline_s:g} s: set one.",
            )
        if not self._places.acquire(blocking=False):
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{self.limits.max_waiting} requests are waiting already: try again later, or ask another replica.",
            )
        try:
            work = read_work(_parse(pb.FinishRequest, data), self.half, self.limits)
            decoded = time.perf_counter()
            job = self.engine.submit(work)
            # Called when the call ends, however it does: cancelled, past its deadline, connection lost.
            if not context.add_callback(job.abandon):
                job.abandon()
            try:
                done = job.future.result(timeout=patience)
            except CancelledError:
                raise Refused(grpc.StatusCode.CANCELLED, "the device has given up this frame.") from None
            except TimeoutError:
                job.abandon()
                raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed while this waited.") from None
            computed = time.perf_counter()
            reply = pb.FinishReply(logits=done.logits.numpy().astype("<f4", copy=False).tobytes(), batch=work.batch)
        finally:
            self._places.release()
        end = time.perf_counter()
        reply.timing.queue_ms, reply.timing.compute_ms = done.queue_ms, done.compute_ms
        reply.timing.decode_ms, reply.timing.encode_ms = s_to_ms(decoded - start), s_to_ms(end - computed)
        reply.timing.total_ms, reply.timing.batched = s_to_ms(end - start), done.batched
        return reply.SerializeToString()

    def _guarded(self, answer, context: grpc.ServicerContext) -> bytes:
        """``answer()``, with every way to fail turned into a status; our own faults stay in our log."""
        try:
            return answer()
        except Refused as why:
            code, reason = why.code, str(why)
        except Exception:
            LOG.exception("a request from %s failed", context.peer())
            code, reason = grpc.StatusCode.INTERNAL, "the cloud failed on this request; its log says why."
        if code not in (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED):
            self._log(context.peer(), code, reason)
        context.abort(code, reason)
        raise AssertionError("abort() returns to nobody")


class TokenCheck(grpc.ServerInterceptor):
    """Lets only calls with the right bearer token through; and health checks, which load balancers make."""

    def __init__(self, token: str, log: RefusalLog):
        self._token, self._log = token, log

    def intercept_service(self, continuation, handler_call_details):
        if handler_call_details.method == HEALTH_CHECK or token_matches(
            handler_call_details.invocation_metadata, self._token
        ):
            return continuation(handler_call_details)
        return grpc.stream_stream_rpc_method_handler(self._refuse)  # a stream: nothing of the request is read

    def _refuse(self, _, context: grpc.ServicerContext):
        reason = "the bearer token is missing or wrong: give the device the cloud's --token-file."
        self._log(context.peer(), grpc.StatusCode.UNAUTHENTICATED, reason)
        context.abort(grpc.StatusCode.UNAUTHENTICATED, reason)


def _parse(kind, data: bytes):
    try:
        return kind.FromString(data)
    except DecodeError as why:
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT, f"the request is no {kind.DESCRIPTOR.full_name}: send one."
        ) from why
