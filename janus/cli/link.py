"""`janus link`: a TCP relay that is as slow as a trace says."""

from __future__ import annotations

import asyncio
import math
import signal
import threading
import time

import click

from janus.errors import JanusError


class Span(click.ParamType):
    """Two numbers with a colon between."""

    name = "START:LENGTH"

    def convert(self, value, param, ctx):
        try:
            start, length = (float(part) for part in value.split(":"))
        except ValueError:
            self.fail(f"{value!r} is not START:LENGTH in seconds, as 10:2.5.", param, ctx)
        if not (0 <= start < math.inf and 0 <= length < math.inf):
            self.fail(f"{value!r} is before the link, ends before it starts, or never ends.", param, ctx)
        return start, length


@click.command("link")
@click.option("--trace", "up", help="Uplink: a shipped name, a file, or FOLDER:NAME.  [required]")
@click.option("--down-trace", "down", help="Downlink, likewise.  [default: steady]")
@click.option("--down-mbps", type=float, default=50.0, show_default=True, help="A steady downlink, in Mbit/s.")
@click.option("--delay-ms", type=float, help="One-way delay.  [default: half the trace's round trip, or 0]")
@click.option("--listen", default="127.0.0.1:7001", show_default=True, metavar="HOST:PORT")
@click.option("--to", "target", metavar="HOST:PORT", help="Where it leads.  [required]")
@click.option("--outage", "outages", type=Span(), multiple=True, help="Nothing passes from START s on for LENGTH s.")
@click.option(
    "--cut", "cuts", type=Span(), multiple=True, help="Reset all connections at START s, refuse for LENGTH s."
)
@click.option("--slowdown", type=float, default=1.0, show_default=True, help="The whole link runs so much slower.")
@click.option("--child", is_flag=True, hidden=True)
def command(up, down, down_mbps, delay_ms, listen, target, outages, cuts, slowdown, child):
    """Relay TCP connections at the rate of a trace, both ways, with delay, outages and resets.

    The traces begin when the link does and are repeated at their ends. Any TCP program may be behind it. It listens on
    this machine only: on two machines it runs beside the device, and leads to the cloud.
    """
    from janus.network import find_trace
    from janus.runtime.credentials import is_loopback, split_address
    from janus.runtime.link import LinkSettings, precise_loop

    if not is_loopback(split_address(listen)[0]):
        raise JanusError(
            f"--listen {listen}: a link has no credentials, so it listens on loopback only; run it beside the device."
        )
    loop = precise_loop()
    try:
        if child:
            loop.run_until_complete(live_as_child(listen))
            return
        if up is None or target is None:
            raise JanusError("--trace and --to are missing: say what the link is like, and where it leads.")
        settings = LinkSettings(
            uplink=find_trace(up),
            downlink=None if down is None else find_trace(down),
            downlink_mbps=down_mbps,
            delay_ms=delay_ms,
            slowdown=slowdown,
        )
        loop.run_until_complete(live(settings, listen, target, outages, cuts))
    finally:
        loop.close()


async def live(settings, listen: str, target: str, outages, cuts) -> None:
    """Relay until interrupted."""
    from janus.runtime.link import Link

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    link = Link(settings)
    address = await link.open(listen, target)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    for start_s, length_s in outages:
        loop.call_later(start_s, link.hold, length_s)
    for start_s, length_s in cuts:
        loop.call_later(start_s, link.cut, length_s)
    click.echo(f"{settings.uplink.name} from {address} to {target}; Ctrl-C ends it.")
    await ended.wait()
    await link.close()


async def live_as_child(listen: str) -> None:
    """Relay for a parent, which says what to be like and where to lead."""
    from janus.runtime.children import obey, say
    from janus.runtime.link import Link, settings_from

    loop, box = asyncio.get_running_loop(), {}

    def on_loop(work):
        """A command's handler: carried out by the loop, while the parent waits for the answer."""

        def handle(**facts):
            return asyncio.run_coroutine_threadsafe(work(**facts), loop).result()

        return handle

    async def open_(target: str, **facts):
        box["link"] = Link(settings_from(facts))
        return {"address": await box["link"].open(listen, target)}

    async def shape(**facts):
        # Two clocks of one machine, read one after the other: good to some microseconds.
        begun = box["link"].shape(settings_from(facts))
        return {"begun": time.monotonic() - (loop.time() - begun)}

    async def hold(seconds: float):
        box["link"].hold(seconds)

    async def cut(refuse_s: float):
        box["link"].cut(refuse_s)

    ended = asyncio.Event()

    def listen_to_parent():
        handlers = {"open": open_, "shape": shape, "hold": hold, "cut": cut}
        try:
            obey({name: on_loop(work) for name, work in handlers.items()})
        finally:
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=listen_to_parent, daemon=True).start()
    say(ready=True)
    await ended.wait()
    if "link" in box:
        await box["link"].close()
