"""Latency profiles: fits, predictions, files, and those derived from published figures."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import CHECKOUT
from hypothesis import given
from hypothesis import strategies as st
from rooms import TINY, machine

from janus.arithmetic import block_multiply_adds
from janus.errors import JanusError
from janus.geometry import find_geometry
from janus.profile import (
    MACHINES,
    BlockSample,
    Curve,
    LatencyProfile,
    Line,
    Quadratic,
    choose_fit,
    derive_profile,
    find_profile,
    load_profile,
    parse_profile,
    profile_text,
    save_profile,
    write_derived,
)
from janus.schedule import MergeSchedule

COUNTS = np.array([8.0, 16, 32, 64, 100, 150, 197])


def samples(rows, spread=0.0):
    return tuple(
        BlockSample(tokens=n, removed=r, median_ms=ms, p10_ms=ms * (1 - spread), p90_ms=ms * (1 + spread), repeats=5)
        for n, r, ms in rows
    )


def test_a_straight_machine_gets_the_line():
    """Points on a line give that line, r = 1, and predictions on it at counts that were not measured."""
    line, used = choose_fit(COUNTS, 0.3 + 0.01 * COUNTS)

    assert used is line
    assert line.r == pytest.approx(1)
    assert line.worst_relative_error == pytest.approx(0, abs=1e-9)
    assert line(77) == pytest.approx(0.3 + 0.77)


def test_a_curved_machine_gets_a_curve_that_predicts_what_it_did_not_see():
    """Where the line misses by more than 5 % another fit is used, within 5 % between the points, kink included."""

    def truth(n):
        return np.maximum(1.0, 0.02 * n + 1e-4 * n * n)

    line, used = choose_fit(COUNTS, truth(COUNTS))
    between = np.array([48.0, 80, 120, 170])

    assert line.worst_relative_error > 0.05
    assert used is not line
    assert np.max(np.abs(used(between) / truth(between) - 1)) < 0.05


def test_quadratic_arithmetic_is_found_exactly():
    """Multiply-adds of a block over a wide range are a quadratic, and that is what is chosen."""
    geometry = find_geometry("vit_large_patch16_384").arithmetic
    counts = np.array([16.0, 64, 128, 256, 400, 577])
    ms = np.array([block_multiply_adds(geometry, int(n), int(n)) / 1e9 for n in counts])
    _, used = choose_fit(counts, ms)

    assert used.name == "quadratic"
    assert used(300) == pytest.approx(block_multiply_adds(geometry, 300, 300) / 1e9, rel=1e-6)


@given(st.lists(st.floats(0.01, 100), min_size=4, max_size=8))
def test_predictions_never_fall_with_tokens(medians):
    """Whatever was measured, the curve and the quadratic are monotone and not negative, beyond the grid too."""
    counts = np.cumsum(np.arange(5, 5 + len(medians), dtype=float))
    for kind in (Curve, Quadratic):
        predicted = kind.fitted(counts, np.array(medians))(np.arange(1, 2 * counts[-1]))

        assert np.all(predicted >= 0)
        assert np.all(np.diff(predicted) >= -1e-9 * predicted.max())


def test_merging_costs_its_arithmetic_and_an_overhead():
    """A block that merges is predicted from the unmerged ones, multiply-adds and the overhead that was measured."""
    a, b = 4 * TINY.width**2 + 2 * TINY.width * TINY.hidden, 2 * TINY.width

    def truth(n, r):
        merging = 0.05 + 0.002 * n if r else 0.0
        return (a * n + b * n * n - 2 * TINY.width * TINY.hidden * r) / 1e7 + merging

    seen = [(n, r, truth(n, r)) for n in (10, 20, 30, 40, 50) for r in (0, n // 5)]
    profile = machine(blocks=samples(seen))

    for n, r in ((15, 4), (25, 8), (45, 3)):
        assert profile.predict_block_ms(n, r) == pytest.approx(truth(n, r), rel=0.01)


def test_the_whole_is_the_sum_of_its_parts():
    """Embed, every block with the tokens that enter it, and head."""
    profile = machine()
    plan = TINY.plan(MergeSchedule(level=0.5))
    blocks = [float(profile.predict_block_ms(n, r)) for n, r in zip(plan.tokens[:-1], plan.removed, strict=True)]

    assert profile.predict_blocks_ms(plan) == pytest.approx(blocks)
    assert profile.predict_ms(plan) == pytest.approx(0.5 + sum(blocks) + 0.1)


def test_noise_is_spread_and_misfit_together():
    """Medians on a line with p10 and p90 at ±20 % vary by 0.4 / 2.563."""
    rows = [(n, 0, 0.2 + 0.1 * n) for n in (5, 20, 50)]
    profile = machine(blocks=samples(rows, spread=0.2), kind="measured")

    assert profile.noise == pytest.approx(0.4 / 2.563)


def test_a_file_comes_back_as_it_was(tmp_path):
    """Saving, loading and saving again gives the same text and the same predictions."""
    profile = machine(0.1234567891, batches=(), hardware={"processor": "x"}, threads=2)
    save_profile(profile, tmp_path / "profile.json")
    loaded = load_profile(tmp_path / "profile.json")

    assert profile_text(loaded) == (tmp_path / "profile.json").read_text()
    assert loaded.predict_block_ms(33, 5) == pytest.approx(profile.predict_block_ms(33, 5), rel=1e-6)


def text_with(**changes):
    return json.dumps(json.loads(profile_text(machine())) | changes)


def geometry_with(**changes):
    return json.loads(profile_text(machine()))["geometry"] | changes


def without(name):
    doc = json.loads(profile_text(machine()))
    del doc[name]
    return json.dumps(doc)


def block(**changes):
    doc = json.loads(profile_text(machine()))
    doc["blocks"][1] |= changes
    return json.dumps(doc)


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        (text_with(schema_version=2), "schema_version is 2"),
        (without("schema_version"), "schema_version is None"),
        (without("embed_ms"), "embed_ms is missing"),
        (text_with(embed_ms=-1), "embed_ms is -1"),
        (text_with(embed_ms=math.nan), "embed_ms is nan"),
        (text_with(head_ms="quick"), "head_ms is 'quick'"),
        (text_with(threads=1.5), "threads is 1.5"),
        (text_with(kind="guessed"), "kind 'guessed'"),
        (text_with(kind="derived"), "source and formula"),
        (text_with(speed=3), "speed is not a field"),
        (text_with(blocks=[]), "two or more token counts"),
        (text_with(blocks=3), "blocks is 3"),
        (block(median_ms=math.inf), "blocks[1].median_ms is inf"),
        (block(p10_ms=99.0), "blocks[1] must have p10_ms"),
        (block(removed=10), "blocks[1] must have"),
        (text_with(geometry={"name": "x"}), "geometry.depth is missing"),
        (text_with(model="vit_base_patch16_224"), "geometry.name 'tiny' is not that of model"),
        (text_with(assumed_noise=2), "assumed_noise 2"),
        (text_with(assumptions=["a", 1]), "assumptions[1] is 1"),
        (text_with(embed_ms=10**400), "at most 1e+09"),
        (text_with(geometry=geometry_with(depth=10**8)), "depth 100000000 must be an integer from 1 to 1000"),
        (text_with(geometry=geometry_with(tokens=10**8)), "tokens 100000000 must be an integer from 1 to 100000"),
        (text_with()[:-1] + ', "embed_ms": 9}', "'embed_ms' stands twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "one JSON object"),
        ("{", "not JSON"),
    ],
)
def test_a_wrong_file_is_refused_by_its_field(text, culprit):
    """One sentence with the file, the field and a remedy."""
    with pytest.raises(JanusError, match="janus profile") as refused:
        parse_profile(text, "my.json")

    assert str(refused.value).startswith("my.json: ") or "my.json" in str(refused.value)
    assert culprit in str(refused.value)


def test_a_fit_that_was_bent_to_nothing_still_has_a_finite_noise(tmp_path, monkeypatch):
    """On a busy machine many tokens may be timed faster than few; a block that is modelled as 0 ms is missed whole."""
    monkeypatch.setattr(LatencyProfile, "predict_block_ms", lambda self, tokens, removed: np.zeros(np.shape(tokens)))
    profile = replace(derive_profile("t4", "vit_tiny_patch16_224"), kind="measured")

    save_profile(profile, tmp_path / "bent.json")

    assert profile.noise == pytest.approx(1.0)


def test_a_profile_of_another_model_is_refused(tmp_path):
    """Another architecture is; other weights of the same one are not."""
    save_profile(derive_profile("t4", "vit_tiny_patch16_224"), tmp_path / "t4.json")

    assert find_profile(tmp_path / "t4.json", "vit_tiny_patch16_224.augreg_in21k_ft_in1k").name == "T4"
    with pytest.raises(JanusError, match="is of vit_tiny_patch16_224, not of vit_base_patch16_224"):
        find_profile(tmp_path / "t4.json", "vit_base_patch16_224")
    with pytest.raises(JanusError, match=r"neither a file nor a machine .* orin-nano"):
        find_profile("t5", "vit_tiny_patch16_224")
    with pytest.raises(JanusError, match="cannot be read"):
        load_profile(tmp_path / "none.json")


def test_shipped_derived_profiles_are_what_the_function_writes(tmp_path):
    """data/profiles holds every derived profile, to the letter."""
    for path in write_derived(tmp_path):
        assert (CHECKOUT / "data" / "profiles" / path.name).read_text() == path.read_text()


@pytest.mark.parametrize("name", MACHINES)
def test_a_derived_profile_says_so(name):
    """Its label, source, formula and assumptions are there."""
    profile = derive_profile(name, "vit_large_patch16_384")

    assert profile.label == f"{profile.name} (derived)"
    assert profile.source and profile.formula and profile.assumptions


@pytest.mark.parametrize(
    ("name", "model", "published_ms"),
    [
        # design.md, "The bench beside the paper".
        ("v100", "vit_large_patch16_384", 1000 / 28),
        ("v100", "vit_base_patch16_224", 1000 / 309),
        ("v100", "vit_small_patch16_224", 1000 / 953),
        ("a100", "vit_large_patch16_384", 9.88),
        ("t4", "vit_large_patch16_384", 23.45),
        ("orin-nx", "vit_base_patch16_224", 45.5),
        ("orin-nx", "vit_small_patch16_224", 15.6),
        ("orin-nx", "vit_tiny_patch16_224", 14.5),
        ("orin-nano", "vit_base_patch16_224", 1000 / 98),
    ],
)
def test_derived_profiles_give_back_what_was_published(name, model, published_ms):
    """Within 4 %: the floor of the Orin NX is shared by models that differ a little."""
    profile = derive_profile(name, model)
    plan = profile.geometry.plan(MergeSchedule())

    assert profile.predict_ms(plan) == pytest.approx(published_ms, rel=0.04)


def test_the_v100_merges_as_fast_as_published():
    """ViT-L/16@384 with r = 23: the ToMe README has 56 images/s, and the derivation never saw that figure."""
    profile = derive_profile("v100", "vit_large_patch16_384")
    plan = profile.geometry.plan(MergeSchedule(family="constant", level=23))

    assert 1000 / profile.predict_ms(plan) == pytest.approx(56, rel=0.03)


def test_unknown_machines_and_models_are_named():
    """The sentence lists what there is."""
    with pytest.raises(JanusError, match=r"machine 'abacus' .* orin-nano, orin-nx, v100, a100, t4"):
        derive_profile("abacus", "vit_large_patch16_384")
    with pytest.raises(JanusError, match="model 'resnet50' is not known"):
        derive_profile("v100", "resnet50")


def test_a_line_knows_its_correlation():
    """r is Pearson's."""
    ms = np.array([1.0, 2.5, 2.0, 4.0, 4.5, 5.0, 9.0])

    assert Line.fitted(COUNTS, ms).r == pytest.approx(np.corrcoef(COUNTS, ms)[0, 1])
