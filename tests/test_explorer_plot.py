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

from janus.explorer import library
from janus.explorer.library import bring
from janus.explorer.page import Page
from janus.explorer.plot import Plot, show_together
from janus.figures.encoded import as_json
from janus.figures.style import base, figure, scatter

MARGIN = {"l": 50, "r": 10, "t": 40, "b": 40}
NESTED = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


def figure_of(title="a title"):
    layout = base(title, "x", "y")
    layout["xaxis"] |= {"range": [0, 3], "nticks": 4}
    layout["yaxis"] |= {"range": [0, 2], "nticks": 4}
    line = {"color": "#000000", "width": 1}
    return figure([scatter(name="a", x=[1, 2], y=[1.0, math.nan], mode="lines", line=line)], layout)


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


def plot_of(**title):
    return Plot([figure_of(**title)], margin=MARGIN)


def test_a_change_is_sent_once_and_sameness_never():
    """Another figure is one message; the same one, made anew, is none."""
    plot, sent = plot_of(), []
    plot.observe(lambda change: sent.append(change["new"]), names="drawing")
    plot.show([figure_of()])
    assert sent == []

    plot.show([figure_of(title="other")])

    assert [json.loads(drawing)["panels"][0]["title"] for drawing in sent] == [[{"text": "other"}]]
    assert plot.trace("a")["x"] == [1, 2]
    assert [row["y"] for row in json.loads(plot.drawing)["panels"][0]["tables"]["lines"]] == [1.0, None]


def test_the_code_comes_with_the_screen_and_once():
    """It is what vl-convert packs, and it does not travel with the figures."""
    brought, plot = bring(), plot_of()
    code = gzip.decompress(brought.vega).decode()

    assert "export{" in code[-100:].replace(" ", "") and "as default" in code[-100:]
    assert bring() is brought
    assert len(json.dumps(plot.get_state(), default=str)) < 30_000


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Neither the environment nor the cache holds any code, and packing is counted."""
    monkeypatch.setattr("sys.prefix", str(tmp_path / "environment"))
    monkeypatch.setenv("JANUS_CACHE", str(tmp_path / "cache"))
    packs = []
    monkeypatch.setattr(library, "pack", lambda: packs.append(1) or gzip.compress(b"code"))
    return tmp_path, packs


def test_the_code_is_packed_once(elsewhere):
    """What is kept is taken, from the environment before the cache; what is broken is packed again."""
    folder, packs = elsewhere
    assert library.packed() == library.packed() == gzip.compress(b"code")
    assert len(packs) == 1

    (kept,) = (folder / "cache").rglob("*.gz")
    kept.write_bytes(kept.read_bytes()[:-4])
    assert gzip.decompress(library.packed()) == b"code"
    assert len(packs) == 2

    own = folder / "environment" / "share" / "janus" / kept.name
    own.parent.mkdir(parents=True)
    own.write_bytes(gzip.compress(b"of the environment"))
    assert gzip.decompress(library.packed()) == b"of the environment"


def test_a_cache_that_cannot_be_written_is_done_without(elsewhere):
    """The screen comes all the same."""
    folder, packs = elsewhere
    (folder / "cache").write_text("no folder")

    assert gzip.decompress(library.packed()) == b"code"
    assert len(packs) == 1


def test_closed_it_comes_again():
    """Whoever closes all widgets of a kernel can have a screen afterwards."""
    one = bring()
    one.close()

    assert bring() is not one
    assert bring().comm is not None


def test_figures_of_one_answer_are_drawn_together():
    """Those that change know how many they are; those that stay are not sent."""
    same, one, other = (plot_of(title=title) for title in "abc")
    sent = []
    for plot in (same, one, other):
        plot.observe(lambda change: sent.append((change["owner"], change["owner"].answer)), names="drawing")

    show_together([same, one, other], [[figure_of(title=title)] for title in "ade"])

    assert [plot for plot, _ in sent] == [one, other]
    assert one.answer == other.answer and one.answer[1] == 2
    first = one.answer
    show_together([one], [[figure_of()]])
    assert one.answer[0] != first[0] and one.answer[1] == 1


def test_a_screen_is_made_without_what_takes_long_to_import():
    """torch comes with a model, pandas, scipy and matplotlib when someone asks for a table, a search or a file."""
    code = (
        "import sys, janus; screen = janus.Explorer(calibrate=False, live=False); screen.panel.slo.put(30); "
        "screen._asked(); print(sorted({'torch', 'pandas', 'scipy', 'matplotlib', 'vl_convert'} & set(sys.modules)))"
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
