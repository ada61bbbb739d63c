"""A link between two places on one machine: a TCP relay whose rate follows a trace, with delay, outages and resets.

Any TCP program can be put behind it. Each direction is one `Lane` that all connections share, in turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import selectors
import socket
import struct
from collections import deque
from dataclasses import dataclass

from janus.errors import JanusError
from janus.network import Trace
from janus.runtime.credentials import join_address, split_address
from janus.runtime.lane import Lane

LOG = logging.getLogger("janus.link")
# Small enough that a sender feels the bottleneck rather than our buffers.
SOCKET_BUFFER_BYTES = 65536
# A receiver that stops reading must stop the sender, too, before our memory is full.
MAX_UNDELIVERED_BYTES = 16 << 20
MAX_CONNECTIONS = 200
LINGER_NONE = struct.pack("ii", 1, 0)
UP, DOWN = 0, 1
LOOK_UP_S = 0.1


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """What a link is like.

    Attributes:
        uplink: Rate towards the target, from the start of the link on, repeated at its end.
        downlink: Rate back; None for a steady ``downlink_mbps``.
        downlink_mbps: Decimal megabits per second back.
        delay_ms: One-way delay in both directions; None for half the uplink trace's round trip, 0 where it knows none.
        slowdown: Wall-clock seconds for one second of the traces: rates are divided by it, delays multiplied.
    """

    uplink: Trace
    downlink: Trace | None = None
    downlink_mbps: float = 50.0
    delay_ms: float | None = None
    slowdown: float = 1.0

    def lanes(self) -> tuple[Lane, Lane]:
        """Uplink and downlink."""
        back = self.downlink or Trace.constant(self.downlink_mbps)
        # Where the way back knows no round trip, half of the uplink's is its own.
        return (
            Lane(self.uplink, delay_ms=self.delay_ms, slowdown=self.slowdown),
            Lane(
                back, delay_ms=self.delay_ms, delay_trace=self.uplink if back.rtt_ms is None else None,
                slowdown=self.slowdown,
            ),
        )  # fmt: skip


class Link:
    """A relay from one address to another. `open` it inside a running event loop; see `precise_loop`."""

    def __init__(self, settings: LinkSettings):
        self._lanes = settings.lanes()
        self._connections: dict[asyncio.Task, tuple[socket.socket, ...]] = {}
        self._refuse_until = 0.0
        self._turns = (asyncio.Lock(), asyncio.Lock())

    async def open(self, listen: str, target: str) -> str:
        """Listen, relay to ``target`` from now on, and return the address that was bound.

        Raises:
            JanusError: If the address is taken.
        """
        host, port = split_address(listen)
        self._target = split_address(target)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        try:
            self._listener.bind((host, port))
        except OSError as why:
            self._listener.close()
            raise JanusError(f"{listen}: cannot listen there ({why.strerror}); choose another address.") from why
        self._listener.listen()
        self._listener.setblocking(False)
        self.start()
        self._accepting = asyncio.create_task(self._accept())
        return join_address(host, self._listener.getsockname()[1])

    def start(self) -> float:
        """Both traces begin now; returns the moment on the event loop's clock."""
        now = asyncio.get_running_loop().time()
        for lane in self._lanes:
            lane.start(now)
        return now

    def shape(self, settings: LinkSettings) -> float:
        """Be another link from now on; connections stay. Returns the moment on the event loop's clock.

        Raises:
            JanusError: If there cannot be such a link; it then stays as it was.
        """
        self._lanes = settings.lanes()
        return self.start()

    def hold(self, seconds: float) -> None:
        """An outage: connections stay, nothing passes."""
        now = asyncio.get_running_loop().time()
        for lane in self._lanes:
            lane.hold(now, seconds)

    def cut(self, refuse_s: float = 0.0) -> None:
        """Reset all connections, what is under way included, and refuse new ones for ``refuse_s``."""
        self._refuse_until = asyncio.get_running_loop().time() + refuse_s
        for task, ends in list(self._connections.items()):
            for end in ends:
                make_abrupt(end)
            task.cancel()

    async def close(self) -> None:
        """Stop listening and cut everything."""
        self._accepting.cancel()
        tasks = list(self._connections)
        self.cut()
        await asyncio.gather(self._accepting, *tasks, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(self._listener)
            if loop.time() < self._refuse_until or len(self._connections) >= MAX_CONNECTIONS:
                make_abrupt(near)
                near.close()
                continue
            far = socket.socket(socket.AF_INET6 if ":" in self._target[0] else socket.AF_INET, socket.SOCK_STREAM)
            for end in (near, far):
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
            task = asyncio.create_task(self._relay(near, far))
            self._connections[task] = (near, far)
            task.add_done_callback(self._connections.pop)

    async def _relay(self, near: socket.socket, far: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(far, self._target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(near, far, UP))
                both.create_task(self._pump(far, near, DOWN))
        except* OSError as why:
            LOG.info("a connection ended: %s", why.exceptions[0])
            for end in (near, far):
                make_abrupt(end)
        finally:
            near.close()
            far.close()

    async def _pump(self, source: socket.socket, sink: socket.socket, way: int) -> None:
        """Carry one direction of one connection through its lane, which may be exchanged under way."""
        loop = asyncio.get_running_loop()
        pipe = Pipe()
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._deliver(pipe, sink))
            while True:
                await pipe.room()
                data = await loop.sock_recv(source, self._lanes[way].chunk_bytes(loop.time()))
                if not data:
                    break
                async with self._turns[way]:
                    await self._readable(way)
                    pipe.put(self._lanes[way].admit(loop.time(), len(data)), data)
            pipe.put(self._lanes[way].admit(loop.time(), 0), b"")
            await writer

    async def _readable(self, way: int) -> None:
        """Wait until the bottleneck wants more; looks up now and then, since its lane may be exchanged."""
        now = asyncio.get_running_loop().time
        while (left := self._lanes[way].readable_at() - now()) > 0:
            await asyncio.sleep(min(left, LOOK_UP_S))

    async def _deliver(self, pipe: Pipe, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            moment, data = await pipe.get()
            await sleep_until(moment)
            if not data:
                with contextlib.suppress(OSError):  # the other side has closed already
                    sink.shutdown(socket.SHUT_WR)
                return
            await loop.sock_sendall(sink, data)
            pipe.taken(len(data))


class Pipe:
    """Chunks on their way, in order, each with the moment of its arrival."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._filled, self._drained = asyncio.Event(), asyncio.Event()
        self._drained.set()

    def put(self, moment: float, data: bytes) -> None:
        self._chunks.append((moment, data))
        self._bytes += len(data)
        self._filled.set()
        if self._bytes > MAX_UNDELIVERED_BYTES:
            self._drained.clear()

    async def get(self) -> tuple[float, bytes]:
        while not self._chunks:
            self._filled.clear()
            await self._filled.wait()
        return self._chunks.popleft()

    def taken(self, size_bytes: int) -> None:
        self._bytes -= size_bytes
        if self._bytes <= MAX_UNDELIVERED_BYTES:
            self._drained.set()

    async def room(self) -> None:
        await self._drained.wait()


async def sleep_until(moment: float) -> None:
    """Sleep until a moment of the event loop's clock."""
    left = moment - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)


def make_abrupt(end: socket.socket) -> None:
    """Closing this connection will reset it, as a network does that has lost it."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop whose timers keep to about 0.1 ms; epoll, the default, rounds up to whole milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def settings_from(facts: dict) -> LinkSettings:
    """Settings as a parent process writes them, with traces as columns."""
    facts = dict(facts)
    for field in ("uplink", "downlink"):
        if facts.get(field) is not None:
            facts[field] = Trace(**facts[field])
    return LinkSettings(**facts)


def facts_from(settings: LinkSettings) -> dict:
    """What `settings_from` reads, fit for JSON."""

    def columns(trace: Trace | None) -> dict | None:
        if trace is None:
            return None
        return {
            "name": trace.name,
            "time_s": trace.time_s.tolist(),
            "uplink_mbps": trace.uplink_mbps.tolist(),
            "rtt_ms": None if trace.rtt_ms is None else trace.rtt_ms.tolist(),
            "duration_s": trace.duration_s,
        }

    return {
        "uplink": columns(settings.uplink), "downlink": columns(settings.downlink),
        "downlink_mbps": settings.downlink_mbps, "delay_ms": settings.delay_ms, "slowdown": settings.slowdown,
    }  # fmt: skip
