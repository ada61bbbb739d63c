"""The figures in the page: what is sent, when, and that JSON can hold it. The browser's tests see them drawn."""

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

from janus.explorer.plot import Plot, library, plain

FIGURE = {"data": [{"type": "scatter", "name": "a", "x": [1, 2], "y": [1.0, math.nan]}], "layout": {"height": 200}}
NESTED = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(NESTED)
def test_what_is_sent_is_json_in_every_language(value):
    """No NaN and no infinity, which a page's JSON does not know; all else as it was."""
    sent = plain(value)

    assert json.loads(json.dumps(sent, allow_nan=False)) == sent
    assert plain(sent) == sent


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.arange(3), [0, 1, 2]), (np.float64("nan"), None), (np.float32(0.5), 0.5), ((1.0, math.inf), [1.0, None])],
)
def test_arrays_become_lists(value, expected):
    """numpy's arrays and numbers are those of JSON."""
    assert plain(value) == expected


def test_a_change_is_sent_once_and_sameness_never():
    """Another figure is one message; the same one, made anew, is none."""
    plot, sent = Plot(FIGURE), []
    plot.observe(lambda change: sent.append(change["new"]), names="figure")
    plot.show(json.loads(json.dumps(FIGURE)))
    assert sent == []

    plot.show(FIGURE | {"layout": {"height": 100}})

    assert [figure["layout"] for figure in sent] == [{"height": 100}]
    assert plot.trace("a")["y"] == [1.0, None]


def test_the_page_gets_plotly_when_it_asks_and_only_then(monkeypatch):
    """The code is plotly's own, and it does not travel with the figure."""
    plot, sent = Plot(FIGURE), []
    monkeypatch.setattr(plot, "send", lambda content, buffers: sent.append((content, buffers)))
    plot._handle_custom_msg("something else", [])
    assert sent == []
    plot._handle_custom_msg("library wanted", [])

    assert sent == [("library", [library()])]
    assert gzip.decompress(library()).decode() == get_plotlyjs()
    assert len(json.dumps(plot.get_state(), default=str)) < 20_000
