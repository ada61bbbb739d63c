"""The picture with its merged tokens outlined, and the pictures that the package draws."""

import re

import numpy as np
import pytest
from conftest import CHECKOUT
from PIL import Image, ImageSequence

from janus.errors import JanusError
from janus.pictures import DrawnPictures, count_groups, outline_groups


def noise(side=32):
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_nothing_merged_leaves_the_picture_alone():
    """While every patch is a token of its own, only the size changes."""
    pixels = noise()

    assert (outline_groups(pixels, np.arange(16), scale=2) == pixels.repeat(2, 0).repeat(2, 1)).all()


def test_a_merged_group_shows_its_mean_within_an_outline():
    """Two patches of one token, far apart, have their common mean; single patches keep their pixels."""
    pixels = noise()
    groups = np.arange(16)
    groups[15] = 0
    drawn = outline_groups(pixels, groups, scale=4)
    mean = np.concatenate([pixels[:8, :8].reshape(-1, 3), pixels[24:, 24:].reshape(-1, 3)]).mean(0).round()
    other = drawn[8 * 4 + 8 : 16 * 4 - 8, 8 * 4 + 8 : 16 * 4 - 8]

    assert (drawn[16, 16] == mean).all() and (drawn[112, 112] == mean).all()
    assert (other == pixels[8:16, 8:16].repeat(4, 0).repeat(4, 1)[8:-8, 8:-8]).all()
    assert (drawn[16, 31] == 0).all() and (drawn[16, 30] == 255).all()


def test_groups_are_counted():
    """So many tokens, and the largest of so many patches; whatever the tokens are numbered."""
    assert count_groups(np.array([7, 7, 7, 90, 3])) == (3, 3)


@pytest.mark.parametrize("patches", [0, 15, 17, 5000])
def test_groups_of_another_picture_are_refused(patches):
    """As many groups as there are patches, or one sentence."""
    with pytest.raises(JanusError, match="square patches"):
        outline_groups(noise(), np.zeros(patches, int))


def test_drawn_pictures_are_the_same_for_a_seed():
    """They come from the seed alone, at the size that was asked for."""
    first, again, other = DrawnPictures(96), DrawnPictures(96), DrawnPictures(96, seed=1)

    assert list(first) == list(again) and len(first) >= 3
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)
    assert {picture.shape for picture in first.values()} == {(96, 96, 3)}


def test_the_readme_shows_pictures_that_there_are():
    """Each is in the repository, and light enough for a page; one of them moves, through more than ten frames."""
    shown = re.findall(r"^!\[[^]]+\]\(([^)]+)\)", (CHECKOUT / "README.md").read_text(), re.MULTILINE)
    assert all((CHECKOUT / path).stat().st_size < 1.5e6 for path in shown)
    with Image.open(CHECKOUT / shown[1]) as animation:
        frames = {frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(animation)}

    assert shown == ["data/pictures/workbench.png", "data/pictures/workbench.webp"]
    assert len(frames) > 10
