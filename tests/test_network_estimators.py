"""Bandwidth estimators: identities of their means, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from janus.errors import JanusError
from janus.network import ESTIMATORS, make_estimator
from janus.units import bytes_per_ms_to_mbps

TIMES = st.lists(st.floats(0.1, 1e4), min_size=1, max_size=30)
TRANSFERS = st.lists(st.tuples(st.floats(1, 1e7), st.floats(0.1, 1e5)), min_size=1, max_size=40)


def fed(name, transfers, **settings):
    """An estimator that has seen some (bytes, ms)."""
    estimator = make_estimator(name, **settings)
    for size, ms in transfers:
        estimator.observe(size, ms)
    return estimator


@given(TIMES, st.integers(1, 10))
def test_the_harmonic_mean_of_equal_sizes_is_bytes_over_time(times, window):
    """For equal payloads the paper's estimator is all bytes of the window over all their time."""
    size, last = 1e6, times[-window:]

    estimate = fed("harmonic", [(size, ms) for ms in times], window=window).estimate_mbps()

    assert estimate == pytest.approx(bytes_per_ms_to_mbps(size * len(last) / sum(last)))


@pytest.mark.parametrize("name", ESTIMATORS)
@given(TRANSFERS)
def test_estimates_are_between_the_least_and_the_greatest_or_a_forecast(name, transfers):
    """Means stay within what was seen; every estimate is positive and finite."""
    estimate = fed(name, transfers).estimate_mbps()
    seen = [max(bytes_per_ms_to_mbps(size / ms), 0.001) for size, ms in transfers]

    assert 0 < estimate < math.inf
    if name != "quantile":
        assert min(seen) * (1 - 1e-9) <= estimate <= max(seen) * (1 + 1e-9)


@pytest.mark.parametrize("name", ESTIMATORS)
@given(st.floats(0.01, 1000), st.integers(1, 60))
def test_a_steady_link_is_estimated_exactly(name, mbps, count):
    """When nothing varies, every estimator says the rate, and every quantile is the rate."""
    estimator = fed(name, [(1.0, 1.0 / (mbps * 125))] * count)

    assert estimator.estimate_mbps() == pytest.approx(mbps)
    if hasattr(estimator, "quantile_mbps"):
        assert estimator.quantile_mbps(0.05) == pytest.approx(mbps)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_before_the_first_transfer_and_after_a_reset_the_prior_holds(name):
    """The prior is the caller's, not a hidden constant."""
    estimator = make_estimator(name, prior_mbps=7.0)
    assert estimator.estimate_mbps() == 7.0
    estimator.observe(1e6, 10.0)
    assert estimator.estimate_mbps() != 7.0
    estimator.reset()
    assert estimator.estimate_mbps() == 7.0


@given(TRANSFERS, st.floats(0, 1), st.floats(0, 1))
def test_quantiles_do_not_cross(transfers, one, other):
    """A higher quantile is never lower."""
    forecast = fed("quantile", transfers, window=10)
    low, high = sorted((one, other))

    assert forecast.quantile_mbps(low) <= forecast.quantile_mbps(high)


def test_the_quantile_forecast_holds_what_it_promises_on_a_random_walk():
    """On a link whose logarithm is a random walk, a tenth of the transfers fall under the 10 % quantile."""
    walk = np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.2, 3000)) * 0.1 + 3)
    forecast, under = make_estimator("quantile"), []
    for mbps in walk:
        under.append(mbps < forecast.quantile_mbps(0.1))
        forecast.observe(mbps * 125, 1.0)

    assert np.mean(under[100:]) == pytest.approx(0.1, abs=0.02)


def test_ewma_moves_by_its_weight():
    """A quarter of the way from 8 to 16 Mbit/s."""
    assert fed("ewma", [(1000, 1), (2000, 1)], weight=0.25).estimate_mbps() == pytest.approx(10.0)


def test_a_stalled_transfer_counts_as_almost_nothing():
    """No byte in a second is a bandwidth near 0, not a division by zero."""
    assert fed("last", [(0, 1000.0)]).estimate_mbps() == 0.001


@pytest.mark.parametrize(
    ("size", "ms"), [(-1, 1), (1, 0), (1, -1), (1, math.inf), (1, math.nan), (math.nan, 1), (math.inf, 1)]
)
def test_impossible_transfers_are_refused(size, ms):
    """Negative, endless or undefined transfers raise."""
    with pytest.raises(JanusError, match="cannot be observed"):
        make_estimator("harmonic").observe(size, ms)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("median", {}, "'median' is unknown: choose one of harmonic, last, ewma, quantile"),
        ("harmonic", {"window": 0}, "window 0"),
        ("quantile", {"window": 2.5}, "window 2.5"),
        ("ewma", {"weight": 0}, "weight 0"),
        ("last", {"prior_mbps": 0}, "prior_mbps 0"),
        ("last", {"prior_mbps": math.nan}, "prior_mbps nan"),
        ("last", {"window": 3}, "does not take window"),
    ],
)
def test_wrong_settings_are_refused(name, settings, says):
    """The message names the setting, and for a name the choices."""
    with pytest.raises(JanusError, match=says):
        make_estimator(name, **settings)


def test_a_quantile_is_a_share():
    """5 is a percentage, not a share."""
    with pytest.raises(JanusError, match="quantile 5"):
        make_estimator("quantile").quantile_mbps(5)
