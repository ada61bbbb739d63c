"""COCO's mAP: right on what can be counted by hand, and equal to pycocotools on real annotations."""

import threading
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import noise
from PIL import Image
from test_detection_data import HEIGHT, WIDTH, yolo_folder

from janus.coco import (
    CocoMap,
    DetectionPreprocess,
    Detections,
    decode_boxes,
    encode_truth,
    evaluate_detection,
    make_truth,
    open_detection,
    truth_as_detections,
)
from janus.coco.average_precision import FIGURES
from janus.coco.boxes import to_pixels, to_shares
from janus.coco.categories import IDS, head_ids
from janus.data import Skipped
from janus.errors import JanusError
from janus.schedule import MergeSchedule
from janus.vit import open_vit

SMALL = DetectionPreprocess(shortest_edge=64, longest_edge=96)

# Boxes


def boxes_of(seed, n):
    rng = np.random.default_rng(seed)
    low, high = np.sort(rng.random((2, n, 2)), axis=0)
    return np.concatenate([low, high + 0.001], axis=1) * 500


@given(st.integers(0, 99), st.integers(0, 20), st.integers(1, 5000), st.integers(1, 5000))
def test_pixels_and_shares_lead_to_each_other(seed, n, width, height):
    """There and back, whatever the size of the image."""
    boxes = boxes_of(seed, n)

    assert np.allclose(to_pixels(to_shares(boxes, width, height), width, height), boxes)


@given(st.integers(0, 99), st.integers(0, 20), st.sampled_from([80, 91]))
def test_what_is_encoded_is_decoded(seed, n, classes):
    """Boxes and labels come back through both kinds of head, in the order of the scores."""
    rng = np.random.default_rng(seed)
    known = head_ids(classes)
    given_ones = Detections(
        boxes=boxes_of(seed, n), scores=np.sort(rng.random(n))[::-1], labels=rng.choice(known[known > 0], n)
    )

    found = decode_boxes(*encode_truth(given_ones, (640, 480), classes=classes), (640, 480))

    assert sorted(map(tuple, found.boxes.round(6))) == sorted(map(tuple, given_ones.boxes.round(6)))
    assert sorted(found.labels) == sorted(given_ones.labels)
    assert np.all(np.diff(found.scores) <= 0) and np.all((found.scores > 0) & (found.scores <= 1))


def test_decoding_by_hand():
    """Softmax over classes and "no object"; the best class other than that; unused ids are left out."""
    logits = torch.full((3, 92), -20.0)
    logits[0, 1], logits[0, 91] = 0.0, 0.0  # a person or nothing: one half
    logits[1, 12] = 5.0  # no category of COCO
    logits[2, 44], logits[2, 91] = np.log(3.0), 0.0  # a bottle: three quarters
    boxes = torch.tensor([[0.5, 0.5, 1.0, 1.0], [0.1, 0.1, 0.1, 0.1], [0.25, 0.5, 0.5, 0.2]])

    found = decode_boxes(logits, boxes, (200, 100))

    assert found.labels.tolist() == [44, 1]
    assert np.allclose(found.scores, [0.75, 0.5], atol=1e-6)
    assert np.allclose(found.boxes, [[0, 40, 100, 60], [0, 0, 200, 100]], atol=1e-4)
    assert len(decode_boxes(logits, boxes, (200, 100), threshold=0.6)) == 1


@pytest.mark.parametrize(
    ("logits", "boxes", "said"),
    [
        (torch.zeros(3, 92), torch.zeros(2, 4), "don't belong together"),
        (torch.zeros(3, 50), torch.zeros(3, 4), "head of 49 classes"),
        (torch.full((3, 92), torch.nan), torch.zeros(3, 4), "not finite"),
        (torch.zeros(3, 92), torch.full((3, 4), torch.inf), "not finite"),
    ],
)
def test_answers_that_cannot_be_read_are_refused(logits, boxes, said):
    """Shapes, other heads, and numbers that are none."""
    with pytest.raises(JanusError, match=said):
        decode_boxes(logits, boxes, (10, 10))


