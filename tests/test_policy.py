"""Policies: each decides as it says, from what it has heard and nothing else."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rooms import accuracy_table, small_grid, steps

from janus.errors import JanusError
from janus.grid import ms_per_byte
from janus.policy import (
    POLICIES,
    FrameReport,
    HedgeRule,
    Janus,
    JanusRobust,
    PolicySettings,
    Transfer,
    make_policy,
)
from janus.policy.forecast import Residual, RoundTrips, SpreadForecast
from janus.policy.robust import RobustSettings
from janus.units import mbps_to_bytes_per_ms, transfer_ms
from janus.world import World

GRID = small_grid()
SENDERS = [name for name in POLICIES if name not in ("device-only", "oracle")]
NETWORKS = st.lists(st.floats(0.01, 500), min_size=1, max_size=8)


def tell(policy, mbps, *, size=20_000, rtt_ms=20.0, end_s=0.0):
    """A finished transfer at a goodput."""
    policy.observe(Transfer(end_s, size, transfer_ms(size, mbps), True, rtt_ms))


def published(grid, mbps, rtt_ms, slo_ms):
    """The paper's algorithm, written down as it stands: over all levels, over all splits."""
    best = None
    for level in range(len(grid.levels)):
        times = []
        for split, blocks in enumerate(grid.splits):
            ms = grid.device_ms[level, split] + grid.encode_ms[level, split] + grid.cloud_ms[level, split]
            if blocks < grid.geometry.depth:
                ms = ms + grid.downlink_ms + grid.payload_bytes[level, split] * ms_per_byte(mbps) + rtt_ms
            times.append((ms, split))
        ms, split = min(times)
        if ms <= slo_ms:
            return level, split
        best = min(best or (ms, level, split), (ms, level, split))
    return best[1:]


@given(NETWORKS, st.floats(5, 300), st.floats(0, 80))
def test_janus_is_the_papers_algorithm(network, slo_ms, rtt_ms):
    """Harmonic mean of the last five; the smallest level whose best split meets the SLO, else the fastest plan."""
    policy = Janus(GRID)
    for mbps in network:
        tell(policy, mbps, rtt_ms=rtt_ms)
    last = network[-5:]
    mean = len(last) / sum(1 / mbps for mbps in last)
    decision = policy.decide(0.0, slo_ms)

    assert decision.estimated_mbps == pytest.approx(mean)
    assert (decision.level_index, decision.split_index) == published(GRID, decision.estimated_mbps, rtt_ms, slo_ms)


@given(NETWORKS, st.floats(5, 300))
def test_the_rivals_choose_as_they_are_defined(network, slo_ms):
    """By the estimate: device, cloud, the better of both, the fastest split unmerged."""
    made = {name: make_policy(name, GRID) for name in ("device-only", "cloud-only", "mixed", "neurosurgeon")}
    for policy in made.values():
        for mbps in network:
            tell(policy, mbps)
    decided = {name: policy.decide(0.0, slo_ms) for name, policy in made.items()}
    unmerged = GRID.modelled_ms(decided["mixed"].estimated_mbps, 20.0)[0]

    assert {d.level for d in decided.values()} == {0.0}
    assert decided["device-only"].split == 6
    assert decided["cloud-only"].split == 0
    assert decided["mixed"].split == (0 if unmerged[0] <= unmerged[-1] else 6)
    assert decided["neurosurgeon"].split == int(np.argmin(unmerged))
    assert decided["mixed"].modelled_ms == pytest.approx(min(unmerged[0], unmerged[-1]))


def test_cloud_only_sends_what_its_name_says():
    """The grid's encoding, or raw, PNG, JPEG."""
    names = {name: make_policy(name, GRID).decide(0.0, 100.0).encoding for name in SENDERS if "cloud" in name}

    assert names == {
        "cloud-only": "raw", "cloud-only-raw": "raw", "cloud-only-png": "png", "cloud-only-jpeg": "jpeg85",
    }  # fmt: skip


def test_tome_keeps_to_one_r():
    """tokens // (depth + 1) unless it is given: 23 for ViT-L/16@384, as in the ToMe README."""
    assert make_policy("tome", GRID).decide(0.0, 100.0).level == 50 // 7
    assert make_policy("tome", GRID, PolicySettings(tome_r=3)).decide(0.0, 100.0).level == 3
    assert 577 // 25 == 23


