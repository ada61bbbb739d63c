"""Models by tag or from a file: exactly the named model with exactly those weights, or one sentence."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from janus import models
from janus.errors import JanusError, JanusWarning
from janus.models import create_model, load_model
from janus.vit import open_vit
from janus.weights import file_hash, tensors_hash

NAME = "test_vit.r160_in1k"


@pytest.fixture(scope="module")
def state():
    """Tensors of a small model with random weights."""
    torch.manual_seed(0)
    return timm.create_model("test_vit").state_dict()


@pytest.fixture
def weights(state, tmp_path):
    """A function that saves tensors, changed as told, under a name."""

    def save(name="weights.safetensors", drop=(), **changes):
        tensors = {key: value for key, value in state.items() if key not in drop}
        save_file(tensors | changes, tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    """No test here may touch the network or what this user has cached."""
    monkeypatch.setattr(models, "hub_reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_a_file_gives_exactly_its_weights(state, weights):
    """The model computes what timm's own loading gives, and is in evaluation mode."""
    path = weights()
    expected = timm.create_model("test_vit")
    expected.load_state_dict(state)
    images = torch.randn(2, 3, 160, 160)

    actual = create_model(NAME, weights=path)

    assert not actual.training
    assert torch.equal(actual(images), expected.eval()(images))


def test_provenance_of_a_file_is_its_hash_and_name_without_the_folder(weights):
    """Nothing of this machine is told, and the hash is that of the file."""
    path = weights("mine.safetensors")

    loaded = load_model(NAME, weights=path)

    assert loaded.name == NAME
    assert loaded.weights.facts() == {"source": "file", "file": "mine.safetensors", "sha256": file_hash(path)}


def test_half_precision_weights_become_fp32(state, weights):
    """A bf16 file is computed in fp32, like every model here."""
    path = weights(**{key: value.bfloat16() for key, value in state.items()})

    model = create_model(NAME, weights=path)

    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_the_number_of_classes_is_the_files_own(weights):
    """A fine-tuned head is part of the model that the file holds."""
    path = weights(**{"head.weight": torch.randn(7, 64), "head.bias": torch.randn(7)})

    assert create_model(NAME, weights=path)(torch.randn(1, 3, 160, 160)).shape == (1, 7)


def test_foreign_key_names_are_left_to_timm(state, tmp_path):
    """A tower out of an OpenCLIP checkpoint has a prefix before every name; timm knows how to read it."""
    save_file({f"visual.trunk.{key}": value for key, value in state.items()}, tmp_path / "clip.safetensors")

    model = create_model(NAME, weights=tmp_path / "clip.safetensors")

    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_random_weights_are_told_by_their_tensors():
    """Two seeds, two hashes; the same seed, the same."""
    hashes = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        hashes.append(load_model(NAME, pretrained=False).weights.sha256)

    assert hashes[0] == hashes[1] != hashes[2]


def test_hash_covers_names_and_values():
    """Swapping two tensors of one shape is noticed."""
    model = timm.create_model("test_vit")
    before = tensors_hash(model)
    blocks = model.blocks
    blocks[0], blocks[1] = blocks[1], blocks[0]

    assert tensors_hash(model) != before


def test_a_tag_is_taken_from_the_files_name(weights):
    """A bare architecture with a file that carries the full tag means that tag."""
    path = weights(f"{NAME}.safetensors")

    assert load_model("test_vit", weights=path).name == NAME


