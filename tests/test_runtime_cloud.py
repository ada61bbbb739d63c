"""The cloud: exact answers for every plan, several devices, nothing in vain, and no request that can hurt it."""

import threading
from concurrent.futures import CancelledError
from dataclasses import replace

import grpc
import numpy as np
import pytest
import torch
from conftest import CHECKOUT
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_tools import protoc
from runtime_kit import Gate, frame, half, patient_lines, pixels, removed, state_at, unsplit  # noqa: F401

from janus.errors import JanusError
from janus.runtime import janus_pb2 as pb
from janus.runtime import janus_pb2_grpc
from janus.runtime.client import CallFailed, CloudClient
from janus.runtime.engine import Engine
from janus.runtime.line import Line
from janus.runtime.requests import (
    Limits,
    Work,
)
from janus.runtime.server import serve
from janus.schedule import MergeSchedule

HALF = half()


@pytest.fixture(scope="module")
def cloud():
    with serve(HALF) as running:
        yield running


@pytest.fixture(scope="module")
def client(cloud):
    opened = CloudClient(HALF, (cloud.address,))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def channel(cloud):
    with grpc.insecure_channel(cloud.address) as opened:
        yield opened


@pytest.mark.parametrize("level", [0, 4])
def test_the_answer_through_the_wire_is_the_unsplit_answer(client, level):
    """For every split, over 100 pictures, to the last bit."""
    schedule = MergeSchedule(family="constant", level=level)
    for i in range(100):
        expected = unsplit(HALF, pixels(i), schedule).numpy()
        calls = [client.finish(frame(HALF, i, level, split), 30) for split in range(HALF.vit.depth + 1)]
        for call in calls:
            assert np.array_equal(expected, call.answer().logits)


@pytest.mark.parametrize("variant", ["class token and registers", "average pooling", "attention pooling"])
def test_other_kinds_of_vit_are_exact_too(variant):
    """Prefix tokens of any number, and poolings that weigh tokens."""
    model = half(variant)
    with serve(model) as running:
        opened = CloudClient(model, (running.address,))
        for split in range(model.vit.depth + 1):
            expected = unsplit(model, pixels(1), MergeSchedule(family="constant", level=4)).numpy()

            assert np.array_equal(expected, opened.finish(frame(model, 1, 4, split), 30).answer().logits)
        opened.close()