def test_unknown_policies_and_settings_are_refused():
    """One sentence with what there is; the Oracle cannot run without a trace to know."""
    with pytest.raises(JanusError, match=r"policy 'delphi' is unknown: choose one of device-only, .* oracle"):
        make_policy("delphi", GRID)
    with pytest.raises(JanusError, match="policy 'oracle' knows the trace"):
        make_policy("oracle", GRID)
    with pytest.raises(JanusError, match="estimator 'crystal ball'"):
        PolicySettings(estimator="crystal ball")
    with pytest.raises(JanusError, match="initial_mbps nan"):
        PolicySettings(initial_mbps=math.nan)
    with pytest.raises(JanusError, match="lateness"):
        RobustSettings(lateness=-1)


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "oracle"])
def test_frames_that_stay_are_accompanied_by_a_probe_after_a_second(name):
    """Else a policy that once stayed on the device would never learn that the link is back. Device-only never asks."""
    policy = make_policy(name, GRID)
    for _ in range(6):
        tell(policy, 0.001, end_s=10.0)
    soon, later = policy.decide(10.5, 500.0), policy.decide(11.5, 500.0)
    stays = soon.split == 6

    assert stays or "cloud-only" in name
    assert soon.probe_bytes == 0
    assert later.probe_bytes == (32_000 if stays and name != "device-only" else 0)


@given(st.integers(0, 100), st.floats(20, 400))
def test_a_robust_level_takes_the_split_that_survives_the_lowest_bandwidth(seed, slo_ms):
    """Where it sends tokens without a hedge, no other split of that level would do with less."""
    policy = JanusRobust(GRID, robust=RobustSettings(hedge=False))
    for mbps in np.random.default_rng(seed).lognormal(1, 1, 20):
        tell(policy, float(mbps))
    decision = policy.decide(0.0, slo_ms)
    published = policy.grid.decide(policy.published.estimate_mbps(), 20.0, slo_ms)[:2]
    if decision.split in (0, 6) or (decision.level_index, decision.split_index) == published:
        return
    level, slo = decision.level_index, round(slo_ms)
    left = slo - 20 - (GRID.fixed_ms - GRID.device_ms - GRID.cloud_ms)[level, :-1]
    left = left - GRID.device_ms[level, :-1] - GRID.cloud_ms[level, :-1]
    needed = np.where(left > 0, GRID.payload_bytes[level, :-1] / np.maximum(left, 1e-9), np.inf)

    assert needed[decision.split_index] == pytest.approx(needed.min(), rel=0.02)


@given(st.integers(0, 100), st.floats(20, 400), st.floats(-500, 500))
def test_robust_is_never_less_likely_in_time_than_janus_as_published(seed, slo_ms, in_hand):
    """By its own forecast, whatever it has earned or owes in accuracy; hopeless frames are Janus's to the letter."""
    policy = JanusRobust(GRID, robust=RobustSettings(hedge=False))
    for mbps in np.random.default_rng(seed).lognormal(0, 1.5, 20):
        tell(policy, float(mbps))
    policy.in_hand = in_hand
    decision = policy.decide(0.0, slo_ms)
    published = GRID.decide(policy.published.estimate_mbps(), 20.0, slo_ms)[:2]

    assert (
        chance(policy, (decision.level_index, decision.split_index), slo_ms) >= chance(policy, published, slo_ms) - 1e-6
    )


def chance(policy, plan, slo_ms):
    """The policy's own chance of a plan."""
    if plan[1] == len(GRID.splits) - 1:
        return policy.chances.local([slo_ms])[0, plan[0]]
    return policy.chances.answered_by(*plan, [slo_ms], policy.chances.factors())[0]


@given(st.integers(0, 100), st.floats(20, 400))
def test_chances_of_many_plans_are_those_of_each(seed, slo_ms):
    """The product of matrices and the sum by hand agree, over several deadlines."""
    policy = JanusRobust(GRID)
    for mbps in np.random.default_rng(seed).lognormal(0, 1.5, 20):
        tell(policy, float(mbps))
    deadlines = [slo_ms / 2, slo_ms]
    plans, factors = policy.chances.candidates(deadlines), policy.chances.factors()
    together = policy.chances.answered(plans, policy.chances.log_left_ms(plans, deadlines, factors))
    for at, (level, split) in enumerate(zip(plans.level, plans.split, strict=True)):
        alone = policy.chances.answered_by(level, split, deadlines, factors)
        assert alone == pytest.approx(together[:, at], abs=1e-9)


def test_accuracy_that_is_given_up_is_booked_and_grows_dearer():
    """On a rough link Janus-robust merges more than Janus does; with a debt it no longer does so for the same frame."""
    free, owing = (JanusRobust(small_grid(accuracy=accuracy_table()), robust=RobustSettings(hedge=False)) for _ in "ab")
    for policy in (free, owing):
        for mbps in np.random.default_rng(3).lognormal(1, 0.6, 40):
            tell(policy, float(mbps))
    free.in_hand, owing.in_hand = 1e3, -1e3
    pairs = [(free.decide(0.0, slo_ms).level, owing.decide(0.0, slo_ms).level) for slo_ms in range(30, 200, 5)]
    before = free.in_hand
    slo_ms = next(slo for slo, (a, b) in zip(range(30, 200, 5), pairs, strict=True) if a > b)
    free.observe_frame(FrameReport(free.decide(0.0, float(slo_ms)), 10.0, 5.0, False))

    assert all(a >= b for a, b in pairs)
    assert free.in_hand < before


