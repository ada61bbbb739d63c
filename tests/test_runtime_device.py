"""The device: every frame ends with exactly one answer, the right one, whatever becomes of the cloud."""

import math
import threading
from dataclasses import replace

import numpy as np
import pytest
from runtime_kit import (
    Gate,
    decision,
    grid,
    half,
    nobody,
    patient_lines,  # noqa: F401
    pixels,
    profile,
    relay,
    unsplit,
    until,
)

from janus.errors import JanusError
from janus.network import Trace
from janus.policy import Decision, HedgeRule, Policy
from janus.runtime.client import Answer
from janus.runtime.device import Device
from janus.runtime.fixed import FixedPlan
from janus.runtime.line import Line
from janus.runtime.local import LocalCompute
from janus.runtime.pace import Pace, shortfall
from janus.runtime.requests import Limits
from janus.runtime.runs import prepare, record
from janus.runtime.server import serve
from janus.runtime.session import RUN_COLUMNS, RunSettings, Session, Shot, columns
from janus.schedule import MergeSchedule
from janus.simulate import CAMERA_COLUMNS, COLUMNS, summarise
from janus.split import Plan

HALF = half()
PLANS = grid(HALF)
DEPTH = HALF.vit.depth
# A device that takes so long by itself gives the cloud all the time that a call may have.
SLOW_PLANS = grid(HALF, device_ms=1e5)
LEVELS = PLANS.levels
LONG_MS = 60_000.0
AT_ONCE = HedgeRule(after_ms=0.0, level_index=1)


def expected(i, level_index):
    return unsplit(HALF, pixels(i), MergeSchedule(family="constant", level=LEVELS[level_index])).numpy()[0]


@pytest.fixture
def connect():
    """A function that makes a device for clouds at some addresses; its line is closed at the end."""
    lines = []

    def make(*addresses, model=HALF, timeout_s=30.0):
        line = Line(HALF, addresses)
        line.connect(timeout_s)
        lines.append(line)
        return Device(line, LocalCompute(model))

    yield make
    for line in lines:
        line.close()


@pytest.fixture(scope="module")
def cloud():
    with serve(HALF) as running:
        yield running


@pytest.fixture
def stalled():
    """A cloud that accepts everything and computes nothing until its gate is opened."""
    gate = Gate(HALF.vit)
    with serve(replace(HALF, vit=gate)) as running:
        yield running, gate
        gate.open()


@pytest.mark.parametrize("level_index", [0, 1])
@pytest.mark.parametrize("split", range(DEPTH + 1))
def test_every_split_gives_the_unsplit_answer(cloud, connect, split, level_index):
    """From where the plan says, and marked as no fallback."""
    result = connect(cloud.address).run(decision(PLANS, level_index, split), pixels(split), LONG_MS)

    assert np.array_equal(expected(split, level_index), result.logits)
    assert (result.answered_by, result.fallback) == ("device" if split == DEPTH else "cloud", False)
    assert (result.transfer is None) is (split == DEPTH)


@pytest.mark.parametrize("hedge", [None, HedgeRule(after_ms=LONG_MS, level_index=0)])
@pytest.mark.parametrize("split", range(DEPTH))
def test_without_a_cloud_the_device_finishes_the_frame(connect, split, hedge):
    """Nobody listens: the answer is the unsplit one, by the device, and says why; a picture at the hedge's level."""
    with nobody() as address:
        device = connect(address, timeout_s=0.1)
        result = device.run(decision(PLANS, 1, split, hedge=hedge), pixels(split), LONG_MS)
    level_index = 0 if hedge and split == 0 else 1

    assert np.array_equal(expected(split, level_index), result.logits)
    assert (result.answered_by, result.fallback, result.reason) == ("device", True, "cloud away")
    assert result.level_index == level_index
    assert result.payload_bytes == 0 and result.transfer is None