def test_several_devices_at_once_get_their_own_answers(cloud):
    """Four devices with different plans and pictures; computed together, an answer may differ in the last bits."""
    wrong = []

    def device(number):
        opened = CloudClient(HALF, (cloud.address,))
        for i in range(10):
            level, split = (0, 4)[number % 2], number
            expected = unsplit(HALF, pixels(100 * number + i), MergeSchedule(family="constant", level=level)).numpy()
            logits = opened.finish(frame(HALF, 100 * number + i, level, split), 30).answer().logits
            if not np.allclose(expected, logits, atol=1e-4):
                wrong.append((number, i))
        opened.close()

    threads = [threading.Thread(target=device, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def gated_engine(max_batch=8):
    gate = Gate(HALF.vit)
    return gate, Engine(replace(HALF, vit=gate), max_batch=max_batch)


def work(i, level=0, split=2):
    return Work(split=split, removed=removed(HALF, level), input=state_at(HALF, pixels(i), level, split), batch=1)


def test_waiting_requests_of_one_plan_are_computed_together():
    """While one is computed, those of one plan gather, up to max_batch; another plan waits for its own turn."""
    gate, engine = gated_engine(max_batch=3)
    first = engine.submit(work(0))
    assert gate.arrived.acquire(timeout=30)
    jobs = [engine.submit(work(i)) for i in range(1, 6)] + [engine.submit(work(6, level=4))]
    gate.open()
    batched = [job.future.result(timeout=30).batched for job in (first, *jobs)]
    engine.close()

    assert batched == [1, 3, 3, 3, 2, 2, 1]


def test_batched_answers_go_to_whom_they_belong():
    """Each job of a batch gets the answer to its own picture."""
    gate, engine = gated_engine()
    first = engine.submit(work(0))
    assert gate.arrived.acquire(timeout=30)
    jobs = [engine.submit(work(i, level=4)) for i in range(1, 5)]
    gate.open()
    answers = [job.future.result(timeout=30).logits for job in (first, *jobs)]
    engine.close()

    for i, answer in enumerate(answers):
        schedule = MergeSchedule(family="constant", level=4 if i else 0)
        torch.testing.assert_close(answer, unsplit(HALF, pixels(i), schedule), atol=1e-4, rtol=1e-4)


def test_work_that_nobody_wants_any_more_stops_between_blocks():
    """An abandoned job ends before its next block, and one that still waits never starts."""
    gate, engine = gated_engine()
    running = engine.submit(work(0, split=1))
    assert gate.arrived.acquire(timeout=30)
    waiting = engine.submit(work(1, split=1))
    running.abandon()
    waiting.abandon()
    last = engine.submit(work(2, split=3))
    gate.open()
    last.future.result(timeout=30)
    engine.close()

    assert gate.blocks_run == 1 + 1  # the one that ran when it was abandoned, and the last job's own


def test_a_cancelled_call_stops_the_cloud():
    """The device hangs up in the middle of the computation: the blocks that are left do not run."""
    gate = Gate(HALF.vit)
    model = replace(HALF, vit=gate)
    with serve(model) as running:
        opened, jobs, submit = CloudClient(HALF, (running.address,)), [], running._service.engine.submit
        running._service.engine.submit = lambda work: jobs.append(submit(work)) or jobs[-1]
        call = opened.finish(frame(HALF, 0, 0, 1), 30)
        assert gate.arrived.acquire(timeout=30)
        call.cancel()
        with pytest.raises(CallFailed, match="given up"):
            call.answer()
        with pytest.raises(CancelledError):
            jobs[0].future.result(timeout=30)  # the news has come to the cloud
        gate.open()
        opened.finish(frame(HALF, 0, 4, 3), 30).answer()
        opened.close()

        assert gate.blocks_run == 1 + 1  # the one that ran when it was cancelled, and the other frame's own


def test_a_failure_of_one_request_leaves_the_others_alone():
    """Even if computing it breaks, the device gets a status and the cloud serves on."""

    class Broken:
        def __getattr__(self, name):
            return getattr(HALF.vit, name)

        def head(self, state):
            if state.x.shape[1] == HALF.vit.tokens:
                raise RuntimeError("a secret path of the server")
            return HALF.vit.head(state)

    with serve(replace(HALF, vit=Broken())) as running:
        opened = CloudClient(HALF, (running.address,))
        with pytest.raises(CallFailed) as failed:
            opened.finish(frame(HALF, 0, 0, 2), 30).answer()
        answer = opened.finish(frame(HALF, 0, 4, 2), 30).answer()
        opened.close()

    assert failed.value.code is grpc.StatusCode.INTERNAL
    assert "secret" not in failed.value.details
    assert np.array_equal(unsplit(HALF, pixels(0), MergeSchedule(family="constant", level=4)).numpy(), answer.logits)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (half(name="deit_tiny_patch16_224"), "serves vit_tiny_patch16_224, not deit_tiny"),
        (half(seed=1), "load the same weights"),
    ],
    ids=["name", "weights"],
)
def test_another_model_is_refused_at_connect(cloud, other, says):
    """By name, and by the hash of the weights under the same name."""
    line = Line(other, (cloud.address,))

    with pytest.raises(JanusError, match=says):
        line.connect()


