"""Measuring a profile: what is timed, and what comes of it. No test looks at how long anything took."""

import json

import pytest
import torch
from vits import make

from janus.bench.profile import bench
from janus.cli import main
from janus.errors import JanusError
from janus.profile import load_profile, save_profile
from janus.profiling import Effort, ProfileBench, check_torch_device, measure_profile
from janus.schedule import MergeSchedule
from janus.vit import open_vit

LITTLE = Effort(counts=3, shares=(0.2,), rounds=2, warmup=0)


@pytest.fixture
def vit():
    return open_vit(make("class token and registers"))


def test_a_profile_covers_the_models_token_counts(vit, tmp_path):
    """Few to all tokens, with and without merging, batches where asked; it predicts any plan and survives a file."""
    profile = measure_profile(vit, effort=LITTLE, batches=(2,))

    counts = sorted({s.tokens for s in profile.blocks})
    assert counts[0] == LITTLE.least_tokens
    assert counts[-1] == vit.tokens
    assert {s.removed > 0 for s in profile.blocks} == {True, False}
    assert {s.batch for s in profile.batches} == {2}
    assert all(s.repeats == 2 for s in profile.blocks)
    assert profile.kind == "measured"
    assert profile.geometry == vit.geometry
    assert profile.predict_ms(vit.plan(MergeSchedule(level=1.0))) > 0
    save_profile(profile, tmp_path / "p.json")
    assert load_profile(tmp_path / "p.json").geometry == vit.geometry


def test_the_profile_is_made_of_what_was_timed(vit):
    """With times given, the medians per block are theirs."""
    bench = ProfileBench(vit, LITTLE)
    times = {key: [1.0, 3.0, 8.0] for key in bench.cases}

    profile = bench.profile(times, name="stopwatch", busy=True)

    assert profile.embed_ms == 3.0
    assert {s.median_ms for s in profile.blocks} == {3.0 / vit.depth}
    assert [s.size_bytes for s in profile.encode] == sorted(bench.sizes_bytes.values())
    assert profile.busy


def test_bf16_is_profiled_as_such(vit):
    """The dtype of the weights is what is measured, merging included."""
    vit.model.bfloat16()

    profile = measure_profile(vit, effort=LITTLE)

    assert profile.dtype == "bfloat16"


def test_modelled_beside_measured(monkeypatch):
    """The bench gives eight unseen levels, each modelled by the fit and by the line, with its error."""
    monkeypatch.setattr("janus.models.create_model", lambda name, pretrained: make("class token"))

    rows, summary = bench("class token", rounds=3, family="declining")

    assert len({row["level"] for row in rows}) == 8
    for row in rows:
        assert row["modelled_error"] == pytest.approx(row["modelled_ms"] / row["measured_ms"] - 1, abs=0.02)
    errors = [abs(row["modelled_error"]) for row in rows]
    assert summary["mean_absolute_error"] == pytest.approx(sum(errors) / 8, abs=1e-3)


def test_the_command_writes_a_profile(tmp_path, monkeypatch, capsys):
    """`janus profile` leaves a profile that loads, and prints one JSON document."""
    monkeypatch.setattr("janus.models.create_model", lambda name, pretrained: make("class token"))
    out = tmp_path / "mine.json"

    main(["profile", "--model", "any", "--rounds", "3", "--out", str(out), "--name", "bench top", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert load_profile(out).name == "bench top"
    assert {row["removed"] > 0 for row in document["results"]} == {True, False}
    assert "versions" in document["provenance"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "vit_tiny_patch16_224", "--codec", "gzip"], "codec 'gzip' is unknown"),
        (["--model", "vit_tiny_patch16_224", "--backend", "compile"], "needs an NVIDIA GPU"),
        (["--model", "swin_tiny_patch4_window7_224"], "SwinTransformer cannot be opened"),
        (["--model", "vit_tinny_patch16_224"], "vit_tiny_patch16_224"),
    ],
)
def test_bad_input_leaves_no_file(arguments, words, tmp_path, capsys):
    """One sentence, exit status 2, nothing written."""
    with pytest.raises(SystemExit) as done:
        main(["profile", *arguments, "--out", str(tmp_path / "p.json")])

    assert done.value.code == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said_before_the_work(tmp_path, capsys):
    """--out in no folder is refused at once."""
    with pytest.raises(SystemExit):
        main(["profile", "--model", "vit_tiny_patch16_224", "--out", str(tmp_path / "no" / "p.json")])

    assert "does not exist" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, so nothing is refused")
def test_cuda_without_a_gpu_is_refused():
    """The sentence says what to use instead."""
    with pytest.raises(JanusError, match="use cpu"):
        check_torch_device("cuda")
