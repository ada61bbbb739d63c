"""The model and the pictures called demo: found by name, offline, and labelled as what they are."""

import json

import numpy as np
import pytest
import torch

from janus.accuracy import load_accuracy
from janus.cli import main
from janus.data import open_images
from janus.demo import CLASSES, LABEL, sample
from janus.errors import JanusError
from janus.files import data_folder
from janus.models import DEMO_NAME, load_model
from janus.training import RECIPES
from janus.training.export import export
from janus.training.network import Student
from janus.weights import file_hash


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A data folder with an untrained demo model in it, in float16."""
    root = tmp_path_factory.mktemp("data")
    (root / "models").mkdir()
    torch.manual_seed(0)
    export(Student(12), root / "models" / f"{DEMO_NAME}.safetensors")
    return root


@pytest.fixture(autouse=True)
def offline(monkeypatch, shipped):
    """Nothing may ask the hub."""
    monkeypatch.setenv("CI", "1")
    monkeypatch.setenv("JANUS_DATA", str(shipped))
    for where in ("models", "data.sets"):
        monkeypatch.setattr(f"janus.{where}.hub_reachable", lambda: pytest.fail("asked for the hub"))


def test_the_pictures_are_those_of_the_data_set():
    """Pixel for pixel behind the file format, with their labels, and the classes in equal parts."""
    images = open_images("demo", classes=len(CLASSES))
    shown = list(images.stream(np.asarray, limit=5))

    for picture in shown:
        split, index = picture.name.split("/")
        drawn = sample(split, int(index))
        assert np.array_equal(picture.image, drawn.pixels)
        assert picture.label == drawn.label
    labels = [entry.label for entry in images.entries()]
    assert np.bincount(labels).tolist() == [images.total // len(CLASSES)] * len(CLASSES)


def test_splits_differ_and_strangers_are_refused():
    """`demo` is the validation split; a head of other classes cannot use its labels, but a picture can be had."""
    name = next(iter(open_images("demo:test").entries())).name

    assert name.startswith("test/")
    assert next(iter(open_images("demo").entries())).name.startswith("val/")
    assert open_images("demo").classes is None
    with pytest.raises(JanusError, match="no such split"):
        open_images("demo:dev")
    with pytest.raises(JanusError, match="don't match the head"):
        open_images("demo", classes=1000)


@pytest.mark.parametrize("name", ["demo", DEMO_NAME])
def test_the_model_is_found_by_name(name):
    """In float32 and evaluation mode, from the shipped file, with its own mean and std."""
    loaded = load_model(name)

    assert loaded.name == DEMO_NAME
    assert loaded.weights.source == "demo"
    assert not loaded.model.training
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    assert loaded.model.pretrained_cfg["mean"] == (0.5, 0.5, 0.5)
    assert loaded.model.num_classes == len(CLASSES)


def test_without_the_file_it_says_how_to_make_it(monkeypatch, tmp_path):
    """One sentence."""
    monkeypatch.setenv("JANUS_DATA", str(tmp_path))
    with pytest.raises(JanusError, match="make it with `janus train-demo`"):
        load_model("demo")


def test_weights_of_another_model_are_refused(tmp_path):
    """By a tensor's name and shape."""
    export(Student(2), tmp_path / "short.safetensors")
    with pytest.raises(JanusError, match="weights of another model"):
        load_model("demo", weights=tmp_path / "short.safetensors")


def test_evaluate_says_what_it_is(capsys):
    """The model alone is enough: its own pictures, and the label in the document and below the table."""
    main(["evaluate", "--model", "demo", "--level", "0,0.4", "--limit", "4", "--json"])
    doc = json.loads(capsys.readouterr().out)
    main(["evaluate", "--model", "demo", "--limit", "4"])

    assert doc["provenance"]["label"] == LABEL
    assert doc["provenance"]["images"] == "demo"
    assert [row["n"] for row in doc["results"]] == [4, 4]
    assert LABEL in capsys.readouterr().out


def test_the_file_that_is_shipped_is_the_one_of_its_record(monkeypatch):
    """Hash, size and settings beside it are those of the file, and of a training that came to its end."""
    monkeypatch.delenv("JANUS_DATA")
    path = data_folder("models") / f"{DEMO_NAME}.safetensors"
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    [facts] = record["results"]

    assert record["provenance"]["finished"]
    assert facts["recipe"] == json.loads(json.dumps(RECIPES["full"].facts()))
    assert facts["file"] == {"name": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}
    assert facts["curve"][-1]["images"] > 0.99 * facts["images"] == 0.99 * RECIPES["full"].images


def test_its_stored_accuracy_is_met_again(monkeypatch, capsys):
    """What `data/accuracy` says of it lies in the interval of a run here, unmerged and strongly merged."""
    monkeypatch.delenv("JANUS_DATA")
    stored = load_accuracy(data_folder("accuracy") / f"{DEMO_NAME}.json")
    main(["evaluate", "--model", "demo", "--level", "0,0.545", "--limit", "160", "--threads", "1", "--json"])
    rows = json.loads(capsys.readouterr().out)["results"]

    assert 85 <= stored.expected("declining", 0) <= 97
    assert stored.expected("declining", 0.545) < stored.expected("declining", 0) - 5
    for row in rows:
        low, high = row["ci95"]

        assert low <= stored.expected("declining", row["level"]) <= high
