"""Boxes and their labels on pictures of any size, beside each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from janus.drawing import FOUND, TRUTH, Mark, draw_boxes, side_by_side
from janus.errors import JanusError
from janus.pictures import outline_groups

GREY = 90


def plain(height, width):
    return np.full((height, width, 3), GREY, np.uint8)


def changed(drawn):
    return (drawn != GREY).any(axis=2)


def of_colour(drawn, colour):
    return (drawn == colour).all(axis=2)


@pytest.mark.parametrize(("height", "width"), [(120, 200), (200, 120), (64, 64)])
def test_a_box_is_drawn_where_it_is(height, width):
    """The lines lie along its sides, in their own colour; inside and outside the picture stays as it was."""
    drawn = draw_boxes(plain(2 * height, 2 * width), [Mark(box=(10, 20, 50, 50), label="", look=FOUND)])

    line = of_colour(drawn, FOUND.colour)
    assert line[40, 25:99].all() and line[100, 25:99].all() and line[45:99, 20].all() and line[45:99, 100].all()
    assert not changed(drawn)[46:94, 26:94].any()
    outside = changed(drawn)
    outside[36:125, 16:105] = False
    assert not outside.any()


def test_kinds_differ_without_colour():
    """What is annotated has a broken line and what was found an unbroken one; where both are the same, both show."""
    truth, found = (Mark(box=(10, 20, 90, 60), label="", look=look) for look in (TRUTH, FOUND))
    broken = of_colour(draw_boxes(plain(160, 200), [truth]), TRUTH.colour)[40, 22:178]
    both = draw_boxes(plain(160, 200), [truth, found])

    assert 0.4 < broken.mean() < 0.9 and (np.diff(broken.astype(int)) != 0).sum() > 10
    assert of_colour(draw_boxes(plain(160, 200), [found]), FOUND.colour)[40, 22:178].all()
    for look in (TRUTH, FOUND):
        assert of_colour(both, look.colour)[40, 22:178].mean() > 0.2


sides = st.floats(-30, 130, allow_nan=False)


@given(st.lists(st.tuples(sides, sides, sides, sides), max_size=6), st.text(max_size=30), st.sampled_from([1, 2]))
def test_any_box_and_label_stay_on_the_picture(corners, text, scale):
    """Boxes are cut off at the edges and labels moved inside: the picture keeps its size, whatever is drawn."""
    marks = [
        Mark(box=(min(a, c), min(b, d), max(a, c), max(b, d)), label=text.replace("\n", " "), look=look)
        for (a, b, c, d), look in zip(corners, (TRUTH, FOUND) * 3, strict=False)
    ]

    assert draw_boxes(plain(80 * scale, 100 * scale), marks, scale=scale).shape == (80 * scale, 100 * scale, 3)


def label_size(x, y, look):
    """Rows and columns that a label takes at a box without any size."""
    touched = changed(draw_boxes(plain(160, 200), [Mark(box=(x, y, x, y), label="dog 0.93", look=look)]))
    return int(touched.any(axis=1).sum()), int(touched.any(axis=0).sum())


@pytest.mark.parametrize("corner", [(0, 0), (99, 0), (0, 79), (99, 79), (99, 40), (50, 79)])
@pytest.mark.parametrize("look", [TRUTH, FOUND], ids=["truth", "found"])
def test_a_label_at_the_edge_is_whole(corner, look):
    """It takes as much room as in the middle of the picture: nothing of it is cut off."""
    rows, columns = label_size(50, 40, look)

    at_edge = label_size(*corner, look)
    assert rows >= 18 and columns >= 50
    # The thickness of the line is all that may be missing.
    assert at_edge[0] >= rows - 5 and at_edge[1] >= columns - 5


def test_labels_do_not_cover_each_other_where_there_is_room():
    """Two boxes with one corner in common: each label's ground is whole."""
    marks = [Mark(box=(40, 40, 90, 70), label="cat 0.91", look=look) for look in (TRUTH, FOUND)]
    one = [int(of_colour(draw_boxes(plain(240, 300), [mark]), mark.look.colour).sum()) for mark in marks]
    both = draw_boxes(plain(240, 300), marks)

    # The lines lie over each other; the labels are about 60 x 18 pixels.
    assert all(of_colour(both, mark.look.colour).sum() > own - 700 for mark, own in zip(marks, one, strict=True))


def test_a_long_label_is_shortened():
    """It never is wider than the picture."""
    drawn = draw_boxes(plain(60, 80), [Mark(box=(0, 0, 39, 29), label="a very long name of a category", look=FOUND)])

    assert drawn.shape == (60, 80, 3)
    assert changed(drawn)[:, -1].sum() < 60


def test_merged_tokens_of_a_wide_picture():
    """A grid of 2 x 5 patches: groups are outlined on it, single patches keep their pixels."""
    picture = np.random.default_rng(0).integers(0, 256, (32, 80, 3), dtype=np.uint8)
    groups = np.arange(10)
    groups[6] = 0

    drawn = outline_groups(picture, groups, scale=2)

    mean = np.concatenate([picture[:16, :16], picture[16:, 16:32]]).reshape(-1, 3).mean(0).round()
    assert (drawn[16, 16] == mean).all() and (drawn[48, 48] == mean).all()
    assert (drawn[36:60, 70:90] == picture[18:30, 35:45].repeat(2, 0).repeat(2, 1)).all()


def test_side_by_side():
    """Every picture is in it, whole and beside the others, whatever their sizes; the key explains both kinds."""
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, size, dtype=np.uint8) for size in ((90, 400, 3), (150, 260, 3)))

    sheet = side_by_side([("unmerged: 137 tokens left", first), ("constant, r = 8: 105 tokens left", second)])

    assert (sheet[36:126, 10:410] == first).all() and (sheet[36:186, 420:680] == second).all()
    assert of_colour(sheet[186:], TRUTH.colour).any() and of_colour(sheet[186:], FOUND.colour).any()
    with pytest.raises(JanusError, match="no picture"):
        side_by_side([])


@pytest.mark.parametrize("box", [(5, 0, 4, 9), (0, 9, 9, 8), (0, 0, float("nan"), 5)])
def test_what_is_no_box_is_refused(box):
    """With its numbers."""
    with pytest.raises(JanusError, match="is not left, top, right and bottom"):
        draw_boxes(plain(40, 40), [Mark(box=box, label="", look=TRUTH)])
