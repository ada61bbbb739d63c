"""The codec transform between a device and a cloud: the same codebook at both ends, or not at all."""

import math
import zlib
from dataclasses import replace
from itertools import product

import grpc
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import rate_row
from runtime_kit import codebook, half, listening, patient_lines, pixels, profile, removed  # noqa: F401

from janus.codec import decode, encode
from janus.data import open_images
from janus.demo import NAME as DEMO
from janus.errors import JanusError
from janus.grid import GridSettings, PlanGrid, RatedGrid
from janus.models import load_model
from janus.policy import Decision, PolicySettings, make_policy
from janus.profile import load_profile, save_profile
from janus.profiling import with_codec
from janus.rates import RateTable
from janus.runtime.client import CallFailed, CloudClient
from janus.runtime.device import NO_BOOK, Device
from janus.runtime.half import open_half
from janus.runtime.line import Line
from janus.runtime.local import LocalCompute
from janus.runtime.requests import Limits, Refused, read_work, tokens_request
from janus.runtime.runs import record
from janus.runtime.server import serve
from janus.runtime.session import RunSettings, Session, Shot
from janus.runtime.ways import check_codebooks, encode_factor, runnable, with_sizes
from janus.schedule import MergeSchedule
from janus.split import Plan
from janus.transform.sizes import size_table
from janus.transform.wire import HEADER

HALF = replace(listening(), book=codebook())
WITHOUT = replace(HALF, book=None)
# The same but for a table of how often sizes occur.
OTHER = replace(HALF, book=replace(codebook(), sizes=codebook().sizes[::-1].copy()))
CODEC = "transform0.5"
LONG_MS = 60_000.0


def made(model=HALF, **settings):
    """All plans of a model in the codec."""
    settings = {"family": "constant", "levels": (0.0, 4.0), "codec": CODEC, "encoding": "raw"} | settings
    return PlanGrid.build(profile(model), profile(model), with_sizes(GridSettings(**settings), model))


def here(model, picture, schedule, split, codec=CODEC):
    """The answer that there would be if the tokens had only been encoded and decoded, in one process."""
    plan = model.vit.plan(schedule).removed
    with torch.inference_mode():
        state = model.vit.blocks(model.vit.embed(model.preprocess.normalise(picture[None])), 0, split, plan)
        sent = encode(state, codec, book=model.book, split=split).data
        return model.vit.head(model.vit.blocks(decode(sent, book=model.book), split, model.vit.depth, plan)).numpy()[0]


def connected(cloud, model=HALF):
    line = Line(model, (cloud.address,))
    return line, line.connect(30)


def run_at(line, model, plans, split, picture):
    """One frame of the second level."""
    at = plans.splits.index(split)
    plan = Decision(plans.levels[1], split, plans.travels_as[at], 10.0, 1.0, plans, 1, at)
    return Device(line, LocalCompute(model)).run(plan, picture, LONG_MS)


@pytest.fixture(scope="module")
def cloud():
    with serve(HALF) as running:
        yield running


def test_the_demo_models_answers_are_those_of_its_codec():
    """With the codebook that is shipped for it, at each of its splits, to the last bit; sizes are about as planned."""
    loaded = load_model(DEMO)
    model = open_half(loaded.model, loaded.name)
    plans = made(model, levels=(0.0, 13.0))
    pictures = [item.image for item in open_images("demo").stream(model.preprocess.pixels, limit=3)]
    sent = {split: [] for split in model.book.splits}
    with serve(model) as running:
        line, hello = connected(running, model)
        for split, picture in product(model.book.splits, pictures):
            result = run_at(line, model, plans, split, picture)
            expected = here(model, picture, MergeSchedule(family="constant", level=13), split)
            assert result.answered_by == "cloud" and np.array_equal(expected, result.logits)
            sent[split].append(result.payload_bytes)
        line.close()

    assert hello.codebook_sha256 == model.book.digest
    assert plans.splits == (0, *model.book.splits, 12)
    planned = plans.payload_bytes[1, 1:-1].tolist()
    assert planned == pytest.approx([np.mean(sizes) for sizes in sent.values()], rel=0.4)


@pytest.mark.parametrize("split", [1, 2, 3])
def test_what_the_cloud_answers_is_computed_from_the_decoded_tokens(cloud, split):
    """Merged and not."""
    line, _ = connected(cloud)
    plans = made()
    at = plans.splits.index(split)
    for (level_index, level), i in product(enumerate(plans.levels), range(20, 23)):
        plan = Decision(level, split, CODEC, 10.0, 1.0, plans, level_index, at)
        result = Device(line, LocalCompute(HALF)).run(plan, pixels(i), LONG_MS)
        expected = here(HALF, pixels(i), MergeSchedule(family="constant", level=level), split)
        assert result.answered_by == "cloud" and np.array_equal(expected, result.logits)
    line.close()