@pytest.fixture(scope="module")
def yolos():
    """A small random YOLOS of transformers, with its 91 classes."""
    from transformers import YolosConfig, YolosForObjectDetection

    torch.manual_seed(0)
    small = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96}
    config = YolosConfig(**small, image_size=[64, 96], num_detection_tokens=12, num_labels=91)
    return YolosForObjectDetection(config).eval()


def test_boxes_are_those_of_transformers(yolos):
    """Scores, labels and pixels as YOLOS's own processor decodes them, but for classes that COCO never uses."""
    transformers = pytest.importorskip("transformers")
    with torch.inference_mode():
        answer = yolos(torch.randn(2, 3, 64, 96))
    answer.logits = answer.logits.clone() * 20  # else the small random head says one class of everything
    sizes = [(640, 480), (333, 500)]

    expected = transformers.YolosImageProcessor().post_process_object_detection(
        answer, threshold=0.0, target_sizes=[(height, width) for width, height in sizes]
    )

    for row, size in enumerate(sizes):
        got = decode_boxes(answer.logits[row], answer.pred_boxes[row], size)
        theirs = {name: values.numpy() for name, values in expected[row].items()}
        order = np.argsort(-theirs["scores"], kind="stable")
        order = order[np.isin(theirs["labels"][order], IDS)]
        assert len(order) == len(got) > 0
        assert np.allclose(got.scores, theirs["scores"][order], atol=1e-5)
        assert np.array_equal(got.labels, theirs["labels"][order])
        assert np.allclose(got.boxes, theirs["boxes"][order], atol=1e-2)


def test_a_yolos_of_transformers_goes_the_whole_path(yolos, shared):
    """Real images, a real (if random) architecture, images of several sizes in one batch: figures and a rate."""
    images = open_detection(shared / "coco" / "coco128_val")

    def predict(batch):
        answer = yolos(batch)
        return answer.logits, answer.pred_boxes

    last = list(evaluate_detection(predict, images, preprocess=SMALL, batch_size=8, limit=16))[-1]

    assert (last.n, last.figures_n) == (16, 16)
    assert 0 <= last.figures.ap < 5 and last.detections <= 16 * 12


def test_an_opened_yolos_scores_the_same_wherever_it_is_cut(yolos, shared):
    """Under one schedule, every answer of the two halves is the whole one's, and so are COCO's figures."""
    vit, schedule = open_vit(yolos), MergeSchedule(family="constant", level=4)

    def halves(batch):
        state = vit.embed(batch)
        removed = vit.plan(schedule, state.n_tokens).removed
        return vit.head(vit.blocks(vit.blocks(state, 0, 1, removed), 1, vit.depth, removed))

    images = open_detection(shared / "coco" / "coco128_val")
    whole, cut = (
        list(evaluate_detection(predict, images, preprocess=SMALL, batch_size=8, limit=16))[-1]
        for predict in (lambda batch: vit(batch, schedule), halves)
    )

    assert cut.figures == whole.figures
    assert cut.detections == whole.detections > 0


# Figures


def one(image_id=1, box=(10, 10, 60, 60), label=1, **more):
    return make_truth(image_id, [box], [label], **more)


def found(boxes, scores, labels):
    return Detections(boxes=np.reshape(np.array(boxes, float), (-1, 4)), scores=np.array(scores, float),
                      labels=np.array(labels, int))  # fmt: skip


def figures(detections, truths):
    coco = CocoMap()
    coco.update(detections, truths)
    return coco.result()


def test_figures_by_hand():
    """One object of 50 x 50: a hit at IoU .7 counts at .50 to .70, a false one above it halves the precision."""
    hit = (10, 10, 45, 60)  # 35 x 50 of it: IoU .7

    alone = figures([found([hit], [0.9], [1])], [one()])
    behind = figures([found([(200, 200, 250, 250), hit], [0.95, 0.9], [1, 1])], [one()])

    assert (alone.ap50, alone.ap75, alone.ar1) == pytest.approx((100, 0, 50))
    assert (alone.ap, behind.ap, behind.ap50) == pytest.approx((50, 25, 50))
    assert alone.ap_medium == pytest.approx(50) and np.isnan(alone.ap_small) and np.isnan(alone.ap_large)


