"""Backends: the same answers as eager, a cache that heals itself, and eager until a part is ready."""

import ctypes
import json
import logging
import sys
import threading

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from runtime_kit import WAIT_S, half, pixels, removed, unsplit
from vits import build, images

from janus.backends import BACKENDS, Backend, Part, Plans, open_backend, plain, run_part
from janus.backends import choice as choice_of_backends
from janus.backends.part import PartModule
from janus.bench.merge import command as bench_merge
from janus.cli.common import BACKENDS as OFFERED
from janus.errors import JanusError
from janus.models import LoadedModel
from janus.profiling import Effort, measure_profile
from janus.runtime.engine import Engine
from janus.runtime.half import with_backend
from janus.runtime.local import LocalCompute
from janus.runtime.requests import Work
from janus.schedule import MergeSchedule
from janus.vit import OpenViT, open_vit
from janus.weights import Weights

DEPTH = 2


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JANUS_CACHE", str(tmp_path))
    return tmp_path / "halves"


def small(**changes) -> OpenViT:
    torch.manual_seed(0)
    return open_vit(build(depth=DEPTH, reg_tokens=2, **changes)().eval())


@pytest.fixture(scope="module")
def vit():
    return small()


def whole(vit, level, batch=2):
    return Part.of(vit, counts(vit, level), 0, vit.depth, batch=batch, embed=True, head=True)


def counts(vit, level):
    return vit.plan(MergeSchedule(family="constant", level=level)).removed


@torch.inference_mode()
def test_openvino_answers_as_eager_does_in_one_piece_and_in_two(vit):
    """Same tokens (so the same pairs), same sizes and same logits, to rounding; unmerged too."""
    backend, pictures = open_backend("openvino", vit), images(2)
    front = Part.of(vit, counts(vit, 6), 0, 1, batch=2, embed=True)
    back = Part.of(vit, counts(vit, 6), 1, DEPTH, batch=2, head=True)

    for level in (0, 6):
        part = whole(vit, level)
        torch.testing.assert_close(backend.prepare(part)(pictures), run_part(vit, part, pictures), atol=1e-5, rtol=0)
    state, eager = backend.prepare(front)(pictures), run_part(vit, front, pictures)
    assert state.protected == eager.protected
    assert torch.equal(state.sizes, eager.sizes)
    torch.testing.assert_close(state.x, eager.x, atol=1e-5, rtol=0)
    logits = backend.prepare(back)(state)
    torch.testing.assert_close(logits, run_part(vit, whole(vit, 6), pictures), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["bf16", *(["compile", "compile-bf16"] if torch.cuda.is_available() else [])])
@torch.inference_mode()
def test_half_precision_answers_nearly_as_eager_does(name):
    """In fp32 like every other, in one piece and in two, and with sizes that are whole numbers."""
    device = "cuda" if name.startswith("compile") else "cpu"
    vit = open_vit(small().model.to(device))
    backend, pictures = open_backend(name, vit), images(2).to(device)
    front = Part.of(vit, counts(vit, 6), 0, 1, batch=2, embed=True)
    back = Part.of(vit, counts(vit, 6), 1, DEPTH, batch=2, head=True)

    state = backend.prepare(front)(pictures)

    assert backend.name == name
    assert state.x.dtype == state.sizes.dtype == torch.float32
    assert (state.sizes.sum(1) == vit.tokens).all()
    eager = vit(pictures, MergeSchedule(family="constant", level=6))
    for logits in (backend.prepare(whole(vit, 6))(pictures), backend.prepare(back)(state)):
        assert logits.dtype == torch.float32
        torch.testing.assert_close(logits, eager, atol=0.05, rtol=0)


@torch.inference_mode()
def test_one_compiled_block_serves_all_blocks_and_plans(vit, monkeypatch):
    """What a GPU's backend compiles: in one graph each, merging for the first time, again, and not at all."""
    from janus.backends import cuda

    graphs = []

    def compiler(graph, examples):
        graphs.append(graph)
        return graph.forward

    block = torch.compile(cuda._block, dynamic=True, fullgraph=True, backend=compiler)
    monkeypatch.setattr(cuda, "_compiled_block", lambda: block)
    compiled, pictures = cuda._Compiled(vit.model), images(2)

    for level, so_far in ((6, 2), (9, 2), (0, 3), (4, 3)):
        schedule = MergeSchedule(family="constant", level=level)
        torch.testing.assert_close(compiled(pictures, schedule), vit(pictures, schedule), atol=1e-5, rtol=0)
        assert len(graphs) == so_far


