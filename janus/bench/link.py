"""`janus bench link`: whether the shaped link keeps its promise, second by second, and against the kernel's shaper."""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import threading
import time

import click

from janus.bench.timing import Spread
from janus.cli.common import document, emit
from janus.errors import JanusError
from janus.network import Trace, find_trace
from janus.progress import bar
from janus.runtime.children import Child
from janus.runtime.credentials import split_address
from janus.runtime.lane import window_errors
from janus.runtime.link import LinkSettings, facts_from
from janus.runtime.netns import ShapedNamespaces, why_not_here
from janus.units import bytes_per_ms_to_mbps, ms_to_s, s_to_ms

# So little gets through before the measurement starts that the sender then has a backlog.
TRICKLE_MBPS = 0.1
# What the kernel's token bucket gives away at the start is left out.
SETTLE_S = 1.0

SINK = """
import json, socket, sys, time
server = socket.create_server((sys.argv[1], 0))
print(server.getsockname()[1], flush=True)
end, _ = server.accept()
settle, seconds = float(sys.argv[2]), float(sys.argv[3])
begun, count, since = None, 0, None
while data := end.recv(1 << 16):
    now = time.monotonic()
    begun = begun or now
    if now - begun < settle:
        continue
    if since is None:
        since, count = now, 0
        continue
    count += len(data)
    if now - since >= seconds:
        break
print(json.dumps([count, now - since]), flush=True)
"""
SOURCE = """
import socket, sys
end = socket.create_connection((sys.argv[1], int(sys.argv[2])))
try:
    while True:
        end.sendall(bytes(65536))
except OSError:
    pass
"""


