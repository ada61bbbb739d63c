"""Detectors and video models under several configurations: paired, through the cut, with honest intervals."""

import threading

import numpy as np
import pytest
import torch
from hugging import videomae, yolos
from hypothesis import given
from hypothesis import strategies as st
from pictures import noise, packed
from test_detection_data import yolo_folder
from test_detection_map import boxes_of, coco128, perturbed  # noqa: F401  # coco128 is a fixture
from test_video_clips import NAMES, fill

from janus.clips import ClipPreprocess, compare_clips, evaluate_clips, open_clips
from janus.coco import (
    CocoMap,
    DetectionPreprocess,
    compare_detection,
    evaluate_detection,
    make_truth,
    open_detection,
    truth_as_detections,
)
from janus.coco.categories import IDS
from janus.codec import encode
from janus.configuration import Configuration, configurations, embed_pixels
from janus.errors import JanusError
from janus.picture import encode_picture
from janus.schedule import MergeSchedule
from janus.standing import paired_rows, reference
from janus.vit import open_vit

NONE, MERGED = MergeSchedule(family="none"), MergeSchedule(family="constant", level=3)
SMALL = DetectionPreprocess(shortest_edge=64, longest_edge=96, multiple=8)
DEPTH = 4


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Enough to see what they do."""
    monkeypatch.setattr("janus.coco.compare.RESAMPLES", 20)


@pytest.fixture(scope="module", params=["plain", "with positions behind blocks"])
def detector(request):
    """Small YOLOS of both kinds, sure enough of something to have figures."""
    vit = open_vit(yolos(use_mid_position_embeddings=request.param != "plain"))
    with torch.no_grad():
        vit.model.class_labels_classifier.layers[-1].bias[1] += 3
    return vit


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Twelve images of two sizes with a person on each."""
    root = tmp_path_factory.mktemp("boxes")
    labels = {str(i): f"0 0.5 0.5 0.{2 + i % 5} 0.5" for i in range(1, 13)}
    yolo_folder(root, labels)
    for i in range(1, 13, 3):
        (root / "images" / f"{i}.png").write_bytes(packed(noise(i, 60, 40)))
    return open_detection(root)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Nine clips in three classes."""
    return open_clips(fill(tmp_path_factory.mktemp("clips")), names=NAMES)


@pytest.fixture(scope="module")
def watcher():
    """A small VideoMAE for them."""
    return open_vit(videomae(num_labels=3))


def last_boxes(vit, images, rows, **options):
    return list(compare_detection(vit, images, rows, preprocess=SMALL, **options))[-1]


# Boxes


@pytest.mark.parametrize("schedule", [NONE, MERGED], ids=["unmerged", "merged"])
def test_every_lossless_cut_has_the_figures_of_the_whole(detector, boxes, schedule):
    """At every split, and as `evaluate_detection` has them of the model called whole."""
    rows = configurations(DEPTH, [schedule], range(DEPTH + 1), ["fp32"], ["png"])

    state = last_boxes(detector, boxes, rows, batch_size=5)
    whole = list(evaluate_detection(lambda batch: detector(batch, schedule), boxes, preprocess=SMALL, batch_size=5))[-1]

    expected = {key: value for key, value in whole.row().items() if key not in ("images_per_s", "figures_n")}
    assert expected["detections"] > 0
    for standing in state:
        assert expected.items() <= standing.row().items()
        assert (standing.payload_total_bytes > 0) == (standing.configuration.split < DEPTH)
    assert [row["paired"] and row["paired"]["ci95"] for row in paired_rows(state, 0)] == [None] + [[0.0, 0.0]] * DEPTH


def test_payload_and_tokens_are_those_of_each_image(detector, boxes):
    """Each image has its own size, its own plan and its own bytes; a row has the means."""
    row = Configuration(schedule=MERGED, split=2, codec="int8")
    actual = last_boxes(detector, boxes, [row], batch_size=4)[0].row()

    payloads, tokens = [], []
    for sample in boxes.stream(SMALL.pixels):
        with torch.inference_mode():
            state = embed_pixels(detector, sample.image[None], SMALL)
            plan = detector.plan(MERGED, state.n_tokens)
            payloads.append(len(encode(detector.blocks(state, 0, 2, plan.removed), "int8")))
        tokens.append(plan.tokens)

    assert len(set(tokens)) == 2
    assert actual["payload_bytes"] == round(np.mean(payloads), 1)
    assert actual["tokens"] == np.mean(tokens, axis=0).round(1).tolist()
    assert actual["tokens_at_split"] == actual["tokens"][2]


def test_the_picture_travels_at_split_zero(detector, boxes):
    """As the bytes of its encoding at the input's size."""
    row = Configuration(schedule=NONE, split=0, codec="jpeg50")
    expected = np.mean([len(encode_picture(sample.image, "jpeg50")) for sample in boxes.stream(SMALL.pixels)])

    assert last_boxes(detector, boxes, [row])[0].row()["payload_bytes"] == round(expected, 1)


