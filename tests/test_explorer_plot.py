"""The figures in the page: what is sent, when, and that JSON can hold it. The browser's tests see them drawn."""

import gzip
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

from janus.explorer.library import CLOSING, OPENING, as_module, bring
from janus.explorer.page import Page
from janus.explorer.plot import Plot, as_json, show_together

FIGURE = {"data": [{"type": "scatter", "name": "a", "x": [1, 2], "y": [1.0, math.nan]}], "layout": {"height": 200}}
NESTED = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


def finite(value):
    """The same with None for NaN and infinities, and lists for tuples."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@given(NESTED)
def test_what_is_sent_is_json_in_every_language(value):
    """No NaN and no infinity, which a page's JSON does not know; all else as it was."""

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(as_json({"data": value}), parse_constant=refuse) == {"data": finite(value)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.arange(3), [0, 1, 2]),
        (np.array([0.5, np.nan]), [0.5, None]),
        (np.float64("nan"), None),
        (np.float32(0.5), 0.5),
    ],
)
def test_arrays_become_lists(value, expected):
    """numpy's arrays and numbers are those of JSON."""
    assert json.loads(as_json({"data": value})) == {"data": expected}


def test_a_change_is_sent_once_and_sameness_never():
    """Another figure is one message; the same one, made anew, is none."""
    plot, sent = Plot(FIGURE), []
    plot.observe(lambda change: sent.append(change["new"]), names="drawing")
    plot.show(json.loads(json.dumps(FIGURE)))
    assert sent == []

    plot.show(FIGURE | {"layout": {"height": 100}})

    assert [json.loads(drawing)["layout"] for drawing in sent] == [{"height": 100}]
    assert plot.trace("a")["y"] == [1.0, None]


def test_the_code_comes_with_the_screen_and_once():
    """It is plotly's own, and it does not travel with the figures."""
    library, plot = bring(), Plot(FIGURE)

    assert gzip.decompress(library.plotly).decode() == as_module(get_plotlyjs())
    assert bring() is library
    assert len(json.dumps(plot.get_state(), default=str)) < 20_000


def test_closed_it_comes_again():
    """Whoever closes all widgets of a kernel can have a screen afterwards."""
    library = bring()
    library.close()

    assert bring() is not library
    assert bring().comm is not None


def test_the_code_is_a_module_of_its_own():
    """All of it, without what it is packed in; of another release, packed in another way, all there is."""
    code, module = get_plotlyjs(), as_module(get_plotlyjs())
    inner = code[code.index(OPENING) + len(OPENING) : code.rindex(CLOSING)]

    assert inner in module and len(inner) > 0.99 * len(code)
    assert module.startswith("/**\n* plotly.js v") and module.endswith("export default Plotly;")
    other = "(function(root) { module.exports = 1; })(this);"
    assert other in as_module(other) and as_module(other).endswith("export default module.exports;")


def test_figures_of_one_answer_are_drawn_together():
    """Those that change know how many they are; those that stay are not sent."""
    same, one, other = (Plot(FIGURE | {"layout": {"height": height}}) for height in (1, 2, 3))
    sent = []
    for plot in (same, one, other):
        plot.observe(lambda change: sent.append((change["owner"], change["owner"].answer)), names="drawing")

    show_together([same, one, other], [FIGURE | {"layout": {"height": height}} for height in (1, 4, 5)])

    assert [plot for plot, _ in sent] == [one, other]
    assert one.answer == other.answer and one.answer[1] == 2
    first = one.answer
    show_together([one], [FIGURE])
    assert one.answer[0] != first[0] and one.answer[1] == 1


def test_a_screen_is_made_without_what_takes_long_to_import():
    """pandas, scipy and matplotlib come when someone asks for a table, a search or a file."""
    code = (
        "import sys, janus; screen = janus.Explorer(calibrate=False, live=False); screen.panel.slo.put(30); "
        "screen._asked(); print([name for name in ('pandas', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_the_page_says_when_the_figures_are_drawn():
    """Each page that opens says so."""
    told = []
    page = Page(lambda: told.append(True))
    for _ in range(2):
        page._handle_custom_msg("drawn", [])

    assert len(told) == 2