class Sink:
    """Takes what comes to a port of its own, and writes down when."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.arrivals: list[float] = []
        self.sizes: list[int] = []
        self.stamps: list[bytes] = []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        end, _ = self._server.accept()
        with end:
            try:
                while data := end.recv(1 << 18):
                    self.arrivals.append(time.monotonic())
                    self.sizes.append(len(data))
                    self.stamps.append(data[:64])
            except OSError:
                pass

    def close(self) -> None:
        self._server.close()


class Relay:
    """A link in a process of its own, from here to a sink."""

    def __init__(self, target: str, settings: LinkSettings):
        self.child = Child("link", ["link", "--listen", "127.0.0.1:0"])
        self.child.wait_ready(30.0)
        self.address = split_address(self.child.do("open", target=target, **facts_from(settings))["address"])

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_) -> None:
        self.child.stop()


def windows(trace: Trace, seconds: float, delay_ms: float) -> list[dict]:
    """Bytes asked and got in each second of a trace, with a sender that always has data."""
    seconds = min(seconds, trace.duration_s)
    sink = Sink()
    trickle = LinkSettings(uplink=Trace.constant(TRICKLE_MBPS), delay_ms=delay_ms)
    with Relay(sink.address, trickle) as relay, socket.create_connection(relay.address) as end:
        stop = threading.Event()

        def send() -> None:
            try:
                while not stop.is_set():
                    end.sendall(bytes(1 << 16))
            except OSError:
                pass

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        time.sleep(0.5)
        begun = relay.child.do("shape", **facts_from(LinkSettings(uplink=trace, delay_ms=delay_ms)))["begun"]
        time.sleep(seconds + ms_to_s(delay_ms) + 0.5)
        stop.set()
    sink.close()
    sender.join()
    moments = [moment - begun - ms_to_s(delay_ms) for moment in sink.arrivals]
    late = [(moment, size) for moment, size in zip(moments, sink.sizes, strict=True) if moment >= 0]
    rows = window_errors(trace, [moment for moment, _ in late], [size for _, size in late])
    return [
        {"second": at, "asked_bytes": round(asked), "got_bytes": got, "error": got / asked - 1 if asked > 1e4 else None}
        for at, asked, got in rows
        if at < seconds
    ]


def delays(delay_ms: float, count: int = 200) -> list[float]:
    """Milliseconds that single small messages take through a wide link, one way."""
    sink, sent = Sink(), []
    wide = LinkSettings(uplink=Trace.constant(100.0), delay_ms=delay_ms)
    with Relay(sink.address, wide) as relay, socket.create_connection(relay.address) as end:
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(count):
            sent.append(time.monotonic())
            end.sendall(f"{number:<64}".encode())
            time.sleep(ms_to_s(2 * delay_ms) + 0.01)
    sink.close()
    arrived = {int(stamp): moment for stamp, moment in zip(sink.stamps, sink.arrivals, strict=True)}
    return [s_to_ms(arrived[number] - sent[number]) for number in arrived]


def goodput(source: list[str], sink: list[str], host: str, seconds: float, through=None) -> float:
    """Mbit/s between two programs, ``through`` a relay opened for the sink's port where there is one."""
    python = [sys.executable, "-c"]
    taker = subprocess.Popen(
        [*sink, *python, SINK, host, str(SETTLE_S), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(taker.stdout.readline())
        target = (host, port)
        relay = through(f"{host}:{port}") if through else None
        try:
            if relay is not None:
                target = relay.address
            sender = subprocess.Popen([*source, *python, SOURCE, target[0], str(target[1])])
            count, took_s = json.loads(taker.stdout.readline())
            sender.kill()
            sender.wait()
        finally:
            if relay is not None:
                relay.child.stop()
    finally:
        taker.kill()
        taker.wait()
        taker.stdout.close()
    return float(bytes_per_ms_to_mbps(count / s_to_ms(took_s)))


def against_kernel(mbps: float, seconds: float) -> dict:
    """Goodput through the relay and through ``tc tbf``, one after the other."""
    with ShapedNamespaces(mbps) as spaces:
        kernel = goodput(spaces.near([]), spaces.far([]), spaces.far_host, seconds)
    settings = LinkSettings(uplink=Trace.constant(mbps), delay_ms=0.0)
    relay = goodput([], [], "127.0.0.1", seconds, through=lambda target: Relay(target, settings))
    return {
        "mbps": mbps,
        "relay_mbps": round(relay, 3),
        "kernel_mbps": round(kernel, 3),
        "relay_to_kernel": round(relay / kernel, 4),
    }


@click.command("link")
@click.option(
    "--trace", "spec", default="5g-driving", show_default=True, help="A shipped name, a file, or FOLDER:NAME."
)
@click.option("--start", type=click.FloatRange(0), default=0.0, show_default=True, help="Where in the trace to begin.")
@click.option("--seconds", type=click.FloatRange(2), default=60.0, show_default=True, help="Of the trace.")
@click.option("--delay-ms", type=click.FloatRange(0), default=20.0, show_default=True, help="One way.")
@click.option("--rate", "rates", type=float, multiple=True, default=(2.0, 10.0, 50.0, 100.0),
              show_default=True, help="Mbit/s, against tc tbf.")  # fmt: skip
@click.option("--rate-seconds", type=click.FloatRange(1), default=5.0, show_default=True, help="At each rate.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(spec, start, seconds, delay_ms, rates, rate_seconds, as_json):
    """Whether the link keeps to its trace second by second, how exact its delay is, and what tc tbf makes of a rate."""
    whole = find_trace(spec)
    trace = whole.clip(start, min(start + seconds + 1, whole.duration_s))
    rows = windows(trace, seconds, delay_ms)
    known = [abs(row["error"]) for row in rows if row["error"] is not None]
    if not known:
        raise JanusError(f"trace {trace.name} carries next to nothing in these {seconds:g} s: choose another --start.")
    spread = Spread.of(delays(delay_ms))
    results = [
        {
            "what": "windows",
            "trace": trace.name,
            "seconds": len(rows),
            "worst_error": round(max(known), 4),
            "median_error": round(statistics.median(known), 4),
            "over_3_percent": sum(error > 0.03 for error in known),
            "windows": rows,
        },
        {
            "what": "delay",
            "asked_ms": delay_ms,
            "measured_ms": round(spread.median, 3),
            "p10_ms": round(spread.p10, 3),
            "p90_ms": round(spread.p90, 3),
        },
    ]
    click.echo(
        f"{trace.name}, {len(rows)} windows of 1 s: worst error {100 * max(known):.2f} %, median "
        f"{100 * statistics.median(known):.2f} %\ndelay asked {delay_ms:g} ms, measured {spread} ms",
        err=as_json,
    )
    skipped = []
    reason = why_not_here()
    for mbps in bar(rates, unit="rate"):
        if reason:
            skipped.append({"rate": mbps, "reason": reason})
            continue
        row = against_kernel(mbps, rate_seconds)
        results.append({"what": "kernel", **row})
        click.echo(
            f"{mbps:g} Mbit/s: relay {row['relay_mbps']:.2f}, tc tbf {row['kernel_mbps']:.2f}, ratio "
            f"{row['relay_to_kernel']:.3f}",
            err=as_json,
        )
    for skip in skipped:
        click.echo(f"{skip['rate']:g} Mbit/s against tc tbf: skipped, {skip['reason']}.", err=True)
    emit(document(results, skipped, trace=trace.name), as_json=as_json)
