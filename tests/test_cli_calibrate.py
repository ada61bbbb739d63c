"""`janus calibrate`, and what its codebook is for: `janus evaluate` and `janus bench codec`, end to end."""

import json
import shutil

import pytest
import timm
import torch
from click.testing import CliRunner
from pictures import fill
from PIL import Image
from safetensors.torch import save_file

from janus.bench.codec import command as bench_codec
from janus.cli.calibrate import command as calibrate
from janus.cli.device import command as device
from janus.cli.evaluate import command as evaluate
from janus.errors import JanusError
from janus.transform import read_codebook

NAME = "test_vit.r160_in1k"
WNIDS = ["n01440764", "n01443537", "n02123045"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No progress bar, no network, and no shared data."""
    monkeypatch.setenv("CI", "1")
    monkeypatch.delenv("JANUS_SHARED", raising=False)
    monkeypatch.setattr("janus.models.hub_reachable", lambda: False)
    monkeypatch.setattr("janus.data.sets.hub_reachable", lambda: False)


def run(command, *arguments):
    """What a command printed on stdout; its error comes through."""
    return CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False).stdout


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A model's weights, twelve pictures without labels to calibrate on, nine others with labels, and the codebook."""
    root = tmp_path_factory.mktemp("given")
    torch.manual_seed(0)
    save_file(timm.create_model("test_vit").state_dict(), root / "weights.safetensors")
    fill(root / "all", ["n00000000", *WNIDS, "n00000001"], 9)
    (root / "unlabelled").mkdir()
    for folder in ("n00000000", "n00000001"):
        for path in (root / "all" / folder).iterdir():
            path.rename(root / "unlabelled" / f"{folder}-{path.name}")
        (root / "all" / folder).rmdir()
    run(calibrate, *model(root), "--images", root / "unlabelled", "-n", "12", "--split", "2,4", "--out", book(root))
    return root


def model(root):
    return ["--model", NAME, "--weights", root / "weights.safetensors"]


def book(root):
    return root / "book.safetensors"


def test_the_document_says_what_was_made(given, tmp_path):
    """The file, its hash, where it serves and what it was made from; the same command makes the same file."""
    out = tmp_path / "again.safetensors"
    doc = json.loads(run(calibrate, *model(given), "--images", given / "unlabelled", "-n", "12", "--split", "2,4",
                         "--out", out, "--json"))  # fmt: skip
    row, made = doc["results"][0], read_codebook(out)

    assert (row["sha256"], row["splits"], row["pictures"]) == (made.digest.hex(), [2, 4], 12)
    assert row["bytes"] == out.stat().st_size
    assert made.digest == read_codebook(book(given)).digest
    assert len(made.facts["pictures"]) == len(set(made.facts["pictures"])) == 12
    assert doc["provenance"]["model"] == NAME


def test_schedules_of_ones_own(given, tmp_path):
    """A codebook for exactly the schedules that were named; the lines on stdout say what was made."""
    out = tmp_path / "own.safetensors"
    said = run(calibrate, *model(given), "--images", given / "unlabelled", "-n", "8", "--split", "2", "--schedule",
               "none", "--schedule", "constant=4", "--out", out)  # fmt: skip
    made = read_codebook(out)

    assert made.facts["schedules"] == ["none 0", "constant 4"]
    assert f"for splits 2 of {NAME}, from 8 pictures; SHA-256 {made.digest.hex()}" in said


def test_a_device_without_a_codebook_says_how_to_make_one(given, tmp_path):
    """Before anything is connected; and one of other weights is no help."""
    told = ("--cloud", "127.0.0.1:1", "--images", tmp_path, "--slo", "100", "--codec", "transform0.7")
    with pytest.raises(JanusError, match=r"there is no codebook for .*janus calibrate --model"):
        run(device, *model(given), *told)
    torch.manual_seed(1)
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "others.safetensors")
    with pytest.raises(JanusError, match="calibrated on"):
        run(device, "--model", NAME, "--weights", tmp_path / "others.safetensors", *told, "--codebook", book(given))


def test_evaluate_with_a_codebook(given):
    """A finer step costs more bytes, and the rows are paired on pictures that nothing was calibrated on."""
    doc = json.loads(run(
        evaluate, *model(given), "--images", given / "all", "--level", "0,0.4", "--split", "2,4",
        "--codec", "transform0.02,transform1,int8", "--codebook", book(given), "--json",
    ))  # fmt: skip
    sizes = {(row["level"], row["split"], row["codec"]): row["payload_bytes"] for row in doc["results"]}

    assert len(sizes) == 12
    assert all(row["n"] == 27 for row in doc["results"])
    for level in (0.0, 0.4):
        for split in (2, 4):
            fine, coarse, plain = (sizes[level, split, c] for c in ("transform0.02", "transform1", "int8"))
            assert coarse < fine < plain