def test_a_state_stays_what_it_was(detector, boxes, monkeypatch):
    """What is asked of it later, when more images are counted, is still of its own, lagging figures or not."""
    monkeypatch.setattr("janus.coco.evaluate.GROWTH", 3)
    rows = configurations(DEPTH, [NONE, MERGED])
    states = list(compare_detection(detector, boxes, rows, preprocess=SMALL, batch_size=3))

    assert [state[0].standing.figures_n for state in states] == [3, 3, 9, 9]
    for state, n in zip(states, (3, 6, 9, 12), strict=True):
        expected = list(compare_detection(detector, boxes, rows, preprocess=SMALL, batch_size=n, limit=n))[-1]
        actual, wanted = ([row | {"images_per_s": 0} for row in paired_rows(one)] for one in (state, expected))
        assert actual == wanted


def test_cancelled_it_stays_paired(detector, boxes):
    """Nothing comes after it, and all rows have seen the same images."""
    cancel, seen = threading.Event(), []
    rows = configurations(DEPTH, [NONE, MERGED])
    for state in compare_detection(detector, boxes, rows, preprocess=SMALL, batch_size=4, cancel=cancel):
        seen.append([standing.n for standing in state])
        cancel.set()

    assert seen == [[4, 4]]


def test_too_few_tokens_are_told_once(detector, boxes):
    """Of images of many sizes, how many, not which block."""
    row = last_boxes(detector, boxes, configurations(DEPTH, [MergeSchedule(family="constant", level=20)]))[0].row()

    assert row["notes"] == ["12 of 12 images have a block with too few tokens to merge as many as asked"]


def test_what_does_not_fit_is_refused_before_any_image(detector, watcher, boxes):
    """A model without boxes, a head of other things, a configuration that cannot be."""
    with pytest.raises(JanusError, match="does not find boxes"):
        next(compare_detection(watcher, boxes, configurations(DEPTH, [NONE])))
    with pytest.raises(JanusError, match="head of 20 classes"):
        next(compare_detection(open_vit(yolos(num_labels=20)), boxes, configurations(DEPTH, [NONE])))
    with pytest.raises(JanusError, match="something travels there"):
        next(compare_detection(detector, boxes, [Configuration(schedule=NONE, split=1, codec=None)]))


def test_detectors_are_prepared_for_their_own_patches(detector):
    """8 pixels here, 16 in those that are published."""
    assert (DetectionPreprocess.of(detector).multiple, DetectionPreprocess.of(detector).shortest_edge) == (8, 800)


# The interval of AP


@given(st.integers(0, 999))
def test_a_drawn_set_scores_as_if_it_were_collected(seed):
    """AP of a draw is that of a set in which a twice drawn image stands twice, under two ids."""
    rng = np.random.default_rng(seed)
    truths = [make_truth(int(i), boxes_of([seed, i], 3), rng.choice(IDS[:4], 3)) for i in rng.permutation(50)[:6]]
    found = [perturbed(truth, (500, 500), seed) for truth in truths]
    coco = CocoMap()
    coco.update(found, truths)
    picks = rng.integers(0, 5, (3, 5))

    for pick, actual in zip(picks, coco.resampled(5, picks), strict=True):
        collected = CocoMap()
        for new, i in enumerate(sorted(pick, key=lambda i: truths[i].image_id)):
            collected.update([found[i]], [make_truth(new, truths[i].boxes, truths[i].labels, areas=truths[i].areas)])
        assert actual == pytest.approx(collected.result().ap, abs=1e-9)


def test_a_set_drawn_whole_is_the_set(coco128):  # noqa: F811
    """Each image once, in whatever order, on real annotations with ties and missing boxes."""
    truths = [truth for _, truth in coco128][:40]
    coco = CocoMap()
    coco.update([perturbed(truth, size, 0) for size, truth in coco128][:40], truths)

    once = coco.resampled(40, np.arange(40)[None])

    assert once == pytest.approx([coco.result().ap], abs=1e-9)


def test_a_perfect_and_a_blind_detector_have_intervals_without_width(boxes):
    """Whatever is drawn, AP is 100 %, or 0."""
    truths = [sample.truth for sample in boxes.stream()]
    picks = np.random.default_rng(0).integers(0, 12, (20, 12))
    for answer, expected in ((truth_as_detections, 100), (lambda truth: truth_as_detections(make_truth(1, [], [])), 0)):
        coco = CocoMap()
        coco.update([answer(truth) for truth in truths], truths)
        assert coco.resampled(12, picks) == pytest.approx([expected] * 20)