def test_in_a_graph_of_bf16_pairs_are_matched_in_fp32(vit):
    """One product of each merging block is marked, the one between tokens, and none with weights."""
    backend = open_backend("openvino-bf16", vit)

    graph = backend.graph(whole(vit, 6))

    # OpenVINO's own name of the mark; what Python sets by itself is a string that it passes over.
    marked = [op for op in graph.get_ops() if "DisablePrecisionConversion_0" in op.get_rt_info()]
    assert not any("precise_0" in op.get_rt_info() for op in graph.get_ops())
    products = [op for op in marked if op.get_type_name() == "MatMul"]
    assert len(products) == DEPTH
    # 67 tokens, three of them protected: 32 may leave for one of 32, and of 61 tokens 29 for one of 29.
    assert sorted(list(product.output(0).shape) for product in products) == [[2, 29, 29], [2, 32, 32]]
    assert not any(len(op.output(0).get_partial_shape()) == 4 and op.output(0).partial_shape[1] == 3 for op in marked)
    assert backend.note is None or "no bf16" in backend.note


def test_compiled_to_bf16_nothing_is_rounded_on_the_way_to_the_pairs(vit):
    """Similarities, ranks and sizes are fp32 in what runs, and no reorder makes them bf16 in between."""
    backend = open_backend("openvino-bf16", vit)
    part = whole(vit, 6)

    ran = backend._core.compile_model(backend.graph(part), "CPU", backend.settings()).get_runtime_model()

    def about(op, key):
        return op.get_rt_info()[key].astype(str)

    assert {about(op, "runtimePrecision") for op in ran.get_ops() if about(op, "layerType") == "FullyConnected"} == {
        "bf16" if backend.has_bf16 else "f32"
    }
    waiting = [op for op in ran.get_ops() if about(op, "layerType") == "TopK" or op.get_friendly_name().endswith("Log")]
    assert len(waiting) == 2 * DEPTH + 1  # partners and ranks in each block, sizes in all but the first
    seen = {}
    while waiting:
        op = waiting.pop()
        if op.get_friendly_name() in seen or about(op, "layerType") in ("Const", "Input"):
            continue
        seen[op.get_friendly_name()] = about(op, "layerType"), about(op, "runtimePrecision")
        if about(op, "layerType") != "MatMul":
            waiting += [source.get_node() for source in op.input_values()]
    assert [layer for layer, _ in seen.values()].count("MatMul") == DEPTH
    assert not {name: kinds for name, kinds in seen.items() if kinds[1] == "bf16"}


@torch.inference_mode()
def test_what_was_compiled_is_found_on_disk_and_what_is_broken_is_compiled_again(vit, cache, caplog):
    """A second process compiles nothing; other weights, and a file with a flipped bit, are compiled."""
    part, pictures = whole(vit, 6), images(2)
    first, second = (open_backend("openvino", vit, key="of these weights") for _ in range(2))
    answer = first.prepare(part)(pictures)

    assert torch.equal(second.prepare(part)(pictures), answer)
    assert (first.compiled, second.compiled) == (1, 0)
    (file,) = cache.iterdir()
    assert second._store.path(part) == file
    assert open_backend("openvino", vit, key="of others")._store.path(part) != file
    assert open_backend("openvino-bf16", vit, key="of these weights")._store.path(part) != file
    data = bytearray(file.read_bytes())
    data[-1000] ^= 1
    file.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(second.prepare(part)(pictures), answer)
    assert second.compiled == 1
    assert "is broken (its bytes are not those that were written)" in caplog.text
    assert file.read_bytes() != bytes(data)


def test_the_cache_forgets_what_was_not_used_for_longest(monkeypatch, cache):
    """It stays within its bytes, and keeps what was just written whatever its size."""
    from janus.backends import store as stores

    store = stores.Store({})
    monkeypatch.setattr(stores, "MOST_BYTES", 4000)
    for tokens in (10, 20, 30):
        store.save(Part(start=0, stop=1, removed=(1,), tokens=tokens), bytes(1500))

    assert len(list(cache.iterdir())) < 3
    assert store.path(Part(start=0, stop=1, removed=(1,), tokens=30)).is_file()


class Slow(Backend):
    """Compiles when it is let to, in the order that is asked, and then computes like eager."""

    name = "slow"

    def __init__(self, vit):
        super().__init__(vit)
        self.begun, self.let, self.made, self.runs = threading.Semaphore(0), threading.Semaphore(0), [], 0

    def prepare(self, part):
        self.begun.release()
        assert self.let.acquire(timeout=WAIT_S)
        self.made.append(part.tokens)
        if part.tokens == 13:
            raise RuntimeError("no such kernel")

        def run(given):
            self.runs += 1
            return run_part(self.vit, part, given)

        return run


