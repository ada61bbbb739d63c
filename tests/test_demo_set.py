"""The demo data set: the same everywhere, tight boxes, balanced classes."""

import hashlib

import numpy as np
import pytest

from janus.demo import CLASSES, MOTIONS, SIDE, SPLITS, clip, coco, render, sample, scene
from janus.demo.draws import Draws
from janus.demo.scene import HUES
from janus.demo.sets import moved
from janus.demo.shapes import SHAPES, TEXTURES, TURN, UNIT, rotate, soft
from janus.errors import JanusError

GOLDEN_TRAIN = ["4ee9bce0d4b6f8fc", "ddd6a30a7b8c4254"]
GOLDEN_VAL = "729244110a3a622b"
GOLDEN_CLIP = "11a9e757e423d5f4"


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()[:16]


# Determinism


def test_pictures_are_the_same_on_every_machine():
    """Golden hashes: all arithmetic is in integers, and the words come from Philox, whose stream numpy keeps."""
    assert [sha(sample("train", i).pixels) for i in (0, 1)] == GOLDEN_TRAIN
    assert sha(sample("val", 0).pixels) == GOLDEN_VAL
    assert sha(clip("test", 3, frames=4).pixels) == GOLDEN_CLIP


def test_a_stream_depends_on_its_key_alone():
    """Twice the same, also across the words that are taken at once; another key is another stream."""
    draws, again = Draws("a", 1), Draws("a", 1)

    assert [draws.below(1000) for _ in range(600)] == [again.below(1000) for _ in range(600)]
    assert Draws("a", 1).grain(11).tolist() == Draws("a", 1).grain(64)[:11].tolist()
    assert Draws("a", 1).grain(64).tolist() != Draws("a", 2).grain(64).tolist()


def test_a_sample_depends_on_nothing_drawn_before_it():
    """In whatever order they are asked for."""
    first = sample("val", 7)
    sample("train", 3)
    again = sample("val", 7)

    assert np.array_equal(first.pixels, again.pixels)
    assert first.boxes == again.boxes


def test_every_split_and_seed_has_pictures_of_its_own():
    """The same index gives another picture in another split, under another seed, and as a clip."""
    pictures = [sample(split, 0).pixels for split in SPLITS] + [sample("train", 0, seed=2).pixels]
    pictures.append(clip("train", 0, frames=2).pixels[0])

    assert len({sha(picture) for picture in pictures}) == len(SPLITS) + 2


@pytest.mark.parametrize("window", [(0, 0, 96, 96), (16, 112, 128, 224), (100, 3, 131, 40)])
def test_a_window_is_that_part_of_the_whole(window):
    """Bit for bit, pixels and owners."""
    left, top, right, bottom = window
    drawn = scene("train", 5)
    whole, part = render(drawn), render(drawn, window)

    assert np.array_equal(part.pixels, whole.pixels[top:bottom, left:right])
    assert np.array_equal(part.owner, whole.owner[top:bottom, left:right])


@pytest.mark.parametrize(("split", "index"), [("dev", 0), ("train", -1)])
def test_what_is_not_there_is_refused(split, index):
    """By a sentence that names it."""
    with pytest.raises(JanusError, match=f"{split}|{index}"):
        sample(split, index)


# Shapes


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("angle", [0, 100, 333])
def test_a_shape_stays_within_its_circle_and_fills_a_fair_part(name, angle):
    """So that the largest radius is the largest object whatever its shape, and no box leaves the picture."""
    radius = 40 * UNIT
    at = np.arange(-48 * UNIT, 48 * UNIT, UNIT, dtype=np.int32)
    u, v = rotate(at[None, :], at[:, None], angle)
    inside = soft(SHAPES[name](u, v, radius)) * 2 > UNIT
    distance = np.hypot(at[None, :], at[:, None])

    assert distance[inside].max() <= radius + UNIT
    assert 0.3 < inside.sum() / (np.pi * 40**2) <= 1.01


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_has_both_colours_in_near_equal_parts(name):
    """So that it is told by its pattern and not by its mean."""
    at = np.arange(0, 128 * UNIT, UNIT, dtype=np.int32)
    share = soft(TEXTURES[name](at[None, :], at[:, None], 9 * UNIT)).mean() / UNIT

    assert 0.38 < share < 0.62


# Classes and boxes


def test_classes_take_turns():
    """Any 16 neighbours have each class once."""
    assert sorted(scene("val", i).label for i in range(31, 31 + len(CLASSES))) == list(range(len(CLASSES)))


@pytest.mark.parametrize("index", range(16))
def test_an_object_is_of_the_hue_in_its_name(index):
    """Both colours of every object with a class: red and blue are added to or taken away as its hue says."""
    for thing in scene("val", index).things:
        if thing.label >= 0:
            signs = HUES[CLASSES[thing.label].split()[0]]
            for red, green, blue in thing.colours:
                grey = (2 * red + 5 * green + blue) / 8

                assert (np.sign([red - grey, blue - grey]) == signs).all()
                assert min(abs(red - grey), abs(blue - grey)) >= 9


