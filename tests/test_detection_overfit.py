"""A detector learns pictures by heart, and finds their boxes merged and cut, too; its picture at two levels."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from janus import demo
from janus.bench.overfit import check
from janus.cli import main
from janus.coco import (
    DEMO_IDS,
    DEMO_NAMES,
    DetectionPreprocess,
    box_shift,
    compare_detection,
    compare_levels,
    evaluate_detection,
    follow_picture,
    make_truth,
    open_demo_boxes,
    open_detection,
)
from janus.configuration import configurations
from janus.errors import JanusError
from janus.reproduce import byte_table, stored_overfit
from janus.reproduce.figures import detection_figure
from janus.schedule import MergeSchedule
from janus.training.overfit import OverfitSettings, _mirrored_target, handful, overfit, small_yolos
from janus.vit import open_vit

SMALL = DetectionPreprocess(shortest_edge=112, longest_edge=200)
CONSTANT = [MergeSchedule(family="constant", level=r) for r in (0, 4)]


@pytest.fixture(autouse=True)
def one_thread():
    """Small matrices are slower on two threads than on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def scores(vit, images, ids=None):
    """mAP by level, split and codec."""
    rows = configurations(vit.depth, CONSTANT, range(vit.depth + 1), ["fp32", "int8"])
    *_, last = compare_detection(vit, images, rows, preprocess=SMALL, ids=ids)
    return {(c.configuration.schedule.level, c.configuration.split, c.configuration.codec): c.figures.ap for c in last}


@pytest.mark.parametrize("mirror", [False, True])
def test_demo_pictures_learned_by_heart_are_found_merged_and_cut(mirror):
    """mAP above 0.9 unmerged and at r = 4, unsplit and at every split; lossless splits change nothing. A blank picture
    in their place has nothing on it.
    """
    images = handful(open_demo_boxes(), 3, most=3)
    model = small_yolos(len(DEMO_IDS), depth=3, width=64, detection_tokens=6)
    overfit(model, images, OverfitSettings(steps=220, rate=2e-3, mirror=mirror), preprocess=SMALL, ids=DEMO_IDS)
    vit = open_vit(model)

    found = scores(vit, images, DEMO_IDS)

    assert len(found) == 2 * (1 + 2 * 2 + 1)
    assert min(found.values()) > 90
    assert all(ap == found[level, 3, None] for (level, _, codec), ap in found.items() if codec != "int8")
    *_, blank = evaluate_detection(lambda b: vit(torch.zeros_like(b)), images, preprocess=SMALL, ids=DEMO_IDS)
    assert blank.figures.ap < 50
    shifts = [box_shift(vit, images, schedule, SMALL) for schedule in CONSTANT]
    assert shifts[0] == 0 < shifts[1] < 5


def test_real_pictures_learned_by_heart_are_found_merged_and_cut(shared):
    """The same on photographs of COCO, which keep their proportions; and the whole path runs on all 128."""
    everything = open_detection(shared / "coco" / "coco128_val")
    images = handful(everything, 4, most=3)
    model = small_yolos(depth=3, width=64, detection_tokens=6)
    overfit(model, images, OverfitSettings(steps=300, rate=2e-3, mirror=False), preprocess=SMALL)
    vit = open_vit(model)

    found = scores(vit, images)

    assert min(found.values()) > 90
    assert all(ap == found[level, 3, None] for (level, _, codec), ap in found.items() if codec != "int8")
    rows = configurations(3, CONSTANT[1:], [1, 3], ["int8"])
    *_, last = compare_detection(vit, everything, rows, preprocess=SMALL)
    assert [(c.n, c.standing.objects) for c in last] == [(128, 898)] * 2
    assert all(0 < c.figures.ap < 90 for c in last)