@pytest.mark.parametrize(
    ("there", "says"),
    [(WITHOUT, "the cloud has no codebook of"), (OTHER, "the cloud's codebook has SHA-256")],
    ids=["none", "another"],
)
def test_without_a_common_codebook_the_connection_serves_other_codecs(there, says):
    """Who asks for the codec hears one sentence; tokens in int8 go their way; none that cannot be read are sent."""
    with serve(there) as running:
        line, hello = connected(running)
        with pytest.raises(JanusError, match=says) as refused:
            check_codebooks(CODEC, HALF, hello)
        check_codebooks("int8", HALF, hello)
        own = run_at(line, HALF, made(), 2, pixels(0))
        usual = run_at(line, HALF, made(codec="int8"), 2, pixels(0))
        line.close()

    assert refused.value.args[0].count(".") - refused.value.args[0].count("0.5") == 1
    assert (own.answered_by, own.reason, own.payload_bytes) == ("device", NO_BOOK, 0)
    assert (usual.answered_by, usual.fallback) == ("cloud", False)


def test_a_cloud_that_comes_back_with_the_codebook_gets_tokens_in_it():
    """What is greeted anew is asked anew."""
    first = serve(WITHOUT)
    line, _ = connected(first)
    before = run_at(line, HALF, made(), 2, pixels(0))
    first.stop(0.0)
    run_at(line, HALF, made(codec="int8"), 2, pixels(0))
    with serve(HALF, first.address):
        assert line.wait_up(30)
        after = run_at(line, HALF, made(), 2, pixels(0))
        line.close()

    assert (before.answered_by, after.answered_by) == ("device", "cloud")


def test_a_device_without_a_codebook_is_told_how_to_get_one():
    """Before anything is connected."""
    with pytest.raises(JanusError, match="janus calibrate"):
        check_codebooks(CODEC, WITHOUT, None)
    with pytest.raises(JanusError, match="janus calibrate"):
        with_sizes(GridSettings(codec=CODEC), WITHOUT)
    check_codebooks(CODEC, HALF, None)


def state_at(level=4, split=2):
    with torch.inference_mode():
        embedded = HALF.vit.embed(HALF.preprocess.normalise(pixels(0)[None]))
        return HALF.vit.blocks(embedded, 0, split, removed(HALF, level))


def payload(split=2, level=4):
    return encode(state_at(level, split), CODEC, book=HALF.book, split=split).data


def forged(**changes):
    """A good payload with fields of its header changed, and a right checksum."""
    names = ("magic", "flags", "split", "step", "batch", "tokens", "codebook")
    data = payload()
    values = dict(zip(names, HEADER.unpack(data[: HEADER.size])[:-1], strict=True)) | changes
    front = HEADER.pack(*values.values(), 0)[:-4]
    return front + zlib.crc32(data[HEADER.size :], zlib.crc32(front)).to_bytes(4, "little") + data[HEADER.size :]


def larger():
    state = state_at()
    return encode(replace(state, sizes=torch.cat([state.sizes[:, :-1], state.sizes[:, -1:] + 1], 1)), CODEC,
                  book=HALF.book, split=2).data  # fmt: skip