@pytest.mark.parametrize("split", range(DEPTH))
def test_a_cloud_that_goes_away_in_mid_frame_loses_nothing(stalled, connect, split):
    """The frame is there when the connection breaks: finished from the tokens that the device still has."""
    running, gate = stalled
    device, box = connect(running.address), {}
    plan = decision(PLANS, 1, split, modelled_ms=LONG_MS)
    thread = threading.Thread(target=lambda: box.update(result=device.run(plan, pixels(split), LONG_MS)))
    thread.start()
    assert gate.arrived.acquire(timeout=30)  # the cloud has it, and works on it
    stopper = threading.Thread(target=running._server.stop, args=(0.0,))
    stopper.start()
    thread.join(30)
    stopper.join()

    assert np.array_equal(expected(split, 1), box["result"].logits)
    assert (box["result"].fallback, box["result"].reason) == (True, "cloud unavailable")
    assert box["result"].transfer.finished is False
    assert not device.line.up


@pytest.mark.parametrize("split", range(DEPTH))
def test_a_cloud_that_stalls_is_given_up(stalled, connect, split):
    """Without a hedge once the target has passed and twice the expected time, too; the cloud is asked to stop."""
    running, gate = stalled
    result = connect(running.address).run(decision(PLANS, 1, split, modelled_ms=0.5), pixels(split), 1.0)
    gate.open(1)

    assert np.array_equal(expected(split, 1), result.logits)
    assert (result.fallback, result.reason) == (True, "no answer in time")
    assert result.latency_ms >= 1.0


@pytest.mark.parametrize("split", range(DEPTH))
def test_a_hedge_answers_while_the_cloud_stalls(stalled, connect, split):
    """The device was first: its answer counts. At split 0 it is computed at the hedge's level, else at the plan's."""
    running, _ = stalled
    plan = decision(PLANS, 0, split, hedge=AT_ONCE, modelled_ms=LONG_MS)
    result = connect(running.address).run(plan, pixels(split), LONG_MS)
    level_index = 1 if split == 0 else 0

    assert np.array_equal(expected(split, level_index), result.logits)
    assert (result.answered_by, result.fallback, result.level_index) == ("device", True, level_index)


@pytest.mark.parametrize("split", range(DEPTH))
def test_a_hedge_gives_way_when_the_cloud_is_first(stalled, connect, split):
    """The device has begun to finish, the cloud answers before it is done: the cloud's answer counts."""
    running, cloud_gate = stalled
    gate = Gate(HALF.vit)
    gate.open(split)  # the device's own part, not a block more
    device = connect(running.address, model=replace(HALF, vit=gate))
    box = {}
    plan = decision(SLOW_PLANS, 1, split, hedge=HedgeRule(after_ms=0.0, level_index=0), modelled_ms=LONG_MS)
    thread = threading.Thread(target=lambda: box.update(result=device.run(plan, pixels(split), LONG_MS)))
    thread.start()
    for _ in range(split + 1):
        assert gate.arrived.acquire(timeout=30)  # the last one is the first block of the hedge
    cloud_gate.open()
    until_answered(device.line)
    gate.open()
    thread.join(30)

    assert np.array_equal(expected(split, 1), box["result"].logits)
    assert (box["result"].answered_by, box["result"].fallback) == ("cloud", False)
    assert gate.blocks_run == split + 1  # the hedge stopped after the block that was running


def until_answered(line):
    """Wait until nothing is under way on a line."""
    until(lambda: line._busy == 0)


def test_a_busy_cloud_is_not_a_lost_cloud(connect):
    """RESOURCE_EXHAUSTED: the device finishes this frame, and asks again with the next."""
    gate = Gate(HALF.vit)
    with serve(replace(HALF, vit=gate), limits=Limits(max_waiting=1)) as running:
        first, second = connect(running.address), connect(running.address)
        thread = threading.Thread(
            target=first.run, args=(decision(PLANS, 1, 2, modelled_ms=LONG_MS), pixels(0), LONG_MS)
        )
        thread.start()
        assert gate.arrived.acquire(timeout=30)
        refused = second.run(decision(PLANS, 1, 2, modelled_ms=LONG_MS), pixels(1), LONG_MS)
        gate.open()
        thread.join(30)
        served = second.run(decision(PLANS, 1, 2, modelled_ms=LONG_MS), pixels(1), LONG_MS)

    assert (refused.fallback, refused.reason) == (True, "cloud busy")
    assert np.array_equal(expected(1, 1), refused.logits)
    assert second.line.losses == 0
    assert served.answered_by == "cloud"


