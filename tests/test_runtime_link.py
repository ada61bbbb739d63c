"""The link: never more than the trace, never less while there is something to send, and bytes as they were sent."""

import socket
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_kit import nobody, relay

from janus.errors import JanusError
from janus.network import Trace
from janus.runtime.credentials import split_address
from janus.runtime.lane import AHEAD_S, Lane, window_errors
from janus.runtime.link import LinkSettings


def trace(rates, step_s=0.5, rtt_ms=None):
    return Trace(
        name="made up",
        time_s=np.arange(len(rates)) * step_s,
        uplink_mbps=np.array(rates, dtype=float),
        rtt_ms=None if rtt_ms is None else np.array(rtt_ms, dtype=float),
        duration_s=len(rates) * step_s,
    )


RATES = st.lists(st.one_of(st.just(0.0), st.floats(0.05, 200)), min_size=1, max_size=8).filter(any)
CHUNKS = st.lists(st.tuples(st.floats(0, 0.4), st.integers(1, 40_000)), min_size=1, max_size=40)


def capacity(of, start_s, end_s):
    """What a trace that is repeated carries between two moments since its start."""
    whole = of.capacity_bytes(0.0, of.duration_s)

    def until(moment):
        rounds, inside = divmod(moment, of.duration_s)
        return rounds * whole + of.capacity_bytes(0.0, inside)

    return until(end_s) - until(start_s)


@settings(max_examples=200, deadline=None)
@given(rates=RATES, chunks=CHUNKS, slowdown=st.sampled_from([1.0, 7.0]))
def test_never_more_than_the_trace_comes_out(rates, chunks, slowdown):
    """Between any two chunks, whatever came when: the bytes that come out fit into what the trace carries there."""
    of = trace(rates)
    lane, now, out = Lane(of, slowdown=slowdown), 0.0, [(0.0, 0)]
    for gap, size in chunks:
        now += gap
        out.append((lane.admit(now, size), size))

    for first in range(len(out)):
        sizes = np.cumsum([size for _, size in out[first + 1 :]])
        for total, (moment, _) in zip(sizes, out[first + 1 :], strict=True):
            assert total <= capacity(of, out[first][0] / slowdown, moment / slowdown) * (1 + 1e-6) + 1e-3


@settings(max_examples=100, deadline=None)
@given(rates=RATES, sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=40))
def test_nothing_is_lost_while_there_is_something_to_send(rates, sizes):
    """A sender that always has data gets exactly the trace's integral."""
    of = trace(rates)
    lane = Lane(of)
    last = [lane.admit(0.0, size) for size in sizes][-1]

    assert capacity(of, 0.0, last) == pytest.approx(sum(sizes), rel=1e-6, abs=1e-3)


@settings(max_examples=100, deadline=None)
@given(rates=RATES, chunks=CHUNKS, rtts=st.lists(st.floats(0, 300), min_size=1, max_size=8))
def test_order_is_kept_and_every_chunk_has_its_delay(rates, chunks, rtts):
    """Also where the round trip shrinks on the way: nothing overtakes, nothing is early."""
    rtts = np.resize(rtts, len(rates))
    delayed, prompt = Lane(trace(rates, rtt_ms=rtts)), Lane(trace(rates, rtt_ms=rtts), delay_ms=0)
    now, out = 0.0, []
    for gap, size in chunks:
        now += gap
        out.append((delayed.admit(now, size), prompt.admit(now, size)))

    assert [late for late, _ in out] == sorted(late for late, _ in out)
    assert all(late >= soon + min(rtts) / 2000 - 1e-9 for late, soon in out)


def test_a_delay_is_added_to_every_chunk():
    """20 ms asked are 20 ms, whatever the rate."""
    lane, reference = Lane(Trace.constant(8.0), delay_ms=20), Lane(Trace.constant(8.0), delay_ms=0)
    out = [(lane.admit(t, 1000), reference.admit(t, 1000)) for t in (0.0, 0.5, 0.5, 0.50001, 2.0)]

    assert [late - soon for late, soon in out] == pytest.approx([0.02] * 5)
    assert out[0][1] == pytest.approx(0.001)


def test_an_outage_holds_everything_back():
    """What comes in while it lasts comes out after it, and its capacity is gone."""
    lane = Lane(Trace.constant(8.0))
    lane.hold(1.0, 3.0)

    assert lane.admit(1.5, 1000) == pytest.approx(4.001)
    assert lane.readable_at() == pytest.approx(4.001 - AHEAD_S)


def test_a_trace_that_stops_for_a_while_holds_everything_back_too():
    """Zeroes in the trace are outages."""
    lane = Lane(trace([8.0, 0.0, 8.0], step_s=1.0))

    assert lane.admit(1.2, 1000) == pytest.approx(2.001)


def test_a_slow_world_is_the_same_world_slower():
    """With a slowdown all moments stretch by it."""
    normal, slow = Lane(trace([8.0, 0.0, 3.0]), delay_ms=7), Lane(trace([8.0, 0.0, 3.0]), delay_ms=7, slowdown=10)

    for t, size in ((0.0, 5000), (0.3, 90_000), (0.31, 500_000)):
        assert slow.admit(10 * t, size) == pytest.approx(10 * normal.admit(t, size))


