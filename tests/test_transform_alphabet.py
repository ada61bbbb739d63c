"""Several components in one symbol: the same components come back, at the bits that their shares are worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtime_kit import codebook

from janus.errors import JanusError
from janus.transform.alphabet import FEW, GROUPS, LARGEST, UNIT, alphabets_of
from janus.transform.codebook import CLASSES, MAGNITUDES
from janus.transform.coder import Reader, Writer
from janus.transform.components import put_components, take_components
from janus.transform.places import Places

# The coder's state, and the last word.
OVERHEAD_BITS = 64


def refuse(why):
    return JanusError(why)


def one_class(one, count):
    return Places(order=np.arange(count), groups=[(one, count)])


def cost_bits(counts, values):
    """What these are worth by the table, an escape's bits not counted."""
    share = counts / counts.sum()
    far = np.minimum(np.abs(values), MAGNITUDES).astype(int)
    return -np.log2(share[far]).sum() + (far > 0).sum()


def written(book, places, values):
    writer = Writer()
    put_components(writer, book, places, values[None], 0.0)
    return writer.bytes()


@given(
    one=st.integers(0, CLASSES - 1),
    count=st.integers(1, 3 * FEW),
    spread=st.sampled_from([0.1, 0.5, 2.0, 20.0, 300.0]),
    seed=st.integers(0, 1000),
)
def test_components_come_back_whatever_their_class_and_number(one, count, spread, seed):
    values = np.round(np.random.default_rng(seed).laplace(scale=spread, size=count)).astype(np.float32)
    book, places = codebook(), one_class(one, count)
    found = np.zeros((1, count), np.float32)
    reader = Reader(written(book, places, values), refuse)

    take_components(reader, book, places, found)

    reader.end()
    np.testing.assert_array_equal(found[0], values)


@pytest.mark.parametrize("one", range(0, CLASSES, 4))
def test_nothing_is_paid_for_travelling_together(one):
    """As many bits as the table's shares say, one by one; a prime number of components, so that some travel alone."""
    book = codebook()
    counts = book.magnitudes[one].astype(float)
    # Without the last symbol, behind which an escape comes.
    share = counts[:MAGNITUDES] / counts[:MAGNITUDES].sum()
    chance = np.random.default_rng(one)
    values = chance.choice(MAGNITUDES, size=20011, p=share) * chance.choice([-1, 1], size=20011)

    bits = 8 * len(written(book, one_class(one, len(values)), values.astype(np.float32)))

    assert abs(bits - cost_bits(counts, values)) <= 2e-3 * bits + OVERHEAD_BITS


def test_what_mostly_is_zero_travels_by_the_handful_and_what_is_spread_alone():
    nearly_zero, spread = np.ones(MAGNITUDES + 1, int), np.full(MAGNITUDES + 1, 900)
    nearly_zero[0] = 60_000

    few, many = alphabets_of(nearly_zero), alphabets_of(spread)

    assert (few.together.cap, few.together.group) == (1, max(GROUPS))
    assert many.together is None
    assert many.shared_out(10 * FEW) == [(many.alone, 10 * FEW)]
    assert few.shared_out(FEW - 1) == [(few.alone, FEW - 1)]
    assert few.shared_out(FEW + 1) == [(few.together, FEW + 1)]
    assert few.shared_out(FEW + 3) == [(few.together, FEW + 1), (few.alone, 2)]
    for alphabet in (few.alone, few.together, many.alone):
        assert len(alphabet.values) <= LARGEST
        assert not alphabet.values[0].any()
    assert not any(UNIT % group for group in GROUPS)