def test_the_same_seed_gives_the_same_weights():
    """And another one others; nothing depends on torch's own generator."""
    images = handful(open_demo_boxes(), 2, most=2)
    weights = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(weights))
        model = small_yolos(len(DEMO_IDS), depth=1, width=32, seed=seed)
        told: list[tuple[int, float]] = []
        settings = OverfitSettings(steps=3, seed=seed)
        last = overfit(
            model, images, settings, preprocess=SMALL, ids=DEMO_IDS, tell=lambda *step, told=told: told.append(step)
        )
        assert [step for step, _ in told] == [1, 2, 3] and told[-1][1] == last
        weights.append(torch.cat([p.flatten() for p in model.parameters()]))

    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_mirroring_moves_the_boxes_along():
    """A box at the left comes to the right with its size; twice is not at all; no flip leaves it."""
    target = {"class_labels": torch.tensor([3]), "boxes": torch.tensor([[0.2, 0.3, 0.1, 0.4]])}

    once = _mirrored_target(target, True)

    torch.testing.assert_close(once["boxes"], torch.tensor([[0.8, 0.3, 0.1, 0.4]]))
    torch.testing.assert_close(_mirrored_target(once, True), target)
    assert _mirrored_target(target, False) is target


def test_the_handful_is_the_first_that_fits():
    """In the set's order, with few enough objects; as many as asked or one sentence."""
    whole = open_demo_boxes()
    fitting = [item.name for item in whole.stream(limit=40) if 1 <= len(item.truth) <= 3]
    chosen = handful(whole, 4, most=3)

    assert [item.name for item in chosen.stream()] == fitting[:4]
    assert chosen.total == 4
    with pytest.raises(JanusError, match="only 4 have 1 to 3 objects where 5 are asked for"):
        handful(chosen, 5, most=3)


@pytest.mark.parametrize(
    ("model", "ids", "rate", "words"),
    [
        ({"detection_tokens": 1}, DEMO_IDS, 1e-3, "more than the model's 1 detection tokens"),
        ({}, DEMO_IDS + 100, 1e-3, "is no class of this head"),
        ({}, DEMO_IDS, 1e30, "is not finite; take a smaller rate"),
    ],
)
def test_what_cannot_be_learned_is_one_sentence(model, ids, rate, words):
    """The sentence names the image or the step, and the remedy."""
    images = handful(open_demo_boxes(), 2, most=6)
    small = small_yolos(len(DEMO_IDS), depth=1, width=32, **model)

    with pytest.raises(JanusError, match=words):
        overfit(small, images, OverfitSettings(steps=40, rate=rate, warmup=1), preprocess=SMALL, ids=ids)


def test_demo_boxes_are_those_of_the_demo_set():
    """What `janus.demo.coco` lists, in the order of the demo pictures."""
    listed = demo.coco("test", 30)
    seen = 0
    for item in open_demo_boxes("test").stream(limit=400):
        if item.truth.image_id < 30:
            own = [a for a in listed["annotations"] if a["image_id"] == item.truth.image_id]
            assert item.truth.labels.tolist() == [a["category_id"] for a in own]
            corners = [(x, y, x + w, y + h) for x, y, w, h in (a["bbox"] for a in own)]
            assert item.truth.boxes.tolist() == [list(map(float, box)) for box in corners]
            seen += 1

    assert seen > 0
    assert [DEMO_NAMES[i] for i in DEMO_IDS] == [category["name"] for category in listed["categories"]]
    with pytest.raises(JanusError, match="there is no such split"):
        open_demo_boxes("dev")


@pytest.mark.parametrize("size", [(200, 100), (90, 150), (64, 64)])
def test_a_picture_at_two_levels(size):
    """At its own proportions: the unmerged panel shows the pixels, the merged one fewer tokens and outlines."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    vit = open_vit(small_yolos(depth=2, width=32))
    prep = DetectionPreprocess(shortest_edge=64, longest_edge=128)
    width, height = prep.size(*size)
    truth = make_truth(1, [[size[0] * 0.25, size[1] * 0.25, size[0] * 0.75, size[1] * 0.75]], [1])
    schedules = [MergeSchedule(family="none"), MergeSchedule(family="constant", level=3)]

    sheet = compare_levels(vit, image, truth, schedules, prep, threshold=1.1)

    plain, merged = (follow_picture(vit, prep.pixels(image), schedule, prep) for schedule in schedules)
    patches = width * height // 256
    assert (plain[2], len(np.unique(plain[1]))) == (11 + patches, patches)
    assert merged[2] == plain[2] - 6 == 11 + len(np.unique(merged[1]))
    panel = sheet[36 : 36 + 2 * height, 10 : 10 + 2 * width]
    large = prep.pixels(image).repeat(2, 0).repeat(2, 1)
    inner = (slice(height // 2 + 6, 3 * height // 2 - 24), slice(width // 2 + 6, 3 * width // 2 - 6))
    assert (panel[inner] == large[inner]).all() and inner[0].start < inner[0].stop
    assert (panel[: height // 2 - 6] == large[: height // 2 - 6]).all()
    assert not (panel == large).all()


def test_a_detector_that_is_sure_of_nothing_has_no_shift():
    """There is no box that could move."""
    vit = open_vit(small_yolos(len(DEMO_IDS), depth=1, width=32))

    with pytest.raises(JanusError, match="sure of no box"):
        box_shift(vit, handful(open_demo_boxes(), 1, most=9), CONSTANT[1], SMALL, threshold=1.1)


@pytest.fixture
def folder(tmp_path):
    """Three demo pictures with YOLO labels, as COCO's first classes."""
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for i in range(3):
        shown = demo.sample("val", i)
        Image.fromarray(shown.pixels).save(tmp_path / "images" / f"{i}.png")
        lines = [
            f"{label} {(x + w / 2) / 224:.6f} {(y + h / 2) / 224:.6f} {w / 224:.6f} {h / 224:.6f}"
            for (x, y, w, h), label in zip(shown.boxes, shown.labels, strict=True)
        ]
        (tmp_path / "labels" / f"{i}.txt").write_text("\n".join(lines))
    return tmp_path


