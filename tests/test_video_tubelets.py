"""Merged tubelets over the frames of a clip: one token is one colour and one number, wherever and whenever it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from janus.errors import JanusError
from janus.tubelets import COLOURS, GAP, WORDS, Tubelets, clip_strip, outline_tubelets

# 3 steps of 2 frames, 4 x 4 tubelets of 8 pixels.
SHAPE = (6, 32, 32, 3)


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, SHAPE, dtype=np.uint8)


def groups(**together):
    """Every tubelet alone, but for those named together."""
    alone = np.arange(48)
    for first, others in together.items():
        alone[list(others)] = int(first[1:])
    return alone


def test_nothing_merged_shows_the_first_frame_of_every_step():
    """While every tubelet is a token of its own, only the size changes, and nothing is marked."""
    pixels, tubelets = noise(), Tubelets.of(SHAPE, groups())

    assert (outline_tubelets(pixels, tubelets) == pixels[::2].repeat(2, 1).repeat(2, 2)).all()
    assert tubelets.largest == [] and tubelets.table().empty


def test_a_token_has_the_mean_of_all_its_frames():
    """Two tubelets of different steps have the mean of both, hidden frames included; the others keep their pixels."""
    pixels, tubelets = noise(), Tubelets.of(SHAPE, groups(_0=(0, 32)))
    drawn = outline_tubelets(pixels, tubelets, scale=4)
    mean = np.concatenate([pixels[:2, :8, :8].reshape(-1, 3), pixels[4:, :8, :8].reshape(-1, 3)]).mean(0).round()

    # Beside the number and within the outline.
    assert (drawn[0, 4, 4] == mean).all() and (drawn[2, 4, 4] == mean).all()
    assert (drawn[1] == pixels[2].repeat(4, 0).repeat(4, 1)).all()


def test_the_largest_tokens_over_time_are_marked_alike_in_every_frame():
    """A token within one step is not marked, however large; numbers follow the size."""
    tubelets = Tubelets.of(SHAPE, groups(_0=(0, 16), _1=(1, 17, 33), _2=range(2, 12)))
    drawn = outline_tubelets(noise(), tubelets, scale=4)
    table = tubelets.table()

    assert table.to_dict("list") == {
        "number": [1, 2],
        "tubelets": [3, 2],
        "first_frame": [1, 1],
        "last_frame": [6, 4],
        "steps": [3, 2],
    }
    first = [
        tuple(int(COLOURS[0][i : i + 2], 16) for i in (1, 3, 5)) == tuple(frame[16, 32].tolist()) for frame in drawn
    ]
    assert first == [True, True, True]
    number = drawn[:, 4:28, 36:60]
    assert (number[0] == number[1]).all() and (number[0] == number[2]).all()
    assert (number[0] == 0).all(-1).any()


@given(st.lists(st.integers(0, 9), min_size=48, max_size=48))
def test_nothing_is_lost_in_arranging(numbers):
    """Whatever tokens are called: sizes sum to the tubelets, spans lie within the steps, the marked span several."""
    tubelets = Tubelets.of(SHAPE, np.array(numbers))

    assert tubelets.sizes.sum() == 48 and len(tubelets.sizes) == len(set(numbers))
    assert ((tubelets.spans >= 1) & (tubelets.spans <= np.minimum(tubelets.sizes, 3))).all()
    assert all(tubelets.spans[token] > 1 for token in tubelets.largest)
    assert len(tubelets.largest) == min((tubelets.spans > 1).sum(), len(COLOURS))


def test_a_strip_has_the_steps_that_were_asked_for():
    """Side by side in rows, with words above each; the ground is clear."""
    tubelets = Tubelets.of(SHAPE, groups(_0=(0, 16)))

    whole = clip_strip(noise(), tubelets, columns=2)
    two = clip_strip(noise(), tubelets, steps=(0, 2))

    assert whole.size == (2 * 64 + GAP, 2 * (64 + WORDS) + GAP)
    assert two.size == (2 * 64 + GAP, 64 + WORDS)
    assert two.getpixel((64 + GAP // 2, 40))[3] == 0
    drawn = outline_tubelets(noise(), tubelets)
    assert (np.asarray(two)[WORDS:, -64:, :3] == drawn[2]).all()
    with pytest.raises(JanusError, match=r"steps \[3\] are not in a clip of 3: choose some of 0 to 2"):
        clip_strip(noise(), tubelets, steps=(3,))


@pytest.mark.parametrize(("count", "frames"), [(0, 2), (47, 2), (48, 4), (48, 0), (96, 2), (3, 2)])
def test_groups_of_another_clip_are_refused(count, frames):
    """As many groups as there are tubelets, or one sentence."""
    if (count, frames) == (3, 2):  # one tubelet a step, as large as the frame
        assert Tubelets.of(SHAPE, np.zeros(3, int)).group.shape == (3, 1, 1)
        return
    with pytest.raises(JanusError, match="is not made of"):
        Tubelets.of(SHAPE, np.zeros(count, int), frames=frames)