def test_nothing_found_and_nothing_there():
    """An object that is missed is 0; without any object there is no figure."""
    nothing = found([], [], [])

    assert figures([nothing], [one()]).ap == 0
    empty = figures([found([(1, 1, 5, 5)], [0.5], [1])], [make_truth(1, [], [])])
    assert np.isnan(empty.ap) and empty.row()["ap"] is None
    assert np.isnan(CocoMap().result().ap)


def test_a_wrong_label_is_a_miss_and_a_crowd_is_neither():
    """The class counts; what lies in a crowd is not held against the detector."""
    box = (10, 10, 60, 60)
    assert figures([found([box], [0.9], [2])], [one()]).ap == 0
    crowd = make_truth(1, [box, (100, 100, 300, 300)], [1, 1], crowd=[False, True])
    perfect = figures([found([(120, 120, 140, 140), box], [0.99, 0.9], [1, 1])], [crowd])
    assert perfect.ap == pytest.approx(100)


@given(st.integers(0, 999))
def test_truth_handed_in_as_predictions_is_perfect(seed):
    """AP is 100 % in every size that occurs; with at most 100 objects of a kind, so is AR."""
    rng = np.random.default_rng(seed)
    truths = [make_truth(i, boxes_of([seed, i], 6), rng.choice(IDS[:9], 6)) for i in range(3)]

    got = asdict(figures([truth_as_detections(truth) for truth in truths], truths))

    for name in ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar100"):
        assert np.isnan(got[name]) or got[name] == pytest.approx(100), name
    assert got["ap"] == pytest.approx(100)


def test_updates_that_make_no_sense_are_refused_whole():
    """A second time, unequal lists, a NaN: nothing of the batch is counted."""
    coco = CocoMap()
    coco.update([truth_as_detections(one(1))], [one(1)])
    for detections, truths, said in (
        ([truth_as_detections(one(2)), truth_as_detections(one(1))], [one(2), one(1)], "image 1 comes a second time"),
        ([truth_as_detections(one(2))] * 2, [one(2)] * 2, "image 2 comes a second time"),
        ([], [one(2)], "0 images with detections and 1 with truths"),
        ([found([(0, 0, 1, 1)], [np.nan], [1])], [one(2)], "not finite"),
    ):
        with pytest.raises(JanusError, match=said):
            coco.update(detections, truths)
    assert len(coco) == 1


@pytest.fixture(scope="module")
def coco128(shared):
    """The truths of the 128 real images, with sizes."""
    stream = open_detection(shared / "coco" / "coco128_val").stream(lambda image: None)
    return [(item.size, item.truth) for item in stream]


def perturbed(truth, size, seed):
    """Boxes shifted and stretched, some with wrong labels, some missing, some made up."""
    rng = np.random.default_rng([seed, truth.image_id])
    keep = rng.random(len(truth)) > 0.15
    sides = np.tile(truth.boxes[:, 2:] - truth.boxes[:, :2], 2)
    moved = (truth.boxes + rng.normal(0, 0.08, truth.boxes.shape) * sides)[keep]
    labels = np.where(rng.random(len(truth)) < 0.1, rng.choice(IDS, len(truth)), truth.labels)[keep]
    extra = rng.random((5, 4)) * np.tile(size, 2)
    boxes = np.concatenate([moved, extra])
    boxes = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
    # Few levels, so that many scores tie.
    return Detections(
        boxes=boxes,
        scores=rng.integers(1, 20, len(boxes)) / 20,
        labels=np.concatenate([labels, rng.choice(truth.labels if len(truth) else IDS, 5)]),
    )


