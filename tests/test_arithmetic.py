"""Multiply-adds against published counts."""

import pytest
import timm
import torch

from janus.arithmetic import multiply_adds, speedup_limit
from janus.schedule import MergeSchedule
from janus.vit import open_vit


def opened(name):
    """A model without memory for its weights: only its geometry is asked."""
    with torch.device("meta"):
        return open_vit(timm.create_model(name))


@pytest.mark.parametrize(
    ("name", "giga"),
    [
        # timm's result tables (multiply-adds, in 10^9).
        ("vit_large_patch16_384", 191.2),
        ("vit_large_patch16_224", 61.6),
        ("vit_base_patch16_384", 55.5),
        ("vit_base_patch16_224", 17.6),
        ("vit_small_patch16_224", 4.6),
        ("vit_tiny_patch16_224", 1.26),
    ],
)
def test_unmerged_counts_are_timms(name, giga):
    """The unmerged model's count is timm's, to its rounding."""
    vit = opened(name)

    actual = multiply_adds(vit.geometry.arithmetic, vit.plan(MergeSchedule(family="none"))) / 1e9

    assert actual == pytest.approx(giga, rel=0.01)


@pytest.mark.parametrize(
    ("name", "r", "limit"),
    [
        # Measured before the project began (facts: the model on this CPU).
        ("deit_small_patch16_224", 8, 1.35),
        ("deit_small_patch16_224", 13, 1.70),
        ("deit_small_patch16_224", 16, 2.01),
        ("vit_base_patch16_224", 8, 1.34),
        ("vit_base_patch16_224", 13, 1.69),
        ("vit_large_patch16_384", 23, 1.99),
    ],
)
def test_limits(name, r, limit):
    """The arithmetic limit of ToMe's constant schedules."""
    vit = opened(name)

    actual = speedup_limit(vit.geometry.arithmetic, vit.plan(MergeSchedule(family="constant", level=r)))

    assert actual == pytest.approx(limit, abs=0.01)