def test_bench_codec_end_to_end(given, tmp_path):
    """One row for every way, a verdict for each claim; and a second run takes all from what the first has kept."""

    def bench():
        return json.loads(run(
            bench_codec, *model(given), "--images", given / "all", "--codebook", book(given), "--split", "2,4",
            "--step", "0.1,1", "--quality", "50", "--schedule", "constant=8", "-n", "9", "--threads", "1",
            "--resume", tmp_path / "kept", "--save", tmp_path / "rates", "--json",
        ))  # fmt: skip

    doc = bench()
    rows = doc["results"]

    assert [row["codec"] for row in rows if row["kind"] == "picture"] == ["jpeg", "webp", "avif"]
    assert sorted({row["codec"] for row in rows if row["kind"] == "tokens"}) == [
        "fp16+zstd", "fp32+lzw", "int8+zstd", "transform",
    ]  # fmt: skip
    assert len(rows) == 3 + 2 * (3 + 2)
    assert all(row["n"] == 9 and abs(sum(row["items"].values()) - row["bytes_mean"]) < 1 for row in rows)
    verdicts = doc["provenance"]["verdicts"]
    assert [(verdict["asked"][:5], verdict["most"]) for verdict in verdicts] == [("≤ 0.5", 0.5), ("≤ 0.3", 0.33)]
    assert bench()["results"] == rows
    assert json.loads((tmp_path / "rates" / f"{NAME}.json").read_text())["n"] == 9


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("command", [evaluate, bench_codec])
def test_pictures_that_were_calibrated_on_are_refused(given, tmp_path, command, ending):
    """Accuracy is not measured on one of them, whatever it is called and however it was saved again."""
    mixed = shutil.copytree(given / "all", tmp_path / "mixed")
    Image.open(given / "unlabelled" / "n00000001-4.png").save(mixed / WNIDS[1] / f"other.{ending}", quality=85)
    ways = ("--split", "2", "--codec", "transform1") if command is evaluate else ("--split", "2", "--only", "tokens")

    with pytest.raises(JanusError, match=rf"other\.{ending} is one that the codebook of .* was calibrated on; measure"):
        run(command, *model(given), "--images", mixed, "--codebook", book(given), *ways)


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        (evaluate, ["--codec", "transform1", "--split", "2"], "there is no codebook for"),
        (evaluate, ["--codec", "int8", "--split", "2", "--codebook", "B"], "goes with --codec transform"),
        (evaluate, ["--codec", "transform1", "--split", "3", "--codebook", "B"], "calibrated for splits 2, 4"),
        (evaluate, ["--codec", "transform1", "--split", "2", "--codebook", "W"], "not a codebook of this release"),
        (evaluate, ["--codec", "transform999", "--split", "2", "--codebook", "B"], "step 999 is out of range"),
        (bench_codec, ["--split", "3", "--codebook", "B"], "calibrated for splits 2, 4"),
        (bench_codec, ["--split", "2"], "there is no codebook for"),
        (
            bench_codec,
            ["--split", "2", "--codebook", "B", "--model", "other"],
            "--codebook is of one model|files for 2",
        ),
        (calibrate, ["--out", "O", "--split", "0"], "tokens travel at splits 1 to 5"),
        (calibrate, ["--out", "O", "--split", "7"], "split 7"),
        (calibrate, ["--out", "O", "--random"], "contradict"),
        (calibrate, ["--out", "O", "--schedule", "wavy=3"], "wavy"),
        (calibrate, ["--out", "no/such/folder/book"], "no/such/folder"),
    ],
)
def test_refusals_are_one_sentence(given, tmp_path, command, options, words):
    """Each says what is wrong and what to do instead."""
    places = {"B": book(given), "W": given / "weights.safetensors", "O": tmp_path / "out.safetensors"}

    with pytest.raises(JanusError, match=words):
        run(command, *model(given), "--images", given / "all", *(places.get(one, one) for one in options))


def test_a_codebook_is_for_its_weights(given, tmp_path):
    """The same architecture with other weights is another model."""
    torch.manual_seed(1)
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "other.safetensors")

    with pytest.raises(JanusError, match="calibrate these with"):
        run(evaluate, "--model", NAME, "--weights", tmp_path / "other.safetensors", "--images", given / "all",
            "--split", "2", "--codec", "transform1", "--codebook", book(given))  # fmt: skip
