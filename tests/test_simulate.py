"""Replay: causal, conserving, repeatable; and the Oracle is a bound."""

import math

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import accuracy_table, rough, small_grid, steps

from janus.errors import JanusError
from janus.network import Trace, load_traces
from janus.policy import POLICIES, Decision, HedgeRule, JanusRobust, Policy, RobustSettings, make_policy
from janus.simulate import (
    CAMERA_COLUMNS,
    COLUMNS,
    ReplaySettings,
    avoidable,
    compare,
    extremes,
    head_to_head,
    replay,
    summarise,
    sweep,
)
from janus.simulate.frame import play
from janus.world import World

GRID = small_grid(noise=0.05)
CAMERA = ReplaySettings(mode="camera", camera_fps=5, late="drop")
QUEUE = ReplaySettings(mode="camera", camera_fps=5, late="queue")
RATES = st.lists(st.one_of(st.just(0.0), st.floats(0.05, 60)), min_size=20, max_size=60)
CAUSAL = [name for name in POLICIES if name != "oracle"]


class Fixed(Policy):
    """One plan for all frames, and a memory of all it heard."""

    name = "fixed"

    def __init__(self, grid, level=0, split=0, hedge=None):
        super().__init__(grid)
        self.plan, self.hedge, self.heard = (level, split), hedge, []

    def decide(self, now_s, slo_ms):
        self.heard.append(("decide", now_s, slo_ms))
        return self.decision(now_s, *self.plan, 1.0, 0.0, self.hedge)

    def observe(self, transfer):
        self.heard.append(("observe", transfer.end_s, transfer))


def test_the_table_has_the_columns_of_the_design():
    """In their order; a camera adds two."""
    assert tuple(replay(rough(), "janus", GRID, 100.0).columns) == COLUMNS
    assert tuple(replay(rough(), "janus", GRID, 100.0, CAMERA).columns) == COLUMNS + CAMERA_COLUMNS


@pytest.mark.parametrize("name", POLICIES)
def test_the_seed_decides(name):
    """The same seed gives the same table to the last bit, another one other compute times."""
    first, second = (replay(rough(), name, GRID, 100.0, ReplaySettings(seed=3)) for _ in range(2))
    other = replay(rough(), name, GRID, 100.0, ReplaySettings(seed=4))

    pd.testing.assert_frame_equal(first, second)
    assert not first["modelled_ms"].head(5).equals(other["modelled_ms"].head(5))


@pytest.mark.parametrize("mode", [ReplaySettings(), CAMERA, QUEUE], ids=["closed", "drop", "queue"])
@pytest.mark.parametrize("name", CAUSAL)
def test_no_policy_sees_the_future(name, mode):
    """Another trace from some time on changes no decision that was made before."""
    one = rough(20, seed=1)
    mbps = one.uplink_mbps.copy()
    mbps[100:] = np.random.default_rng(9).gamma(1, 20, len(mbps) - 100)
    tables = [replay(trace, name, GRID, 100.0, mode) for trace in (one, steps(mbps))]
    began_s = tables[0]["time_s"] + tables[0].get("queued_ms", 0.0) / 1000
    decided = [t.loc[began_s[began_s < 10.0].index, ["level", "split", "estimated_mbps"]] for t in tables]

    assert len(decided[0]) > 5
    pd.testing.assert_frame_equal(*decided)


def test_a_policy_hears_of_a_transfer_only_when_it_is_over():
    """Every transfer ends no later than the next decision, and each frame's is told once."""
    policy = Fixed(GRID)
    replay(rough(), policy, GRID, 100.0)
    now_s = 0.0
    for kind, at_s, _ in reversed(policy.heard):
        if kind == "decide":
            now_s = at_s
        elif now_s:
            assert at_s <= now_s + 1e-9
    told = [entry for entry in policy.heard if entry[0] == "observe"]

    assert abs(len(told) - sum(kind == "decide" for kind, *_ in policy.heard)) <= 1


