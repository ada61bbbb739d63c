"""Images with boxes: from YOLO labels, COCO's JSON and tables, with what is wrong named instead of counted."""

import json

import datasets
import numpy as np
import pytest
from fake_hub import COMMIT, FakeHub
from hypothesis import given
from hypothesis import strategies as st
from pictures import noise, packed
from test_hub import python

from janus.coco import open_detection
from janus.coco.categories import ID_OF, IDS, NAME_OF, NAMES, UNUSED, head_ids, to_id
from janus.coco.instances import to_instances
from janus.coco.yolo import parse_yolo
from janus.data import Skipped
from janus.errors import JanusError

WIDTH, HEIGHT = 50, 40


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """What `datasets` converts goes where the test's files go."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))


def split_up(detection_set):
    """Samples by name, and the reasons of what was skipped by name."""
    items = list(detection_set.stream())
    skipped = {item.file: item.reason for item in items if isinstance(item, Skipped)}
    return {item.name: item for item in items if not isinstance(item, Skipped)}, skipped


# Categories


def test_the_categories_count_as_coco_does():
    """80 names, ids up to 90 with ten gaps; a few known pairs (COCO's annotations of 2017)."""
    assert (len(NAMES), len(IDS), len(set(NAMES))) == (80, 80, 80)
    assert {1: "person", 13: "stop sign", 44: "bottle", 62: "chair", 72: "tv", 90: "toothbrush"}.items() <= (
        NAME_OF.items()
    )
    assert not UNUSED & set(IDS)


@given(st.integers(0, 79))
def test_places_and_ids_lead_to_each_other(index):
    """The place among the 80, the id and the name are one category, and so is the class of both kinds of head."""
    coco_id = to_id(index)

    assert ID_OF[NAMES[index]] == coco_id
    assert IDS.index(coco_id) == index
    assert head_ids(91)[coco_id] == coco_id == head_ids(80)[index]


def test_yolos_own_names_agree():
    """The 91 classes of the published YOLOS are COCO's ids: its unused ones are none."""
    assert [i for i, label in enumerate(head_ids(91)) if label == 0] == [0, *sorted(UNUSED)]
    with pytest.raises(JanusError, match="head of 1000 classes"):
        head_ids(1000)


# YOLO's text


def yolo_folder(root, labels, images=None):
    """A folder with an image for each of ``images`` (those of ``labels``) and the given label files."""
    (root / "images").mkdir()
    (root / "labels").mkdir()
    for i, name in enumerate(labels if images is None else images):
        (root / "images" / f"{name}.png").write_bytes(packed(noise(i, HEIGHT, WIDTH)))
    for name, text in labels.items():
        if text is not None:
            (root / "labels" / f"{name}.txt").write_text(text)
    return root


def test_yolo_labels_become_boxes_in_pixels(tmp_path):
    """Centre and size as shares become corners in pixels, the class COCO's id; no file and no line mean no object."""
    root = yolo_folder(tmp_path, {"7": "11 0.5 0.5 0.2 0.5\n\n0 0.1 0.2 0.2 0.4", "8": "", "9": None})

    samples, skipped = split_up(open_detection(root))

    assert skipped == {}
    truth = samples["7.png"].truth
    assert (truth.image_id, truth.labels.tolist(), truth.crowd.tolist()) == (7, [13, 1], [False, False])
    assert np.allclose(truth.boxes, [[20, 10, 30, 30], [0, 0, 10, 16]])
    assert np.allclose(truth.areas, [200, 160])
    assert (len(samples["8.png"].truth), len(samples["9.png"].truth)) == (0, 0)
    assert samples["7.png"].size == (WIDTH, HEIGHT)


BAD = {
    "4 fields": ("0 0.5 0.5 0.2", "line 1 of its labels has 4 fields where 5 are due"),
    "a score": ("0 0.5 0.5 0.2 0.2 0.9", "has 6 fields"),
    "no number": ("0 0.5 0.5 wide 0.2", "is not a class and four numbers"),
    "a class that is no integer": ("0.5 0.5 0.5 0.2 0.2", "is not a class and four numbers"),
    "NaN": ("0 nan 0.5 0.2 0.2", "a number that is not finite"),
    "infinity": ("0 0.5 0.5 inf 0.2", "a number that is not finite"),
    "pixels": ("0 320 240 100 50", "a number outside 0…1"),
    "a negative": ("0 -0.1 0.5 0.2 0.2", "a number outside 0…1"),
    "beyond the edge": ("0 0.9 0.5 0.4 0.2", "reaches beyond the image"),
    "unknown class": ("80 0.5 0.5 0.2 0.2", "class 80 is unknown"),
    "negative class": ("-1 0.5 0.5 0.2 0.2", "class -1 is unknown"),
    "the second line": ("0 0.5 0.5 0.2 0.2\n0 0.5", "line 2 of its labels has 2 fields"),
}


def test_every_bad_label_leaves_its_image_out_by_name(tmp_path):
    """A part of an image's objects would count wrongly: the whole image is skipped, the others stay."""
    labels = {name.replace(" ", "_"): text for name, (text, _) in BAD.items()}
    root = yolo_folder(tmp_path, labels | {"good": "0 0.5 0.5 0.2 0.2"})
    (root / "labels" / "bytes.txt").write_bytes(b"\xff\xfe0")
    (root / "images" / "bytes.png").write_bytes(packed(noise()))

    samples, skipped = split_up(open_detection(root))

    assert list(samples) == ["good.png"]
    for name, (_, said) in BAD.items():
        assert said in skipped.pop(name.replace(" ", "_") + ".png")
    assert "cannot be read" in skipped.pop("bytes.png")
    assert skipped == {}


def test_labels_without_an_image_are_counted(tmp_path):
    """And so is an image that does not decode."""
    root = yolo_folder(tmp_path, {"1": "", "2": "", "3": ""}, images=["1", "2"])
    (root / "images" / "2.png").write_bytes(b"no image")

    samples, skipped = split_up(open_detection(root))

    assert list(samples) == ["1.png"]
    assert skipped["3.txt"] == "there are labels for it and no image"
    assert "does not decode" in skipped["2.png"]


def test_folders_that_are_ambiguous_are_refused(tmp_path):
    """Two images for one label file, two images with one id, two folders of labels, none."""
    root = yolo_folder(tmp_path / "a" if (tmp_path / "a").mkdir() is None else None, {"1": ""}, images=["1", "01"])
    with pytest.raises(JanusError, match="01 and 1 have the same image id 1"):
        open_detection(root)
    (root / "images" / "1.jpg").write_bytes(b"")
    with pytest.raises(JanusError, match=r"1\.jpg and 1\.png would share one label file"):
        open_detection(root)
    (root / "more" / "labels").mkdir(parents=True)
    with pytest.raises(JanusError, match="2 folders named labels"):
        open_detection(root)
    (tmp_path / "empty").mkdir()
    with pytest.raises(JanusError, match="there are no boxes with it"):
        open_detection(tmp_path / "empty")
    with pytest.raises(JanusError, match="no such file or folder"):
        open_detection(tmp_path / "nowhere at all")


@given(st.lists(st.tuples(st.integers(0, 79), *[st.floats(0, 1)] * 4), max_size=5))
def test_any_box_inside_the_image_survives_the_text(objects):
    """Corners drawn inside the image are read back to the printed digits."""
    lines, boxes = [], []
    for index, *corners in objects:
        (left, right), (top, bottom) = sorted(corners[:2]), sorted(corners[2:])
        boxes.append((left * 640, top * 480, right * 640, bottom * 480))
        shares = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        lines.append(f"{index} " + " ".join(f"{share:.6f}" for share in shares))

    truth = parse_yolo("\n".join(lines), 640, 480, 1)

    assert truth.labels.tolist() == [to_id(index) for index, *_ in objects]
    assert np.allclose(truth.boxes, np.reshape(boxes, (-1, 4)), atol=1e-3)


# COCO's JSON


def document(**changes):
    """A small annotation file with two images and a crowd; ids of its own for the categories."""
    return {
        "images": [{"id": 5, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}, {"id": 3, "file_name": "b.png"}],
        "annotations": [
            {"id": 1, "image_id": 5, "category_id": 2, "bbox": [1, 2, 10, 20], "area": 120.5, "iscrowd": 0},
            {"id": 2, "image_id": 5, "category_id": 1, "bbox": [0, 0, 50, 40], "area": 900, "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "stop sign"}],
    } | changes


def json_folder(root, raw):
    (root / "images").mkdir(exist_ok=True)
    for i, name in enumerate("ab"):
        (root / "images" / f"{name}.png").write_bytes(packed(noise(i, HEIGHT, WIDTH)))
    path = root / "instances_test.json"
    path.write_text(raw if isinstance(raw, str) else json.dumps(raw))
    return path


def test_a_coco_file_is_read(tmp_path):
    """Boxes, the areas of the outlines, crowds, and COCO's ids by name; also through the folder."""
    path = json_folder(tmp_path, document())

    samples, skipped = split_up(open_detection(path))

    assert skipped == {}
    truth = samples["a.png"].truth
    assert truth.image_id == 5
    assert truth.boxes.tolist() == [[1, 2, 11, 22], [0, 0, 50, 40]]
    assert (truth.labels.tolist(), truth.crowd.tolist(), truth.areas.tolist()) == ([13, 1], [False, True], [120.5, 900])
    assert len(samples["b.png"].truth) == 0
    assert split_up(open_detection(tmp_path))[0].keys() == samples.keys()


def annotation(**changes):
    return document()["annotations"][0] | changes


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("{", "not a COCO annotation file"),
        ("[]", "not a COCO annotation file"),
        ('{"images": [{"id": 1e999}]}', "not a COCO annotation file"),
        ('{"images": [], "images": []}', "stands twice"),
        (document(images=[]), "annotates image 5, which it does not list"),
        (document(images=[], annotations=[]), "lists no image"),
        (document(images=document()["images"] * 2), "an image id stands twice"),
        (document(annotations=[annotation(), annotation()]), "an annotation id stands twice"),
        (document(categories=document()["categories"] * 2), "a category id stands twice"),
        (document(annotations=[annotation(category_id=9)]), "category 9 is used and not listed"),
        (document(categories=[{"id": 1, "name": "person"}, {"id": 2, "name": "gnu"}]), "'gnu' is none of COCO's"),
        (document(images=[{"id": 5, "file_name": "../a.png"}]), "no file below the folder"),
        (document(images=[{"id": 5, "file_name": "/etc/passwd"}]), "no file below the folder"),
        (document(images=[{"id": i, "file_name": "a.png"} for i in (5, 3)]), "two images have the same file"),
        (document(images=[{"id": 5, "file_name": "c.png"}]), "the folder of its images is not found"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused(tmp_path, raw, said):
    """In one sentence that says what."""
    with pytest.raises(JanusError, match=r"annotations .*instances_test\.json") as caught:
        open_detection(json_folder(tmp_path, raw))

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bbox": [1, 2, 3]}, "annotation 1 has no box of four numbers"),
        ({"bbox": None}, "annotation 1 has no box of four numbers"),
        ({"bbox": [1, 2, 10**400, 4]}, "annotation 1 has no box of four numbers"),
        ({"bbox": [1, 2, float("nan"), 4]}, "not finite"),
        ({"bbox": [1, 2, -3, 4]}, "less than nothing"),
        ({"bbox": [1, 2, 300, 4]}, "reaches beyond the image of 50 x 40"),
    ],
)
def test_a_bad_box_leaves_its_image_out_by_name(tmp_path, changes, said):
    """The other image stays."""
    samples, skipped = split_up(open_detection(json_folder(tmp_path, document(annotations=[annotation(**changes)]))))

    assert list(samples) == ["b.png"]
    assert said in skipped["a.png"]


def test_an_image_of_another_size_or_missing_is_skipped(tmp_path):
    """Its boxes would not be where they were drawn."""
    raw = document()
    raw["images"][0]["width"] = 60
    path = json_folder(tmp_path, raw)
    (tmp_path / "images" / "b.png").unlink()

    samples, skipped = split_up(open_detection(path))

    assert samples == {}
    assert "50 x 40 pixels, and its annotations are for 60 x 40" in skipped["a.png"]
    assert "cannot be read" in skipped["b.png"]


# Tables


def table(root, *, box_format="xywh", names=NAMES, nested="dict", rows=2, boxes=None, category=11):
    """A Parquet file as the hub has them."""
    inner = {"category": datasets.ClassLabel(names=list(names)), "bbox": datasets.Sequence(datasets.Value("float64"))}
    objects = datasets.Sequence(inner) if nested == "dict" else [inner]
    columns = {"image_id": datasets.Value("int64"), "image": datasets.Image(), "objects": objects}
    box = boxes or ([5, 6, 10, 20] if box_format == "xywh" else [5, 6, 15, 26])
    one = {"category": [category], "bbox": [box]} if nested == "dict" else [{"category": category, "bbox": box}]
    given_rows = {
        "image_id": [9 + i for i in range(rows)],
        "image": [{"bytes": packed(noise(i, HEIGHT, WIDTH)), "path": None} for i in range(rows)],
        "objects": [one] * rows,
    }
    datasets.Dataset.from_dict(given_rows, features=datasets.Features(columns)).to_parquet(root / "val.parquet")
    return root / "val.parquet"


@pytest.mark.parametrize("nested", ["dict", "list"])
@pytest.mark.parametrize("box_format", ["xywh", "xyxy"])
def test_a_table_gives_the_same_truth_however_it_nests(tmp_path, nested, box_format):
    """As a dictionary of lists or a list of dictionaries, with boxes of either kind."""
    found = open_detection(table(tmp_path, nested=nested, box_format=box_format), box_format=box_format)

    samples, skipped = split_up(found)

    assert skipped == {}
    assert sorted(sample.truth.image_id for sample in samples.values()) == [9, 10]
    for sample in samples.values():
        assert sample.truth.boxes.tolist() == [[5, 6, 15, 26]]
        assert sample.truth.labels.tolist() == [13]


def test_an_object_without_a_category_leaves_its_image_out(tmp_path):
    """A null where a class should stand, or one beyond the names."""
    path = table(tmp_path, category=None)

    assert set(split_up(open_detection(path))[1].values()) == {"its category '#None' is none of COCO's"}


def test_tables_that_cannot_be_read_are_refused(tmp_path):
    """Other categories, no boxes, another format; a box outside is the image's own fault."""
    path = table(tmp_path, names=[f"gnu {i}" for i in range(12)])
    with pytest.raises(JanusError, match=r"its categories \(gnu 0, gnu 1, gnu 2, …\) are not COCO's"):
        open_detection(path)
    path = table(tmp_path, boxes=[5, 6, 100, 20])
    with pytest.raises(JanusError, match="box format 'cxcywh' is unknown"):
        open_detection(path, box_format="cxcywh")
    assert set(split_up(open_detection(path))[1].values()) == {
        "box 0 (left, top, right, bottom: 5.0, 6.0, 105.0, 26.0) reaches beyond the image of 50 x 40, its boxes being "
        "taken for xywh"
    }
    datasets.Dataset.from_dict({"text": ["x"]}).to_parquet(tmp_path / "val.parquet")
    with pytest.raises(JanusError, match="holds images"):
        open_detection(tmp_path / "val.parquet")


# The hub

USE = """
    import json
    from janus import hub
    from janus.coco import open_detection
    from janus.data import sets
    from janus.files import cache_folder
    from janus.errors import JanusError

    def use(name):
        try:
            found = open_detection(name)
            boxes = {s.truth.image_id: [s.truth.labels.tolist(), s.truth.boxes.tolist()] for s in found.stream()}
            return {"boxes": boxes, "facts": found.facts}
        except JanusError as why:
            return str(why)

    seen = {"whole": use("detection-datasets/coco"), "no set": use("someone/else")}
    sets.WHOLE_BYTES = 0
    for path in cache_folder("sets", "detection-datasets", "coco", "default").glob("*.json"):
        path.unlink()
    seen["streamed"] = use("detection-datasets/coco")
    hub.go_offline()
    hub.hub_reachable.cache_clear()
    seen |= {"kept": use("detection-datasets/coco"), "no set offline": use("someone/else")}
    print(json.dumps(seen))
"""


def test_a_set_of_the_hub_is_fetched_or_streamed_and_there_without_it(tmp_path):
    """By name, at a commit, the boxes as that set has them; again without a network."""
    folder = tmp_path / "hub" / "datasets" / "detection-datasets" / "coco"
    folder.mkdir(parents=True)
    table(folder, box_format="xyxy", rows=12).rename(folder / "val-00000-of-00001.parquet")
    hub = FakeHub(tmp_path / "hub")
    try:
        seen = python(USE, hub.url, tmp_path / "home")
    finally:
        hub.close()

    assert isinstance(seen["whole"], dict), seen["whole"]
    assert seen["whole"]["boxes"] == {str(9 + i): [[13], [[5, 6, 15, 26]]] for i in range(12)}
    assert seen["streamed"]["boxes"] == seen["whole"]["boxes"]
    assert seen["kept"] == seen["streamed"]
    assert (seen["whole"]["facts"]["revision"], seen["whole"]["facts"]["split"]) == (COMMIT, "validation")
    assert "someone/else" in seen["no set"] and "out of reach" in seen["no set offline"]


# Real ones


def test_the_three_ways_agree_on_real_annotations(shared, tmp_path):
    """128 images of COCO from YOLO labels, and the same through COCO's JSON: 898 boxes to a hundredth of a pixel."""
    root = shared / "coco" / "coco128_val"
    samples, skipped = split_up(open_detection(root))
    raw = to_instances({name: (sample.size, sample.truth) for name, sample in samples.items()})
    path = tmp_path / "instances_val2017.json"
    path.write_text(json.dumps(raw))

    again, skipped_again = split_up(open_detection(path, images=root / "images"))

    assert (skipped, skipped_again) == ({}, {})
    assert (len(samples), sum(len(sample.truth) for sample in samples.values())) == (128, 898)
    for name, sample in samples.items():
        assert again[name].truth.image_id == sample.truth.image_id == int(name[-16:-4])
        assert again[name].truth.labels.tolist() == sample.truth.labels.tolist()
        assert np.allclose(again[name].truth.boxes, sample.truth.boxes, atol=0.01)