def test_a_bare_architecture_with_several_tags_warns(tmp_path):
    """What timm prefers today is said, before anything is fetched."""
    with (
        pytest.warns(JanusWarning, match=r"vit_tiny_patch16_224\.augreg_in21k_ft_in1k.*also"),
        pytest.raises(JanusError, match="hub"),
    ):
        load_model("vit_tiny_patch16_224")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vit_tiny_patch16_225", "did you mean vit_tiny_patch16_224"),
        ("no_such_thing_at_all", "is not an architecture that timm"),
        ("test_vit.nix", "knows no tag 'nix' of it; choose one of test_vit.r160_in1k"),
        ("swin_tiny_patch4_window7_224.ms_in1k", "SwinTransformer cannot be opened because"),
        ("eva02_tiny_patch14_224.mim_in22k", "rotary positions"),
        ("vit_giant_patch16_gap_224.in22k_ijepa", "no safetensors weights"),
        (NAME, "--weights FILE"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_sentence(name, said):
    """Unknown, unopenable, or out of reach: the sentence names it and the remedy."""
    with pytest.raises(JanusError) as caught:
        load_model(name)

    assert said in str(caught.value)
    assert name in str(caught.value)


def test_weights_of_another_model_are_refused(weights, state):
    """By shape, by a missing tensor, by a foreign one; each names an example."""
    other_shape = weights(**{"blocks.0.attn.qkv.weight": torch.zeros(3, 3)})
    with pytest.raises(JanusError, match=r"weights of another model: 'blocks.0.attn.qkv.weight' is \[3, 3\] where"):
        load_model(NAME, weights=other_shape)
    with pytest.raises(JanusError, match=r"weights of another model: 'norm\.bias' is missing"):
        load_model(NAME, weights=weights(drop=["norm.bias"]))
    with pytest.raises(JanusError, match="weights of another model: 'extra' does not occur"):
        load_model(NAME, weights=weights(extra=torch.zeros(1)))


def test_weights_named_after_another_model_are_refused(weights):
    """Two models of one shape differ only in mean and std: the file's name is what tells them apart."""
    path = weights("test_vit2.r160_in1k.safetensors")

    with pytest.raises(JanusError, match=r"by the file's name: give --model test_vit2\.r160_in1k"):
        load_model(NAME, weights=path)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_nan_in_the_weights_is_named(weights, state, poison):
    """One bad value is enough, and its tensor is named."""
    bad = state["blocks.2.mlp.fc1.bias"].clone()
    bad[5] = poison

    with pytest.raises(JanusError, match=r"NaN or an infinity in 'blocks\.2\.mlp\.fc1\.bias'"):
        load_model(NAME, weights=weights(**{"blocks.2.mlp.fc1.bias": bad}))


def test_what_is_no_whole_safetensors_file_is_refused(weights, tmp_path, state):
    """Missing, truncated, or a pickle: one sentence, and a pickle is never opened."""
    whole = weights().read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    torch.save(state, tmp_path / "pickle.pth")

    for name, said in (
        ("nix.safetensors", "does not exist"),
        ("half.safetensors", "not a whole safetensors file"),
        ("pickle.pth", "pickled checkpoints are never loaded"),
    ):
        with pytest.raises(JanusError, match=said):
            load_model(NAME, weights=tmp_path / name)


def test_hub_weights_never_fall_back_to_a_pickle(monkeypatch):
    """A repository without safetensors is a sentence, not a download of something else."""
    asked = []

    def nothing_there(repository, file, **more):
        asked.append(file)
        raise FileNotFoundError("404")

    monkeypatch.setattr(models, "hub_reachable", lambda: True)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", nothing_there)
    with pytest.raises(JanusError, match=r"could not be fetched from timm/test_vit\.r160_in1k"):
        load_model(NAME)

    assert asked == ["model.safetensors"]


def test_every_tag_with_weights_is_looked_for_as_safetensors():
    """timm names no other file for a plain ViT, so there is nothing that `hub_weights` overlooks."""
    tags = timm.list_models(["vit_*", "deit*", "beit3*", "flexivit*"], pretrained=True)

    assert {timm.get_pretrained_cfg(tag).hf_hub_filename for tag in tags} == {None}


def test_the_real_weights_load(shared):
    """DeiT-Tiny and ViT-Tiny from their files open with twelve blocks."""
    for tag in ("deit_tiny_patch16_224.fb_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k"):
        loaded = load_model(tag, weights=shared / "weights" / f"{tag}.safetensors")

        assert (loaded.name, open_vit(loaded.model).depth) == (tag, 12)