def test_shapes_say_nothing_of_the_class():
    """Each class occurs in several outlines."""
    drawn = [scene("train", index) for index in range(40 * len(CLASSES))]
    shapes = {label: {one.things[one.main].shape for one in drawn if one.label == label} for label in range(16)}

    assert min(map(len, shapes.values())) == len(SHAPES)


@pytest.mark.parametrize("index", range(24))
def test_the_main_object_is_the_largest_and_can_be_seen(index):
    """No other object has two thirds of its radius, and at least a third of it is in sight."""
    drawn = scene("val", index)
    main = drawn.things[drawn.main]
    frame = render(drawn)
    others = [thing.radius for i, thing in enumerate(drawn.things) if thing.label >= 0 and i != drawn.main]

    assert max(others) < main.radius * 2 / 3
    assert (frame.owner == drawn.main + 1).sum() > frame.whole[drawn.main] / 3


@pytest.mark.parametrize("index", range(12))
def test_boxes_are_tight_and_inside(index):
    """Every side of a box touches a pixel of its object, and no pixel of it lies outside; objects are all there."""
    drawn, shown = scene("test", index), sample("test", index)
    owner = render(drawn).owner
    left_over = [i + 1 for i, thing in enumerate(drawn.things) if thing.label >= 0]
    for (x, y, w, h), label in zip(shown.boxes, shown.labels, strict=True):
        number = next(n for n in left_over if drawn.things[n - 1].label == label and _tight(owner == n, x, y, w, h))
        left_over.remove(number)

        assert x >= 0 and y >= 0 and x + w <= SIDE and y + h <= SIDE

    seen = [((owner == n).sum(), render(drawn).whole[n - 1]) for n in left_over]
    assert all(pixels < 48 or pixels < whole / 4 for pixels, whole in seen)
    assert shown.labels[shown.main] == shown.label == drawn.label


def _tight(mask, x, y, w, h):
    inside = mask[y : y + h, x : x + w]
    sides = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
    return inside.sum() == mask.sum() > 0 and all(side.any() for side in sides)


def test_boxes_in_coco_form():
    """Identifiers from 1, and categories by name."""
    truth = coco("val", 3)
    drawn = [sample("val", i) for i in range(3)]

    assert [image["file_name"] for image in truth["images"]] == ["val/000000.png", "val/000001.png", "val/000002.png"]
    assert [a["bbox"] for a in truth["annotations"]] == [list(box) for one in drawn for box in one.boxes]
    assert [a["id"] for a in truth["annotations"]] == list(range(1, len(truth["annotations"]) + 1))
    assert [c["name"] for c in truth["categories"]] == list(CLASSES)
    assert {a["category_id"] for a in truth["annotations"]} <= set(range(1, len(CLASSES) + 1))


# Clips


def test_a_clip_moves_as_its_class_says():
    """The main object's way, turn and growth over the clip, motion by motion."""
    thing = scene("train", 0).things[scene("train", 0).main]
    ways = {}
    for motion in MOTIONS:
        first, last = moved(thing, motion, 2, -15, 15), moved(thing, motion, 2, 15, 15)
        ways[motion] = tuple(np.sign([last.x - first.x, last.y - first.y, last.angle - first.angle,
                                      last.radius - first.radius]).tolist())  # fmt: skip

    assert ways == {
        "left": (-1, 0, 0, 0),
        "right": (1, 0, 0, 0),
        "up": (0, -1, 0, 0),
        "down": (0, 1, 0, 0),
        "clockwise": (0, 0, 1, 0),
        "anticlockwise": (0, 0, -1, 0),
        "nearer": (0, 0, 0, 1),
        "away": (0, 0, 0, -1),
    }


def test_in_a_clip_only_the_main_object_and_the_grain_change():
    """Where it never is, two frames differ by no more than the grain."""
    shown = clip("val", 0, frames=3)

    assert shown.pixels.shape == (3, SIDE, SIDE, 3)
    assert MOTIONS[shown.label] == "left"
    assert [clip("val", i, frames=2).label for i in range(8)] == list(range(8))
    assert np.median(np.abs(shown.pixels[0].astype(int) - shown.pixels[2])) <= 40
    assert not np.array_equal(shown.pixels[0], shown.pixels[1])


def test_a_clip_of_one_frame_is_refused():
    """It shows no motion."""
    with pytest.raises(JanusError, match="1 frames"):
        clip("val", 0, frames=1)


def test_a_full_turn_is_no_turn():
    """Angles count in 1/1024 of a turn."""
    at = np.arange(-50, 50, dtype=np.int32) * UNIT

    assert np.array_equal(rotate(at, at, 3)[0], rotate(at, at, 3 + TURN)[0])
