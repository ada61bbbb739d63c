"""`janus evaluate` on boxes and clips, images of the wrong task, and the network that is asked only once."""

import json
import os
import socket

import pytest
from conftest import CHECKOUT
from pictures import fill as pictures
from test_cli_evaluate import janus
from test_detection_data import yolo_folder
from test_hub import python
from test_video_clips import NAMES
from test_video_clips import fill as videos

from janus import zoo
from janus.accuracy import load_accuracy

BOXES, CLIPS, PICTURES = "hustvl/yolos-tiny", "MCG-NJU/videomae-small-finetuned-kinetics", "test_vit.r160_in1k"


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path_factory):
    """Small models, few draws, no progress bar and no network."""
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr("janus.coco.compare.RESAMPLES", 10)
    for room in ("models", "zoo", "data.sets"):
        monkeypatch.setattr(f"janus.{room}.hub_reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
    size = {"hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 3, "intermediate_size": 96}
    own = {"Yolos": {"image_size": [64, 96]}, "VideoMAE": {"image_size": 32, "num_frames": 4, "num_labels": 3}}
    for entry in zoo.ENTRIES.values():
        for key, value in (size | own[entry.kind]).items():
            monkeypatch.setitem(entry.settings, key, value)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder for each task, and a file of class names."""
    root = tmp_path_factory.mktemp("given")
    (root / "boxes").mkdir()
    yolo_folder(root / "boxes", {str(i): "0 0.5 0.5 0.5 0.5" for i in range(1, 6)})
    (root / "boxes" / "labels" / "5.txt").write_text("0 nan 0 0 0")
    videos(root / "clips")
    pictures(root / "pictures", ["n01440764", "n01443537"], 2)
    (root / "names.txt").write_text("\n".join(NAMES))
    return root


def options(given, task):
    more = {"boxes": ["--shortest-edge", "64"], "clips": ["--names", given / "names.txt"], "pictures": []}[task]
    name = {"boxes": BOXES, "clips": CLIPS, "pictures": PICTURES}[task]
    return ["--model", name, "--random", "--images", given / task, *more]


CUTS = ["--schedule", "constant=0,2", "--split", "3,1,0", "--codec", "int8", "--encoding", "jpeg85"]


@pytest.mark.parametrize(("task", "figure", "n"), [("boxes", "ap", 4), ("clips", "top1", 9)])
def test_a_row_for_each_configuration(given, task, figure, n, capsys, tmp_path):
    """The document has for each task what it has for pictures: figure, interval, tokens, payload, difference."""
    assert janus(*options(given, task), *CUTS, "--json", "--out", tmp_path / "out.json") == 0
    printed = capsys.readouterr().out
    doc = json.loads(printed)

    asked = f"level split codec n {figure} ci95 tokens tokens_at_split mean_tokens_kept payload_bytes paired notes"
    assert json.loads((tmp_path / "out.json").read_text()) == doc
    assert all(set(asked.split()) <= row.keys() and row["n"] == n for row in doc["results"])
    assert [(row["level"], row["split"], row["codec"], row["payload_bytes"] > 0) for row in doc["results"]] == [
        (level, split, codec, codec is not None)
        for level in (0.0, 2.0)
        for split, codec in ((3, None), (1, "int8"), (0, "jpeg85"))
    ]
    assert [row["paired"] is None for row in doc["results"]] == [True] + [False] * 5
    facts = doc["provenance"]
    assert (facts["task"], facts["weights"]["source"], facts["n_images"]) == (task, "random", n)
    assert "random weights" in facts["label"] and facts["intervals"]
    assert str(given) not in printed


@pytest.mark.parametrize(("task", "heading"), [("boxes", "AP"), ("clips", "top-1"), ("pictures", "top-1")])
def test_the_tables_are_for_people(given, task, heading, capsys):
    """Rows, then their differences from the chosen one, which is named, then what the weights are."""
    assert janus(*options(given, task), "--schedule", "constant=0,2", "--against", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    unit = "clip" if task == "clips" else "image"

    assert lines[0].split()[:6] == ["schedule", "level", "split", "codec", "n", heading]
    assert lines[0].split()[-1] == f"{unit}s/s"
    depth = "6" if task == "pictures" else "3"
    assert f"{heading} against constant 2, split {depth}, -, on the same {unit}s:" in lines
    assert lines[-2].split()[:4] == ["constant", "0", depth, "-"]
    assert lines[-1] == "(random weights: a trial of the path, no accuracy of any model)"
    assert ("lost" in lines[-3]) == (task != "boxes")


def test_the_same_random_weights_each_time(given, capsys):
    """A trial can be repeated."""
    seen = []
    for _ in range(2):
        assert janus(*options(given, "clips"), "--json") == 0
        seen.append(json.loads(capsys.readouterr().out)["provenance"]["weights"])

    assert seen[0] == seen[1]


def test_a_document_of_pictures_or_clips_still_answers_for_a_level(given, tmp_path):
    """The scheduler's reader takes a document with differences in it."""
    for task in ("pictures", "clips"):
        assert janus(*options(given, task), "--schedule", "constant=0,2", "--out", tmp_path / "out.json") == 0
        assert load_accuracy(tmp_path / "out.json").row("constant", 1).level == 2


@pytest.mark.parametrize("task", ["pictures", "boxes", "clips"])
@pytest.mark.parametrize("other", ["pictures", "boxes", "clips"])
def test_images_of_another_task_are_told_in_one_sentence(given, task, other, capsys):
    """What they are, what the model does, and what to give."""
    arguments = options(given, task)
    arguments[4] = given / other
    code = janus(*arguments, "--json")
    printed = capsys.readouterr()

    if task == other:
        assert code == 0
        return
    assert (code, printed.out) == (2, "")
    what = "pictures with boxes" if other == "boxes" else other
    does = {"pictures": "classifies pictures", "boxes": "finds boxes", "clips": "classifies clips"}[task]
    assert f"images {given / other}: these are {what}, and " in printed.err and f" {does}; give a folder" in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("task", "more", "said"),
    [
        ("boxes", ["--images", "demo"], "a model that finds boxes needs the Hugging Face hub"),
        ("clips", ["--images", "demo:test"], "a model that classifies clips needs the Hugging Face hub"),
        ("pictures", ["--images", "detection-datasets/coco"], "these are pictures with boxes"),
        ("boxes", ["--images", "someone/nix"], "out of reach"),
        ("clips", ["--images", "someone/nix"], "out of reach"),
        ("boxes", ["--fit", "squash"], "--fit is not for a model that finds boxes"),
        ("boxes", ["--names", "x"], "--names is not for a model that finds boxes"),
        ("pictures", ["--shortest-edge", "64"], "--shortest-edge is not for a model that classifies pictures"),
        ("clips", ["--names", "nix"], "names nix: they cannot be read"),
        ("clips", ["--against", "2"], "--against 2: there are 1 rows"),
        ("boxes", ["--weights", "x.safetensors"], "--random and --weights contradict each other"),
        ("boxes", ["--model", "demo"], "--random: demo is the name of one file of weights"),
    ],
)
def test_bad_input_is_one_sentence(given, task, more, said, capsys):
    """Exit status 2, nothing on stdout."""
    assert janus(*options(given, task), *more, "--json") == 2
    printed = capsys.readouterr()

    assert said in printed.err
    assert (printed.out, len(printed.err.strip().splitlines())) == ("", 1)


def test_what_is_missing_is_named(given, capsys):
    """Clips have no usual set, and random weights no names; weights that only the hub has are named too."""
    for arguments, said in (
        (["--model", CLIPS, "--random"], "--images is missing"),
        (["--model", CLIPS, "--random", "--images", given / "clips"], "give --names FILE"),
        (["--model", BOXES, "--images", given / "boxes"], f"weights of {BOXES} must come from the Hugging Face hub"),
        (["--model", BOXES, "--random"], "images 'detection-datasets/coco'"),
    ):
        assert janus(*arguments) == 2
        assert said in capsys.readouterr().err


# Without a network

OFFLINE = """
    import json, socket, sys, threading
    tried = []

    def watched(original):
        def call(*given, **more):
            if given[-1] != "pair":
                tried.append(threading.current_thread().name)
            return original(*given, **more)
        return call

    socket.getaddrinfo = watched(socket.getaddrinfo)
    socket.socket.connect = watched(socket.socket.connect)

    import janus
    from janus import hub
    from janus.cli import main
    from janus.errors import JanusError

    asked, answers = [], hub.answers
    hub.answers = lambda url, patience_s: asked.append(patience_s) or answers(url, patience_s)
    said = {}

    def attempt(name, work):
        try:
            work()
        except (JanusError, SystemExit) as why:
            said[name] = str(why)

    import datasets
    from pictures import noise, packed

    rows = {"image": [{"bytes": packed(noise(i)), "path": None} for i in range(3)], "label": ["a", "b", "c"]}
    columns = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    datasets.Dataset.from_dict(rows, features=columns).to_parquet("table.parquet")
    attempt("table", lambda: said.update(table=len(list(janus.open_images("table.parquet").stream()))))

    for model in ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "hustvl/yolos-tiny",
                  "MCG-NJU/videomae-base-finetuned-kinetics"):
        attempt(model, lambda: main(["evaluate", "--model", model]))
        attempt(f"load {model}", lambda: janus.load_model(model))
    attempt("images", lambda: janus.open_images())
    attempt("boxes", lambda: janus.open_detection("detection-datasets/coco"))
    attempt("clips", lambda: janus.open_clips("someone/clips", names=["a"]))
    attempt("random", lambda: main(["evaluate", "--model", "hustvl/yolos-tiny", "--random"]))
    attempt("explorer", lambda: janus.Explorer())
    libraries = [name for name in ("timm", "transformers", "datasets", "huggingface_hub") if name in sys.modules]
    print(json.dumps({"tried": tried, "asked": asked, "said": said, "libraries": libraries}))
"""


def test_nothing_but_one_question_touches_the_network(tmp_path, monkeypatch):
    """Everything that may want the hub, in one process, before a host that never answers.

    Only the thread of the question looks up a name or opens a connection, and it is given up after its patience: so
    nothing waits for longer in total, whatever timm, transformers and datasets would try for themselves.
    """
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "tests")]))
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen = python(OFFLINE, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)

    assert set(seen["tried"]) == {"janus-hub"}
    assert len(seen["asked"]) == 1 and seen["asked"][0] < 2
    assert {"timm", "transformers", "datasets", "huggingface_hub"} <= set(seen["libraries"])
    assert set(seen["said"]) >= {"images", "boxes", "clips", "random", "load hustvl/yolos-tiny"}
    assert seen["said"]["table"] == 3
    assert "explorer" not in seen["said"]