def reference(detections, truths):
    """The twelve figures of pycocotools, in percent."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(items, **more):
        for item in items:
            for i, (left, top, right, bottom) in enumerate(item.boxes.tolist()):
                yield item, i, [left, top, right - left, bottom - top]

    gt, dt = COCO(), None
    gt.dataset = {
        "images": [{"id": truth.image_id} for truth in truths],
        "categories": [{"id": i, "name": str(i)} for i in IDS],
        "annotations": [
            {"id": n, "image_id": truth.image_id, "category_id": int(truth.labels[i]), "bbox": bbox,
             "area": float(truth.areas[i]), "iscrowd": int(truth.crowd[i])}
            for n, (truth, i, bbox) in enumerate(rows(truths), 1)
        ],
    }  # fmt: skip
    gt.createIndex()
    image_of = {id(item): truth.image_id for item, truth in zip(detections, truths, strict=True)}
    dt = gt.loadRes([
        {"image_id": image_of[id(item)], "category_id": int(item.labels[i]), "bbox": bbox,
         "score": float(item.scores[i])}
        for item, i, bbox in rows(detections)
    ])  # fmt: skip
    run = COCOeval(gt, dt, "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    return [np.nan if value < 0 else 100 * value for value in run.stats]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("crowds", [False, True])
def test_the_figures_of_pycocotools_are_met(coco128, seed, crowds):
    """On real annotations with perturbed boxes, ties and crowds among them, all twelve to 1e-6, in any order."""
    truths = [truth for _, truth in coco128]
    detections = [perturbed(truth, size, seed) for size, truth in coco128]
    if crowds:
        rng = np.random.default_rng(seed)
        truths = [
            make_truth(t.image_id, t.boxes, t.labels, crowd=rng.random(len(t)) < 0.2, areas=t.areas * 0.6)
            for t in truths
        ]
    coco = CocoMap()
    for i in range(len(truths)):
        coco.update([detections[i]], [truths[i]])

    got = coco.result()

    assert 20 < got.ap < 90
    assert [getattr(got, name) for name in FIGURES] == pytest.approx(reference(detections, truths), abs=1e-6)


# The input


@given(st.integers(30, 3000), st.integers(30, 3000), st.sampled_from([(800, 1333), (512, 864), (224, 224)]))
def test_sizes_keep_within_bounds(width, height, edges):
    """Multiples of the patch, the longest edge bounded, proportions kept to a patch."""
    prepare = DetectionPreprocess(shortest_edge=edges[0], longest_edge=edges[1])
    try:
        wide, high = prepare.size(width, height)
    except JanusError:
        assert max(width, height) / min(width, height) * 15 > edges[1] / 2
        return
    assert wide % 16 == high % 16 == 0 and max(wide, high) <= edges[1] and min(wide, high) <= edges[0]
    scale = min(edges[0] / min(width, height), edges[1] / max(width, height))
    assert abs(wide - width * scale) <= 17 and abs(high - height * scale) <= 17


@pytest.mark.parametrize("size", [(640, 480), (427, 640), (500, 500), (333, 1000), (1333, 200), (200, 199)])
def test_the_input_is_that_of_yolos(size):
    """Size and values are those of the image processor that YOLOS was published with."""
    transformers = pytest.importorskip("transformers")
    image = noise(0, size[1], size[0])

    expected = transformers.YolosImageProcessor()(image, return_tensors="pt")["pixel_values"][0]

    # Two resizers may round a pixel to one of two neighbouring greys.
    apart = (DetectionPreprocess()(image) - expected).abs()
    assert apart.max() < 1.01 / 255 / min(DetectionPreprocess().std) and apart.mean() < 1e-3


def test_settings_that_do_not_go_are_refused():
    """And so is a picture that is nearly a line."""
    with pytest.raises(JanusError, match="shortest_edge <= longest_edge"):
        DetectionPreprocess(shortest_edge=900, longest_edge=800)
    with pytest.raises(JanusError, match="too elongated"):
        DetectionPreprocess()(Image.new("RGB", (2000, 3)))


# From end to end


def oracle(detection_set, preprocess=SMALL):
    """A detector that knows the truth of each prepared image, and never sees a batch of unequal ones."""
    answers = {}
    for sample in detection_set.stream(preprocess):
        key = sample.image.numpy().tobytes()
        answers[key] = encode_truth(truth_as_detections(sample.truth), sample.size)

    def predict(batch):
        pairs = [answers[image.numpy().tobytes()] for image in batch]
        most = max(len(logits) for logits, _ in pairs)
        logits, boxes = torch.zeros(len(pairs), most, 92).double(), torch.zeros(len(pairs), most, 4).double()
        logits[..., -1] = 1e3  # no object
        for row, (own, where) in enumerate(pairs):
            logits[row, : len(own)], boxes[row, : len(own)] = own, where
        return logits, boxes

    return predict


def test_the_whole_path_on_the_real_images(shared):
    """128 images, read, decoded, prepared, through a detector that knows the truth and its decoding: all figures 100.

    A box of no object has the score 0 and comes last, where it can do no harm to the precision before it.
    """
    images = open_detection(shared / "coco" / "coco128_val")

    reports = list(evaluate_detection(oracle(images), images, preprocess=SMALL, batch_size=16))

    assert [report.n for report in reports] == list(range(16, 129, 16))
    assert [report.figures_n for report in reports] == [report.n for report in reports]
    last = reports[-1]
    assert last.objects == 898
    for report in reports:
        got = (report.figures.ap, report.figures.ap50, report.figures.ap75)
        assert got == pytest.approx((100, 100, 100), abs=1e-6)
    assert last.row()["ap"] == 100 and last.images_per_s > 0


def guess(batch):
    """Random boxes, the same for the same image."""
    generator = torch.Generator().manual_seed(int(batch.sum().abs() * 1e3) % 1000)
    return torch.randn(len(batch), 10, 92, generator=generator), torch.rand(len(batch), 10, 4, generator=generator)


@pytest.fixture
def twelve(tmp_path):
    return open_detection(yolo_folder(tmp_path, {str(i): "0 0.5 0.5 0.4 0.4" for i in range(1, 13)}))


def test_batches_do_not_change_the_figures(twelve):
    """Nor does their size; a random detector is bad."""
    predict = oracle(twelve)
    last = [list(evaluate_detection(predict, twelve, preprocess=SMALL, batch_size=b))[-1].row() for b in (1, 5, 12)]
    for row in last:
        row.pop("images_per_s")

    assert last[0] == last[1] == last[2]
    assert last[0]["n"] == 12
    random = list(evaluate_detection(guess, twelve, preprocess=SMALL))[-1]
    assert random.figures.ap < 50 and random.detections <= 120


def test_figures_may_lag_when_there_are_many_images_but_not_at_the_end(twelve, monkeypatch):
    """With a tall step they come rarely; the last report has them of all."""
    monkeypatch.setattr("janus.coco.evaluate.GROWTH", 4)

    reports = list(evaluate_detection(oracle(twelve), twelve, preprocess=SMALL, batch_size=1))

    assert [report.figures_n for report in reports] == [1, 1, 1, 4, 4, 4, 4, 4, 4, 4, 4, 4, 12]
    assert reports[-1].n == 12


def test_it_can_be_cancelled_and_says_what_it_skipped(twelve, tmp_path):
    """Cancelled between two batches, it ends without a report more; a bad label is told."""
    (tmp_path / "labels" / "3.txt").write_text("0 nan 0 0 0")
    cancel, skipped = threading.Event(), []
    reports = []
    for report in evaluate_detection(
        guess, twelve, preprocess=SMALL, batch_size=4, cancel=cancel, on_skip=skipped.append
    ):
        reports.append(report.n)
        if len(reports) == 2:
            cancel.set()

    assert reports == [4, 8]
    assert list(evaluate_detection(guess, twelve, preprocess=SMALL, on_skip=skipped.append))[-1].n == 11
    assert Skipped("3.png", "line 1 of its labels has a number that is not finite") in skipped


def test_a_run_with_no_usable_image_or_a_wrong_answer_is_refused(twelve, tmp_path):
    """With the first reason; an answer must be one for each image."""
    with pytest.raises(JanusError, match="1 and 1 answers came for 8 images"):
        list(evaluate_detection(lambda batch: guess(batch[:1]), twelve, preprocess=SMALL))
    for path in (tmp_path / "labels").iterdir():
        path.write_text("80 0.5 0.5 0.1 0.1")
    with pytest.raises(JanusError, match=r"none of 12 images could be used: \d+\.png line 1 .* class 80 is unknown"):
        list(evaluate_detection(guess, twelve, preprocess=SMALL))
    assert (WIDTH, HEIGHT) == (50, 40)