def test_on_a_steady_link_with_time_to_spare_nothing_is_merged():
    """Certainty costs no accuracy."""
    policy = JanusRobust(small_grid(accuracy=accuracy_table()))
    for _ in range(30):
        tell(policy, 100.0)

    assert policy.decide(0.0, 500.0).level == 0


def test_a_stalled_link_is_not_believed_until_it_delivers():
    """An abandoned transfer caps the belief at once, a further one lowers it; one that gets through lifts the cap."""
    policy = JanusRobust(GRID)
    for _ in range(10):
        tell(policy, 50.0)
    stalled = []
    for _ in range(3):
        policy.observe(Transfer(1.0, 20_000, 1000.0, False, 20.0))
        stalled.append(policy.estimator.estimate_mbps())
    tell(policy, 50.0)

    assert 0.16 > stalled[0] > stalled[1] > stalled[2] > 0
    assert policy.estimator.estimate_mbps() == pytest.approx(50.0)


def test_a_slow_device_is_learned_from_its_frames():
    """After 60 frames that took 1.5 times the profile, the robust policy expects just that."""
    policy = JanusRobust(small_grid(noise=0.02))
    decision = policy.decide(0.0, 1.0)._replace(level=0.0, split=6, level_index=0, split_index=6)
    for _ in range(60):
        policy.observe_frame(FrameReport(decision, 1.5 * GRID.device_ms[0, 6], math.nan, False))

    assert policy.device.factor(0) == pytest.approx(1.5, rel=0.01)
    assert policy.cloud.factor(0) == 1


def test_compute_after_a_fallback_counts_with_what_the_hedge_ran():
    """A picture that the device finished alone at another level is compared with that level's time."""
    policy = JanusRobust(small_grid(noise=0.02))
    decision = policy.decide(0.0, 100.0)._replace(
        level=0.0, split=0, level_index=0, split_index=0, hedge=HedgeRule(0.0, 3)
    )
    for _ in range(30):
        policy.observe_frame(FrameReport(decision, 0.8 * GRID.device_ms[3, 6], math.nan, True))

    assert policy.device.factor(0) == pytest.approx(0.8, rel=0.01)


@given(st.lists(st.floats(0.01, 1000), min_size=0, max_size=40))
def test_a_forecast_is_a_distribution(network):
    """Quantiles rise, chances fall, both within their bounds."""
    forecast = SpreadForecast()
    for mbps in network:
        forecast.observe(mbps_to_bytes_per_ms(mbps), 1.0)
    quantiles = [forecast.quantile_mbps(q) for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
    chances = forecast.chance(np.geomspace(1e-3, 1e4, 50))

    assert quantiles == sorted(quantiles)
    assert np.all(np.diff(chances) <= 1e-12)
    assert np.all((chances >= 0) & (chances <= 1))


def test_a_forecast_is_calibrated_on_a_link_that_it_can_know():
    """Log-normal goodput: a nominal 10 % quantile is undercut 10 % of the time, give or take two."""
    random = np.random.default_rng(0)
    forecast, below = SpreadForecast(), []
    for mbps in random.lognormal(2, 0.4, 3000):
        below.append(mbps < forecast.quantile_mbps(0.1))
        forecast.observe(mbps_to_bytes_per_ms(mbps), 1.0)

    assert np.mean(below) == pytest.approx(0.1, abs=0.02)


def test_round_trips_and_residuals_begin_with_what_is_believed():
    """Before the first observation the settings and the profile's own noise hold."""
    trips, residual = RoundTrips(30.0), Residual(0.05)

    assert trips.quantile_ms(0.95) == 30.0
    assert residual.sigma == pytest.approx(0.05)
    for rtt in range(100):
        trips.observe(float(rtt))
    assert trips.quantile_ms(0.5) == 75.0


def test_the_oracle_takes_the_most_accurate_plan_that_is_in_time():
    """On a steady link without noise it decides as brute force on the truth; where nothing is in time, the fastest."""
    grid = small_grid(accuracy=accuracy_table())
    world = World(steps([4.0] * 600), grid, rtt_ms=10.0)
    oracle = make_policy("oracle", grid, world=world)
    ms = grid.modelled_ms(4.0, 10.0)
    for slo_ms in (10.0, 30.0, 50.0, 80.0, 150.0, 400.0):
        decision = oracle.decide(1.0, slo_ms)
        meets = ms <= slo_ms
        if meets.any():
            best = grid.preference[meets].max()
            fastest = ms[meets & (grid.preference == best)].min()

            assert grid.preference[decision.level_index, decision.split_index] == best
            assert decision.modelled_ms == pytest.approx(fastest)
        else:
            assert decision.modelled_ms == pytest.approx(ms.min())
