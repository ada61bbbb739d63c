"""Traces: transfer times and capacities are exact inverses, and nothing is carried twice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from janus.errors import JanusError
from janus.network import Trace, trace_statistics
from janus.network.statistics import autocorrelation, outage_lengths_s
from janus.units import mbps_to_bytes_per_ms, ms_to_s, s_to_ms

RATES = st.one_of(st.just(0.0), st.floats(0.01, 500.0))


@st.composite
def traces(draw, rtt=False):
    """Uneven steps, outages among them."""
    lengths = draw(st.lists(st.floats(0.01, 5.0), min_size=1, max_size=12))
    rates = draw(st.lists(RATES, min_size=len(lengths), max_size=len(lengths)))
    edges = np.concatenate([[0.0], np.cumsum(lengths)])
    pings = np.arange(len(rates)) + 10.0 if rtt else None
    return Trace(name="drawn", time_s=edges[:-1], uplink_mbps=rates, duration_s=edges[-1], rtt_ms=pings)


@given(traces(), st.floats(0, 1), st.floats(1, 1e7))
def test_a_transfer_takes_as_long_as_the_link_needs_for_its_bytes(trace, place, size):
    """Capacity over the transfer's own time is the transfer's size: the conservation of bytes."""
    start = place * trace.duration_s
    took = trace.transfer_ms(start, size)

    if math.isinf(took):
        assert trace.capacity_bytes(start, trace.duration_s) < size * (1 + 1e-6)
    else:
        assert trace.capacity_bytes(start, start + ms_to_s(took)) == pytest.approx(size, rel=1e-6, abs=1e-3)


@given(traces(), st.floats(0, 1), st.floats(0, 1))
def test_the_capacity_of_a_stretch_is_through_at_its_end(trace, one, other):
    """What fits between two times has been sent by the second, even when that is the end of the trace."""
    start, end = sorted((one * trace.duration_s, other * trace.duration_s))
    size = trace.capacity_bytes(start, end)

    assert trace.transfer_ms(start, size) <= s_to_ms(end - start) + 1e-6


@given(traces(), st.lists(st.tuples(st.floats(0, 1.2), st.one_of(st.just(0.0), st.floats(1, 1e7))), min_size=1))
def test_arrays_and_numbers_give_the_same(trace, queries):
    """The quick path of one number agrees with the vectorised one, infinities included."""
    starts = np.array([place * trace.duration_s for place, _ in queries])
    sizes = np.array([size for _, size in queries])

    one_by_one = [trace.transfer_ms(float(start), float(size)) for start, size in zip(starts, sizes, strict=True)]

    np.testing.assert_allclose(trace.transfer_ms(starts, sizes), one_by_one, rtol=1e-9, atol=1e-9)


@given(traces(), st.floats(0, 1), st.floats(1, 1e6), st.floats(1, 1e6))
def test_two_transfers_in_a_row_take_as_long_as_one(trace, place, first, second):
    """Splitting a payload does not change when its last byte arrives."""
    start = place * trace.duration_s
    whole = trace.transfer_ms(start, first + second)
    part = trace.transfer_ms(start, first)

    if math.isfinite(whole):
        rest = trace.transfer_ms(min(start + ms_to_s(part), trace.duration_s * (1 - 1e-15)), second)

        assert part <= whole + 1e-6
        if math.isfinite(rest):
            arrived = trace.capacity_bytes(start, start + ms_to_s(part + rest))
            assert arrived == pytest.approx(first + second, rel=1e-6, abs=1.0)


@given(traces(rtt=True), st.floats(0, 0.98), st.floats(0.01, 1))
def test_a_clip_carries_what_the_stretch_carried(trace, place, share):
    """Clipping keeps rates, round-trip times and bytes, on a clock that starts at 0."""
    start = place * trace.duration_s
    end = min(start + share * (trace.duration_s - start), trace.duration_s)
    clip = trace.clip(start, end)

    assert clip.duration_s == pytest.approx(end - start)
    assert clip.capacity_bytes(0, clip.duration_s) == pytest.approx(
        trace.capacity_bytes(start, end), rel=1e-6, abs=1e-2
    )
    assert clip.rtt_at(0.0) == trace.rtt_at(start)


@given(traces(), st.floats(0, 10))
def test_scaling_multiplies_capacity(trace, factor):
    """Twice the rate carries twice the bytes."""
    expected = factor * trace.capacity_bytes(0, trace.duration_s)

    assert trace.scale(factor).capacity_bytes(0, trace.duration_s) == pytest.approx(expected)


@given(traces(rtt=True), st.floats(0.05, 3))
def test_resampling_keeps_bytes_and_bounds(trace, step_s):
    """A new grid carries the same bytes, and no mean lies beyond what was averaged."""
    grid = trace.resampled(step_s)

    assert grid.capacity_bytes(0, grid.duration_s) == pytest.approx(trace.capacity_bytes(0, trace.duration_s), abs=1e-2)
    assert grid.uplink_mbps.min() >= trace.uplink_mbps.min()
    assert grid.uplink_mbps.max() <= trace.uplink_mbps.max()
    assert grid.rtt_ms.min() >= trace.rtt_ms.min()


@given(traces(), st.floats(0.1, 4))
def test_repeating_starts_again_where_it_ends(trace, rounds):
    """A repeated trace carries whole rounds and a first part of the trace."""
    long = trace.repeat(rounds * trace.duration_s)
    whole, part = divmod(rounds, 1)
    expected = whole * trace.capacity_bytes(0, trace.duration_s) + trace.capacity_bytes(0, part * trace.duration_s)

    assert long.duration_s == pytest.approx(rounds * trace.duration_s)
    assert long.capacity_bytes(0, long.duration_s) == pytest.approx(expected, rel=1e-6, abs=1.0)


@given(traces())
def test_statistics_of_any_trace_are_finite(trace):
    """Shares lie in 0…1, correlations in -1…1, whatever the trace."""
    facts = trace_statistics(trace)

    assert all(math.isfinite(value) for value in facts.values())
    assert 0 <= facts["zero_share"] <= facts["outage_share"] <= 1
    assert all(abs(value) <= 1 + 1e-9 for key, value in facts.items() if key.startswith("ac_"))


def test_a_constant_link_takes_size_over_rate():
    """8 Mbit/s are 1000 bytes a millisecond."""
    assert Trace.constant(8.0).transfer_ms(3.0, 5000) == 5.0


def test_an_outage_is_waited_for_and_an_endless_one_is_infinite():
    """1 s of outage lies in the way of the second half; what the trace never carries never arrives."""
    trace = Trace(name="gap", time_s=[0, 1, 2], uplink_mbps=[8, 0, 8], duration_s=3)

    assert trace.transfer_ms(0.5, mbps_to_bytes_per_ms(8) * 600) == pytest.approx(1600)
    assert trace.transfer_ms(0.0, 2_000_001) == math.inf
    assert trace.transfer_ms(3.0, 1) == math.inf
    assert trace.transfer_ms(3.0, 0) == 0


def test_what_just_fits_before_an_outage_does_not_wait_for_its_end():
    """Rounding in the last bit of a payload must not cost a minute."""
    trace = Trace(name="edge", time_s=[0, 0.3, 60], uplink_mbps=[0.1, 0, 100], duration_s=3600)
    starts = np.linspace(0, 0.29, 500)
    sizes = trace.capacity_bytes(starts, 0.3)

    assert trace.transfer_ms(starts, sizes).max() <= 300
    assert max(map(trace.transfer_ms, starts.tolist(), sizes.tolist())) <= 300
    assert trace.transfer_ms(0.2, trace.capacity_bytes(0.2, 0.3) + 1) > 59_000


def test_outside_the_trace_nothing_is_carried():
    """Before 0 and from the end on the rate is 0 and the round trip unknown."""
    trace = Trace.constant(5.0, duration_s=2.0, rtt_ms=30.0)

    assert trace.mbps_at(np.array([-1.0, 0.0, 1.9, 2.0])).tolist() == [0.0, 5.0, 5.0, 0.0]
    assert trace.capacity_bytes(-5, 7) == trace.capacity_bytes(0, 2)
    assert trace.rtt_at(1.0) == 30.0
    assert math.isnan(trace.rtt_at(2.0))


def test_times_start_at_zero_and_arrays_stay_as_they_are():
    """The clock is shifted, the end with it; nobody can write into a trace, nor through the array it came from."""
    given_times = np.array([5.0, 6.0])
    trace = Trace(name="late", time_s=given_times, uplink_mbps=[1, 2], duration_s=8.0)
    given_times[0] = 0.0

    assert trace.edges_s.tolist() == [0.0, 1.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        trace.uplink_mbps[0] = 9.0


def test_outages_and_correlation_of_a_hand_made_series():
    """Two outages of 0.2 and 0.1 s; an alternating series is its own opposite after one step."""
    assert outage_lengths_s(np.array([1, 0.4, 0, 1, 0.499, 0.5])) == pytest.approx([0.2, 0.1])
    assert autocorrelation(np.array([1.0, -1.0] * 500), 1) == pytest.approx(-0.999)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"uplink_mbps": [1, -2]}, r"uplink_mbps\[1\] is -2"),
        ({"uplink_mbps": [1, math.nan]}, r"uplink_mbps\[1\] is nan"),
        ({"uplink_mbps": [1]}, "has 1 entries but time_s 2"),
        ({"uplink_mbps": ["a", "b"]}, "not a number"),
        ({"uplink_mbps": [[1, 2], [3, 4]]}, "shape"),
        ({"time_s": [1, 1]}, r"time_s\[1\] is not after"),
        ({"time_s": [], "uplink_mbps": []}, "0 steps"),
        ({"duration_s": 1}, "duration_s 1"),
        ({"duration_s": math.inf}, "duration_s inf"),
        ({"rtt_ms": [1, -1]}, r"rtt_ms\[1\]"),
        ({"direction": "sideways"}, "direction 'sideways'"),
        ({"kind": "made up"}, "kind 'made up'"),
    ],
)
def test_a_wrong_trace_is_refused(change, says):
    """The message names the field and the entry."""
    right = {"name": "t", "time_s": [0, 1], "uplink_mbps": [1, 2], "duration_s": 2}

    with pytest.raises(JanusError, match=says):
        Trace(**right | change)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda trace: trace.clip(1, 0.5),
        lambda trace: trace.clip(0, 99),
        lambda trace: trace.scale(-1),
        lambda trace: trace.repeat(math.inf),
        lambda trace: trace.repeat(1e12),
        lambda trace: trace.resampled(0),
        lambda trace: trace.resampled(1e-12),
        lambda trace: trace.transfer_ms(-1.0, 5),
        lambda trace: trace.transfer_ms(0.0, -5),
        lambda trace: trace.transfer_ms(math.nan, 5),
        lambda trace: trace.transfer_ms(np.array([0.0, -1.0]), 5),
    ],
)
def test_misuse_is_refused(misuse):
    """Impossible arguments raise; none hangs or fills the memory."""
    with pytest.raises(JanusError):
        misuse(Trace.constant(1.0, duration_s=2.0))
