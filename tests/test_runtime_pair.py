"""LocalPair: a real cloud and a real link as child processes, and nothing left of them whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest
import timm
import torch
from runtime_kit import patient_lines, profile, until  # noqa: F401

from janus.bench.fuzz import noise_codebook
from janus.codec import decode, encode
from janus.errors import JanusError
from janus.grid import GridSettings
from janus.network import Trace
from janus.runtime.credentials import split_address
from janus.runtime.half import open_half
from janus.runtime.pair import LocalPair
from janus.runtime.session import RunSettings
from janus.runtime.spot import measure_plan
from janus.schedule import MergeSchedule
from janus.split import Plan

# timm's own model for tests: 160 pixels, 6 blocks of 64 channels.
NAME = "test_vit"
# No frame is given up.
LONG_MS = 60_000


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return timm.create_model(NAME).eval()


@pytest.fixture(scope="module")
def made(model):
    """The device's half, and a profile: measuring one would take as long as the test."""
    opened = open_half(model, NAME)
    return opened, profile(opened, 1.0)


@pytest.fixture(scope="module")
def pictures():
    return [np.random.default_rng(i).integers(0, 256, (160, 160, 3), dtype=np.uint8) for i in range(5)]


@pytest.fixture(scope="module")
def pair(model, made, tmp_path_factory):
    codebook = tmp_path_factory.mktemp("pair") / "codebook.safetensors"
    noise_codebook(made[0]).write(codebook)
    with LocalPair(
        model, trace=100.0, delay_ms=1.0, codebook=codebook, device_profile=made[1], cloud_profile=made[1]
    ) as opened:
        yield opened


EXACT = GridSettings(family="constant", levels=(0.0, 8.0), codec="fp32", encoding="raw")


def unsplit(half, picture, level):
    with torch.inference_mode():
        images = half.preprocess.normalise(picture[None])
        return int(half.vit(images, MergeSchedule(family="constant", level=level)).argmax())


@pytest.mark.parametrize("split", [0, 2, 6])
def test_frames_go_through_three_processes_and_come_back_right(pair, made, pictures, split):
    """Picture, tokens or nothing over the link; every answer is the unsplit one."""
    table = pair.run(
        pictures, policy=Plan(level=8, split=split), slo_ms=LONG_MS, grid=EXACT, settings=RunSettings(frames=10),
        progress=False,
    )  # fmt: skip

    assert list(table["answer"]) == [unsplit(made[0], pictures[i % 5], 8) for i in range(10)]
    assert set(table["answered_by"]) == {"device" if split == 6 else "cloud"}
    assert not table["fallback"].any()
    assert not table.attrs["emulated"]


def test_tokens_travel_in_the_codec_transform(pair, made, pictures):
    """Its name among the settings is enough: sizes and times come from the codebook; every answer is its own."""
    split = pair.half.book.splits[1]
    settings = GridSettings(family="constant", levels=(0.0, 8.0), codec="transform1", splits=tuple(range(7)))
    spots = list(
        measure_plan(
            pair, pictures, Plan(level=8, split=split), grid=settings, mbps=100.0, frames=5, cancel=threading.Event()
        )
    )  # fmt: skip
    table = pair.run(
        pictures, policy=Plan(level=8, split=split), slo_ms=LONG_MS, grid=settings, settings=RunSettings(frames=5),
        progress=False,
    )  # fmt: skip
    expected = []
    plan = made[0].vit.plan(MergeSchedule(family="constant", level=8)).removed
    with torch.inference_mode():
        for picture in pictures:
            state = made[0].vit.embed(made[0].preprocess.normalise(picture[None]))
            sent = encode(made[0].vit.blocks(state, 0, split, plan), "transform1", book=pair.half.book, split=split)
            back = made[0].vit.blocks(decode(sent.data, book=pair.half.book), split, 6, plan)
            expected.append(int(made[0].vit.head(back).argmax()))

    assert list(table["answer"]) == expected
    assert set(table["travels_as"]) == {"transform1"} and set(table["answered_by"]) == {"cloud"}
    assert len(spots) == 5 and spots[-1].modelled_ms > 0
    assert pair.machines.coded("cloud", "transform1").codec == "transform1"