def test_the_interval_is_two_standard_errors_of_the_draws(detector, boxes):
    """Around AP and inside the scale; the paired one uses the same draws, so that common luck cancels."""
    rows = configurations(DEPTH, [NONE, MERGED], [2], ["fp32"])
    one, other = last_boxes(detector, boxes, rows)
    half = 1.959963984540054 * one.resampled.std(ddof=1)

    assert one.ci95 == pytest.approx((max(one.figures.ap - half, 0), min(one.figures.ap + half, 100)))
    paired = other.against(one)
    spread = 1.959963984540054 * (other.resampled - one.resampled).std(ddof=1)
    assert paired["difference"] == pytest.approx(other.figures.ap - one.figures.ap, abs=1e-4)
    assert paired["ci95"] == pytest.approx([paired["difference"] - spread, paired["difference"] + spread], abs=2e-4)


def test_without_objects_or_with_one_image_there_is_no_interval(detector, boxes, tmp_path):
    """None, not a number that means nothing."""
    empty = open_detection(yolo_folder(tmp_path, {"1": "", "2": ""}))
    for images, limit in ((boxes, 1), (empty, None)):
        same, other = paired_rows(last_boxes(detector, images, configurations(DEPTH, [NONE, MERGED]), limit=limit))
        assert same["ci95"] is None and other["paired"]["ci95"] is None


# Clips


@pytest.mark.parametrize("schedule", [NONE, MERGED], ids=["unmerged", "merged"])
def test_every_lossless_cut_hits_the_same_clips(watcher, clips, schedule):
    """At every split, and as `evaluate_clips` has it of the model called whole."""
    rows = configurations(DEPTH, [schedule], range(DEPTH + 1), ["fp32"], ["png"])
    state = list(compare_clips(watcher, clips, rows, batch_size=2))[-1]
    prepare = ClipPreprocess.of(watcher)
    whole = list(evaluate_clips(lambda batch: watcher(batch, schedule), clips, preprocess=prepare, batch_size=2))[-1]

    assert (prepare.frames, prepare.size) == (4, 32)
    for running in state:
        assert running.hits1.tolist() == whole.hits1.tolist()
        assert running.n == 9
    assert [row["clips_per_s"] > 0 for row in paired_rows(state)] == [True] * 5


def test_a_clip_travels_frame_by_frame(watcher, clips):
    """Raw it is all its pixels; as JPEG the sum of its pictures."""
    rows = configurations(DEPTH, [NONE], [0], encodings=["raw", "jpeg85"])
    raw, packed_ = (running.payload_bytes for running in list(compare_clips(watcher, clips, rows))[-1])
    sent = [
        sum(len(encode_picture(frame, "jpeg85")) for frame in clip.frames)
        for clip in clips.stream(ClipPreprocess.of(watcher), pixels=True)
    ]

    assert raw == 4 * 32 * 32 * 3 == watcher.geometry.raw_bytes
    assert packed_ == np.mean(sent)


def test_clips_of_another_head_are_refused(watcher, clips, tmp_path):
    """Other classes, no labels, no clip."""
    row = configurations(DEPTH, [NONE])
    with pytest.raises(JanusError, match="they count 3 classes and the head has 20"):
        next(compare_clips(open_vit(videomae()), clips, row))
    with pytest.raises(JanusError, match="they have no labels"):
        next(compare_clips(watcher, open_clips(fill(tmp_path)), row))


# Rows against one of them


def test_the_reference_is_the_model_itself_where_it_runs():
    """Unmerged and unsplit, however that is written; else the first row."""
    rows = [
        Configuration(schedule=MERGED, split=4, codec=None),
        Configuration(schedule=NONE, split=2, codec="fp32"),
        Configuration(schedule=MergeSchedule.explicit([0, 0, 0, 0]), split=4, codec=None),
        Configuration(schedule=MergeSchedule(level=0.0), split=4, codec=None),
    ]

    assert [reference(rows), reference(rows[:2]), reference(rows[3:])] == [2, 0, 0]


def test_rows_say_what_they_are_compared_with(watcher, clips):
    """The chosen row has no difference; the others name it."""
    state = list(compare_clips(watcher, clips, configurations(DEPTH, [MERGED, NONE])))[-1]

    for against, at in ((None, 1), (0, 0)):
        rows = paired_rows(state, against)
        assert rows[at]["paired"] is None
        paired = rows[1 - at]["paired"]
        assert paired["against"] == state[at].configuration.row()
        assert paired["gained"] - paired["lost"] == round(9 * paired["difference"] / 100)
