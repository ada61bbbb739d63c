"""Every plan in arrays, and the best one by binary search."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import TINY, accuracy_table, machine, small_grid

from janus.accuracy import AccuracyTable, load_accuracy
from janus.errors import JanusError
from janus.geometry import ModelGeometry, find_geometry
from janus.grid import (
    CODECS,
    Envelope,
    GridSettings,
    InputEncoding,
    PlanGrid,
    check_slo,
    default_levels,
    find_encoding,
    measure_encoding,
)
from janus.profile import derive_profile
from janus.schedule import MergeSchedule

# Whole numbers make ties, and lines through one point; fractions make neither.
NUMBERS = st.one_of(st.integers(0, 6).map(float), st.floats(0, 50))


@st.composite
def envelopes(draw):
    levels, splits = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    size = levels * splits
    fixed = draw(st.lists(NUMBERS, min_size=size, max_size=size))
    payload = draw(st.lists(st.one_of(st.integers(1, 5), st.integers(1, 10**6)), min_size=size, max_size=size))
    local = draw(st.lists(NUMBERS, min_size=levels, max_size=levels))
    shape = (levels, splits)
    return Envelope(np.array(local), np.array(fixed).reshape(shape), np.array(payload).reshape(shape))


@settings(max_examples=400)
@given(
    envelopes(),
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 6).map(float), st.floats(0, 1e5), st.just(math.inf)),
            st.one_of(st.integers(0, 5).map(float), st.floats(0, 500)),
            st.one_of(st.integers(1, 40).map(float), st.floats(1e-3, 1000)),
        ),
        min_size=1,
        max_size=20,
    ),
)
def test_binary_search_agrees_with_brute_force_to_the_last_bit(envelope, questions):
    """Random profiles, networks and SLOs, ties included: the same level, split and milliseconds."""
    for question in questions:
        assert envelope.decide(*question) == envelope.brute_force(*question)


@settings(max_examples=100)
@given(envelopes(), st.data())
def test_it_agrees_where_lines_cross(envelope, data):
    """At bandwidths at which two plans are equally fast, and at SLOs that a plan just meets."""
    size = envelope.levels * envelope.splits
    lines = [envelope.line(*divmod(number, envelope.splits)) for number in range(size)]
    (a, c), (b, d) = data.draw(st.sampled_from(lines)), data.draw(st.sampled_from(lines))
    x = abs((b - a) / (c - d)) if c != d else 1.0
    rtt_ms = data.draw(st.sampled_from([0.0, 1.0, 17.3]))
    slo_ms = (a + c * x) + rtt_ms
    for slo in (slo_ms, math.nextafter(slo_ms, 0), math.nextafter(slo_ms, math.inf)):
        if slo > 0:
            assert envelope.decide(x, rtt_ms, slo) == envelope.brute_force(x, rtt_ms, slo)


def test_ties_go_to_the_smallest_level_the_lowest_latency_the_smallest_split():
    """Three levels: equal ones go to the first; within one the faster, of equals the earlier split."""
    fixed = np.array([[9.0, 4.0, 4.0], [4.0, 4.0, 4.0], [1.0, 1.0, 1.0]])
    envelope = Envelope(np.array([9.0, 9.0, 9.0]), fixed, np.ones((3, 3)))

    assert envelope.decide(1.0, 0.0, 5.0) == (0, 1, 5.0)
    assert envelope.decide(1.0, 0.0, 3.0) == (2, 0, 2.0)
    assert envelope.decide(1.0, 0.0, 1.5) == (2, 0, 2.0)
    assert envelope.decide(math.inf, 0.0, 9.5) == (0, 3, 9.0)


@pytest.mark.parametrize("encoding", ["raw", "jpeg85"])
def test_real_profiles_agree_with_brute_force(encoding):
    """ViT-L/16@384 on derived machines, all splits, 2000 questions over the whole range."""
    model = "vit_large_patch16_384"
    grid = PlanGrid.build(
        derive_profile("orin-nano", model),
        derive_profile("v100", model),
        GridSettings(splits=tuple(range(25)), encoding=encoding),
    )
    random = np.random.default_rng(1)
    for _ in range(2000):
        question = (10 ** random.uniform(-2, 3), random.uniform(0, 100), random.uniform(20, 700))

        assert grid.decide(*question) == grid.decide_by_brute_force(*question)


def test_the_ends_are_the_whole_model():
    """Device-only is the device's unsplit time, cloud-only the cloud's and what the picture needs."""
    grid = small_grid()
    for at, level in enumerate(grid.levels):
        plan = TINY.plan(MergeSchedule(level=level))

        assert grid.device_ms[at, -1] == pytest.approx(grid.device.predict_ms(plan))
        assert grid.cloud_ms[at, 0] == pytest.approx(grid.cloud.predict_ms(plan))
        assert grid.payload_bytes[at, -1] == grid.cloud_ms[at, -1] == grid.device_ms[at, 0] == 0


def test_halves_that_wait_take_longer_to_begin():
    """Waking up is paid once by each half that waited for the other, and not by a device on its own."""
    device, cloud = machine(), machine()
    plain = PlanGrid.build(device, cloud)
    waking = PlanGrid.build(replace(device, wake_ms=2.0), replace(cloud, wake_ms=3.0))
    sends = np.array(plain.splits) < plain.geometry.depth

    np.testing.assert_allclose(waking.cloud_ms - plain.cloud_ms, np.broadcast_to(3.0 * sends, plain.cloud_ms.shape))
    extra = np.where(sends & (np.array(plain.splits) > 0), 2.0, 0.0)
    np.testing.assert_allclose(waking.device_ms - plain.device_ms, np.broadcast_to(extra, plain.device_ms.shape))
    np.testing.assert_array_equal(waking.finish_ms, plain.finish_ms)


def test_a_cut_moves_work_and_makes_none():
    """Device part at one split and cloud part from there on are blocks of the same plan, at every split."""
    profile = machine(0.3)
    settings = GridSettings(levels=(0.0, 0.5), splits=tuple(range(7)), encoding=InputEncoding(name="x", size_bytes=1))
    grid = PlanGrid.build(profile, profile, settings)
    whole = grid.device_ms[:, -1:]

    assert grid.device_ms + grid.cloud_ms == pytest.approx(np.broadcast_to(whole, (2, 7)))
    assert grid.device_ms + grid.finish_ms == pytest.approx(np.broadcast_to(whole, (2, 7)))


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("merged", [False, True])
def test_payload_sizes_are_the_codecs_own(name, merged):
    """What the grid counts is what `janus.encode` sends."""
    import torch

    from janus.codec import encode
    from janus.merging import TokenState

    sizes = torch.ones(1, 7) if merged else None
    state = TokenState(x=torch.randn(1, 7, 16), sizes=sizes, protected=(0,))

    assert CODECS[name].payload_bytes(7, 16, merged) == len(encode(state, name))


def test_default_levels_start_unmerged_and_are_never_clipped():
    """From 0 to the strongest that the model takes, in every family."""
    geometry = find_geometry("vit_tiny_patch16_224")
    for family in ("declining", "constant", "linear"):
        levels = default_levels(family, geometry)

        assert levels[0] == 0 and len(levels) > 10
        assert not any(geometry.plan(MergeSchedule(family=family, level=level)).clipped for level in levels)


def test_encodings_scale_with_the_input():
    """Raw is exact; JPEG at 224 and 384 is as measured; a clip is that many pictures."""
    large, clip = find_geometry("vit_large_patch16_384"), find_geometry("videomae_large_patch16_224")

    assert find_encoding("raw", large).size_bytes == 3 * 384 * 384
    assert find_encoding("jpeg85", large).size_bytes == 35477
    assert find_encoding("jpeg85", clip).size_bytes == 16 * 13942
    with pytest.raises(JanusError, match=r"encoding 'gif' is unknown: choose one of raw, png, jpeg50"):
        find_encoding("gif", large)


def test_encoding_sizes_can_be_measured_again(shared):
    """The constants in the package are what the photographs give, to 1 % (another Pillow may differ a little)."""
    photos = sorted((shared / "imagenet_photos").glob("*/*.JPEG"))
    tiny = find_geometry("vit_tiny_patch16_224")

    assert measure_encoding("jpeg85", photos, 224).size_bytes == pytest.approx(
        find_encoding("jpeg85", tiny).size_bytes, rel=0.01
    )


def test_accuracy_is_what_was_measured_or_the_next_stronger():
    """No figure is better than a measurement; beyond the strongest nothing is known."""
    table = accuracy_table()

    assert table.expected("declining", 0.2) == 79.0
    assert table.expected("declining", 0.21) == 75.0
    assert math.isnan(table.expected("declining", 0.9))
    assert table.expected("constant", 0.0) == 80.0
    assert math.isnan(table.expected("constant", 5.0))


def test_levels_without_an_accuracy_are_left_out():
    """Unless they are asked for, and then they stand behind all others."""
    chosen = small_grid(accuracy=accuracy_table(), levels=())
    asked = small_grid(accuracy=accuracy_table())

    assert max(chosen.levels) <= 0.8
    assert np.isnan(asked.expected_accuracy[-1]).all()
    assert asked.preference[-1].max() < asked.preference[:-1].min()


def test_an_accuracy_file_is_read_and_checked(tmp_path):
    """The document of `janus evaluate`; a wrong row is named."""
    row = {"schedule": "declining", "level": 0.3, "n": 650, "top1": 81.5, "ci95": [78.0, 84.0], "codec": None}
    path = tmp_path / "accuracy.json"

    def written(**changes):
        path.write_text(json.dumps({"results": [row | changes], "provenance": {"model": "tiny"}}))
        return path

    assert load_accuracy(written()).expected("declining", 0.25) == 81.5
    with pytest.raises(JanusError, match=r"results\[0\] has top1 181.5"):
        load_accuracy(written(top1=181.5))
    with pytest.raises(JanusError, match=r"results\[0\] has ci95 None"):
        load_accuracy(written(ci95=None))
    for changes, culprit in (
        ({"n": 0}, "n 0 where a whole number"),
        ({"n": 6.5}, "n 6.5 where a whole number"),
        ({"n": math.inf}, "n inf where"),
        ({"level": None}, "level None where"),
        ({"top1": 90.0}, "top1 90 outside of its interval 78 to 84"),
    ):
        with pytest.raises(JanusError, match=rf"results\[0\] has {culprit}"):
            load_accuracy(written(**changes))
    with pytest.raises(JanusError, match="cannot be read"):
        load_accuracy(tmp_path / "none.json")
    for text, culprit in (("[]", "must hold results"), ("[" * 100_000, "nested too deeply"), ("{,", "not JSON")):
        path.write_text(text)
        with pytest.raises(JanusError, match=culprit):
            load_accuracy(path)
    path.write_text("{}")
    with pytest.raises(JanusError, match="lacks 'results'"):
        load_accuracy(path)


def test_a_row_of_a_list_answers_for_no_level(tmp_path):
    """`janus evaluate --schedule list` has level null: read as such, and no level of a family takes its accuracy."""
    shared = {"n": 650, "ci95": [1.0, 99.0], "codec": None}
    rows = [
        shared | {"schedule": "declining", "level": 0.0, "top1": 82.0},
        shared | {"schedule": "declining", "level": 0.4, "top1": 80.0},
        shared | {"schedule": "list", "level": None, "removed": [1, 2, 3], "top1": 50.0},
    ]
    path = tmp_path / "accuracy.json"
    path.write_text(json.dumps({"results": rows, "provenance": {"model": "tiny"}}))
    table = load_accuracy(path)

    assert [row.schedule for row in table.rows] == ["declining", "declining", "list"]
    assert [table.expected("declining", level) for level in (0.0, 0.3, 0.4)] == [82.0, 80.0, 80.0]
    assert table.expected("list", 0.0) == 82.0
    assert math.isnan(table.expected("list", 1.0))


@pytest.mark.parametrize("slo", [0, -5, math.nan, math.inf, "soon", True])
def test_an_slo_is_a_positive_number(slo):
    """Anything else is one sentence."""
    with pytest.raises(JanusError, match=r"SLO .* give a finite number above 0"):
        check_slo(slo)


@pytest.mark.parametrize(
    ("settings", "culprit"),
    [
        ({"levels": (0.5, 0.0)}, "must rise"),
        ({"splits": (0, 3)}, "must rise from 0"),
        ({"splits": (0, 3, 9)}, "split 9 is beyond the model"),
        ({"codec": "lzw"}, "codec 'lzw'"),
        ({"encoding": "gif"}, "encoding 'gif'"),
        ({"levels": (0.0, 9.0)}, "level 9"),
        ({"downlink_mbps": 0.0}, "downlink_mbps 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, culprit):
    """One sentence that names the setting."""
    with pytest.raises(JanusError, match=culprit):
        small_grid(**settings)


def test_profiles_of_two_models_do_not_mix():
    """The device's model counts; cloud and accuracies must be of it."""
    other = ModelGeometry(name="other", depth=6, width=64, hidden=256, tokens=50, patch_inputs=192)
    with pytest.raises(JanusError, match="is of other, not of tiny"):
        PlanGrid.build(machine(), machine(geometry=other))
    deeper = replace(TINY, depth=7)
    with pytest.raises(JanusError, match="'box' is of a tiny with depth 7, the other profile of one with 6: measure"):
        PlanGrid.build(machine(), machine(geometry=deeper))
    with pytest.raises(JanusError, match="accuracy table is of other"):
        PlanGrid.build(machine(), machine(), accuracy=AccuracyTable(model="other", rows=()))
