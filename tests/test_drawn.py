"""What Vega is given to draw is what the figures say, and Vega draws it: here by vl-convert, without a page."""

import json
import math
import re

import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st
from test_figures import LIVE, specs

from janus.figures.drawn import drawn
from janus.figures.encoded import as_json
from janus.figures.hatches import HATCHES, hatched, pattern
from janus.figures.latency import FILLS
from janus.figures.place import WHOLE, Place
from janus.figures.runs import runs
from janus.figures.specification import SIGNALS, TABLES, filled, specification
from janus.figures.style import base, figure, line, note, scatter
from janus.figures.ticks import ends, step, ticks

MARGIN = {"l": 50, "r": 40, "t": 40, "b": 40}


def svg_of(figures, places=WHOLE, width=400):
    """The whole as Vega draws it."""
    whole = filled(places, MARGIN, [drawn(one) for one in figures])
    return vl_convert.vega_to_svg(as_json(whole | {"width": width, "height": 200}))


def texts(svg):
    return [re.sub(r"<[^>]*>", "", text) for text in re.findall(r"<text.*?</text>", svg, re.S)]


def plain(across=(0, 1), up=(0, 10), **trace):
    layout = base("title", "x name", "y name, ms")
    layout["xaxis"] |= {"range": list(across), "nticks": 5}
    layout["yaxis"] |= {"range": list(up), "nticks": 5}
    return figure([scatter(**trace)] if trace else [], layout)


def test_every_table_and_signal_has_its_place_in_the_specification():
    """None is left out on either side, whatever the figure."""
    _, figures = specs(live=[LIVE], level=0.4, split=2, encoding="raw")
    for one in figures:
        panel = drawn(one)
        assert set(panel["tables"]) == set(TABLES) and set(panel["signals"]) == set(SIGNALS)
    names = {item["name"] for item in specification(WHOLE, MARGIN)["data"]}
    assert names == {f"{name}0" for name in TABLES}


def test_bars_are_stacked_as_the_figure_says():
    """Each bar stands on the one before it; together they are as high as the modelled latency."""
    answer, (_, latency, _) = specs(level=0.4, split=2, encoding="raw")
    tops = {}
    for row in drawn(latency)["tables"]["bars"]:
        middle = (row["x0"] + row["x1"]) / 2
        assert row["y0"] == pytest.approx(tops.get(middle, 0.0))
        tops[middle] = row["y1"]

    table = answer.latency
    assert tops == pytest.approx(dict(zip(table["position"], table["modelled_ms"], strict=True)))


def test_vega_draws_what_stands_in_the_tables():
    """Each bar, number, note and name of an axis is in the picture that Vega makes."""
    _, (tokens, latency, accuracy) = specs(live=[LIVE], level=0.4, split=2, encoding="raw")
    for one in (tokens, latency, accuracy):
        svg, panel = svg_of([one]), drawn(one)
        written = " ".join(texts(svg))
        for row in panel["tables"]["texts"]:
            assert all(words in written for words in row["text"])
        assert panel["signals"]["x_title"] in written and panel["signals"]["y_title"] in written
        assert all(label in written for labels in panel["signals"]["x_labels"] for label in labels)
        hatched_bars = [row["fill"] for row in panel["tables"]["bars"] if "url" in row["fill"]]
        assert svg.count("url(#janus-") == len(hatched_bars)
        assert set(hatched_bars) <= set(FILLS)  # which the page has patterns for
    dots, hits = (drawn(accuracy)["tables"][name] for name in ("dots", "hits"))
    assert [(dot["x"], dot["y"]) for dot in dots] == [(hit["x"], hit["y"]) for hit in hits] and len(dots) == 5


@pytest.mark.parametrize("which", [0, 1])
def test_numbers_that_a_narrow_figure_has_no_room_for_are_not_seen(which):
    """In a wide one each bar has its number, in a narrow one every other; the chosen one's is always there."""
    one = specs(live=[LIVE], level=0.4, split=2, encoding="raw")[1][which]
    seen = {}
    for width in (600, 90):
        written = re.findall(r"<text.*?</text>", svg_of([one], width=width), re.S)
        seen[width] = [re.sub(r"<[^>]*>", "", text) for text in written if 'opacity="0"' not in text]
    numbers = [row for row in drawn(one)["tables"]["texts"] if "room" in row]

    assert len(numbers) > 6 and len(seen[600]) - len(seen[90]) == sum(row["room"] > 90 for row in numbers) > 2
    assert all(row["room"] < 600 for row in numbers)
    chosen = [words for row in numbers if row["fontWeight"] == "bold" for words in row["text"]]
    assert all(words in seen[90] for words in chosen) and (chosen or which == 0)


def test_panels_stand_where_their_places_are():
    """Two figures below one another have their axes one above the other."""
    places = (Place(y=(0.6, 1.0)), Place(y=(0.0, 0.4)))
    svg = svg_of([plain(), plain()], places)

    assert svg.count(">title<") == 0 and "translate(0,0)" in svg and "translate(0,120)" in svg
    assert texts(svg).count("x name") == 2


def test_gaps_stay_gaps_and_steps_are_steps():
    """NaN interrupts a line; a line of values that hold until the next goes in steps."""
    look = {"color": "#000000", "width": 1, "shape": "hv"}
    rows = drawn(plain(x=[0.0, 0.5, 1.0], y=[1.0, math.nan, 2.0], mode="lines", line=look))["tables"]["lines"]

    assert [row["y"] for row in json.loads(as_json(rows))] == [1.0, None, 2.0]
    assert {row["interpolate"] for row in rows} == {"step-after"}
    assert "M0,180L200,180L200,160L400,160" in svg_of(
        [plain(x=[0.0, 0.5, 1.0], y=[1.0, 2, 2], mode="lines", line=look)]
    )


