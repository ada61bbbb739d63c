"""Several components in one symbol: the same components come back, at the bits that their shares are worth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtime_kit import codebook

from janus.errors import JanusError
from janus.transform.alphabet import FEW, GROUPS, LARGEST, UNIT, alphabets_of, class_alphabets
from janus.transform.codebook import CLASS_WIDTH, CLASSES, LOW, MAGNITUDES, OCTAVE
from janus.transform.coder import Reader, Writer
from janus.transform.components import put_components, take_components
from janus.transform.fineness import MIDDLE
from janus.transform.places import places_of

# The coder's state, and the last word.
OVERHEAD_BITS = 64


def refuse(why):
    return JanusError(why)


def of_classes(*counts):
    """Where so many components of each (class, count) travel, all of one token."""
    book = codebook()
    scales = np.concatenate([np.full(count, CLASS_WIDTH * one + LOW * OCTAVE, np.int16) for one, count in counts])
    return places_of(book, replace(book.at(2), scales=scales), 0, np.array([MIDDLE]))


def cost_bits(counts, values):
    """What these are worth by the table, an escape's bits not counted."""
    share = counts / counts.sum()
    far = np.minimum(np.abs(values), MAGNITUDES).astype(int)
    return -np.log2(share[far]).sum() + (far > 0).sum()


def written(places, values):
    writer = Writer()
    put_components(writer, places, values[None], 0.0)
    return writer.bytes()[0]


@given(
    one=st.integers(0, CLASSES - 1),
    count=st.integers(1, 3 * FEW),
    spread=st.sampled_from([0.1, 0.5, 2.0, 20.0, 300.0]),
    seed=st.integers(0, 1000),
)
def test_components_come_back_whatever_their_class_and_number(one, count, spread, seed):
    values = np.round(np.random.default_rng(seed).laplace(scale=spread, size=count)).astype(np.float32)
    places = of_classes((one, count))
    reader = Reader(written(places, values), refuse)

    found = take_components(reader, places, (1, count))

    reader.end()
    np.testing.assert_array_equal(found[0], values)


@pytest.mark.parametrize("beyond", (MAGNITUDES - 1, MAGNITUDES, MAGNITUDES + 1, 127, 128, 129, 255, 256, 1 << 20))
@pytest.mark.parametrize("sign", (-1, 1))
@pytest.mark.parametrize("one", (0, 20, CLASSES - 1))
def test_what_a_byte_does_not_hold_comes_back(one, sign, beyond):
    """The farthest of many, each time, at both ends of what a table has and of what a byte has."""
    values = np.zeros(2 * FEW, np.float32)
    values[3], values[5] = sign * beyond, -sign
    places = of_classes((one, len(values)))
    reader = Reader(written(places, values), refuse)

    found = take_components(reader, places, (1, len(values)))

    reader.end()
    np.testing.assert_array_equal(found[0], values)


@pytest.mark.parametrize("forged", (None, 0, 1))
def test_the_last_symbol_is_filled_up_with_zeros_and_with_nothing_else(forged):
    """Nobody hides a word in what is thrown away, in whichever of several classes: a payload has one form."""
    several = [one for one in range(CLASSES) if class_alphabets(codebook(), one).together][:2]
    counts = [class_alphabets(codebook(), one).together.shape.group * FEW + 1 for one in several]
    places, writer = of_classes(*zip(several, counts, strict=True)), Writer()
    for i, (alphabet, _, there) in enumerate(places.classes):
        symbols = np.zeros(there.stop - there.start, np.int32)
        symbols[-1] = i == forged  # of its components, the last
        writer.put(symbols, alphabet.model)
    rest = None if forged is None else places.classes[forged][0]
    if rest is not None and rest.shape.cap == 1:
        writer.put(np.zeros(1, np.int32), rest.rest)
    reader = Reader(writer.bytes()[0], refuse)

    if forged is None:
        assert not take_components(reader, places, (1, sum(counts))).any()
        reader.end()
    else:
        with pytest.raises(JanusError, match="not zero"):
            take_components(reader, places, (1, sum(counts)))
    spare = places.order[places.order >= sum(counts)]
    assert len(set(spare.tolist())) == len(spare) == sum(a.shape.group - 1 for a, *_ in places.classes) > 1


def test_the_bytes_of_each_part_are_what_it_takes():
    """Three parts, one after the other; and one with nothing in it takes nothing."""
    model, chance = class_alphabets(codebook(), 20).alone.model, np.random.default_rng(0)
    counts = (4000, 0, 1000)
    writer = Writer()
    for i, count in enumerate(counts):
        if i:
            writer.mark()
        writer.put(chance.integers(0, 129, count), model)

    data, parts = writer.bytes()

    assert sum(parts) == len(data)
    assert parts[1] == 0
    assert abs(parts[0] - 4 * parts[2]) < 0.2 * parts[0]


@pytest.mark.parametrize("one", range(0, CLASSES, 4))
def test_nothing_is_paid_for_travelling_together(one):
    """As many bits as the table's shares say, one by one; their number is prime, so the last symbol is filled up."""
    book = codebook()
    counts = book.magnitudes[one].astype(float)
    # Without the last symbol, behind which an escape comes.
    share = counts[:MAGNITUDES] / counts[:MAGNITUDES].sum()
    chance = np.random.default_rng(one)
    values = chance.choice(MAGNITUDES, size=20011, p=share) * chance.choice([-1, 1], size=20011)

    bits = 8 * len(written(of_classes((one, len(values))), values.astype(np.float32)))

    assert abs(bits - cost_bits(counts, values)) <= 2e-3 * bits + OVERHEAD_BITS


def test_what_mostly_is_zero_travels_by_the_handful_and_what_is_spread_alone():
    nearly_zero, spread = np.ones(MAGNITUDES + 1, int), np.full(MAGNITUDES + 1, 900)
    nearly_zero[0] = 60_000

    few, many = alphabets_of(nearly_zero), alphabets_of(spread)

    assert (few.together.shape.cap, few.together.shape.group) == (1, max(GROUPS))
    assert many.together is None
    assert many.of(10 * FEW) is many.alone
    assert few.of(FEW - 1) is few.alone
    assert few.of(FEW) is few.together
    for alphabet in (few.alone, few.together, many.alone):
        assert len(alphabet.shape.values) <= LARGEST
        assert not alphabet.shape.values[0].any()
    assert not any(UNIT % group for group in GROUPS)