@settings(max_examples=30)
@given(RATES, st.sampled_from(POLICIES), st.floats(20, 200))
def test_parts_sum_to_the_whole_and_bytes_to_what_the_link_carried(rates, name, slo_ms):
    """Without a hedge: device, encode, uplink, cloud and downlink are the latency; and goodput is the integral's."""
    trace = steps(rates)
    unhedged = JanusRobust(GRID, robust=RobustSettings(hedge=False))
    table = replay(trace, unhedged if name == "janus-robust" else name, GRID, slo_ms)
    plain = table[np.isfinite(table["modelled_ms"])]
    parts = plain[["device_ms", "encode_ms", "uplink_ms", "cloud_ms", "downlink_ms"]].sum(axis=1)

    assert parts.to_numpy() == pytest.approx(plain["modelled_ms"].to_numpy())
    for row in plain[plain["payload_bytes"] > 0].itertuples():
        start_s = row.time_s + (row.device_ms + row.encode_ms) / 1000
        # Half the round trip of 20 ms is in the uplink, beside the transfer.
        carried = trace.capacity_bytes(start_s, start_s + (row.uplink_ms - 10) / 1000)

        assert carried == pytest.approx(row.payload_bytes, rel=1e-6)


def test_on_a_steady_link_a_replay_is_the_model():
    """Constant rate, no noise: every frame takes what the grid says."""
    grid = small_grid()
    for level, split in ((0, 0), (2, 3), (4, 6)):
        table = replay(Trace.constant(5.0, duration_s=20), Fixed(grid, level, split), grid, 100.0)

        assert table["modelled_ms"].iloc[:10].to_numpy() == pytest.approx(grid.modelled_ms(5.0, 20.0)[level, split])


@settings(max_examples=25)
@given(RATES, st.sampled_from(CAUSAL), st.floats(15, 200), st.integers(0, 5))
def test_no_policy_meets_an_slo_at_an_instant_at_which_the_oracle_would_not(rates, name, slo_ms, seed):
    """What holds exactly: asked at the very start of any frame of any policy, with the same compute, the Oracle meets
    the SLO whenever the policy did. (Over whole closed loops it need not: another choice now moves all later frames.)
    """
    trace, mode = steps(rates), ReplaySettings(seed=seed)
    policy = make_policy(name, GRID)
    table = replay(trace, policy, GRID, slo_ms, mode)
    world = World(trace, GRID, seed=seed)
    oracle = make_policy("oracle", GRID, world=world, rivals=[policy.grid])
    for row in table[~table["violated"]].itertuples():
        world.frame = row.frame

        assert oracle.decide(row.time_s, slo_ms).modelled_ms <= slo_ms + 1e-6


@settings(max_examples=25)
@given(RATES, st.floats(15, 200))
def test_where_the_oracle_is_late_every_plan_is(rates, slo_ms):
    """Each plan of the grid, played at the instants at which the Oracle failed, fails too; so none is avoidable."""
    trace = steps(rates)
    table = replay(trace, "oracle", GRID, slo_ms)
    world = World(trace, GRID)
    for row in table[table["violated"]].head(3).itertuples():
        world.frame = row.frame
        for level in range(len(GRID.levels)):
            for split, blocks in enumerate(GRID.splits):
                decision = Decision(GRID.levels[level], blocks, "", 0.0, 0.0, GRID, level, split)

                assert play(world, decision, row.time_s).modelled_ms > slo_ms - 1e-6
    assert not avoidable(table, trace, GRID).any()


def test_the_oracle_promises_what_it_then_gets():
    """Its modelled latency is the frame's."""
    world = World(rough(), GRID)
    oracle = make_policy("oracle", GRID, world=world)
    for frame in range(40):
        world.frame = frame
        decision = oracle.decide(frame * 0.5, 60.0)

        assert play(world, decision, frame * 0.5).modelled_ms == pytest.approx(decision.modelled_ms)