def test_tokens_that_cannot_be_encoded_stay_on_the_device(cloud, connect):
    """fp16 overflows: the frame is finished here, and says so."""
    plans = grid(HALF, codec="fp16")

    class Huge:
        def __getattr__(self, name):
            return getattr(HALF.vit, name)

        def blocks(self, state, start, stop, plan):
            state = HALF.vit.blocks(state, start, stop, plan)
            return replace(state, x=state.x * 1e6)

    device = connect(cloud.address, model=replace(HALF, vit=Huge()))
    result = device.run(decision(plans, 0, 2), pixels(0), LONG_MS)

    assert (result.answered_by, result.fallback, result.reason) == ("device", True, "not to be encoded")


def test_the_device_returns_to_the_cloud_by_itself(connect):
    """Away, and back at the same address: the line comes up without anybody asking, and the next frame goes there."""
    first = serve(HALF)
    device = connect(first.address)
    first.stop(0.0)
    away = device.run(decision(PLANS, 1, 2), pixels(0), LONG_MS)
    with serve(HALF, first.address):
        assert device.line.wait_up(30)
        back = device.run(decision(PLANS, 1, 2), pixels(0), LONG_MS)

        assert (away.answered_by, back.answered_by) == ("device", "cloud")
        assert np.array_equal(away.logits, back.logits)


def test_a_cloud_at_the_end_of_a_long_way_is_found(cloud, connect, monkeypatch):
    """Its round trip is longer than the device waits at first, and was not known before."""
    monkeypatch.setattr("janus.runtime.line.PATIENCE_S", 0.1)
    with relay(cloud.address, uplink=Trace.constant(100.0), delay_ms=100) as (address, call):
        call("cut", 1e6)
        device = connect(address, timeout_s=0.1)
        call("cut", 0.0)

        assert device.line.wait_up(30)
        assert device.line.rtt_ms >= 200


def test_a_cloud_that_comes_back_as_another_is_not_trusted(connect, caplog):
    """Other weights at the old address: the device stays alone, and the log says why."""
    first = serve(HALF)
    device = connect(first.address)
    first.stop(0.0)
    device.run(decision(PLANS, 1, 2), pixels(0), LONG_MS)
    with serve(half(seed=1), first.address):
        until(lambda: "load the same weights" in caplog.text)
        result = device.run(decision(PLANS, 1, 2), pixels(0), LONG_MS)

    assert np.array_equal(expected(0, 1), result.logits)
    assert result.answered_by == "device"


def test_a_device_without_any_cloud_works_alone():
    """Without a line at all it answers every frame."""
    device = Device(None, LocalCompute(HALF))
    result = device.run(decision(PLANS, 1, 0), pixels(3), LONG_MS)

    assert np.array_equal(expected(3, 1), result.logits)
    assert result.fallback


def shots(count):
    return [Shot(str(i), pixels(i), i % 10) for i in range(count)]


def test_frames_survive_a_cloud_that_comes_and_goes(connect):
    """Stopped and started ten times in mid-run: each frame has exactly one row, every answer is the unsplit one."""
    running = serve(HALF)
    device = connect(running.address)
    session = Session(device, FixedPlan(PLANS, Plan(level=4, split=2)), LONG_MS, RunSettings(frames=200), shots(20))
    seen, clouds = [], [running]

    def told(row):
        seen.append(row["frame"])
        if row["frame"] % 20 == 5:
            clouds[-1].stop(0.0)
        if row["frame"] % 20 == 10:
            clouds.append(serve(HALF, running.address))
            assert device.line.wait_up(30)

    table = record(session, on_row=told)
    clouds[-1].stop(0.0)
    right = [int(expected(i, 1).argmax()) for i in range(20)]

    assert list(table["frame"]) == seen == list(range(200))
    assert list(table["answer"]) == [right[frame % 20] for frame in range(200)]
    assert set(table["answered_by"]) == {"cloud", "device"}
    assert table["fallback"].sum() == (table["answered_by"] == "device").sum() >= 40
    assert table.attrs["losses"] == 10