def test_another_trace_for_one_run(pair, pictures):
    """A slower uplink than the pair's own: the same bytes take longer than the trace allows, never shorter."""
    slow = Trace.constant(8.0)
    table = pair.run(
        pictures, policy=Plan(level=8, split=2), slo_ms=LONG_MS, grid=EXACT, settings=RunSettings(frames=3), trace=slow,
        progress=False,
    )  # fmt: skip
    least_ms = slow.transfer_ms(0.0, float(table["payload_bytes"].iloc[0]))

    assert (table["uplink_ms"] + table["downlink_ms"] >= least_ms).all()


def test_a_cloud_killed_in_mid_run_is_replaced(pair, made, pictures):
    """kill -9: the device goes on alone; restarted at the same port, the cloud gets the frames again."""

    def told(row):
        if row["frame"] == 5:
            pair.cloud.signal(signal.SIGKILL)
            pair.cloud._process.wait()
        if row["frame"] == 10:
            pair.restart_cloud()
            assert pair.line.wait_up(30)

    table = pair.run(
        pictures, policy=Plan(level=8, split=2), slo_ms=LONG_MS, grid=EXACT, settings=RunSettings(frames=20),
        on_row=told, progress=False,
    )  # fmt: skip

    assert list(table["frame"]) == list(range(20))
    assert list(table["answer"]) == [unsplit(made[0], pictures[i % 5], 8) for i in range(20)]
    assert set(table["answered_by"][6:11]) == {"device"}
    assert set(table["answered_by"][11:]) == {"cloud"}


def test_a_cut_link_is_found_again(pair, pictures):
    """Connections reset and refused in mid-run: the device alone, then the cloud again."""
    refused = []

    def told(row):
        if row["frame"] == 3:
            pair.cut(1e6)
        elif row["frame"] > 3 and not refused and row["answered_by"] == "device":
            refused.append(row["frame"])
            pair.cut(0.0)
        if refused:
            assert pair.line.wait_up(30)

    table = pair.run(
        pictures, policy=Plan(level=8, split=2), slo_ms=LONG_MS, grid=EXACT, settings=RunSettings(frames=30),
        on_row=told, progress=False,
    )  # fmt: skip

    assert list(table["frame"]) == list(range(30))
    assert refused and "cloud" in set(table["answered_by"][refused[0] + 1 :])


def test_faults_cost_no_frame(pair):
    """The bench's own loop: cut and killed in mid-transfer, every frame is answered once, by the unsplit answer."""
    import random

    from janus.bench.faults import MBPS, always, counted, cut, killer

    pair.processes.shape(pair.link_settings(MBPS))
    rows: list[dict] = []
    for kind in (always(cut), killer):
        with kind(pair) as fault:
            counted(pair, Plan(level=0.3, split=3), fault, 2, random.Random(0), lambda line: None, rows)

    assert [(row["fault"], row["times"]) for row in rows] == [("cut", 2), ("kill", 2)]
    for row in rows:
        assert row["return_worst_s"] < float("inf")
        assert row["frames_begun"] == row["frames_answered"] == row["by_cloud"] + row["fallbacks"]
        assert row["wrong_answers"] == 0


def test_a_serving_cloud_survives_mutants(pair):
    """Each is refused with a status and a reason, or harmless; good requests are answered as before."""
    from janus.bench.fuzz import wire

    row = wire(pair, 300, seed=7)

    assert (row["strange"], row["without_a_reason"], row["same_answers_after"]) == ({}, 0, True)
    assert sum(row["outcomes"].values()) == 300


