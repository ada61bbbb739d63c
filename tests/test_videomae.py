"""A VideoMAE opened up computes what transformers computes, wherever it is cut."""

import pytest
import torch
from hugging import in_threads, noise, relative, videomae, yolos

from janus.codec import decode, encode
from janus.errors import JanusError
from janus.geometry import find_geometry
from janus.schedule import MergeSchedule
from janus.video import OpenVideoMAE
from janus.vit import open_vit

SCHEDULES = {
    "none": MergeSchedule(family="none"),
    "declining": MergeSchedule(level=1.0),
    "constant": MergeSchedule(family="constant", level=5),
    "list": MergeSchedule.explicit([0, 9, 0, 3]),
}
CLIP = (4, 3, 32, 32)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("changes", [{}, {"qkv_bias": False}, {"use_mean_pooling": False}], ids=str)
@pytest.mark.parametrize("size", ["tiny", "small", "base", "mini"])
def test_level_zero_is_transformers(size, changes):
    """Without merging the answer is transformers' own; the model stays as it was."""
    model = videomae(size, **changes)
    clips = noise(2, *CLIP) if size == "mini" else noise(2, 4, 3, 64, 64)
    expected = model(clips).logits
    before = {key: value.clone() for key, value in model.state_dict().items()}

    actual = open_vit(model)(clips)

    assert expected.std() > 1e-3
    assert relative(actual, expected) <= 1e-5
    assert torch.equal(model(clips).logits, expected)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("changes", [{}, {"use_mean_pooling": False}], ids=["average", "first token"])
def test_sizes_of_one_change_nothing(changes):
    """The merged path with every size 1 is transformers, too."""
    model, clips = videomae(**changes), noise(2, *CLIP)
    vit = open_vit(model)
    state = vit.embed(clips)
    ones = type(state)(x=state.x, sizes=torch.ones(state.x.shape[:2]), protected=state.protected)

    actual = vit.head(vit.blocks(ones, 0, vit.depth, [0] * vit.depth))

    assert relative(actual, model(clips).logits) <= 1e-5


@pytest.mark.parametrize(
    ("size", "schedule"),
    [*(("mini", name) for name in SCHEDULES), ("tiny", "gentle"), ("small", "gentle"), ("base", "gentle")],
)
def test_every_split_is_the_unsplit_run(size, schedule):
    """Through the lossless codec at any cut, the answer is the same to the last bit; sizes sum to the tubelets."""
    vit = open_vit(videomae(size))
    clips = noise(1, 4, 3, *vit.input_size)
    chosen = SCHEDULES.get(schedule, MergeSchedule(family="constant", level=2))
    plan, whole = vit.plan(chosen), vit(clips, chosen)
    assert schedule == "none" or not torch.equal(whole, vit(clips))

    for split in range(vit.depth + 1):
        cut = vit.blocks(vit.embed(clips, source=True), 0, split, plan.removed)
        assert cut.n_tokens == plan.tokens[split]
        assert cut.sizes is None or cut.sizes.sum(1).tolist() == [vit.tokens]
        rest = vit.blocks(decode(encode(cut).data), split, vit.depth, plan.removed)
        assert torch.equal(vit.head(rest), whole)


def test_merging_equal_tubelets_changes_nothing():
    """Where all tubelets are alike, merging any of them leaves the answer: the average weighs by size."""
    model = videomae()
    model.videomae.embeddings.position_embeddings.zero_()
    flat = torch.ones(1, *CLIP)

    merged = open_vit(model)(flat, MergeSchedule(family="constant", level=7))

    torch.testing.assert_close(merged, model(flat).logits, rtol=1e-4, atol=1e-4)


def test_threads_with_their_own_schedules():
    """Nothing is kept on the model."""

    def work(vit, clips, r):
        return vit(clips, MergeSchedule(family="constant", level=r))

    assert in_threads(open_vit(videomae()), noise(1, *CLIP), [0, 3, 7], work) == []


def test_the_large_model_has_the_geometry_that_is_known_without_torch():
    """24 blocks over 1568 tokens of 16 pictures."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    config = VideoMAEConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, num_labels=400
    )
    with torch.device("meta"):
        vit = open_vit(VideoMAEForVideoClassification(config))
    known, opened = vars(find_geometry("videomae_large_patch16_224")), vars(vit.geometry)

    assert isinstance(vit, OpenVideoMAE)
    assert {**known, "name": ""} == {**opened, "name": ""}
    assert opened["tokens"] == 1568


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: v.embed(noise(1, 3, 32, 32)), "clips of shape"),
        (lambda v: v.embed(noise(1, 3, 3, 32, 32)), r"do not fit a model for \[B, 4, 3, 32, 32\]"),
        (lambda v: open_vit(v.model.videomae), "VideoMAEModel cannot be opened .* VideoMAEForVideoClassification"),
        (lambda v: open_vit(yolos().bbox_predictor), "YolosMLPPredictionHead cannot be opened"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, words):
    """The sentence names the culprit and the remedy."""
    with pytest.raises(JanusError, match=words):
        call(open_vit(videomae()))
