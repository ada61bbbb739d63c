"""Streaming accuracy: paired, cancellable, and through the same cut that a frame goes through."""

import threading
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from pictures import fill, noise, packed
from timm.models.vision_transformer import VisionTransformer

from janus.codec import TOKEN_CODECS, encode
from janus.configuration import Configuration, configurations, embed_pixels, send_tokens, through_cut
from janus.data import open_images
from janus.errors import JanusError
from janus.evaluate import evaluate
from janus.picture import encode_picture
from janus.preprocess import Preprocess
from janus.schedule import MergeSchedule
from janus.vit import open_vit

DEPTH, CLASSES = 3, 4
NONE = MergeSchedule(family="none")
MERGED = MergeSchedule(family="constant", level=7)
PREPROCESS = Preprocess(
    fit="squash", height=32, width=32, interpolation="bicubic", crop_pct=0.9, crop_mode="center",
    mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
)  # fmt: skip


@pytest.fixture(scope="module")
def vit():
    """A small ViT whose answers differ from picture to picture."""
    torch.manual_seed(0)
    model = VisionTransformer(
        img_size=32, patch_size=4, embed_dim=48, depth=DEPTH, num_heads=3, num_classes=CLASSES
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.2)
    return open_vit(model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty pictures in four classes."""
    return fill(tmp_path_factory.mktemp("images"), "abcd", 10)


@pytest.fixture(scope="module")
def images(folder):
    """The folder, opened for the head."""
    return open_images(folder, classes=CLASSES)


def batch(n=6):
    return np.stack([PREPROCESS.pixels(noise(i)) for i in range(n)])


@torch.inference_mode()
def logits_of(vit, pixels, schedule, split=DEPTH, codec=None):
    row = Configuration(schedule=schedule, split=split, codec=codec)
    return through_cut(vit, row, row.check(vit), pixels, embed_pixels(vit, pixels, PREPROCESS), PREPROCESS)


def last(*args, **options):
    return list(evaluate(*args, preprocess=PREPROCESS, **options))[-1]


# Through the cut


@pytest.mark.parametrize("schedule", [NONE, MERGED], ids=["unmerged", "merged"])
@pytest.mark.parametrize("split", range(DEPTH))
def test_a_lossless_cut_changes_nothing(vit, schedule, split):
    """fp32 tokens, or the raw picture, give exactly the unsplit answer at every split."""
    pixels = batch()
    expected, nothing = logits_of(vit, pixels, schedule)

    for codec in ("raw", "png") if split == 0 else ("fp32", "fp32+zstd"):
        actual, payload = logits_of(vit, pixels, schedule, split, codec)

        assert torch.equal(actual, expected)
        assert payload > 0
    assert nothing == 0


def test_level_zero_unsplit_is_the_model_itself(vit):
    """What is evaluated is what timm computes."""
    pixels = batch()
    with torch.inference_mode():
        expected = vit.model(PREPROCESS.normalise(pixels))

    assert torch.equal(logits_of(vit, pixels, NONE)[0], expected)


@pytest.mark.parametrize("codec", TOKEN_CODECS)
def test_payload_is_what_the_images_take_one_by_one(vit, codec):
    """Batching does not make frames cheaper: each image is encoded by itself."""
    pixels = batch(4)
    plan = vit.plan(MERGED)
    with torch.inference_mode():
        states = [vit.blocks(embed_pixels(vit, one[None], PREPROCESS), 0, 2, plan.removed) for one in pixels]
    expected = sum(len(encode(state, codec)) for state in states)

    _, payload = logits_of(vit, pixels, MERGED, 2, codec)

    # Compressed bytes of nearly equal floats differ by a few, since a batch multiplies matrices in another order.
    assert abs(payload - expected) <= (0 if "zstd" not in codec else 0.01 * expected)


def test_lossy_tokens_and_pictures_differ(vit):
    """The decoded payload is what the other side computes on, not the original."""
    pixels = batch()
    expected = logits_of(vit, pixels, NONE)[0]

    for split, codec in ((1, "int8"), (0, "jpeg10")):
        assert not torch.equal(logits_of(vit, pixels, NONE, split, codec)[0], expected)


def test_sizes_travel_with_the_tokens(vit):
    """Behind the cut, attention still weighs tokens by the patches in them."""
    with torch.inference_mode():
        state = vit.blocks(embed_pixels(vit, batch(), PREPROCESS), 0, 2, vit.plan(MERGED).removed)
        got, _ = send_tokens(state, "bf16")

    assert torch.equal(got.sizes, state.sizes)
    assert got.protected == state.protected


def test_the_encoding_is_that_of_the_picture_at_split_zero(vit):
    """What travels there is the picture in pixels."""
    pixels = batch(3)

    assert logits_of(vit, pixels, NONE, 0, "raw")[1] == 3 * 32 * 32 * 3
    assert logits_of(vit, pixels, NONE, 0, "jpeg85")[1] == sum(len(encode_picture(one, "jpeg85")) for one in pixels)


def test_configurations_are_what_applies():
    """Codecs where tokens travel, encodings where the picture does, neither where nothing does; none twice."""
    rows = configurations(3, [NONE, NONE], [0, 1, 3], ["fp32", "int8"], ["raw", "jpeg85"])

    assert [(row.split, row.codec) for row in rows] == [
        (0, "raw"), (0, "jpeg85"), (1, "fp32"), (1, "int8"), (3, None),
    ]  # fmt: skip
    assert [(row.split, row.codec) for row in configurations(3, [NONE])] == [(3, None)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"schedule": MergeSchedule(level=5.0), "split": 3, "codec": None}, "level 5 is out of range"),
        ({"schedule": NONE, "split": 4, "codec": None}, "split 4 is beyond the model"),
        ({"schedule": NONE, "split": 1, "codec": "gif"}, "codec 'gif' is unknown"),
        ({"schedule": NONE, "split": 0, "codec": "fp32"}, "encoding 'fp32' is unknown"),
        ({"schedule": NONE, "split": 3, "codec": "fp32"}, "nothing travels at split 3"),
        ({"schedule": NONE, "split": 1, "codec": None}, "something travels there"),
        ({"schedule": MergeSchedule.explicit([1, 1]), "split": 3, "codec": None}, "2 entries but the model has 3"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused_before_any_image(vit, images, row, said):
    """The sentence comes before the first picture is read."""
    unread = replace(images, entries=lambda: pytest.fail("read an image"))

    with pytest.raises(JanusError, match=said):
        last(vit, unread, [Configuration(**row)])


# Streaming


def rows():
    return configurations(DEPTH, [NONE, MERGED], [0, 2, 3], ["fp32"], ["jpeg20"])


def test_accuracy_is_that_of_the_pictures_one_by_one(vit, images):
    """Hits agree with the model asked about each picture by itself, for the first and the first five guesses."""
    state = last(vit, images, configurations(DEPTH, [NONE]), batch_size=7)[0]
    with torch.inference_mode():
        guesses = [
            (vit.model(PREPROCESS(picture.image))[0].argmax().item(), picture.label) for picture in images.stream()
        ]

    assert state.hits1.tolist() == [guess == label for guess, label in guesses]
    assert state.n == 40
    assert state.top1 == 100 * sum(guess == label for guess, label in guesses) / 40
    assert state.top5 == 100.0  # four classes: among five guesses it is always


def test_every_batch_tells_how_all_rows_stand(vit, images):
    """n grows by the batch, the same for all; hits once told stay; the interval holds the estimate."""
    states = list(evaluate(vit, images, rows(), preprocess=PREPROCESS, batch_size=16))

    assert [[running.n for running in state] for state in states] == [[n] * 6 for n in (16, 32, 40)]
    for before, after in pairwise(states):
        for old, new in zip(before, after, strict=True):
            assert np.array_equal(new.hits1[: old.n], old.hits1)
    for running in states[-1]:
        assert running.ci95[0] <= running.top1 <= running.ci95[1]


def test_rows_are_paired(vit, images):
    """Lossless configurations of one schedule hit exactly the same images."""
    state = last(vit, images, configurations(DEPTH, [MERGED], [1, 3], ["fp32"]), batch_size=16)

    assert np.array_equal(state[0].hits1, state[1].hits1)


def test_batch_size_does_not_change_the_result(vit, images):
    """Only the speed may."""
    one, many = (last(vit, images, rows(), batch_size=size) for size in (1, 40))

    assert [running.hits1.tolist() for running in one] == [running.hits1.tolist() for running in many]


def test_the_interval_is_wilsons(vit, images):
    """Against the formula (Wilson, JASA 22, 1927) at n = 40."""
    state = last(vit, images, configurations(DEPTH, [NONE]))[0]
    p, n, z = state.hits1.mean(), 40, 1.959963984540054
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))

    assert state.ci95 == pytest.approx((100 * (middle - half), 100 * (middle + half)))


def test_a_row_says_what_was_run(vit, images):
    """Tokens after the embedding and after each block, those at the cut, the mean share, and what was clipped."""
    schedule = MergeSchedule(family="constant", level=30)
    row = last(vit, images, configurations(DEPTH, [schedule], [1], ["fp16"]), limit=8)[0].row()

    assert row["tokens"] == [65, 35, 18, 10]
    assert (row["schedule"], row["level"], row["split"], row["codec"], row["n"]) == ("constant", 30.0, 1, "fp16", 8)
    assert row["tokens_at_split"] == 35
    assert row["mean_tokens_kept"] == round((65 + 35 + 18) / (3 * 65), 4)
    assert row["payload_bytes"] > 35 * 48 * 2
    assert len(row["notes"]) == 2


def test_what_does_not_decode_is_told_and_not_counted(vit, folder, tmp_path):
    """The broken image is named once; the others are all there."""
    mixed = fill(tmp_path, "abcd", 2)
    (mixed / "a" / "broken.png").write_bytes(b"nothing")
    skipped = []

    state = last(vit, open_images(mixed, classes=CLASSES), rows(), on_skip=skipped.append)

    assert [(skip.file, skip.reason) for skip in skipped] == [("a/broken.png", "does not decode: not an image")]
    assert {running.n for running in state} == {8}


def test_a_set_of_which_nothing_decodes_is_one_sentence(vit, tmp_path):
    """With the first name and reason."""
    for name in "abcd":
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(b"nothing")

    with pytest.raises(JanusError, match=r"none of 4 images could be used: [abcd]/0\.png does not decode"):
        last(vit, open_images(tmp_path, classes=CLASSES), rows())


def test_cancelling_keeps_the_rows_paired(vit, images):
    """The batch that is under way is dropped for all rows, and nothing comes after it."""
    cancel = threading.Event()
    seen = []
    for state in evaluate(vit, images, rows(), preprocess=PREPROCESS, batch_size=8, cancel=cancel):
        seen.append([running.n for running in state])
        if len(seen) == 2:
            cancel.set()

    assert seen == [[8] * 6, [16] * 6]


def test_labels_must_be_those_of_the_head(vit, folder, tmp_path):
    """Pictures without labels, labels of another head, a model without one: a sentence each."""
    heap = tmp_path / "heap"
    heap.mkdir()
    (heap / "0.png").write_bytes(packed(noise()))
    headless = VisionTransformer(img_size=32, patch_size=4, embed_dim=48, depth=1, num_heads=3, num_classes=0)
    one = configurations(1, [NONE])

    with pytest.raises(JanusError, match="they have no labels"):
        last(vit, open_images(heap, classes=CLASSES), rows())
    with pytest.raises(JanusError, match="they count 1000 classes and the head has 4"):
        last(vit, open_images(fill(tmp_path / "wnids", ["n01440764"], 1), classes=1000), rows())
    with pytest.raises(JanusError, match="no classification head"):
        last(open_vit(headless), open_images(folder, classes=CLASSES), one)


def test_the_consumer_is_left_out_of_inference_mode(vit, images):
    """Between two batches the caller's own torch code works as always."""
    for _ in evaluate(vit, images, configurations(DEPTH, [NONE]), preprocess=PREPROCESS, limit=4):
        assert not torch.is_inference_mode_enabled()