def test_a_run_has_the_columns_of_a_replay(cloud, connect):
    """In the replay's order, then its own; every metric that works on a replay works on it."""
    session = Session(
        connect(cloud.address), FixedPlan(PLANS, Plan(level=4, split=2)), LONG_MS, RunSettings(frames=5), shots(2)
    )
    table = record(session)
    row = table.iloc[0]
    parts = row[["device_ms", "encode_ms", "uplink_ms", "queue_ms", "cloud_ms", "downlink_ms"]].sum()

    assert tuple(table.columns) == COLUMNS + RUN_COLUMNS
    assert row["payload_bytes"] == PLANS.rebuilt(levels=(0.0, 4.0)).payload_bytes[1, 2]
    assert parts <= row["measured_ms"]
    assert list(table["label"]) == [0, 1, 0, 1, 0]
    assert summarise(table).loc[0, "frames"] == 5


class Listener(Policy):
    """A policy that always does the same, and remembers what it heard."""

    name = "listener"

    def __init__(self, plans, split, hedge=None, probe_bytes=0):
        super().__init__(plans)
        self.transfers, self.frames, self.asked = [], [], []
        self._split, self._hedge, self._probe_bytes = split, hedge, probe_bytes

    def decide(self, now_s, slo_ms):
        self.asked.append((now_s, slo_ms))
        made = decision(self.grid, 1, self._split, hedge=self._hedge, modelled_ms=LONG_MS)
        return made._replace(probe_bytes=self._probe_bytes)

    def observe(self, transfer):
        self.transfers.append(transfer)

    def observe_frame(self, frame):
        self.frames.append(frame)


def test_a_policy_hears_of_every_transfer_and_every_frame(cloud, connect):
    """Finished transfers, with the payload's size and in order; each frame with the cloud's time."""
    policy = Listener(PLANS, 2)
    record(Session(connect(cloud.address), policy, LONG_MS, RunSettings(frames=4), shots(4)))

    assert [transfer.finished for transfer in policy.transfers] == [True] * 4
    assert {transfer.size_bytes for transfer in policy.transfers} == {float(PLANS.payload_bytes[1, 2])}
    assert [transfer.end_s for transfer in policy.transfers] == sorted(t.end_s for t in policy.transfers)
    assert all(frame.cloud_ms > 0 and frame.device_ms > 0 and not frame.fallback for frame in policy.frames)


def test_a_policy_hears_of_what_was_given_up(stalled, connect):
    """An abandoned transfer is no measurement of the bandwidth, and a fallback has no cloud time."""
    running, _ = stalled
    policy = Listener(PLANS, 2, hedge=AT_ONCE)
    record(Session(connect(running.address), policy, LONG_MS, RunSettings(frames=1), shots(1)))

    assert [transfer.finished for transfer in policy.transfers] == [False]
    assert policy.frames[0].fallback and math.isnan(policy.frames[0].cloud_ms)


def test_every_policy_lives_through_the_loss_of_the_cloud(connect):
    """Each is told of fallbacks that it did not ask for, and goes on deciding."""
    from janus.policy import POLICIES, make_policy

    with serve(HALF) as running:
        device = connect(running.address)
        for name in POLICIES:
            if name == "oracle":
                continue
            session = Session(device, make_policy(name, PLANS), LONG_MS, RunSettings(frames=3), shots(1))
            assert list(record(session)["frame"]) == [0, 1, 2]
        running.stop(0.0)
        for name in POLICIES:
            if name == "oracle":
                continue
            session = Session(device, make_policy(name, PLANS), LONG_MS, RunSettings(frames=3), shots(1))
            assert set(record(session)["answered_by"]) == {"device"}


def test_janus_merges_to_meet_the_target_while_the_cloud_is_away(connect):
    """Alone, it takes the smallest level that the device manages in time; each such frame is marked."""
    from janus.policy import make_policy

    plans = grid(HALF, device_ms=100.0, levels=(0.0, 4.0, 8.0, 16.0))
    target_ms = float(plans.device_ms[2, -1]) + 1.0
    with serve(HALF) as running:
        device = connect(running.address)
    device.line.lost()
    table = record(Session(device, make_policy("janus", plans), target_ms, RunSettings(frames=3), shots(3)))

    assert list(table["level"]) == [8.0] * 3 and list(table["split"]) == [DEPTH] * 3
    assert table["fallback"].all() and set(table["reason"]) == {"cloud away"}