HOSTILE = {
    "another codebook": (forged(codebook=b"evil"), "made with codebook 6576696c"),
    "another split's tokens": (payload(split=3), "tokens 53 instead of 57"),
    "another split in the header": (forged(split=3), "are of split 3, not 2"),
    "no split in the header": (forged(split=0), "split 0 is not in the codebook"),
    "another plan's tokens": (payload(level=2), "tokens 61 instead of 57"),
    "unmerged tokens": (payload(level=0), "merged False instead of True"),
    "a step that does not exist": (forged(step=-65), "a step that does not exist"),
    "more tokens than came": (forged(tokens=65535), "out of bounds"),
    "more images than came": (forged(batch=64), "batch of 64 images is over 8"),
    "a few more images than came": (forged(batch=8), "does not hold what its header says"),
    "sizes of more patches": (larger(), "do not sum to the 65 tokens"),
    "a truncated payload": (payload()[:-4], "checksum"),
    "half a header": (payload()[:10], "less than a header"),
    "no more than a header": (payload()[: HEADER.size], "checksum"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_payload_that_does_not_fit_is_refused_with_a_reason(name):
    """Each with a status and one sentence, by an end that has the codebook."""
    data, says = HOSTILE[name]
    with pytest.raises(Refused, match=says) as refused:
        read_work(tokens_request(HALF, 2, removed(HALF, 4), data), HALF, Limits())
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_cloud_without_a_codebook_refuses_what_is_sent_all_the_same():
    """Over the wire, with a status and a reason, and it serves on."""
    with serve(WITHOUT) as running:
        client = CloudClient(WITHOUT, (running.address,))
        with pytest.raises(CallFailed, match="needs a codebook") as refused:
            client.finish(tokens_request(HALF, 2, removed(HALF, 4), payload()), 30).answer()
        answer = client.finish(tokens_request(HALF, 2, removed(HALF, 4), encode(state_at()).data), 30).answer()
        client.close()

    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.logits.shape == (1, HALF.classes)


GOOD = payload()


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(GOOD) - 1), junk=st.binary(max_size=12), cut=st.integers(0, 12), sealed=st.booleans())
def test_a_mutated_payload_is_refused_or_harmless(at, junk, cut, sealed):
    """Whatever is overwritten or cut out, also behind a right checksum: a refusal, or finite tokens that fit."""
    data = GOOD[:at] + junk + GOOD[at + cut :]
    if sealed and len(data) >= HEADER.size:
        front, body = data[: HEADER.size - 4], data[HEADER.size :]
        data = front + zlib.crc32(body, zlib.crc32(front)).to_bytes(4, "little") + body
    try:
        work = read_work(tokens_request(HALF, 2, removed(HALF, 4), data), HALF, Limits())
    except Refused as why:
        assert why.code is grpc.StatusCode.INVALID_ARGUMENT
    else:
        assert work.input.x.shape == (1, 57, 48) and work.input.x.isfinite().all()


def test_sizes_for_plans_follow_the_codebook():
    """Fewer tokens and a larger step cost less; where nothing is served nothing is offered, or said."""
    fine, coarse = (dict(size_table(HALF.book, f"transform{step}").rows) for step in (0.5, 2))
    settings = with_sizes(GridSettings(codec=CODEC, splits=(0, 1, 3, 4)), HALF)
    narrow = replace(settings.sizes, rows=settings.sizes.rows[:1])

    assert fine.keys() == coarse.keys() == {1, 2, 3}
    assert all(a >= b for split in (1, 2, 3) for a, b in zip(fine[split], coarse[split], strict=True))
    assert settings.splits == (0, 1, 3, 4) and settings.sizes.splits == (1, 2, 3)
    assert with_sizes(GridSettings(codec="int8"), HALF) == GridSettings(codec="int8")
    with pytest.raises(JanusError, match="no size known beforehand at split 3"):
        PlanGrid.build(profile(HALF), profile(HALF), replace(settings, sizes=narrow))
    one = replace(HALF, book=replace(HALF.book, cuts={2: HALF.book.cuts[2]}))
    assert with_sizes(GridSettings(codec=CODEC, splits=(0, 1, 2, 4)), one).splits == (0, 2, 4)
    with pytest.raises(JanusError, match="split 3: the codebook of"):
        with_sizes(GridSettings(codec=CODEC), one, Plan(level=0.0, split=3))
    with pytest.raises(JanusError, match="codec int8 has no codebook"):
        size_table(HALF.book, "int8")


ROWS = (
    rate_row("jpeg85", 900, 70.0),
    rate_row("webp40", 500, 60.0),
    rate_row("fp32+lzw", 90, 80.0, schedule="constant", level=4, split=2),
    rate_row("fp16+zstd", 5000, 79.0, schedule="constant", level=4, split=2),
    rate_row("transform0.5", 600, 78.0, schedule="constant", level=4, split=2, ms=3.0),
    rate_row("transform2", 200, 65.0, schedule="declining", level=0.2, split=3, ms=3.0),
)
RATES = RateTable(model=HALF.vit.geometry.name, images="made up", n=500, unmerged=(80.0, 78.0, 82.0), rows=ROWS)


def test_what_was_measured_of_a_plan_stands_before_the_codebooks_sizes():
    """Bytes and times of exactly this plan; all others are the codebook's and the profile's."""
    settings = with_sizes(GridSettings(family="constant", levels=(0.0, 4.0), codec=CODEC, encode_factor=2.0), HALF)
    plans = PlanGrid.build(profile(HALF), profile(HALF), settings, rates=RATES)
    plain = PlanGrid.build(profile(HALF), profile(HALF), settings)
    differ = (plans.payload_bytes != plain.payload_bytes)[:, 1:]

    assert np.argwhere(differ).tolist() == [[1, 1]]
    assert plans.payload_bytes[1, 2] == 600
    assert plans.encode_ms[1, 2] - plain.encode_ms[1, 2] == pytest.approx(6.0)
    assert plans.cloud_ms[1, 2] - plain.cloud_ms[1, 2] == pytest.approx(1.5)
    assert plans.expected_accuracy[1, 2] == 78.0


