"""Models of transformers by name: random, from a file, from the hub; never a pickle."""

import json
import subprocess
import sys

import pytest
import torch
from hugging import noise, videomae, yolos
from safetensors.torch import save_file

from janus import zoo
from janus.errors import JanusError
from janus.geometry import GEOMETRIES
from janus.models import load_model
from janus.preprocess import preprocess_for
from janus.profiling import Effort, measure_profile
from janus.runtime.half import open_half
from janus.schedule import MergeSchedule
from janus.vit import open_vit

NAME = "hustvl/yolos-tiny"
SMALL = {"hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 2, "intermediate_size": 96}


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """The entries made small, and neither the network nor this user's cache touched."""
    monkeypatch.setattr(zoo, "hub_reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for entry in zoo.ENTRIES.values():
        size = {"image_size": [64, 96]} if entry.kind == "Yolos" else {"image_size": 32}
        for key, value in (SMALL | size).items():
            monkeypatch.setitem(entry.settings, key, value)


@pytest.fixture
def saved(tmp_path):
    """Tensors of a small random YOLOS-tiny in a file, under the names of the hub."""

    def save(name="w.safetensors", drop=(), **changes):
        model = yolos(**SMALL, patch_size=16, num_detection_tokens=100, use_mid_position_embeddings=False)
        state = {key: value.contiguous() for key, value in model.state_dict().items() if key not in drop}
        save_file(state | changes, tmp_path / name)
        return model, tmp_path / name

    return save


@pytest.mark.parametrize("name", zoo.ENTRIES)
def test_every_name_gives_a_model_that_runs_merged(name):
    """Random weights need no hub; the model answers on a merging schedule."""
    loaded = load_model(name, pretrained=False)
    vit = open_vit(loaded.model)
    pictures = (16,) if "videomae" in name else ()

    with torch.inference_mode():
        answer = vit(noise(1, *pictures, 3, *vit.input_size), MergeSchedule(family="constant", level=1))

    assert loaded.name == name == vit.geometry.name
    assert loaded.weights.source == "random"
    assert torch.isfinite(answer[0] if isinstance(answer, tuple) else answer).all()


@pytest.mark.parametrize("name", zoo.ENTRIES)
def test_the_geometries_known_without_torch_are_those_of_the_models(name, monkeypatch):
    """Counts as the torch-free half has them, from the real configurations."""
    monkeypatch.undo()
    entry = zoo.ENTRIES[name]
    kind, config = zoo._classes(entry)
    with torch.device("meta"):
        vit = open_vit(kind(config(**entry.settings, name_or_path=name)))

    assert vit.geometry == GEOMETRIES[name]


def test_a_file_gives_exactly_its_weights(saved):
    """Its answer is that of the model whose tensors it holds; half precision becomes fp32."""
    expected, path = saved()

    loaded = load_model(NAME, weights=path)

    assert loaded.weights.facts()["source"] == "file"
    assert not loaded.model.training
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    with torch.inference_mode():
        assert torch.equal(loaded.model(noise(1, 3, 64, 96)).logits, expected(noise(1, 3, 64, 96)).logits)


def test_names_of_older_releases_are_understood(tmp_path):
    """The hub's VideoMAE files have q_bias and v_bias, its YOLOS files mid-positions elsewhere."""
    name = "MCG-NJU/videomae-small-finetuned-kinetics"
    model = load_model(name, pretrained=False).model
    state = {}
    for key, value in model.state_dict().items():
        old = key.replace("query.bias", "q_bias").replace("value.bias", "v_bias")
        state[old] = torch.randn(value.shape)
    save_file(state, tmp_path / "old.safetensors")

    loaded = load_model(name, weights=tmp_path / "old.safetensors").model

    bias = loaded.videomae.encoder.layer[1].attention.attention.query.bias
    assert torch.equal(bias, state["videomae.encoder.layer.1.attention.attention.q_bias"])


def test_the_hub_gives_configuration_and_weights(saved, monkeypatch):
    """What is cached or fetched is a JSON and a safetensors file; nothing else is asked for."""
    expected, path = saved("model.safetensors")
    (path.parent / "config.json").write_text(json.dumps(expected.config.to_dict()))
    asked = []

    def download(name, file, revision=None):
        asked.append(file)
        return str(path.parent / file)

    monkeypatch.setattr(zoo, "hub_reachable", lambda: True)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    loaded = load_model(NAME)

    assert asked == ["config.json", "model.safetensors"]
    assert (loaded.weights.source, loaded.weights.file) == ("hub", NAME)
    with torch.inference_mode():
        assert torch.equal(loaded.model(noise(1, 3, 64, 96)).logits, expected(noise(1, 3, 64, 96)).logits)


def test_weights_that_do_not_fit_are_refused(saved):
    """By a missing tensor, a foreign one, a shape, a NaN; each names an example."""
    key = "vit.layernorm.bias"
    for changes, words in (
        ({"drop": [key]}, "'vit.layernorm.bias' is missing"),
        ({"extra": torch.zeros(1)}, "'extra' is unexpected"),
        ({key: torch.zeros(5)}, "'vit.layernorm.bias' is mismatched"),
        ({key: torch.full((48,), float("nan"))}, "NaN or an infinity in 'vit.layernorm.bias'"),
    ):
        with pytest.raises(JanusError, match=words):
            load_model(NAME, weights=saved(**changes)[1])


def test_what_cannot_be_had_is_one_sentence(saved, monkeypatch):
    """An unknown repository, no hub, no file on it, and a model that the runtime cannot carry."""
    with pytest.raises(JanusError, match="'hustvl/nix' is a repository that Janus does not know: choose one of hustvl"):
        load_model("hustvl/nix")
    with pytest.raises(
        JanusError, match=r"weights of hustvl/yolos-tiny must come from the Hugging Face hub.*--weights"
    ):
        load_model(NAME)
    monkeypatch.setattr(zoo, "hub_reachable", lambda: True)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *a, **k: 1 / 0)
    with pytest.raises(JanusError, match=r"config\.json could not be fetched"):
        load_model(NAME)
    with pytest.raises(JanusError, match="choose a plain timm ViT"):
        open_half(load_model(NAME, pretrained=False).model, NAME)


def test_transformers_is_imported_only_for_its_models():
    """It takes seconds, so importing and opening timm models leaves it alone."""
    code = (
        "import sys, timm, janus; vit = janus.open_vit(timm.create_model('test_vit')); import janus.models;"
        "sys.exit('transformers' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("make", [yolos, videomae])
def test_what_classifies_no_pictures_says_where_it_runs(make):
    """Commands for classifiers refuse it in one sentence, which names the way from Python."""
    with pytest.raises(JanusError, match="does not classify pictures: run it with `janus evaluate`, or from Python"):
        preprocess_for(make())


@pytest.mark.parametrize("make", [yolos, videomae])
def test_its_latency_can_be_measured(make):
    """Embedding, blocks and head are timed on what the model takes, boxes and clips alike."""
    vit = open_vit(make())
    profile = measure_profile(vit, effort=Effort(counts=2, shares=(0.2,), rounds=2, warmup=0))

    assert profile.geometry == vit.geometry
    assert profile.embed_ms > 0
