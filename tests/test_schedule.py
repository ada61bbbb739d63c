"""Schedules: integers, clipped, and honest about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janus.errors import JanusError
from janus.schedule import FAMILIES, MergeSchedule, alpha_max, declining

depths = st.integers(1, 32)
tokens = st.integers(2, 600)


@given(
    family=st.sampled_from(FAMILIES), share=st.floats(0, 1), depth=depths, tokens=tokens, protected=st.integers(0, 5)
)
def test_no_block_removes_more_than_it_can_merge(family, share, depth, tokens, protected):
    """Every block removes at most half of its unprotected tokens, and the counts add up."""
    schedule = MergeSchedule(family=family, removed=(tokens,) * depth if family == "list" else ())
    level = share * schedule.max_level(depth, tokens, protected)
    if family not in ("none", "list"):
        schedule = MergeSchedule(family=family, level=int(level) if family == "constant" else level)

    plan = schedule.plan(depth, tokens, protected)

    assert len(plan.removed) == depth
    assert len(plan.tokens) == depth + 1
    for before, after, r in zip(plan.tokens[:-1], plan.tokens[1:], plan.removed, strict=True):
        assert isinstance(r, int)
        assert before - r == after
        assert 0 <= r <= max(before - protected, 0) // 2


@given(depth=depths, tokens=tokens, floor=st.integers(1, 600), r=st.integers(0, 50))
def test_the_floor_holds(depth, tokens, floor, r):
    """No block goes below the floor, and a schedule that would says so."""
    plan = MergeSchedule(family="list", removed=(r,) * depth, floor_tokens=floor).plan(depth, tokens)

    assert min(plan.tokens) >= min(floor, tokens)
    assert plan.clipped == (plan.removed != (r,) * depth)


@given(family=st.sampled_from(["constant", "linear", "declining"]), depth=depths, tokens=tokens)
def test_level_zero_merges_nothing(family, depth, tokens):
    """Level 0 is "no merging" in every family."""
    assert MergeSchedule(family=family, level=0).plan(depth, tokens).removed == (0,) * depth


@given(depth=depths, tokens=st.integers(40, 600))
def test_alpha_max_is_the_papers_bound(depth, tokens):
    """α_max is the largest level whose removed tokens sum to less than x_0."""
    highest = alpha_max(depth, tokens)

    assert sum(declining(highest, depth)) < tokens
    if depth > 1:
        assert sum(declining(highest + 1e-9, depth)) >= tokens or highest > 8


@pytest.mark.parametrize(
    ("alpha", "removed"),
    [
        # ⌊2^{α(N-l)}⌋ for N = 12, worked out by hand from the paper's formula.
        (0.5, (45, 32, 22, 16, 11, 8, 5, 4, 2, 2, 1, 1)),
        (0.25, (6, 5, 4, 4, 3, 2, 2, 2, 1, 1, 1, 1)),
    ],
)
def test_the_papers_formula(alpha, removed):
    """The exponential schedule is ⌊2^{α(N-l)}⌋."""
    assert declining(alpha, 12) == removed


def test_mean_share_of_tokens_kept():
    """The shares of tokens kept that were measured before the project began (197 tokens, 12 blocks)."""
    shares = [round(MergeSchedule(level=a).plan(12, 197).mean_kept, 2) for a in (0.3, 0.4, 0.45, 0.5)]
    constant = [round(MergeSchedule(family="constant", level=r).plan(12, 197).mean_kept, 2) for r in (8, 13)]

    assert shares == [0.85, 0.71, 0.61, 0.44]
    assert constant == [0.78, 0.64]


def test_linear_removes_what_constant_does():
    """The linear family falls from 2r to 0 and removes as many tokens in total, to rounding."""
    removed = MergeSchedule(family="linear", level=8).plan(12, 197).removed

    assert removed[0] == 16
    assert removed[-1] == 0
    assert list(removed) == sorted(removed, reverse=True)
    assert abs(sum(removed) - 8 * 12) <= 6


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MergeSchedule(family="cubic"), ["cubic", "declining"]),
        (lambda: MergeSchedule(level=-1), ["level -1", "0"]),
        (lambda: MergeSchedule(level=float("nan")), ["level nan"]),
        (lambda: MergeSchedule(level=True), ["level True"]),
        (lambda: MergeSchedule(family="constant", level=2.5), ["2.5", "integer"]),
        (lambda: MergeSchedule(level=0.9).plan(12, 197), ["level 0.9", "0.545"]),
        (lambda: MergeSchedule(family="constant", level=99).plan(12, 197), ["99", "98"]),
        (lambda: MergeSchedule.explicit([1, 2]).plan(12, 197), ["2 entries", "12 blocks"]),
        (lambda: MergeSchedule.explicit([1.5] * 12), ["1.5", "integers"]),
        (lambda: MergeSchedule(family="constant", level=1, removed=(1,)), ["only for the family 'list'"]),
        (lambda: MergeSchedule(floor_tokens=0), ["floor_tokens 0"]),
    ],
)
def test_bad_input_is_one_sentence(make, words):
    """Each wrong argument is named, with what would be right."""
    with pytest.raises(JanusError) as error:
        make()

    assert all(word in str(error.value) for word in words), str(error.value)
