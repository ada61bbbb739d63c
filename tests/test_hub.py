"""Whether the hub is there is known quickly, and what it has can be used with and without it."""

import json
import os
import socket
import subprocess
import sys
import textwrap
import threading

import datasets
import pytest
import timm
import torch
from fake_hub import COMMIT, FakeHub
from pictures import noise, packed
from safetensors.torch import save_file

from janus import hub

WNIDS = ["n01440764", "n01443537", "n02123045"]


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """A model and an image set, sorted by class like mini-imagenet, in the folders that `FakeHub` serves."""
    root = tmp_path_factory.mktemp("hub")
    folder = root / "datasets" / "someone" / "pictures"
    folder.mkdir(parents=True)
    columns = {"image": datasets.Image(), "label": datasets.ClassLabel(names=WNIDS)}
    for split in ("train", "test"):
        rows = {
            "image": [{"bytes": packed(noise(i)), "path": None} for i in range(30)],
            "label": [i // 10 for i in range(30)],
        }
        table = datasets.Dataset.from_dict(rows, features=datasets.Features(columns))
        table.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    weights = root / "models" / "timm" / "test_vit.r160_in1k"
    weights.mkdir(parents=True)
    torch.manual_seed(0)
    save_file(timm.create_model("test_vit").state_dict(), weights / "model.safetensors")
    return root


@pytest.fixture(scope="module")
def served(repositories):
    """The repositories, served."""
    server = FakeHub(repositories)
    yield server
    server.close()


def python(code, endpoint, home):
    """Run ``code``, which prints one JSON document, in a Python that takes ``endpoint`` for the hub."""
    environment = os.environ | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "JANUS_CACHE": str(home / "janus"),
        "NO_PROXY": "127.0.0.1",
    }
    environment.pop("HF_HUB_OFFLINE", None)
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


USE = """
    import json
    from janus import hub
    from janus.data import open_images, sets
    from janus.errors import JanusError
    from janus.models import load_model

    asked, answers = [], hub.answers
    hub.answers = lambda *given: asked.append(given) or answers(*given)

    def use(name, classes=1000):
        try:
            images = open_images(name, classes=classes)
            labels = [picture.label for picture in images.stream(limit=20)]
            return {"labels": labels, "facts": images.facts}
        except JanusError as why:
            return str(why)

    def load(name):
        try:
            return load_model(name).weights.facts()
        except JanusError as why:
            return str(why)

    seen = {
        "weights": load("test_vit.r160_in1k"),
        "no weights": load("test_vit2.r160_in1k"),
        "whole": use("someone/pictures"),
        "no set": use("someone/else"),
        "no revision": use("someone/pictures@nix"),
        "no split": use("someone/pictures:nix"),
        "wrong head": use("someone/pictures", classes=7),
    }
    sets.WHOLE_BYTES = 0
    seen["streamed"] = use("someone/pictures:test")
    print(json.dumps(seen | {"reachable": hub.hub_reachable(), "asked": len(asked)}))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose caches both runs share."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def online(served, home):
    """What a first run sees, with a hub."""
    return python(USE, served.url, home)


@pytest.fixture(scope="module")
def offline(online, home):
    """What a second run sees, without one."""
    return python(USE, "http://127.0.0.1:9", home)


def test_the_network_is_asked_once(online, offline):
    """One question in a process, whatever is opened after it."""
    assert (online["reachable"], online["asked"]) == (True, 1)
    assert (offline["reachable"], offline["asked"]) == (False, 1)


@pytest.mark.parametrize("key", ["weights", "whole", "streamed"])
def test_what_the_hub_gave_is_there_without_it(online, offline, key):
    """Weights and images come from the hub at a commit, and again, the same, when it is gone."""
    facts = online[key].get("facts", online[key])

    assert facts["revision"] == COMMIT
    assert offline[key] == online[key]


@pytest.mark.parametrize("key", ["whole", "streamed"])
def test_the_first_images_are_a_fair_sample(online, key):
    """A set that is sorted by class shows all of them early; of its splits it is the test that counts here."""
    assert set(online[key]["labels"]) == {0, 1, 281}
    assert online[key]["facts"]["split"] == "test"


def test_only_the_asked_split_is_fetched(online, served):
    """A split costs its own files, not those of the others."""
    assert any("/test-" in path for path in served.fetched)
    assert not any("/train-" in path for path in served.fetched)


def test_what_the_hub_does_not_have_is_one_sentence(online):
    """What is unknown is named, with a remedy."""
    assert "test_vit2.r160_in1k" in online["no weights"] and "--weights FILE" in online["no weights"]
    assert "'someone/else'" in online["no set"] and "RepositoryNotFound" in online["no set"]
    assert "RevisionNotFound" in online["no revision"]
    assert "there is no split 'nix'; choose one of train, test" in online["no split"]
    assert "the labels don't match the head: 3 classes" in online["wrong head"]


def test_without_a_hub_the_error_says_what_is_missing_and_what_to_do(offline):
    """Neither weights nor images, one sentence each; a branch that was never seen is not taken for another."""
    assert "weights of test_vit2.r160_in1k" in offline["no weights"] and "--weights FILE" in offline["no weights"]
    for key in ("no set", "no revision"):
        assert "out of reach" in offline[key] and "--images DIR" in offline[key]


def test_a_silent_host_is_given_up():
    """A host that takes the connection and never answers counts as out of reach."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert hub.answers(f"http://127.0.0.1:{silent.getsockname()[1]}", 0.2) is False


def test_a_lookup_that_hangs_is_given_up(monkeypatch):
    """DNS has no timeout of its own; the question ends all the same."""
    import huggingface_hub.utils

    released = threading.Event()

    class Hanging:
        def head(self, url, timeout):
            released.wait()

    monkeypatch.setattr(huggingface_hub.utils, "get_session", Hanging)
    try:
        assert hub.answers("http://nowhere", 0.05) is False
    finally:
        released.set()


def test_offline_mode_is_respected(monkeypatch):
    """With HF_HUB_OFFLINE nothing is asked at all."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "answers", lambda *given: pytest.fail("asked the network"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.hub_reachable.cache_clear()
    try:
        assert hub.hub_reachable() is False
    finally:
        hub.hub_reachable.cache_clear()
