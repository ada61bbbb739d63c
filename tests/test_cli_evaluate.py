"""`janus evaluate` from the command line to the document."""

import json

import pytest
import timm
import torch
from pictures import fill
from safetensors.torch import save_file

from janus.cli import main
from janus.evaluate import evaluate

NAME = "test_vit.r160_in1k"
WNIDS = ["n01440764", "n01443537", "n02123045"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No progress bar and no network, whatever the terminal."""
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr("janus.models.hub_reachable", lambda: False)
    monkeypatch.setattr("janus.data.sets.hub_reachable", lambda: False)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A model's weights and a folder of nine images, one of them broken."""
    root = tmp_path_factory.mktemp("given")
    torch.manual_seed(0)
    save_file(timm.create_model("test_vit").state_dict(), root / "weights.safetensors")
    fill(root / "pictures", WNIDS, 3)
    (root / "pictures" / WNIDS[0] / "broken.JPEG").write_bytes(b"no image")
    return root


def janus(*arguments):
    """Exit status of `janus evaluate`, 0 where it just returns."""
    try:
        main(["evaluate", *map(str, arguments)])
    except SystemExit as done:
        return done.code
    return 0


def model_and_images(given):
    return ["--model", NAME, "--weights", given / "weights.safetensors", "--images", given / "pictures"]


def test_one_document_with_a_row_for_each_configuration(given, capsys, tmp_path):
    """stdout is one JSON document; the file has the same; the broken image is named; no path of this machine."""
    out = tmp_path / "out.json"
    code = janus(
        *model_and_images(given), "--level", "0,0.4", "--level", "0.6", "--split", "0,3,6", "--codec", "fp32,int8+zstd",
        "--encoding", "jpeg85", "--fit", "squash", "--json", "--out", out,
    )  # fmt: skip
    printed = capsys.readouterr().out
    doc = json.loads(printed)

    assert code == 0
    assert json.loads(out.read_text()) == doc
    assert [(row["level"], row["split"], row["codec"]) for row in doc["results"]] == [
        (level, split, codec)
        for level in (0.0, 0.4, 0.6)
        for split, codec in ((0, "jpeg85"), (3, "fp32"), (3, "int8+zstd"), (6, None))
    ]
    asked = "schedule level split codec n top1 top5 ci95 tokens payload_bytes images_per_s"
    assert all(set(asked.split()) <= row.keys() and row["n"] == 9 for row in doc["results"])
    assert doc["skipped"] == [{"file": f"{WNIDS[0]}/broken.JPEG", "reason": "does not decode: not an image"}]
    facts = doc["provenance"]
    assert (facts["model"], facts["images"], facts["n_images"], facts["fit"]) == (NAME, "pictures", 9, "squash")
    assert (facts["cancelled"], facts["dtype"], facts["seed"]) == (False, "float32", 0)
    assert len(facts["weights"]["sha256"]) == 64
    assert str(given) not in printed


def test_a_second_run_gives_the_same_numbers(given, capsys):
    """All but the speed."""
    documents = []
    for _ in range(2):
        janus(*model_and_images(given), "--level", "0,0.5", "--json")
        documents.append(json.loads(capsys.readouterr().out)["results"])

    for row in (row for rows in documents for row in rows):
        del row["images_per_s"]
    assert documents[0] == documents[1]


def test_the_table_is_for_people(given, capsys):
    """Without --json: a line for each row, the interval, and what was clipped; nothing on stdout is JSON."""
    assert janus(*model_and_images(given), "--schedule", "constant", "--level", "45", "--split", "2") == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()

    assert lines[0].split()[:4] == ["schedule", "level", "split", "codec"]
    assert lines[1].split()[:5] == ["constant", "45", "2", "fp32", "9"]
    assert "constant 45: block 2 removes 27 instead of 45 tokens (half of its unprotected tokens)." in lines
    assert f"janus: skipped {WNIDS[0]}/broken.JPEG: does not decode: not an image" in printed.err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--schedule", "none", "--level", "3"], ("none", 0.0)),
        (["--schedule", "linear", "--level", "4"], ("linear", 4.0)),
        (["--schedule", "list", "--removed", "5,0,0,2,0,1"], ("list", None)),
        ([], ("declining", 0.0)),
        (
            ["--schedule", "constant=4,8", "--schedule", "declining", "--schedule", "linear=3", "--level", "0.2"],
            ("constant", 4.0, "constant", 8.0, "declining", 0.2, "linear", 3.0),
        ),
    ],
)
def test_schedules(given, capsys, options, expected):
    """Families from the command line, several on the same images; none ignores the level, a list has none."""
    assert janus(*model_and_images(given), "--limit", "2", "--json", *options) == 0
    rows = json.loads(capsys.readouterr().out)["results"]

    assert tuple(value for row in rows for value in (row["schedule"], row["level"])) == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--level", "9"], "level 9 is out of range for the declining schedule on 6 blocks and 101 tokens"),
        (["--level", "-1"], "level -1.0 is out of range"),
        (["--split", "7"], "split 7 is beyond the model: give an integer from 0 (cloud-only) to 6 (device-only)"),
        (["--codec", "lzw"], "codec 'lzw' is unknown"),
        (["--encoding", "jpeg0", "--split", "3"], "encoding 'jpeg0' is unknown"),
        (["--schedule", "cosine"], "schedule 'cosine' is unknown"),
        (["--schedule", "declining=a"], "'a' is not a list of numbers"),
        (["--schedule", "list"], "--schedule list needs the tokens to remove in each block"),
        (["--removed", "1,2"], "--removed is for --schedule list"),
        (["--model", "test_vit9"], "is not an architecture that timm"),
        (["--model", "swin_tiny_patch4_window7_224.ms_in1k"], "cannot be opened because"),
        (["--model", "vit_tiny_patch16_224.augreg_in21k_ft_in1k"], "weights of another model"),
        (["--images", "nix/nix/nix"], "there is no such folder"),
        (["--images", "someone/nix"], "out of reach"),
        (["--weights", "nix.safetensors"], "this weights file does not exist"),
        (["--out", "nix/out.json"], "the folder nix does not exist"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_file(given, capsys, tmp_path, monkeypatch, options, said):
    """Exit status 2, one line on stderr, nothing on stdout, nothing written."""
    monkeypatch.chdir(tmp_path)
    given_out = [] if "--out" in options else ["--out", "out.json"]

    assert janus(*model_and_images(given), *given_out, "--json", *options) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert len(printed.err.strip().splitlines()) == 1 or printed.err.startswith("Usage: janus evaluate")
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_codec_that_no_split_uses_is_told(given, capsys):
    """The run goes on, and nobody takes its accuracy for that of int8."""
    assert janus(*model_and_images(given), "--limit", "2", "--codec", "int8") == 0
    assert "janus: --codec int8 is for what travels at a split between 1 and depth - 1" in capsys.readouterr().err


def test_ctrl_c_gives_the_results_so_far(given, capsys, monkeypatch):
    """The document is whole and says that it was cancelled; the exit status is that of an interrupt."""

    def interrupted(*args, **options):
        yield next(evaluate(*args, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr("janus.evaluate.evaluate", interrupted)
    code = janus(*model_and_images(given), "--batch-size", "4", "--json")
    printed = capsys.readouterr()
    doc = json.loads(printed.out)

    assert code == 130
    assert (doc["provenance"]["cancelled"], doc["results"][0]["n"]) == (True, 4)
    assert "these are the results of the first 4 images" in printed.err


def test_ctrl_c_before_any_result_gives_none(given, capsys, monkeypatch):
    """There is nothing to tell."""

    def interrupted(*args, **options):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("janus.evaluate.evaluate", interrupted)

    assert janus(*model_and_images(given), "--json") == 130
    assert capsys.readouterr().out == ""


def test_real_images_through_a_real_model(given, shared, capsys):
    """The first 24 validation images: ViT-Tiny knows most of them, merged or not."""
    tag = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    code = janus(
        "--model", tag, "--weights", shared / "weights" / f"{tag}.safetensors", "--images", shared / "imagenet_val",
        "--fit", "squash", "--level", "0,0.4", "--limit", "24", "--json",
    )  # fmt: skip
    rows = json.loads(capsys.readouterr().out)["results"]

    assert code == 0
    assert [row["n"] for row in rows] == [24, 24]
    assert all(row["top1"] > 60 and row["top5"] > 85 for row in rows)