def test_only_what_can_be_carried_out_is_chosen_from():
    """No codec that exists for comparison; no transform without the codebook at both ends."""
    carriers = {row.carrier for row in runnable(RATES, HALF, transform=True).rows}

    assert carriers == {"jpeg85", "webp40", "fp16+zstd", "transform0.5", "transform2"}
    for model, transform in ((HALF, False), (WITHOUT, True)):
        left = {row.carrier for row in runnable(RATES, model, transform=transform).rows}
        assert left == {"jpeg85", "webp40", "fp16+zstd"}
    assert encode_factor(RATES, [pixels(0), pixels(1)]) > 0
    assert encode_factor(replace(RATES, rows=()), [pixels(0)]) == 1.0


def test_every_measured_way_is_carried_out_as_it_says(cloud):
    """Picture quality, codec and its step, schedule: each plan's answer is that of its own way."""
    grid = RatedGrid.of(
        PlanGrid.build(profile(HALF, 500.0), profile(HALF), rates=runnable(RATES, HALF, transform=True))
    )  # fmt: skip
    line, _ = connected(cloud)
    device, ways = Device(line, LocalCompute(HALF)), set()
    for level_index, column in np.argwhere(grid.offered):
        split, way = grid.splits[column], grid.travels_as[column]
        level = grid.levels[level_index]
        plan = Decision(level, split, way, 10.0, 1.0, grid, int(level_index), int(column))
        result = device.run(plan, pixels(7), LONG_MS)
        assert not result.fallback
        if 0 < split < HALF.vit.depth:
            schedule = MergeSchedule(family=grid.mergings[level_index][0], level=level)
            assert np.array_equal(here(HALF, pixels(7), schedule, split, way), result.logits)
        ways.add((split, way))
    line.close()

    assert {(0, "raw"), (0, "webp40"), (2, "transform0.5"), (3, "transform2"), (HALF.vit.depth, "")} <= ways


def test_a_policy_that_chooses_quality_runs_for_real(cloud):
    """Every frame is answered, and the table says how it merged and what crossed the cut."""
    line, _ = connected(cloud)
    plans = PlanGrid.build(profile(HALF, 500.0), profile(HALF), rates=runnable(RATES, HALF, transform=True))
    policy = make_policy("janus-codec", plans, PolicySettings(rtt_ms=1.0))
    session = Session(
        Device(line, LocalCompute(HALF)), policy, 1500.0, RunSettings(frames=12),
        [Shot(str(i), pixels(i)) for i in range(4)],
    )  # fmt: skip
    table = record(session)
    line.close()

    assert len(table) == 12 and not table["fallback"].any()
    assert set(table["travels_as"]) <= {"", *plans.rates.carriers("picture"), *plans.rates.carriers("tokens"), "raw"}
    assert set(table["schedule"]) <= {"none", "constant", "declining"}
    assert table["expected_accuracy"].notna().all()


def test_a_profile_of_int8_is_timed_anew_for_the_codec(tmp_path):
    """On tokens such as the codebook expects; blocks stay what they were, and a file keeps what it was timed with."""
    old = profile(HALF)
    new = with_codec(old, HALF.vit, CODEC, HALF.book, slowdown=2.0)
    save_profile(new, tmp_path / "p.json")
    save_profile(old, tmp_path / "old.json")

    assert (old.codec, new.codec) == ("int8", CODEC)
    assert new.blocks == old.blocks
    assert len(new.encode) == len(new.decode) == 6
    assert all(sample.median_ms > 0 and math.isfinite(sample.median_ms) for sample in (*new.encode, *new.decode))
    assert f"timed with the {CODEC} codec" in new.assumptions[-1]
    assert load_profile(tmp_path / "p.json").codec == CODEC
    assert '"codec"' not in (tmp_path / "old.json").read_text()
    assert with_codec(new, HALF.vit, "transform2", HALF.book) is new
    assert with_codec(old, HALF.vit, "fp16") is old
    with pytest.raises(JanusError, match="give the codebook of this model"):
        with_codec(old, half("average pooling").vit, CODEC, HALF.book)
