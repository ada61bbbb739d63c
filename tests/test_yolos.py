"""A YOLOS opened up computes what transformers computes, wherever it is cut."""

from dataclasses import replace

import pytest
import torch
from hugging import in_threads, noise, relative, yolos

from janus.codec import decode, encode
from janus.configuration import send_tokens
from janus.detection import OpenYolos
from janus.errors import JanusError
from janus.merging import TokenState
from janus.schedule import MergeSchedule
from janus.vit import open_vit

SCHEDULES = {
    "none": MergeSchedule(family="none"),
    "declining": MergeSchedule(level=1.2),
    "constant": MergeSchedule(family="constant", level=9),
    "list": MergeSchedule.explicit([0, 20, 0, 11]),
}
VARIANTS = {"positions in front only": False, "positions behind every block": True}


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("pixels", [(64, 96), (48, 112)])
@pytest.mark.parametrize("size", ["tiny", "small", "base", "mini"])
def test_level_zero_is_transformers(size, pixels):
    """Without merging the answer is transformers' own, at the model's size and at another; the model stays."""
    model, images = yolos(size), noise(2, 3, *pixels)
    expected = model(images)
    before = {key: value.clone() for key, value in model.state_dict().items()}

    actual = open_vit(model)(images)

    assert expected.logits.std() > 1e-3
    assert expected.pred_boxes.std() > 1e-3
    assert relative(actual.logits, expected.logits) <= 1e-5
    assert relative(actual.boxes, expected.pred_boxes) <= 1e-5
    assert torch.equal(model(images).logits, expected.logits)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("mid", VARIANTS.values(), ids=VARIANTS)
def test_sizes_of_one_change_nothing(mid):
    """The merged path with every size 1 is transformers, too."""
    model, images = yolos(use_mid_position_embeddings=mid), noise(2, 3, 64, 96)
    vit = open_vit(model)
    state = vit.embed(images)
    ones = replace(state, sizes=torch.ones(state.x.shape[:2]))

    actual = vit.head(vit.blocks(ones, 0, vit.depth, [0] * vit.depth))

    assert relative(actual.logits, model(images).logits) <= 1e-5


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("mid", VARIANTS.values(), ids=VARIANTS)
def test_every_split_is_the_unsplit_run(mid, schedule):
    """Through the lossless codec at any cut, the answer is the same to the last bit; protected tokens survive."""
    vit, images = open_vit(yolos(use_mid_position_embeddings=mid)), noise(2, 3, 48, 112)
    state = vit.embed(images)
    plan = vit.plan(SCHEDULES[schedule], state.n_tokens)
    whole = vit(images, SCHEDULES[schedule])
    assert schedule == "none" or not torch.equal(whole.logits, vit(images).logits)

    for split in range(vit.depth + 1):
        cut = vit.blocks(state, 0, split, plan.removed)
        assert cut.n_tokens == plan.tokens[split]
        if cut.sizes is not None:
            assert cut.sizes.sum(1).tolist() == [state.n_tokens] * 2
            assert (cut.sizes[:, : len(vit.protected)] == 1).all()
        for codec in ("fp32", "fp32+zstd"):
            sent, _ = send_tokens(cut, codec)
            rest = vit.head(vit.blocks(sent, split, vit.depth, plan.removed))
            assert torch.equal(rest.logits, whole.logits)
            assert torch.equal(rest.boxes, whole.boxes)
        both = vit.head(vit.blocks(decode(encode(cut).data), split, vit.depth, plan.removed))
        assert torch.equal(both.logits, whole.logits)


@pytest.mark.parametrize("size", ["tiny", "small", "base"])
def test_splits_of_the_real_geometries(size):
    """Two cuts of each, merged, equal the unsplit run."""
    vit, images = open_vit(yolos(size, image_size=[96, 128])), noise(1, 3, 96, 128)
    schedule = MergeSchedule(family="constant", level=3)
    plan, whole = vit.plan(schedule), vit(images, schedule)

    for split in (1, vit.depth - 1):
        state = decode(encode(vit.blocks(vit.embed(images), 0, split, plan.removed)).data)
        assert torch.equal(vit.head(vit.blocks(state, split, vit.depth, plan.removed)).logits, whole.logits)


