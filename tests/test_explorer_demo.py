"""The demo model on the screen: where no real weights are, with its own pictures, and labelled wherever it speaks."""

import json
import threading

import pytest
import test_explorer
import torch
from conftest import CHECKOUT

from janus.accuracy import load_accuracy
from janus.demo import LABEL, MODEL, NAME
from janus.explorer import Explorer, about, screen, subject, work
from janus.explorer.sources import HUB_MODELS, ModelSource
from janus.training.export import export
from janus.training.network import Student

alone, made = test_explorer.alone, test_explorer.made
say = test_explorer.say


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A checkout's data with an untrained demo model in it, and made-up accuracies of it."""
    root = tmp_path_factory.mktemp("data")
    for folder in ("profiles", "traces"):
        (root / folder).symlink_to(CHECKOUT / "data" / folder)
    for folder in ("models", "accuracy"):
        (root / folder).mkdir()
    torch.manual_seed(0)
    export(Student(12), root / "models" / f"{MODEL}.safetensors")
    for path in (CHECKOUT / "data" / "accuracy").glob("*.json"):
        (root / "accuracy" / path.name).write_text(path.read_text())
    rows = [
        {"schedule": "declining", "level": level, "top1": top1, "ci95": [top1 - 2, top1 + 2], "n": 500}
        for level, top1 in ((0.0, 93.0), (0.45, 87.0), (0.5, 70.0))
    ]
    doc = {"provenance": {"model": MODEL}, "results": rows}
    (root / "accuracy" / f"{MODEL}.json").write_text(json.dumps(doc))
    return root


@pytest.fixture
def demo(alone, monkeypatch, shipped):
    """Nothing but that."""
    monkeypatch.setenv("JANUS_DATA", str(shipped))


def test_it_is_the_first_model_where_no_real_weights_are(demo, made):
    """With its own pictures; the hub's models come beside it when the hub answers, and nothing changes by itself."""
    explorer = made(live=False)

    assert explorer.source == ModelSource(name=MODEL, weights="demo")
    assert "images=demo" in explorer.state and f"model={MODEL}" in explorer.state
    explorer._hub_answered(True)
    assert [source.name for source in explorer._sources if source.weights == "hub"] == list(HUB_MODELS)
    assert explorer.source.weights == "demo"


def test_real_weights_come_before_it(demo, monkeypatch, tmp_path):
    """It stays in the menu."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / f"{test_explorer.TAG}.safetensors").write_bytes(b"not read here")
    monkeypatch.setenv("JANUS_SHARED", str(tmp_path))
    monkeypatch.setattr(screen, "load", lambda *_, **__: iter(()))
    explorer = Explorer(calibrate=False)

    assert [source.weights for source in explorer._sources[:2]] == ["file", "demo"]
    explorer.panel.model.value = explorer._sources[1]
    assert "images=demo" in explorer.state and LABEL in explorer.note.value


def test_every_number_of_it_is_labelled(demo, made):
    """Sentence, note, title and hover of the figure, and the files; the real model's stand beside it, unlabelled."""
    explorer = made()
    explorer.settle()
    accuracy = next(figure for figure in explorer.stage.figures if "top-1" in str(figure["layout"]["yaxis"]))
    hover = {trace["name"]: trace.get("hovertemplate", "") for trace in accuracy["data"] if trace["x"]}

    assert f"87.0\N{NO-BREAK SPACE}% ({LABEL}; stored, 500" in say(explorer)
    assert f"Live, {LABEL}: 75.0" in say(explorer)
    assert "A real model on real images, at level 0.45: 78.6" in say(explorer)
    assert LABEL in explorer.note.value and test_explorer.TAG in explorer.note.value
    assert LABEL in accuracy["layout"]["title"]["text"]
    assert LABEL in hover["stored"] and LABEL in hover["live"] and LABEL not in hover["stored, real images"]
    csv = explorer.sheets()["accuracy"].file("csv", explorer._facts()).decode()
    assert f"({LABEL})" in csv and f"# model: {MODEL} ({LABEL})" in csv
    kinds = explorer.sheets()["accuracy"].table.groupby("kind")["model"].unique()
    assert kinds["real"].tolist() == [test_explorer.TAG] and kinds["stored"].tolist() == [MODEL]


def test_a_real_model_is_not_called_a_demo(demo, made):
    """Its stored accuracies are its own, also where only its architecture is named."""
    explorer = made(live=False)
    explorer.restore("janus1?model=deit_small_patch16_224.fb_in1k")

    assert LABEL not in say(explorer) and LABEL not in explorer.note.value
    assert "A real model" not in say(explorer)
    assert explorer.stage.figures[2]["layout"]["title"]["text"] == "Measured accuracy"


def test_its_accuracy_is_live_without_any_network(demo):
    """The real path, with the file as it is shipped: loaded, shown its own pictures, measured on sixteen of them."""
    explorer = Explorer(calibrate=False, state="janus1?level=0&split=12&n_images=16")
    assert explorer.settle(120)
    row = explorer.live.row(explorer.live.key(explorer.answer, MODEL))

    assert explorer.banner.value == ""
    assert row["n"] == 16
    assert explorer.stage.which.value == f"{NAME} 1"
    assert f"Live, {LABEL}" in say(explorer)


def test_about_names_it_as_what_it_is(demo, shipped):
    """Model, pictures and stored results, each with the word."""
    text = about()

    assert f"demo model ({LABEL}), in data/models" in text
    assert "demo, rendered from a seed" in text
    assert f"{MODEL} (500 procedural images)" in text
    assert load_accuracy(shipped / "accuracy" / f"{MODEL}.json").label == LABEL


def test_what_the_trace_view_needs_comes_behind_the_model(monkeypatch):
    """pandas takes half a second to import, and the view is opened in a handler."""
    brought = []
    monkeypatch.setattr(subject, "load_subject", lambda *given: "a subject")
    monkeypatch.setattr(work.importlib, "import_module", brought.append)
    results = work.load(None, None, "crop", 0, threading.Event(), give_way=lambda: None, then_calibrate=False)

    assert next(results) == "a subject" and brought == []
    assert list(results) == [] and brought == ["pandas"]