def test_modelled_and_measured_stand_side_by_side(pair, pictures):
    """One row a combination, whose model knows the rate and the payload."""
    from janus.runtime.agreement import agreement

    table = agreement(pair, pictures, levels=(0.3,), splits=(0, 3), rates=(2.0, 80.0), rounds=1, frames=2)

    assert table[["split", "mbps"]].to_numpy().tolist() == [[0, 2], [0, 80], [3, 2], [3, 80]]
    assert (table["frames"] == 2).all() and (table["measured_ms"] > 0).all()
    assert (table["error"] == table["modelled_ms"] / table["measured_ms"] - 1).all()
    assert table["modelled_ms"][2] > table["modelled_ms"][3]
    assert table["measured_ms"][2] > table["payload_bytes"][2] * 8 / 2 / 1000


def test_nothing_is_left_after_an_exception_and_speed_is_emulated_before_it(model, made, pictures):
    """A cloud four times as fast as this machine is imitated by a world that is slower; then an interrupt comes."""
    half, real = made
    fast = profile(half, 0.25, name="fast machine")
    threads, count = set(threading.enumerate()), torch.get_num_threads()
    with (
        pytest.raises(KeyboardInterrupt),
        LocalPair(
            model, trace=100.0, device_profile=real, emulate_cloud=fast, slowdown=8.0, device_threads=1
        ) as opened,
    ):
        pids = [opened.cloud.pid, opened.processes.link.pid]
        port = split_address(opened.line._addresses[0])
        table = opened.run(pictures, policy=Plan(level=8, split=2), slo_ms=LONG_MS, grid=EXACT, progress=False)
        raise KeyboardInterrupt
    plan = half.vit.plan(MergeSchedule(family="constant", level=8))

    assert (table["cloud_ms"] >= fast.predict_blocks_ms(plan)[2:].sum() + fast.head_ms).all()
    assert "emulated_ms" in table and "measured_ms" not in table
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(OSError), socket.create_connection(port, timeout=5):
        pass
    assert {thread for thread in threading.enumerate() if thread.name.startswith("janus")} <= threads
    assert count == torch.get_num_threads()


SCRIPT = """
import sys, timm, torch
from janus.runtime.pair import LocalPair
torch.manual_seed(0)
pair = LocalPair(timm.create_model("test_vit").eval())
pair.__enter__()
print(pair.cloud.pid, pair.processes.link.pid, flush=True)
if len(sys.argv) > 1:
    import os
    if os.fork() == 0:  # a child that holds on to the pipes
        sys.stdin.read()
        os._exit(0)
    print("forked", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here, so nothing can hold on to the pipes.")
def test_nothing_is_left_after_kill_9():
    """The process that opened the pair dies without a word, with a forked child that keeps its pipes open."""
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT, "fork"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert parent.stdout.readline() == b"forked\n"
        parent.kill()
        until(lambda: all(map(ended, children)))
    finally:
        parent.stdin.close()
        parent.wait()
        parent.stdout.close()

    assert len(children) == 2


def ended(process):
    """Whether a process is gone, or dead and only waiting for an init that does not look after it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_child_that_cannot_start_says_why(model, tmp_path):
    """Its last words are the error, and no child is left."""
    pair = LocalPair(model)
    pair.handed.weights_file().write_bytes(b"no weights")
    before = len(psutil.Process().children())

    with pytest.raises(JanusError, match=r"the cloud has ended: .*not a whole safetensors file"), pair:
        pass
    assert before == len(psutil.Process().children())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"slowdown": 2.0}, "slowdown is for emulation"),
        ({"weights": "x.safetensors"}, "given by its tag"),
        ({"delay_ms": -1.0}, "delay_ms -1"),
        ({"trace": 0.0}, "carries nothing"),
        ({"emulate_cloud": "a machine from a fable"}, "neither a file nor a machine"),
        ({"codebook": "no such codebook"}, "does not exist"),
    ],
)
def test_a_pair_that_cannot_be_is_refused_before_anything_starts(model, options, says):
    """One sentence with the argument."""
    with pytest.raises(JanusError, match=says):
        LocalPair(model, **options)


def test_a_pair_that_is_not_open_cannot_run(model, pictures):
    """It says how it is opened."""
    with pytest.raises(JanusError, match="with statement"):
        LocalPair(model).run(pictures, progress=False)
