"""Split candidates and split checks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janus.errors import JanusError
from janus.split import check_split, fine_to_coarse


@given(depth=st.integers(1, 64), growth=st.floats(1, 4))
def test_candidates_are_dense_in_front_and_sparse_behind(depth, growth):
    """Both ends are always there, steps never shrink but for the last, which ends at the depth."""
    splits = fine_to_coarse(depth, growth)
    steps = [b - a for a, b in pairwise(splits)]

    assert splits[0] == 0
    assert splits[-1] == depth
    assert all(step >= 1 for step in steps)
    assert steps[:-1] == sorted(steps[:-1])


def test_growth_one_is_every_split():
    """Growth 1 gives all depth + 1 splits."""
    assert fine_to_coarse(12, 1) == tuple(range(13))


def test_default_candidates():
    """The candidates of a 24-block model, as documented."""
    assert fine_to_coarse(24) == (0, 1, 2, 3, 4, 6, 9, 12, 16, 21, 24)


@pytest.mark.parametrize("split", [-1, 13, 2.5, True, float("nan"), float("inf"), "4", None])
def test_a_split_beyond_the_depth_is_refused(split):
    """The sentence names the split and the range."""
    with pytest.raises(JanusError, match=r"split .* from 0 \(cloud-only\) to 12 \(device-only\)"):
        check_split(split, 12)


@pytest.mark.parametrize(("depth", "growth"), [(0, 1.25), (12, 0.5), (12, float("nan"))])
def test_candidates_need_sense(depth, growth):
    """Depth and growth below 1 are refused."""
    with pytest.raises(JanusError, match="must be"):
        fine_to_coarse(depth, growth)