def test_positions_of_a_merged_token_are_the_mean_over_its_patches():
    """Positions added after a merge are what they would have been had they been added before it."""
    vit = open_vit(yolos())
    state = vit.blocks(vit.embed(noise(2, 3, 64, 96)), 0, 1, [30, 0, 0, 0])
    front, patches = vit._positions(1, (8, 12))

    added = vit.between(1, state).x - state.x

    for b in range(2):
        for token in range(state.n_tokens):
            of = (state.source[b] == token).nonzero()[:, 0]
            expected = front[0, token] if token < 8 else patches[0, of].mean(0)
            torch.testing.assert_close(added[b, token], expected, rtol=1e-4, atol=1e-5)


def test_merging_equal_patches_changes_nothing():
    """Where all patches are alike, merging any of them leaves boxes and classes."""
    model = yolos(use_mid_position_embeddings=True)
    for table in (model.vit.embeddings.position_embeddings, model.vit.encoder.interpolation.mid_position_embeddings):
        table[..., 1:-7, :] = 0.3
    flat = torch.ones(1, 3, 64, 96)

    merged = open_vit(model)(flat, MergeSchedule(family="constant", level=20))

    torch.testing.assert_close(merged.logits, model(flat).logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(merged.boxes, model(flat).pred_boxes, rtol=1e-4, atol=1e-4)


def test_threads_with_their_own_schedules():
    """Nothing is kept on the model."""

    def work(vit, images, r):
        return vit(images, MergeSchedule(family="constant", level=r)).logits

    assert in_threads(open_vit(yolos()), noise(1, 3, 64, 96), [0, 8, 20], work) == []


def test_geometry():
    """Counts as the scheduler wants them; a plan leaves the class and the detection tokens."""
    vit = open_vit(yolos("tiny"))
    geometry = vit.geometry

    assert isinstance(vit, OpenYolos)
    assert (geometry.tokens, geometry.protected, geometry.input_shape) == (125, 101, (3, 64, 96))
    assert (geometry.depth, geometry.width, geometry.hidden, geometry.patch_inputs) == (12, 192, 768, 768)
    assert (geometry.classes, geometry.pictures) == (91, 1)
    assert geometry.plan(MergeSchedule(family="constant", level=2)).tokens[-1] == 102  # and one of 24 patches


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: {"source": s.source.index_fill(1, torch.tensor([3]), 99)}, "beyond its tokens"),
        (lambda s: {"source": s.source.roll(1, 1).index_fill(1, torch.tensor([3]), 9)}, "agree with its token sizes"),
        (lambda s: {"source": s.source[:, :-1]}, "bytes where its header needs"),
    ],
)
def test_a_forged_source_map_is_refused(change, words):
    """What does not fit the tokens is noticed before anything is computed from it."""
    vit = open_vit(yolos())
    state = vit.blocks(vit.embed(noise(1, 3, 64, 96)), 0, 1, [30, 0, 0, 0])

    with pytest.raises(JanusError, match=words):
        decode(encode(replace(state, **change(state))).data)


def test_a_forged_grid_is_refused():
    """Rows times columns must be the patches."""
    state = open_vit(yolos()).embed(noise(1, 3, 64, 96))

    with pytest.raises(JanusError, match="grid of 8 x 11 patches does not fit its 96"):
        decode(encode(replace(state, grid=(8, 11))).data)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: v.embed(noise(1, 1, 64, 96)), "do not fit a model for"),
        (lambda v: v.embed(noise(1, 3, 4, 96)), "do not fit a model for"),
        (lambda v: v.blocks(TokenState(x=noise(1, 104, 48), protected=v.protected), 0, 1, [0] * 4), "whole TokenState"),
        (lambda v: open_vit(v.model.vit), "YolosModel cannot be opened .* YolosForObjectDetection"),
        (lambda v: open_vit(v.model.vit.embeddings), "YolosEmbeddings cannot be opened"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, words):
    """The sentence names the culprit and the remedy."""
    with pytest.raises(JanusError, match=words):
        call(open_vit(yolos()))