def test_notes_beyond_the_axis_are_left_out_and_shares_are_places():
    """A note that refers to the whole of an axis stands at that share of it."""
    one = plain(across=(0, 4), up=(2, 10))
    one["layout"]["annotations"] = [note("in", x=0.5, xref="x domain", y=1, yref="y domain"), note("out", x=5, y=3)]
    one["layout"]["shapes"] = [line("dash", x0=0, x1=1, xref="x domain", y0=7, y1=7)]
    tables = drawn(one)["tables"]

    assert [(row["text"], row["x"], row["y"]) for row in tables["texts"]] == [(["in"], 2.0, 10)]
    (rule,) = tables["rules"]
    assert [rule[name] for name in ("x0", "x1", "y0", "y1")] == [0, 4, 7, 7]


@pytest.mark.parametrize(("clip", "seen"), [(True, [0.5]), (False, [0.5, 1.5])])
def test_points_without_a_value_or_beyond_the_axes_are_not_drawn(clip, seen):
    """A gap is no point at zero; what lies beyond the axes is cut off, unless its trace says otherwise."""
    marks = {"mode": "markers+text", "marker": {"size": 4, "color": "#000000"}, "text": ["a", "b", "c", "d"]}
    one = plain(
        x=[0.1, 0.2, 0.5, 1.5], y=[math.nan, None, 1.0, 1.0], cliponaxis=clip, hovertemplate="%{y:.1f}", **marks
    )
    tables = drawn(one)["tables"]

    for name in ("dots", "texts", "hits"):
        assert [row["x"] for row in tables[name]] == seen


def test_words_for_the_mouse():
    """Templates are plotly's; large numbers are written out, a field may be of several."""
    trace = {
        "x": [1, 2], "y": [12345.6, 0.123456], "mode": "markers", "marker": {"size": 4, "color": "#000000"},
        "customdata": [[7, "a"], [8.25, "b"]],
        "hovertemplate": "split %{x}: %{y:.3g} ms, %{customdata[0]:.1f} of %{customdata[1]}<extra></extra>",
    }  # fmt: skip
    hits = drawn(plain(across=(0, 3), up=(0, 20_000)) | {"data": [scatter(**trace)]})["tables"]["hits"]

    assert [row["tip"] for row in hits] == ["split 1: 12346 ms, 7.0 of a", "split 2: 0.123 ms, 8.2 of b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("plain", [{"text": "plain"}]),
        ("<b>bold</b> not", [{"text": "bold", "font-weight": "bold"}, {"text": " not"}]),
        (
            '<b>a <span style="font-size:9px;font-weight:normal">b</span></b>',
            [{"text": "a ", "font-weight": "bold"}, {"text": "b", "font-weight": "normal", "font-size": "9px"}],
        ),
        ('<span style="color:#0072B2;position:fixed">■</span>', [{"text": "■", "color": "#0072B2"}]),
        ("a &lt;b&gt; <script>alert(1)</script>", [{"text": "a <b> "}, {"text": "<script>"}, {"text": "alert(1)"},
                                                   {"text": "</script>"}]),
    ],
)  # fmt: skip
def test_runs_of_a_text(text, expected):
    """Only what our own texts use is markup; a name with brackets in it stays text."""
    assert list(runs(text)) == expected


@given(st.text())
def test_no_text_is_lost(text):
    """Whatever a name holds: without our own tags, it is there as it was, or as its entities say."""
    if not re.search(r"[<&]", text):
        assert "".join(run["text"] for run in runs(text)) == text
    assert all(set(run) <= {"text", "color", "font-size", "font-weight"} for run in runs(text))


@given(
    low=st.floats(-1e4, 1e4),
    span=st.floats(1e-3, 1e5),
    most=st.integers(2, 12),
)
def test_ticks_are_round_few_and_within(low, span, most):
    """No more than asked for, on the axis, at multiples of one round step, and each with a text of its own."""
    high = low + span
    values, words = ticks({"nticks": most}, low, high)
    gap = step(low, high, most)

    assert len(values) <= most + 1
    assert all(low - 1e-6 * gap - 1e-9 <= value <= high + 1e-6 * gap + 1e-9 for value in values)
    assert all(abs(value / gap - round(value / gap)) < 1e-6 for value in values)
    assert len(set(words)) == len(words)


def test_an_axis_without_ends_fits_its_points():
    """From 0 to a little beyond the highest; without any point there is an axis all the same."""
    assert ends({"rangemode": "tozero"}, [1.0, None, math.nan, 50.0]) == (0, pytest.approx(53.0))
    assert ends({"rangemode": "tozero"}, []) == (0, 1)
    assert ends({"range": [2, 3]}, [50.0]) == (2, 3)


@pytest.mark.parametrize("shape", HATCHES)
def test_a_hatched_fill_refers_to_its_pattern(shape):
    """The pattern has the name that the fill says, and the colour."""
    fill = hatched("#E69F00", shape)

    assert f'id="{fill.removeprefix("url(#").removesuffix(")")}"' in pattern(fill)
    assert 'fill="#E69F00"' in pattern(fill)