def test_the_bench_says_what_it_found(folder, capsys):
    """Every level, split and codec of the handful, the control, and all images; untrained it fails, in one sentence."""
    out = folder / "out.json"
    command = ["bench", "overfit", "--images", str(folder), "--pictures", "2", "--most", "9", "--edge", "64"]
    command += ["--steps", "2", "--r", "0,2", "--threads", "1", "--out", str(out)]
    main([*command, "--least", "0", "--json"])
    text = capsys.readouterr()
    document = json.loads(text.out)

    kinds = [row["images"] for row in document["results"]]
    assert kinds.count("handful") == 2 * (2 + 3 * 2 + 1) and kinds.count("blank") == 1 and kinds.count("all") == 3
    assert {row["n"] for row in document["results"] if row["images"] == "all"} == {3}
    assert len(document["provenance"]["chosen"]) == 2
    assert "r=2, 27 to 19 tokens" in text.err and "the same at 4 of 4 lossless splits" in text.err
    assert json.loads(out.read_text()) == document
    with pytest.raises(SystemExit):
        main(command)
    assert "train for more --steps" in capsys.readouterr().err


def test_a_split_that_differs_is_an_error():
    """A lossless split must have the unsplit figure; a lossy one may differ; strong merging may cost."""
    rows = [
        {"images": "handful", "level": level, "split": split, "codec": codec, "ap": ap}
        for level, split, codec, ap in [
            (0, 2, None, 99.0), (0, 1, "fp32", 99.0), (0, 1, "int8", 98.0),
            (40, 2, None, 30.0), (40, 1, "fp32", 30.0), (40, 1, "int8", 31.0),
        ]
    ]  # fmt: skip
    check(rows, 2, 90)

    with pytest.raises(JanusError, match=r"r=40, split 1, fp32: mAP 29.00 %, and unsplit 30.00 %"):
        check([*rows, rows[4] | {"ap": 29.0}], 2, 90)
    with pytest.raises(JanusError, match=r"r=0, split 1, int8: mAP 89.0 % is under 90 %"):
        check([*rows, rows[2] | {"ap": 89.0}], 2, 90)


def test_the_stored_trial_says_what_must_show():
    """Six photographs at mAP above 90 % up to r = 4 at every split, blank ones far below, and all 128 images."""
    table = stored_overfit()
    mild = table[table["r"] <= 4]

    assert set(mild["split"]) == {0, 1, 2, 3, 4} and set(table["pictures"]) == {6}
    assert mild["map_percent"].min() > 90 > 50 > table.attrs["blank"]
    assert (table.attrs["all_n"], table.attrs["all_objects"]) == (128, 898)
    assert "janus bench overfit" in table.attrs["about"]
    shown = byte_table(table)
    assert (shown["codec"] == "jpeg85").sum() == 1 and set(shown["codec"]) == {"int8", "jpeg85"}
    figure = detection_figure(shown, title="t")
    assert [trace.name for trace in figure.data][:2] == ["int8, unmerged", "int8, r = 4"] and len(figure.data) == 5
