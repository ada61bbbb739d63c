"""A ViT opened up computes what it computed before, wherever it is cut."""

import threading

import pytest
import timm
import torch
from vits import VARIANTS, build, images, make

from janus.errors import JanusError
from janus.schedule import MergeSchedule
from janus.vit import open_vit

SCHEDULES = {
    "none": MergeSchedule(family="none"),
    "declining": MergeSchedule(level=1.2),
    "constant": MergeSchedule(family="constant", level=7),
    "linear": MergeSchedule(family="linear", level=5),
    "list": MergeSchedule.explicit([0, 9, 0, 3]),
}


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("variant", VARIANTS)
def test_level_zero_is_timm(variant):
    """Without merging the opened model gives timm's own answer, and leaves the model as it was."""
    model = make(variant)
    expected = model(images())
    before = {key: value.clone() for key, value in model.state_dict().items()}

    actual = open_vit(model)(images())

    assert expected.std() > 1e-3  # an answer that says something
    assert ((actual - expected).abs().max() / expected.abs().max()).item() <= 1e-5
    assert torch.equal(model(images()), expected)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_sizes_of_one_change_nothing(variant):
    """The merged path with every size 1 is timm too: proportional attention and pooling fall back to the plain ones."""
    model = make(variant)
    vit = open_vit(model)
    state = vit.embed(images())
    ones = type(state)(x=state.x, sizes=torch.ones(state.x.shape[:2]), protected=state.protected)

    actual = vit.head(vit.blocks(ones, 0, vit.depth, [0] * vit.depth))

    expected = model(images())
    assert ((actual - expected).abs().max() / expected.abs().max()).item() <= 1e-5


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_split_is_the_unsplit_run(variant, schedule):
    """Cut at any block, the answer is the same to the last bit; sizes sum to the patches; prefix tokens survive."""
    vit = open_vit(make(variant))
    whole = vit(images(), SCHEDULES[schedule])
    plan = vit.plan(SCHEDULES[schedule])
    assert schedule == "none" or not torch.equal(whole, vit(images()))

    for split in range(vit.depth + 1):
        state = vit.blocks(vit.embed(images(), source=True), 0, split, plan.removed)
        assert state.n_tokens == plan.tokens[split]
        assert state.source.shape[1] == vit.tokens - len(vit.protected)
        if state.sizes is not None:
            assert state.sizes.sum(1).tolist() == [vit.tokens] * 2
            assert (state.sizes[:, : len(vit.protected)] == 1).all()
        rest = type(state)(x=state.x.clone(), sizes=state.sizes, protected=state.protected)
        assert torch.equal(vit.head(vit.blocks(rest, split, vit.depth, plan.removed)), whole)


@pytest.mark.parametrize("variant", ["average pooling", "attention pooling", "class token"])
def test_merging_equal_tokens_changes_nothing(variant):
    """Where all patches are alike, merging any of them leaves the answer: sizes are weighed everywhere."""
    model = make(variant)
    if model.pos_embed is not None:
        model.pos_embed.zero_()
    flat = torch.ones(1, 3, 32, 32)

    merged = open_vit(model)(flat, MergeSchedule(family="constant", level=8))

    torch.testing.assert_close(merged, model(flat), rtol=1e-4, atol=1e-5)


def test_float64_collapses_the_difference():
    """The little that is left at level 0 on the merged path is rounding: in float64 it is gone."""
    model = make("DINOv2 with registers").double()
    vit = open_vit(model)
    state = vit.embed(images().double())
    ones = type(state)(x=state.x, sizes=torch.ones(state.x.shape[:2]), protected=state.protected)

    actual = vit.head(vit.blocks(ones, 0, vit.depth, [0] * vit.depth))

    expected = model(images().double())
    assert ((actual - expected).abs().max() / expected.abs().max()).item() <= 1e-13