def test_an_upload_that_never_ends_says_so():
    """The link dies: that frame has no answer and is violated; a closed loop ends there, a camera drops the rest."""
    dies = steps([20.0] * 20 + [0.0] * 20)
    closed, camera = (replay(dies, "cloud-only", GRID, 100.0, mode) for mode in (ReplaySettings(), CAMERA))

    assert closed["modelled_ms"].iloc[-1] == math.inf
    assert closed["violated"].iloc[-1]
    assert np.isfinite(closed["modelled_ms"].iloc[:-1]).all()
    assert camera["dropped"].iloc[-8:].all() and camera["violated"].iloc[-8:].all()
    assert len(camera) == 20


def hedged(after_ms, trace, level=3, split=0):
    """The first frame under one hedge, without noise."""
    grid = small_grid(accuracy=accuracy_table(), levels=(0.0, 0.2, 0.5, 0.8))
    world = World(trace, grid, rtt_ms=20.0)
    decision = Decision(0.0, split, "raw", 0.0, 0.0, grid, 0, grid.splits.index(split), HedgeRule(after_ms, level))
    return grid, play(world, decision, 0.0)


def test_a_stalled_picture_is_finished_on_the_device():
    """The answer comes the device's whole time, at the hedge's level, after the hedge began; the upload is given up."""
    grid, outcome = hedged(30.0, steps([0.0] * 100))

    assert outcome.fallback
    assert outcome.modelled_ms == pytest.approx(30.0 + grid.device_ms[3, -1])
    assert outcome.device_ms == pytest.approx(grid.device_ms[3, -1])
    assert outcome.expected_accuracy == 60.0
    assert not outcome.transfer.finished
    assert outcome.transfer.duration_ms == pytest.approx(outcome.modelled_ms)


def test_stalled_tokens_are_finished_where_they_are():
    """From the split on, at their own level: the device's two parts are its whole time."""
    grid, outcome = hedged(0.0, steps([0.0] * 100), split=4)

    assert outcome.fallback
    assert outcome.modelled_ms == pytest.approx(grid.device_ms[0, -1] + grid.encode_ms[0, 4])


def test_a_hedge_that_loses_costs_the_block_that_runs():
    """The cloud answers first: its answer counts, and the device is free at the end of a block."""
    grid, outcome = hedged(10.0, Trace.constant(5.0))
    no_hedge = grid.modelled_ms(5.0, 20.0)[0, 0]
    ends = 10.0 + grid.device.embed_ms + grid.block_ends_ms[3, 1:]

    assert not outcome.fallback
    assert outcome.modelled_ms == pytest.approx(no_hedge)
    assert outcome.free_ms == pytest.approx(min(end for end in ends if end >= no_hedge))
    assert outcome.expected_accuracy == 80.0


def test_a_hedge_that_is_not_needed_costs_nothing():
    """The answer is there before the device would have begun."""
    grid, outcome = hedged(500.0, Trace.constant(50.0))

    assert outcome.free_ms == outcome.modelled_ms == pytest.approx(grid.modelled_ms(50.0, 20.0)[0, 0])
    assert outcome.device_ms == 0


def test_late_frames_drop_or_wait():
    """A frame of 250 ms at 5 frames a second: every other one is dropped, or each waits 50 ms longer."""
    grid = small_grid()
    took = float(grid.device_ms[0, -1])
    fps = 1000 / (took * 0.8)
    camera = {"mode": "camera", "camera_fps": fps, "frames": 6}
    drop, queue = (
        replay(Trace.constant(1.0), "device-only", grid, 1.1 * took, ReplaySettings(late=late, **camera))
        for late in ("drop", "queue")
    )

    assert drop["dropped"].tolist() == [False, True] * 3
    assert drop["violated"].tolist() == [False, True] * 3
    assert queue["queued_ms"].to_numpy() == pytest.approx(0.2 * took * np.arange(6))
    assert queue["modelled_ms"].to_numpy() == pytest.approx(took + 0.2 * took * np.arange(6))
    assert queue["violated"].tolist() == [False] + [True] * 5