def test_a_probe_goes_beside_the_frames_that_stay(cloud, connect):
    """Its transfer is told once it is through."""
    device = connect(cloud.address)
    policy = Listener(PLANS, DEPTH, probe_bytes=32_000)

    def told(row):
        until_answered(device.line)

    table = record(Session(device, policy, LONG_MS, RunSettings(frames=3), shots(1)), on_row=told)

    assert [(t.size_bytes, t.finished) for t in policy.transfers][:2] == [(32_000, True)] * 2
    assert table.attrs["probe_bytes"] == 96_000
    assert set(table["answered_by"]) == {"device"}


class FakeDevice:
    """A device on a clock of its own: each frame takes as long as it is told."""

    def __init__(self, takes_s):
        self.compute, self.line, self.slowdown = LocalCompute(HALF), None, 1e-9
        self.origin, self.clock_s, self._takes_s = 0.0, 0.0, takes_s

    @property
    def now_s(self):
        return self.clock_s

    def run(self, made: Decision, picture, slo_ms):
        result = Device(None, self.compute).run(made, picture, slo_ms)
        self.clock_s += self._takes_s
        return result._replace(latency_ms=self._takes_s * 1e3)


@pytest.mark.parametrize(
    ("late", "dropped", "queued_ms"),
    [
        ("drop", [False, True, True, False, True, True], [0, 0, 0, 0, 0, 0]),
        ("queue", [False] * 6, [0, 150, 300, 450, 600, 750]),
    ],
)
def test_a_camera_drops_or_queues_what_comes_too_early(late, dropped, queued_ms):
    """10 frames a second, each takes 250 ms: two of three are dropped, or all wait longer and longer."""
    device, policy = FakeDevice(0.25), Listener(PLANS, DEPTH)
    settings = RunSettings(mode="camera", camera_fps=10, late=late, frames=6)
    session = Session(device, policy, 500.0, settings, shots(1))

    def told(row):
        # Nobody sleeps on this clock: when the camera would wait, time has passed.
        upcoming = (row["frame"] + 1) / 10
        if device.clock_s <= upcoming + 0.001:
            device.clock_s = upcoming

    table = record(session, on_row=told)

    assert tuple(table.columns) == COLUMNS + CAMERA_COLUMNS + RUN_COLUMNS
    assert list(table["dropped"]) == dropped
    assert list(table["queued_ms"]) == pytest.approx(queued_ms, abs=1e-6)
    assert [left_ms for _, left_ms in policy.asked] == pytest.approx(
        [500 - q for d, q in zip(dropped, queued_ms, strict=True) if not d]
    )
    assert list(table["violated"]) == [d or q + 250 > 500 for d, q in zip(dropped, queued_ms, strict=True)]


@pytest.mark.parametrize("keep", [True, False])
def test_an_interrupted_run_keeps_what_it_has_where_it_is_asked_to(keep):
    """The command line writes the frames so far; a notebook's cell ends like any other that was interrupted."""

    def told(row):
        if row["frame"] == 2:
            raise KeyboardInterrupt

    session = Session(Device(None, LocalCompute(HALF)), Listener(PLANS, DEPTH), 500.0, RunSettings(), shots(9))
    if not keep:
        with pytest.raises(KeyboardInterrupt):
            record(session, on_row=told)
        return
    table = record(session, on_row=told, keep=True)

    assert len(table) == 3 and table.attrs["interrupted"]


def test_a_run_ends_after_its_time():
    """In seconds of the device's clock; pictures repeat."""
    device = FakeDevice(0.25)
    table = record(Session(device, Listener(PLANS, DEPTH), 500.0, RunSettings(duration_s=1.1), shots(2)))

    assert list(table["time_s"]) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert list(table["image"]) == ["0", "1", "0", "1", "0"]


def answer(total_ms, cloud_ms, queue_ms=0.0, reply_bytes=4000):
    return Answer(
        logits=np.zeros((1, 10), np.float32), total_ms=total_ms, queue_ms=queue_ms, decode_ms=1.0, compute_ms=1.0,
        encode_ms=0.0, cloud_ms=cloud_ms, batched=1, reply_bytes=reply_bytes,
    )  # fmt: skip