def numbered(tokens):
    return Part(start=0, stop=1, removed=(0,), tokens=tokens)


def test_parts_become_ready_in_the_background(vit, caplog):
    """At first there is none; what is asked for most is made first, then the latest; one that fails stays eager."""
    backend = Slow(vit)
    plans = Plans(backend)
    plans.most = 2

    assert plans.ready(numbered(1)) is None
    assert backend.begun.acquire(timeout=WAIT_S)
    for tokens in (2, 3, 3, 4, 13, 13, 13):
        assert plans.ready(numbered(tokens)) is None
    backend.let.release(9)
    plans.wait()

    assert backend.made == [1, 13, 3, 4, 2]
    assert "no such kernel" in caplog.text
    assert plans.ready(numbered(13)) is None
    assert [plans.ready(numbered(tokens)) is not None for tokens in (2, 4)] == [True, True]
    assert plans.ready(numbered(1)) is None  # made first, and so the first to be forgotten
    plans.wait()
    assert backend.made == [1, 13, 3, 4, 2, 1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is asked for here is Linux's own.")
def test_openvino_leaves_this_threads_signals_alone(vit):
    """Its core would put its own stack under them, which may be gone when Ctrl-C comes."""

    class Stack(ctypes.Structure):
        _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

    def of_signals():
        found = Stack()
        ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
        return found.start, found.flags, found.size

    before = of_signals()
    one, other = open_backend("openvino", vit), open_backend("openvino", vit)
    one.prepare(whole(vit, 4))
    while_open = of_signals()
    del one
    del other

    assert before == while_open == of_signals()


def test_who_has_a_part_does_not_wait_for_one_that_another_caller_makes(vit):
    """Where nothing is compiled a part is made by who asks for it, beside the lock; the others go on."""
    backend = Slow(vit)
    backend.compiles = False
    plans = Plans(backend)
    backend.let.release()
    first = plans.ready(numbered(1))
    made, found = [], []
    maker = threading.Thread(target=lambda: made.append(plans.ready(numbered(2))), daemon=True)
    other = threading.Thread(target=lambda: found.append(plans.ready(numbered(1))), daemon=True)
    assert backend.begun.acquire(timeout=WAIT_S)
    maker.start()
    assert backend.begun.acquire(timeout=WAIT_S)
    other.start()
    other.join(WAIT_S)
    meanwhile = list(found)
    backend.let.release()
    maker.join(WAIT_S)

    assert first is not None and meanwhile == [first]
    assert made == [plans.ready(numbered(2))]


def test_bf16_has_its_copy_before_the_first_part_is_asked_for(monkeypatch):
    """It is made where the backend is opened, not in the first frame, where many may ask for it at once."""
    backend = open_backend("bf16", small())
    monkeypatch.delattr(plain, "deepcopy")

    assert Plans(backend).ready(whole(backend.vit, 4)) is not None


def test_device_and_cloud_compute_eagerly_until_their_part_is_ready():
    """The first answer comes from the blocks, the next from what was compiled in the meantime."""
    from dataclasses import replace

    backend = Slow(half().vit)
    mine = replace(half(), plans=Plans(backend))
    plan = mine.vit.plan(MergeSchedule(family="constant", level=4))
    compute, engine = LocalCompute(mine), Engine(mine, max_batch=4)
    answer = unsplit(mine, pixels(), MergeSchedule(family="constant", level=4))

    def everywhere():
        state = compute.front(pixels(), plan, 2)
        work = Work(split=2, removed=removed(mine, 4), input=state, batch=1)
        yield compute.finish(state, plan, 2)
        yield compute.finish(pixels(), plan, 0)
        yield engine.submit(work).future.result(WAIT_S).logits

    try:
        assert all(torch.equal(logits, answer) for logits in everywhere())
        assert backend.runs == 0
        backend.let.release(9)
        mine.plans.wait()
        assert all(torch.equal(logits, answer) for logits in everywhere())
        assert backend.runs == 4  # front, and three ends, two of which share one part
        assert len(backend.made) == 3
        assert compute.finish(pixels(), plan, 0, stopped=lambda: True) is None
    finally:
        backend.let.release(9)
        engine.close()


def test_a_profile_of_a_backend_says_so(vit):
    """Embed, head and blocks are the backend's, and the blocks' tokens those that were asked for."""
    backend = Slow(vit)
    backend.let.release(99)
    effort = Effort(counts=2, shares=(0.2,), rounds=1, warmup=0)

    profile = measure_profile(vit, effort=effort, batches=(2,), backend=backend)

    assert profile.backend == "slow"
    assert {s.removed > 0 for s in profile.blocks} == {True, False}
    assert profile.batches
    assert backend.runs > len(profile.blocks)


def test_blocks_apart_each_get_what_enters_the_first(vit):
    """That part of a profile sums over the blocks' outputs on the same tokens."""
    part = Part(start=0, stop=DEPTH, removed=(3, 3), tokens=20, merged=True, apart=True)
    module = PartModule(vit, part)
    x, sizes = module.examples()

    with torch.inference_mode():
        out = module(x, sizes)
        alone = [run_part(vit, Part(start=i, stop=i + 1, removed=(3,), tokens=20, merged=True, apart=True), state)
                 for i in range(DEPTH) for state in [_state(vit, x, sizes)]]  # fmt: skip

    torch.testing.assert_close(out, sum(alone))


def _state(vit, x, sizes):
    from janus.merging import TokenState

    return TokenState(x=x, sizes=sizes, protected=vit.protected)


@pytest.mark.parametrize(
    ("name", "model", "says"),
    [
        ("quick", small, "backend 'quick' is unknown: choose one of eager, bf16"),
        ("compile", small, "needs an NVIDIA GPU"),
        ("compile-bf16", small, "backend compile-bf16 needs an NVIDIA GPU"),
        ("openvino", lambda: open_vit(small().model.bfloat16()), "takes a model in float32"),
        ("bf16", lambda: OpenSomething(small().model), "runs plain timm ViTs only"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(name, model, says):
    """With the name of the culprit and what to do."""
    with pytest.raises(JanusError, match=says):
        open_backend(name, model())


class OpenSomething(OpenViT):
    """A model of another kind."""

    embed = layer = head = input_size = geometry = None


def test_without_openvino_the_sentence_says_how_to_get_it(vit, monkeypatch):
    """The extra's name, as pip takes it."""
    monkeypatch.setattr(choice_of_backends, "find_spec", lambda name: None)

    with pytest.raises(JanusError, match=r"pip install -e '\.\[openvino\]'"):
        open_backend("openvino", vit)


def test_the_commands_offer_every_backend():
    """Their list is without torch, and the same."""
    assert OFFERED == BACKENDS


def test_a_half_with_a_backend_says_what_is_to_be_known(monkeypatch):
    """Eager is the half itself; a backend's note is told."""
    monkeypatch.setattr("janus.backends.plain.cpu_has_bf16", lambda: False)
    told = []

    assert with_backend(half(), "eager", told.append) is half()
    assert told == []
    assert with_backend(half(), "bf16", told.append).plans.backend.name == "bf16"
    assert "PyTorch imitates them" in told[0]


def test_the_bench_holds_a_backend_against_eager_and_against_itself(monkeypatch, tmp_path):
    """One document with ratios, the share of the limit, and how far answers are from eager's."""
    monkeypatch.setattr(
        "janus.bench.merge.load_model",
        lambda name, **_: LoadedModel(
            model=small().model, name=name, weights=Weights(source="random", sha256="0" * 64)
        ),
    )
    out = tmp_path / "measured.json"
    arguments = ["--model", "small", "--batch", "2", "--r", "6", "--rounds", "2", "-n", "3", "--out", str(out)]
    refused = CliRunner().invoke(bench_merge, [*arguments, "--cpu-time", "--threads", "2"])
    assert "give --threads 1" in str(refused.exception)

    result = CliRunner().invoke(bench_merge, [*arguments, "--backend", "eager", "--backend", "openvino"])

    assert result.exit_code == 0, result.output
    rows = json.loads(out.read_text())["results"]
    assert [(row["backend"], row["r"]) for row in rows] == [("eager", 6), ("openvino", 0), ("openvino", 6)]
    for row in rows:
        assert row["share_of_limit"] == pytest.approx(row["own_speedup"] / row["limit"], abs=2e-3)
        assert row["own_speedup_p10"] <= row["own_speedup"] <= row["own_speedup_p90"]
    assert rows[0]["pictures"] is None
    assert rows[1]["own_speedup"] == 1
    for row in rows[1:]:
        assert (row["pictures"], row["same_top1"]) == (3, 3)
        assert 0 < row["logit_error_mean"] <= row["logit_error_max"] < 1e-4 < row["logit_spread"]
    assert "the same top-1 in 3 of 3 pictures" in result.output
    assert np.isfinite([row["speedup"] for row in rows]).all()