def test_chunks_are_small_beside_a_second_and_large_beside_a_packet():
    """They follow the rate, within bounds."""
    sizes = [Lane(Trace.constant(mbps)).chunk_bytes(0.0) for mbps in (0.01, 8, 1000)]

    assert sizes == [256, 2000, 32768]


@pytest.mark.parametrize(
    ("give", "says"),
    [
        (lambda: Lane(trace([0.0, 0.0])), "carries nothing"),
        (lambda: Lane(Trace.constant(1.0), delay_ms=-1), "delay_ms -1"),
        (lambda: Lane(Trace.constant(1.0), slowdown=0.5), "slowdown 0.5"),
        (lambda: LinkSettings(uplink=Trace.constant(1.0), downlink_mbps=0.0).lanes(), "carries nothing"),
    ],
)
def test_a_link_that_cannot_be_is_named(give, says):
    """One sentence with the argument."""
    with pytest.raises(JanusError, match=says):
        give()


def test_the_way_back_has_the_same_round_trip():
    """An uplink trace with round-trip times delays both directions by half of them."""
    up, down = LinkSettings(uplink=trace([8.0, 8.0], rtt_ms=[10, 30]), downlink_mbps=8.0).lanes()

    assert up.admit(0.0, 1000) == pytest.approx(down.admit(0.0, 1000)) == pytest.approx(0.001 + 0.005)
    assert up.admit(0.6, 1000) == pytest.approx(down.admit(0.6, 1000)) == pytest.approx(0.6 + 0.001 + 0.015)


def test_windows_compare_what_was_asked_with_what_was_got():
    """Only whole windows count."""
    of = trace([8.0, 4.0, 8.0], step_s=1.0)
    rows = window_errors(of, [0.5, 0.9, 1.5, 2.2], [500_000, 500_000, 400_000, 1])

    assert rows == [(0.0, 1e6, 1e6), (1.0, 5e5, 4e5)]


@pytest.fixture
def echo():
    """A server that sends back what it gets, and its address."""
    server = socket.create_server(("127.0.0.1", 0))
    threads = []

    def talk(end):
        with end:
            try:
                while data := end.recv(65536):
                    end.sendall(data)
                end.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def accept():
        while True:
            try:
                end, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=talk, args=(end,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    acceptor.join()
    for thread in threads:
        thread.join()


FAST = {"uplink": Trace.constant(2000.0), "downlink_mbps": 2000.0, "delay_ms": 0}


def exchange(address, data):
    """Send everything, hang up that way, and read what comes back."""
    with socket.create_connection(split_address(address), timeout=30) as end:
        sender = threading.Thread(target=lambda: (end.sendall(data), end.shutdown(socket.SHUT_WR)))
        sender.start()
        back = b""
        while part := end.recv(65536):
            back += part
        sender.join()
    return back


def refused(address):
    """The reset may come before `connect` has returned or after: both are a refusal."""
    with pytest.raises(ConnectionResetError), socket.create_connection(split_address(address), timeout=30) as end:
        end.recv(1)


def test_bytes_come_through_as_they_were_sent(echo):
    """Both ways, in order, with the end of each direction; several connections at once."""
    data = [np.random.default_rng(i).bytes(300_000) for i in range(4)]
    back = [b""] * 4
    with relay(echo, **FAST) as (address, _):
        threads = [
            threading.Thread(target=lambda i=i: back.__setitem__(i, exchange(address, data[i]))) for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert back == data


def test_a_cut_resets_every_connection_and_refuses_new_ones_for_a_while(echo):
    """What is under way is gone; afterwards the link is as before."""
    with relay(echo, **FAST) as (address, call):
        with socket.create_connection(split_address(address), timeout=30) as end:
            end.sendall(b"x")
            assert end.recv(1) == b"x"
            call("cut", 1e6)
            with pytest.raises(ConnectionResetError):
                end.recv(1)
        refused(address)
        call("cut", 0.0)

        assert exchange(address, b"back again") == b"back again"


def test_a_target_that_is_not_there_resets_the_connection():
    """As a network does, instead of hanging."""
    with nobody() as gone, relay(gone, **FAST) as (address, _):
        refused(address)


def test_a_sender_feels_the_bottleneck():
    """In an outage, with a receiver that would read, a sender can put only so much into the link."""
    with (
        socket.create_server(("127.0.0.1", 0)) as target,
        relay(f"127.0.0.1:{target.getsockname()[1]}", **FAST) as (address, call),
    ):
        call("hold", 1e6)
        with socket.socket() as end:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            end.connect(split_address(address))
            end.settimeout(1.0)
            sent = 0
            with pytest.raises(TimeoutError):
                while sent < 64 << 20:
                    sent += end.send(bytes(65536))

    assert sent < 4 << 20


def test_a_taken_address_is_named(echo):
    """One sentence, and no socket left open."""
    with pytest.raises(JanusError, match="cannot listen there"):
        import asyncio

        from janus.runtime.link import Link

        asyncio.run(Link(LinkSettings(**FAST)).open(echo, echo))
