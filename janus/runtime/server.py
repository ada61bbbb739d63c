"""A cloud that listens: gRPC server, limits, credentials, health."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from janus.errors import JanusError
from janus.profile import LatencyProfile
from janus.runtime.credentials import CloudCredentials, check_listen, join_address, read_token, split_address
from janus.runtime.half import Half
from janus.runtime.pace import Pace
from janus.runtime.requests import Limits, max_message_bytes
from janus.runtime.service import SERVICE, CloudService, RefusalLog, TokenCheck

# Calls beside the frames: Hello, health.
SPARE_CALLS = 8
IDENTITY_ONLY = 1
# The second must be as long as the longest deadline (`janus.runtime.requests.Limits`).
MAX_AGE_MS, MAX_GRACE_MS = 600_000, 60_000


@dataclass(eq=False)
class Cloud:
    """A running cloud. Stop it, or use it in a ``with``.

    Attributes:
        address: HOST:PORT that it listens on, with the port that it got.
    """

    address: str
    _server: grpc.Server
    _service: CloudService
    _health: health.HealthServicer
    _pools: tuple[ThreadPoolExecutor, ...]

    @property
    def port(self) -> int:
        return split_address(self.address)[1]

    def stop(self, grace_s: float = 1.0) -> None:
        """Say NOT_SERVING, let running calls finish for ``grace_s``, and leave no thread behind."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait()
        self._service.engine.close()
        for pool in self._pools:
            pool.shutdown()

    def __enter__(self) -> Cloud:
        return self

    def __exit__(self, *_) -> None:
        self.stop(0.0)


def serve(
    half: Half,
    listen: str = "127.0.0.1:0",
    *,
    credentials: CloudCredentials | None = None,
    limits: Limits | None = None,
    pace: Pace | None = None,
    profile: LatencyProfile | None = None,
) -> Cloud:
    """Serve a model.

    Args:
        half: The model.
        listen: HOST:PORT; port 0 takes a free one.
        credentials: Needed anywhere but on loopback.
        limits: What requests may cost.
        pace: Stretch compute to a profile.
        profile: What devices that ask are told of this machine; the pace's where there is one.

    Raises:
        JanusError: If the address is taken, or open to others without credentials.
    """
    credentials, limits = credentials or CloudCredentials(), limits or Limits()
    host, port = split_address(listen)
    check_listen(host, credentials)
    log = RefusalLog()
    interceptors = [] if credentials.token is None else [TokenCheck(read_token(credentials.token), log)]
    calls = limits.max_waiting + SPARE_CALLS
    largest = max_message_bytes(half, limits)
    pools = (
        ThreadPoolExecutor(calls, thread_name_prefix="janus-call"),
        ThreadPoolExecutor(1, thread_name_prefix="janus-health"),
    )
    server = grpc.server(
        pools[0], interceptors=interceptors, options=server_options(largest, calls), maximum_concurrent_rpcs=calls
    )
    tls = credentials.server_credentials()
    address = join_address(host, port)
    try:
        bound = server.add_insecure_port(address) if tls is None else server.add_secure_port(address, tls)
    except RuntimeError as why:
        raise JanusError(f"{address}: cannot listen there (taken, or not of this machine); choose another.") from why
    told = profile if pace is None else pace.profile
    service = CloudService(half, limits=limits, pace=pace, profile=told, log=log)
    server.add_generic_rpc_handlers((service.handlers(),))
    status = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=pools[1])
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    for name in ("", SERVICE):
        status.set(name, health_pb2.HealthCheckResponse.SERVING)
    server.start()
    return Cloud(join_address(host, bound), server, service, status, pools)


def server_options(largest_bytes: int, calls: int) -> list[tuple[str, int]]:
    """gRPC's own limits, and flow control that lets one frame through without waiting for an acknowledgement."""
    return [
        ("grpc.max_receive_message_length", largest_bytes),
        ("grpc.max_send_message_length", largest_bytes),
        ("grpc.max_concurrent_streams", calls),
        ("grpc.max_metadata_size", 8192),
        # A compressed message would be inflated before its size is checked.
        ("grpc.compression_enabled_algorithms_bitset", IDENTITY_ONLY),
        # Two servers on one port would share its calls unnoticed.
        ("grpc.so_reuseport", 0),
        ("grpc.http2.lookahead_bytes", largest_bytes),
        # Devices may ask every second whether the connection lives, also while nothing runs.
        ("grpc.http2.min_ping_interval_without_data_ms", 500),
        ("grpc.keepalive_permit_without_calls", 1),
        # Every connection ends some time, its calls with it: one that says nothing, and one whose calls never send
        # their request and would hold their places for ever. Devices connect anew; what is under way is finished.
        ("grpc.max_connection_age_ms", MAX_AGE_MS),
        ("grpc.max_connection_age_grace_ms", MAX_GRACE_MS),
    ]