def test_a_waiting_frame_has_less_time_left():
    """What a policy is told is the SLO less the wait."""
    grid = small_grid()
    took = float(grid.device_ms[0, -1])
    policy = Fixed(grid, 0, 6)
    settings = ReplaySettings(mode="camera", late="queue", camera_fps=1000 / (took * 0.8), frames=3)
    replay(Trace.constant(1.0), policy, grid, 100.0, settings)

    assert [slo for kind, _, slo in policy.heard if kind == "decide"] == pytest.approx(
        [100.0, 100.0 - 0.2 * took, 100.0 - 0.4 * took]
    )


def test_probes_bring_a_policy_back_to_the_cloud():
    """Janus leaves for the device in an outage and returns when the link is back, which only a probe can tell."""
    trace = steps([50.0] * 30 + [0.01] * 50 + [50.0] * 200)
    grid = small_grid(device=0.6)
    table = replay(trace, "janus", grid, 300.0, ReplaySettings())

    assert (table[(table["time_s"] > 8) & (table["time_s"] < 10)]["split"] == 6).any()
    assert (table[table["time_s"] > 20]["split"] < 6).all()
    assert table.attrs["probe_bytes"] > 0


def test_a_slow_device_makes_the_robust_policy_careful():
    """The device takes 1.3 times its profile's time: Janus keeps being late, Janus-robust learns."""
    grid = small_grid(accuracy=accuracy_table(), levels=(), noise=0.02, device=0.6)
    slo_ms = 1.05 * float(grid.device_ms[0, -1])
    slow = ReplaySettings(slowdown=1.3)
    late = {
        name: replay(steps([0.01] * 600), name, grid, slo_ms, slow)["violated"].mean()
        for name in ("janus", "janus-robust")
    }

    assert late["janus"] > 0.9
    assert late["janus-robust"] < 0.1


def test_a_summary_is_what_the_rows_say():
    """Golden: four frames, one late, one never answered."""
    table = pd.DataFrame(
        {
            "policy": "janus", "slo_ms": 100.0, "time_s": [0.0, 1.0, 2.0, 3.0],
            "modelled_ms": [50.0, 90.0, 200.0, math.inf], "violated": [False, False, True, True],
            "expected_accuracy": [80.0, 70.0, 60.0, 80.0], "payload_bytes": [10, 20, 30, 40],
            "fallback": [False, True, False, False],
        }
    )  # fmt: skip
    table.attrs = {"duration_s": 6.0, "probe_bytes": 5, "decision_us": 2.5}
    row = summarise(table).iloc[0].to_dict()

    assert row == {
        "slo_ms": 100.0, "policy": "janus", "frames": 4, "expected_accuracy": 70.0, "timely_accuracy": 37.5,
        "violation_ratio": 0.5, "throughput_fps": 0.5, "p50_ms": 200.0, "p95_ms": math.inf, "p99_ms": math.inf,
        "sent_bytes": 105, "fallback_ratio": 0.25, "dropped_ratio": 0.0, "decision_us": 2.5,
    }  # fmt: skip


def test_fewer_violations_is_the_relative_reduction():
    """98.7 % fewer: from a ratio of 0.5 to 0.0065; no ratio where the baseline has none; best and worst by trace."""
    rows = [
        ("a", "device-only", 0.5, 2.0), ("a", "janus", 0.0065, 10.3), ("b", "device-only", 0.0, 4.0),
        ("b", "janus", 0.1, 2.0), ("c", "device-only", 0.2, 1.0), ("c", "janus", 0.3, 1.5),
    ]  # fmt: skip
    summary = pd.DataFrame(rows, columns=["trace", "policy", "violation_ratio", "throughput_fps"]).assign(slo_ms=100.0)
    compared = compare(summary)
    janus = compared[compared["policy"] == "janus"]
    ends = extremes(compared, "janus").set_index("ratio")

    assert janus["fewer_violations_vs_device_only"].tolist()[::2] == pytest.approx([0.987, -0.5])
    assert math.isnan(janus["fewer_violations_vs_device_only"].iloc[1])
    assert janus["throughput_vs_device_only"].tolist() == pytest.approx([5.15, 0.5, 1.5])
    assert ends.loc["throughput_vs_device_only", "best_case"] == "a, SLO 100 ms"
    assert ends.loc["fewer_violations_vs_device_only", "worst_case"] == "c, SLO 100 ms"


