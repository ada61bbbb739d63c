"""Pixels, then normalisation: together timm's own evaluation transform."""

import numpy as np
import pytest
import timm
import torch
from pictures import noise
from timm.data import create_transform, resolve_model_data_config

from janus.errors import JanusError
from janus.preprocess import Preprocess, preprocess_for

TAGS = (
    "deit_tiny_patch16_224.fb_in1k",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "vit_base_patch16_clip_224.openai",
    "vit_base_patch16_siglip_224.webli",
    "deit3_small_patch16_384.fb_in1k",
    "test_vit.r160_in1k",
)
SIZES = ((224, 224), (300, 500), (501, 200), (64, 48))


def skeleton(tag):
    with torch.device("meta"):
        return timm.create_model(tag)


@pytest.mark.parametrize("tag", TAGS)
def test_crop_is_timms_own_evaluation_transform(tag):
    """For every shape of picture, both steps together differ from timm by less than 1e-6."""
    model = skeleton(tag)
    reference = create_transform(**resolve_model_data_config(model), is_training=False)
    preprocess = preprocess_for(model, "crop")
    for height, width in SIZES:
        image = noise(height, height, width)

        assert (preprocess(image)[0] - reference(image)).abs().max().item() <= 1e-6


@pytest.mark.parametrize("tag", TAGS)
def test_squash_keeps_the_whole_picture(tag):
    """It is one resize to the input square, by the model's interpolation."""
    from timm.data.transforms import str_to_pil_interp

    model = skeleton(tag)
    preprocess = preprocess_for(model, "squash")
    image = noise(1, 90, 200)
    size = (preprocess.width, preprocess.height)
    expected = np.asarray(image.resize(size, str_to_pil_interp(preprocess.interpolation)))

    assert np.array_equal(preprocess.pixels(image), expected)


def test_a_picture_of_the_right_size_is_squashed_to_itself():
    """Nothing is resampled that need not be."""
    image = noise(2, 160, 160)

    assert np.array_equal(preprocess_for(skeleton("test_vit"), "squash").pixels(image), np.asarray(image))


def test_normalising_a_batch_is_normalising_each():
    """A picture's numbers don't depend on its neighbours."""
    preprocess = preprocess_for(skeleton("deit_tiny_patch16_224"))
    pixels = np.stack([preprocess.pixels(noise(i)) for i in range(3)])

    batch = preprocess.normalise(pixels)

    assert batch.shape == (3, 3, 224, 224)
    assert torch.equal(batch, torch.cat([preprocess.normalise(one[None]) for one in pixels]))


def test_the_size_is_the_one_the_model_was_built_for():
    """A model of another size than its tag is fed at its own."""
    model = timm.create_model("test_vit", img_size=64)

    assert preprocess_for(model).pixels(noise()).shape == (64, 64, 3)


def test_a_hair_of_a_picture_is_refused_before_it_becomes_a_plain_of_memory():
    """Cropping from 60000 x 1 would resize it to 13 million columns."""
    preprocess = preprocess_for(skeleton("deit_tiny_patch16_224"))

    with pytest.raises(JanusError, match="too elongated"):
        preprocess.pixels(noise(0, 1, 60000))


def test_an_unknown_fit_is_named():
    """The two that exist are in the sentence."""
    with pytest.raises(JanusError, match="fit 'stretch' is unknown: choose one of crop, squash"):
        preprocess_for(skeleton("test_vit"), "stretch")
    assert isinstance(preprocess_for(skeleton("test_vit"), "squash"), Preprocess)