@pytest.mark.parametrize("slowdown", [1.0, 10.0])
def test_the_uplink_is_what_the_cloud_the_round_trip_and_the_way_back_leave(slowdown):
    """Differences of one clock: 100 ms in all, 30 in the cloud, 20 round trip, 0.64 for 4000 bytes at 50 Mbit/s."""
    from janus.runtime.device import _Frame

    class FakeLine:
        rtt_ms = 20.0 * slowdown

    class FakeCall:
        ended = 1.0

    device = Device(FakeLine(), LocalCompute(HALF), slowdown=slowdown)
    frame = _Frame(device, decision(PLANS, 1, 2), pixels(0), LONG_MS)
    frame.payload_bytes = 49_360
    result = frame._by_cloud(FakeCall(), answer(100.0 * slowdown, 30.0 * slowdown, queue_ms=5.0 * slowdown))

    assert result.transfer.duration_ms == pytest.approx(49.36)
    assert result.actual_mbps == pytest.approx(8.0)
    assert result.uplink_ms == pytest.approx(49.36 + 10)
    assert result.downlink_ms == pytest.approx(10.64)
    assert (result.queue_ms, result.cloud_ms) == pytest.approx((5.0, 25.0))
    assert result.transfer.rtt_ms == pytest.approx(20.0)


def test_compute_is_stretched_to_a_profile(cloud, connect):
    """Never shorter than the profile says, on the device and in the cloud; the table is then called emulated."""
    slow = profile(HALF, block_ms=5.0)
    plan = HALF.vit.plan(MergeSchedule(family="constant", level=4))
    pace = Pace(profile=slow, slowdown=2.0)
    with serve(HALF, pace=pace) as running:
        line = Line(HALF, (running.address,))
        hello = line.connect()
        device = Device(line, LocalCompute(HALF, pace), slowdown=2.0)
        result = device.run(decision(PLANS, 1, 2, modelled_ms=LONG_MS), pixels(0), LONG_MS)
        line.close()
    front = slow.embed_ms + slow.predict_blocks_ms(plan)[:2].sum()
    rest = slow.predict_blocks_ms(plan)[2:].sum() + slow.head_ms

    assert np.array_equal(expected(0, 1), result.logits)
    assert result.front_ms >= front and result.cloud_ms >= rest
    assert (hello.emulates, hello.slowdown) == ("test machine", 2.0)
    assert "emulated_ms" in columns(RunSettings(), emulated=True)
    assert "measured_ms" not in columns(RunSettings(), emulated=True)


def test_how_much_slower_the_world_must_be():
    """To imitate a machine three times as fast, this one's worst part counts."""
    assert shortfall(profile(HALF, 3.0), profile(HALF, 1.0)) == pytest.approx(3.0)
    assert shortfall(profile(HALF, 1.0), profile(HALF, 4.0)) == pytest.approx(0.25)


def test_the_clouds_own_profile_comes_with_the_first_hello(connect):
    """A device that asks learns what the cloud takes; one that pings does not carry it about."""
    from janus.profile import parse_profile

    own = profile(HALF, 2.0)
    with serve(HALF, profile=own) as running:
        line = Line(HALF, (running.address,))
        told = line.connect().profile
        ping = line._client.hello(10).reply()
        line.close()

    assert parse_profile(told, "test").predict_block_ms(65) == pytest.approx(own.predict_block_ms(65))
    assert ping.profile == ""


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mode": "open"}, "mode 'open'"),
        ({"late": "never"}, "late 'never'"),
        ({"camera_fps": 0}, "camera_fps 0"),
        ({"frames": -1}, "frames -1"),
    ],
)
def test_run_settings_out_of_range_are_named(settings, says):
    """One sentence with the argument."""
    with pytest.raises(JanusError, match=says):
        RunSettings(**settings)


def test_pictures_come_from_anywhere():
    """PIL images of any size, arrays of the model's; what is neither is named with its place."""
    from PIL import Image

    made = prepare([Image.new("L", (99, 50)), pixels(0)], HALF)

    assert [shot.pixels.shape for shot in made] == [(32, 32, 3)] * 2
    with pytest.raises(JanusError, match=r"images\[1\]"):
        prepare([pixels(0), np.zeros((31, 32, 3), np.uint8)], HALF)
    with pytest.raises(JanusError, match="not one that can be used"):
        prepare([], HALF)
