"""What a profile is fitted with, held to scipy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from scipy.optimize import isotonic_regression, nnls

from janus.profile.monotone import MonotoneCubic, isotonic, nonnegative_least_squares

VALUES = st.floats(-100, 100).map(lambda value: round(value, 3))


@given(st.integers(3, 12), st.integers(1, 4), st.integers(0, 2**31))
@settings(deadline=None)
def test_non_negative_least_squares_is_scipys(m, k, seed):
    """The same error, and nothing below 0; columns in general position, so the same coefficients too."""
    draws = np.random.default_rng(seed)
    columns, values = draws.normal(size=(max(m, k), k)), draws.normal(size=max(m, k))

    found, (known, error) = nonnegative_least_squares(columns, values), nnls(columns, values)

    assert np.all(found >= 0)
    assert np.linalg.norm(columns @ found - values) == pytest.approx(error, abs=1e-9)
    assert found == pytest.approx(known, abs=1e-6)


@given(st.lists(VALUES, min_size=1, max_size=40))
@settings(deadline=None)
def test_isotonic_regression_is_scipys(values):
    """Nondecreasing, with the least squared error."""
    found = isotonic(values)

    assert found == pytest.approx(isotonic_regression(values).x.tolist(), abs=1e-9)


@given(st.lists(VALUES, min_size=2, max_size=20), st.integers(0, 2**31))
@settings(deadline=None)
def test_the_monotone_cubic_is_scipys(y, seed):
    """Everywhere between the points and on them, with level stretches and turns among them."""
    draws = np.random.default_rng(seed)
    x = np.cumsum(draws.integers(1, 50, size=len(y))).astype(float)
    places = np.concatenate([x, draws.uniform(x[0], x[-1], size=200)])

    found = MonotoneCubic(x, y)(places)

    assert found == pytest.approx(PchipInterpolator(x, y)(places), rel=1e-9, abs=1e-9)