def test_another_protocol_is_refused_at_connect(channel):
    """An older or newer Janus is told to use the same release."""
    hello = janus_pb2_grpc.CloudStub(channel).Hello

    with pytest.raises(grpc.RpcError, match="same release") as refused:
        hello(pb.HelloRequest(protocol=99, model=HALF.name, weights_sha256=HALF.key), timeout=10)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_no_more_requests_wait_than_may():
    """One over the limit is told so at once, and the ones before it still get their answers."""
    gate = Gate(HALF.vit)
    with serve(replace(HALF, vit=gate), limits=Limits(max_waiting=2)) as running:
        opened = CloudClient(HALF, (running.address,))
        calls = [opened.finish(frame(HALF, i, 0, 2), 30) for i in range(3)]
        refused = next(call for call in iter_done(calls))
        with pytest.raises(CallFailed, match="2 requests are waiting already"):
            refused.answer()
        gate.open()
        answers = [call.answer().logits for call in calls if call is not refused]
        opened.close()

    assert len(answers) == 2


def iter_done(calls):
    """Calls in the order in which they end."""
    ended = threading.Event()
    for call in calls:
        call.when_done(ended.set)
    assert ended.wait(30)
    yield from (call for call in calls if call.done)


def test_health_is_served_by_the_standard_service(cloud, channel):
    """Load balancers ask for the whole server and for the service."""
    check = health_pb2_grpc.HealthStub(channel).Check
    statuses = [
        check(health_pb2.HealthCheckRequest(service=name), timeout=10).status for name in ("", "janus.v1.Cloud")
    ]

    assert statuses == [health_pb2.HealthCheckResponse.SERVING] * 2


def test_two_replicas_share_the_frames_and_one_may_die():
    """Client-side round robin; when one replica dies the other takes over, and every answer is right."""
    first, second = serve(HALF), serve(HALF)
    line = Line(HALF, (first.address, second.address))
    line.connect()
    expected = unsplit(HALF, pixels(0), MergeSchedule(family="none")).numpy()
    answers, late = [], []
    for _ in range(2000):  # the second connection may come up later than the first
        answers.append(line.finish(frame(HALF, 0, 0, 2), 30).answer().logits)
        if min(served(first), served(second)) >= 4:
            break
    before = served(first), served(second)
    first.stop(0.0)
    for _ in range(2000):
        try:
            late.append(line.finish(frame(HALF, 0, 0, 2), 30).answer().logits)
        except CallFailed as why:
            assert why.lost
            line.lost()
            assert line.wait_up(30)
        if len(late) == 8:
            break
    line.close()
    second.stop(0.0)

    assert min(before) >= 4
    assert served(second) == before[1] + len(late) == before[1] + 8
    assert all(np.array_equal(expected, logits) for logits in answers + late)


def served(cloud):
    """Jobs that a cloud's engine has been given."""
    return cloud._service.engine.submitted


def test_a_stopped_cloud_leaves_no_thread_behind():
    """All threads that serving started are gone."""
    before = set(threading.enumerate())
    with serve(HALF) as running:
        line = Line(HALF, (running.address,))
        line.connect()
        line.finish(frame(HALF, 0, 0, 2), 30).answer()
        line.close()
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("janus")]

    assert left == []


def test_a_taken_port_is_named(cloud):
    """Two clouds never share a port unnoticed."""
    with pytest.raises(JanusError, match="cannot listen there"):
        serve(HALF, cloud.address)


def test_the_generated_code_is_that_of_the_proto(tmp_path):
    """What protoc makes of janus.proto today describes the same messages and calls as the code beside it."""
    out = tmp_path / "set"
    protoc.main(["protoc", f"-I{CHECKOUT}", f"--descriptor_set_out={out}", "janus/runtime/janus.proto"])
    from google.protobuf import descriptor_pb2

    compiled = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file[0]
    kept = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(kept)

    class Recorder:
        def __init__(self):
            self.paths = []

        def unary_unary(self, path, **_):
            self.paths.append(path)

    recorder = Recorder()
    janus_pb2_grpc.CloudStub(recorder)
    clear_names(compiled)
    clear_names(kept)

    assert compiled == kept
    assert recorder.paths == [f"/janus.v1.Cloud/{method.name}" for method in compiled.service[0].method]


def clear_names(file):
    """protoc writes JSON names out, the runtime leaves the usual ones away."""
    for message in file.message_type:
        for field in message.field:
            field.ClearField("json_name")