def test_dynamic_images_of_other_sizes():
    """A model with dynamic_img_size takes a larger picture, merged and split."""
    vit = open_vit(make("dynamic image size"))
    larger = images(size=48)
    schedule = MergeSchedule(family="constant", level=6)
    state = vit.embed(larger)
    plan = vit.plan(schedule, state.n_tokens)

    assert state.n_tokens == 145
    assert torch.equal(vit(larger), vit.model(larger))
    cut = vit.blocks(state, 0, 2, plan.removed)
    assert torch.equal(vit.head(vit.blocks(cut, 2, 4, plan.removed)), vit(larger, schedule))


def test_two_threads_with_two_schedules_on_one_model():
    """Nothing is kept on the model: threads with different schedules each get their own right answer."""
    vit = open_vit(make("class token"))
    levels = [0, 3, 6, 9]
    expected = [vit(images(), MergeSchedule(family="constant", level=r)) for r in levels]
    wrong = []

    def work(r, answer):
        with torch.inference_mode():
            for _ in range(20):
                if not torch.equal(vit(images(), MergeSchedule(family="constant", level=r)), answer):
                    wrong.append(r)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(levels, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_gradients_flow_through_a_merge():
    """The merged model can be fine-tuned: every parameter gets a finite gradient."""
    model = make("class token")
    with torch.inference_mode(False), torch.enable_grad():
        model = build()()
        open_vit(model)(images().clone(), MergeSchedule(family="constant", level=8)).square().sum().backward()

    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_vit_large_384():
    """ViT-L/16@384, the paper's model, opens with its own geometry; its α_max is known."""
    with torch.device("meta"):
        vit = open_vit(timm.create_model("vit_large_patch16_384"))

    assert (vit.depth, vit.width, vit.tokens, vit.input_size) == (24, 1024, 577, (384, 384))
    assert round(MergeSchedule().max_level(vit.depth, vit.tokens), 3) == 0.294


@pytest.mark.parametrize(
    ("make_model", "words"),
    [
        (lambda: timm.create_model("swin_tiny_patch4_window7_224"), "SwinTransformer .* windows"),
        (lambda: timm.create_model("eva02_tiny_patch14_224"), "Eva .* rotary"),
        (lambda: timm.create_model("beit_base_patch16_224", depth=1, embed_dim=48, num_heads=3), "Beit .* relative"),
        (lambda: timm.create_model("vit_relpos_small_patch16_224", depth=1), "RelPos .* relative"),
        (lambda: timm.create_model("resnet10t"), "ResNet .* not timm's plain VisionTransformer"),
        (lambda: torch.nn.Linear(2, 2), "Linear .* not timm's plain VisionTransformer"),
        (build(global_pool=""), "no pooling"),
        (build(block_fn=timm.models.vision_transformer.ParallelScalingBlock), "block 0 is a ParallelScalingBlock"),
        (build(attn_layer="diff"), "DiffAttention"),
        (build(global_pool="prr"), "AttentionPoolPrr"),
    ],
)
def test_what_cannot_be_opened_is_refused_by_name(make_model, words):
    """The sentence names the class, the reason, and what to use instead."""
    with pytest.raises(JanusError, match=f"{words}.*Choose a plain ViT"):
        open_vit(make_model())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: v.embed(images(size=40)), r"images of shape \(2, 3, 40, 40\) do not fit"),
        (lambda v: v.embed(images()[:, :1]), "do not fit"),
        (lambda v: v.blocks(v.embed(images()), 0, 5, [0] * 4), "split 5 is beyond the model"),
        (lambda v: v.blocks(v.embed(images()), 3, 1, [0] * 4), "run backwards"),
        (lambda v: v.blocks(v.embed(images()), 0, 4, [0] * 3), "removed has 3 entries"),
        (lambda v: v(images(), MergeSchedule(level=5)), "level 5 is out of range"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    """Images, ranges and levels that do not fit are named."""
    with pytest.raises(JanusError, match=words):
        call(open_vit(build()()))
