"""What the benches of the codec and of schedules are given: pictures, folders and files that may not do."""

import json

import numpy as np
import pytest
from PIL import Image

from janus import demo
from janus.bench.codec import QUALITIES, batches
from janus.bench.rate_file import save_rates
from janus.bench.schedules import check_same
from janus.cli import main
from janus.data import open_images
from janus.errors import JanusError
from janus.models import load_model
from janus.preprocess import preprocess_for
from janus.rates import load_rates

DEMO = ["--model", "demo", "--images", "demo", "-n", "8", "--threads", "1"]
TOKENS = ["--only", "tokens", "--no-baselines", "--schedule", "constant=13", "--split", "4", "--step", "1"]
UNMERGED = {"top1": 75.0, "low": 70.0, "high": 80.0}


def refused(capsys, *options):
    """What a command says of wrong input: one line, status 2."""
    with pytest.raises(SystemExit) as stopped:
        main(list(options))
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and "Traceback" not in said
    return said


@pytest.fixture
def flat(tmp_path):
    """Nine pictures and a broken one, without labels."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for i in range(9):
        noise = np.random.default_rng(i).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def row(split, top1):
    figures = {"bytes_mean": 1.0, "bytes_p90": 1.0, "encode_ms": 1.0, "decode_ms": 1.0, "low": 50.0, "high": 90.0}
    return figures | {
        "kind": "tokens", "codec": "transform", "quality": 1.0, "schedule": "none", "level": 0.0, "split": split,
        "top1": top1,
    }  # fmt: skip


def test_pictures_without_labels_have_no_accuracy(capsys, flat):
    """They are refused before anything is measured, where 0 % would be written."""
    options = ("--images", str(flat), "-n", "8")
    assert "they have no labels" in refused(capsys, "bench", "codec", "--model", "demo", *options)
    assert "no labels" in refused(capsys, "bench", "schedules", "--model", "vit_tiny_patch16_224.janus_demo", *options)


def test_a_picture_that_cannot_be_read_is_told(capsys, flat):
    """On stderr and in the document."""
    preprocess, skipped = preprocess_for(load_model(demo.NAME).model, "crop"), []
    pixels = np.concatenate([batch for batch, _ in batches(open_images(flat), preprocess, None, None, skipped)])

    assert len(pixels) == 9
    assert [one["file"].rpartition("/")[2] for one in skipped] == ["broken.png"]
    assert "skipped" in capsys.readouterr().err


def test_pictures_alone_need_no_codebook_and_a_broken_rest_is_named(capsys, tmp_path):
    """What --resume kept is read again, or said to be broken."""
    options = [*DEMO, "--only", "pictures", "--quality", str(QUALITIES[0]), "--resume", str(tmp_path), "--json"]
    main(["bench", "codec", *options])
    doc = json.loads(capsys.readouterr().out)
    assert {one["kind"] for one in doc["results"]} == {"picture"} and doc["results"][0]["codebook"] is None
    (kept,) = tmp_path.glob("*.json")
    kept.write_text(kept.read_text()[:50])

    assert f"{kept}: is not what --resume keeps" in refused(capsys, "bench", "codec", *options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([*DEMO, *TOKENS, "--step", "nan"], "step nan is out of range"),
        ([*DEMO, "--codebook", "a", "--calibration", "b"], "--codebook and --calibration contradict each other"),
        ([*DEMO, "--split", ","], "--split ',': nothing stands in it"),
        ([*DEMO, "--only", "tokens", "--schedule", "constant=,"], "no level stands behind ="),
        ([*DEMO, "--only", "tokens", "--schedule", "none=7"], "none has no level"),
    ],
)
def test_wrong_options_are_one_sentence_before_anything_is_read(capsys, options, said):
    """Nothing is dropped without a word."""
    assert said in refused(capsys, "bench", "codec", *options)


def test_other_commands_refuse_what_they_would_not_use(capsys, tmp_path):
    """A model without stored accuracies, the demo's weights at random."""
    said = refused(capsys, "bench", "policies", "--model", "nosuch", "--trace", "5g-driving")
    assert "--model nosuch: no accuracies of it are stored; choose one of deit_tiny" in said
    assert "level -1.0 is out of range" in refused(capsys, "bench", "exact", "--level", "-1")
    replay = ("replay", "--trace", "5g-driving", "--schedule", "list")
    assert "schedule list: it has no name" in refused(capsys, *replay)
    random = ("--model", "demo", "--random", "--images", "demo:train", "--out", str(tmp_path / "a.safetensors"))
    assert "--random: the demo model has weights of its own" in refused(capsys, "calibrate", *random)


def test_one_table_of_rates_is_of_one_model_and_one_way_to_fit(tmp_path):
    """Else the unmerged accuracy is another; the table stays as it was."""
    path = save_rates(tmp_path, "vit_tiny_patch16_224.x", "some", 8, UNMERGED, [row(4, 74.0)])
    before = path.read_text()
    with pytest.raises(JanusError, match="unmerged, the model is right on 75 % there and on 60 % here"):
        save_rates(tmp_path, "vit_tiny_patch16_224.x", "some", 8, UNMERGED | {"top1": 60.0}, [row(8, 59.0)])
    assert path.read_text() == before
    save_rates(tmp_path, "vit_tiny_patch16_224.x", "some", 8, UNMERGED, [row(8, 73.0)])

    rates = load_rates(path)
    assert [one.split for one in rates.rows] == [4, 8]
    assert rates.check_model("vit_tiny_patch16_224") is rates
    with pytest.raises(JanusError, match=r"not of vit_tiny_patch16_224\.y"):
        rates.check_model("vit_tiny_patch16_224.y")


@pytest.mark.parametrize("change", ({"n": 4}, {"fit": "crop"}, {"images": "others"}))
def test_results_of_other_pictures_do_not_come_into_one_document(tmp_path, change):
    """The provenance is one for all."""
    facts = {"images": "some", "n": 8, "fit": "squash"}
    check_same(tmp_path / "a.json", facts, dict(facts))
    (name,) = change
    with pytest.raises(JanusError, match=f"holds results with {name}"):
        check_same(tmp_path / "a.json", facts, facts | change)
