"""Two configurations on the same images: the paired interval and McNemar's exact test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from janus.errors import JanusError
from janus.paired import Z95, paired_difference, score_interval


def answers(both, gained, lost, neither):
    """Right and wrong answers of two configurations with these counts."""
    ours = [True] * both + [True] * gained + [False] * lost + [False] * neither
    theirs = [True] * both + [False] * gained + [True] * lost + [False] * neither
    return np.array(ours), np.array(theirs)


counts = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda given: sum(given) > 0)


@pytest.mark.parametrize(
    ("table", "interval", "p"),
    [
        # Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables, 2017, chapter 8: airway
        # hyper-responsiveness before and after stem cell transplantation (Bentur et al., 2009), and complete response
        # before and after consolidation therapy (Cavo et al., 2012), the latter as their R package prints it.
        ((1, 1, 7, 12), (-0.517, -0.026), 0.0703),
        ((59, 6, 16, 80), (-0.1240, -0.0054), 0.052479),
    ],
)
def test_textbook_tables(table, interval, p):
    """Tango's score interval and the exact conditional test of two published tables."""
    found = paired_difference(*answers(*table))

    assert found.ci95 == pytest.approx([100 * end for end in interval], abs=0.06)
    assert found.p == pytest.approx(p, abs=6e-5)
    assert (found.n, found.gained, found.lost) == (sum(table), table[1], table[2])
    assert found.difference == pytest.approx(100 * (table[1] - table[2]) / sum(table))


@given(st.integers(0, 400), st.integers(1, 400))
def test_without_a_discordant_pair_there_is_still_an_interval(both, neither):
    """Nothing differs, and by how much it might is z² / (n + z²): Tango's equation solved by hand."""
    found = paired_difference(*answers(both, 0, 0, neither))
    half = 100 * Z95**2 / (both + neither + Z95**2)

    assert (found.difference, found.p) == (0.0, 1.0)
    assert found.ci95 == pytest.approx((-half, half))


@given(counts)
def test_the_ends_are_where_the_score_test_just_rejects(table):
    """Against Tango's statistic with the restricted estimate found by brute force; else an end of the scale."""
    both, gained, lost, neither = table
    n = sum(table)
    for end in score_interval(gained, lost, n):
        if abs(end) == 1:
            assert n in (gained, lost)  # the estimate is there itself
            continue
        # Of all shares of lost pairs that have this difference, the likeliest.
        share = np.linspace(max(0.0, -end), (1 - end) / 2, 200_001)
        with np.errstate(divide="ignore", invalid="ignore"):
            likelihood = sum(
                count * np.log(p) if count else 0.0
                for count, p in ((gained, share + end), (lost, share), (both + neither, 1 - end - 2 * share))
            ) + np.zeros_like(share)
        q = share[np.nanargmax(likelihood)]
        z = (gained - lost - n * end) / np.sqrt(n * (2 * q + end * (1 - end)))
        assert abs(z) == pytest.approx(Z95, rel=2e-3)


@given(counts)
def test_the_interval_holds_the_difference_and_mirrors(table):
    """Inside -100…100, around the estimate; the other way round it is the same with the other sign."""
    ours, theirs = answers(*table)
    found, mirrored = paired_difference(ours, theirs), paired_difference(theirs, ours)

    assert -100 <= found.ci95[0] <= found.difference <= found.ci95[1] <= 100
    assert mirrored.ci95 == pytest.approx([-end for end in reversed(found.ci95)], abs=1e-9)
    assert (mirrored.gained, mirrored.lost, mirrored.p) == (found.lost, found.gained, found.p)


@given(counts)
def test_interval_and_mcnemars_test_agree(table):
    """0 is outside just where (gained - lost)² / (gained + lost) is beyond z²: McNemar's statistic of 1947."""
    _, gained, lost, _ = table
    low, high = score_interval(gained, lost, sum(table))
    statistic = (gained - lost) ** 2 / (gained + lost) if gained + lost else 0.0

    assert (low > 0 or high < 0) == (statistic > Z95**2)


@given(st.integers(0, 80), st.integers(0, 80))
def test_p_is_the_share_of_splits_as_uneven(gained, lost):
    """Twice the smaller tail of fair coins, at most 1."""
    tail = binom.cdf(min(gained, lost), gained + lost, 0.5)

    assert paired_difference(*answers(1, gained, lost, 1)).p == pytest.approx(min(1.0, 2 * tail))


def test_pairing_makes_it_narrower():
    """Of answers that mostly agree the difference is known better than from two intervals side by side."""
    found = paired_difference(*answers(500, 5, 15, 130))
    ours = 505 / 650
    independent = 196 * np.sqrt(2 * ours * (1 - ours) / 650)

    assert found.ci95[1] - found.ci95[0] < independent
    assert found.p < 0.05


@pytest.mark.parametrize("pair", [([True], [True, False]), ([], []), ([[True]], [[True]])])
def test_what_is_no_pair_is_refused(pair):
    """Not as many, none, or no list."""
    with pytest.raises(JanusError, match="give one for each of the same images"):
        paired_difference(*map(np.array, pair))


def test_a_row_is_json():
    """Plain numbers, and p to four digits however small."""
    row = paired_difference(*answers(10, 0, 40, 10)).row()

    low, high = row.pop("ci95")
    assert -100 < low < -66.6667 < high < 0
    assert row == {"n": 60, "difference": -66.6667, "gained": 0, "lost": 40, "p": 1.819e-12}