def test_two_policies_frame_by_frame():
    """Where both met the SLO, each with the accuracy of its own plans."""
    first = pd.DataFrame({"frame": [0, 1, 2], "violated": [False, False, True], "expected_accuracy": [80.0, 70, 60]})
    second = pd.DataFrame({"frame": [0, 1, 2], "violated": [False, True, False], "expected_accuracy": [78.0, 70, 60]})
    found = head_to_head(first, second)

    assert found["both_met"] == pytest.approx(1 / 3)
    assert (found["accuracy_first"], found["accuracy_second"]) == (80.0, 78.0)


def test_a_sweep_is_its_replays_on_whatever_runs_it():
    """One row for each combination, the same as alone, under the backend that joblib's surroundings name."""
    traces, grids = [rough(10, seed=1), rough(10, seed=2)], [GRID, GRID.rebuilt(encoding="jpeg85")]
    with joblib.parallel_config(backend="threading", n_jobs=2):
        done = sweep(traces, ["device-only", "janus"], grids, [60.0, 100.0], keep_frames=True)
    row = done.summary.query("trace == 'rough-2' and encoding == 'jpeg85' and slo_ms == 60 and policy == 'janus'")
    alone = replay(traces[1], "janus", grids[1], 60.0)
    rows = done.frames.query("trace == 'rough-2' and encoding == 'jpeg85' and slo_ms == 60 and policy == 'janus'")

    assert len(done.summary) == 16
    assert row["violation_ratio"].item() == alone["violated"].mean()
    assert rows["modelled_ms"].tolist() == alone["modelled_ms"].tolist()


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"mode": "open"}, "mode 'open'"),
        ({"late": "never"}, "late 'never'"),
        ({"camera_fps": 0}, "camera_fps 0"),
        ({"frames": -1}, "frames -1"),
    ],
)
def test_settings_out_of_range_are_refused(change, culprit):
    """One sentence that names the setting."""
    with pytest.raises(JanusError, match=culprit):
        ReplaySettings(**change)


@pytest.mark.parametrize(("change", "culprit"), [({"slowdown": 0}, "slowdown 0"), ({"rtt_ms": -1}, "rtt_ms -1")])
def test_worlds_out_of_range_are_refused(change, culprit):
    """The same for what a world is made of."""
    with pytest.raises(JanusError, match=culprit):
        World(rough(), GRID, **change)


def test_robust_beats_published_janus_on_a_recorded_drive(shared):
    """Ten minutes of the 5G driving uplink: fewer late frames, at least 30 % fewer of the avoidable ones."""
    trace = load_traces(str(shared / "traces" / "nuwins_5gmemu_uplink") + ":5g-driving")[0].clip(0.0, 600.0)
    from janus.grid import GridSettings, PlanGrid
    from janus.profile import derive_profile

    model = "vit_large_patch16_384"
    devices = derive_profile("orin-nano", model), derive_profile("v100", model)
    grid = PlanGrid.build(*devices, GridSettings(encoding="raw"))
    camera = ReplaySettings(mode="camera", camera_fps=2.0)
    tables = {name: replay(trace, name, grid, 290.0, camera) for name in ("janus", "janus-robust")}
    needless = {name: avoidable(table, trace, grid, camera).sum() for name, table in tables.items()}

    assert tables["janus-robust"]["violated"].sum() < tables["janus"]["violated"].sum()
    assert needless["janus-robust"] <= 0.7 * needless["janus"]


def test_a_replay_ends_when_nobody_wants_it_any_more():
    """What is called after each frame may end it."""
    frames = []

    def on_frame():
        frames.append(1)
        if len(frames) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(steps([5.0] * 100), "janus", small_grid(), 200.0, on_frame=on_frame)

    assert len(frames) == 3
