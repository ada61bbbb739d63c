"""Searched schedules and the transform codec in the workbench: questions, words, tables, and the menus' handlers."""

import math

import ipywidgets
import pytest
import test_explorer
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import TINY, accuracy_table, machine, rate_table
from test_workbench import CLOUD, DEVICE

from janus.accuracy import AccuracyTable
from janus.errors import JanusError
from janus.explorer import Explorer
from janus.figures import accuracy_figure, latency_figure, tokens_figure
from janus.figures.ticks import step as still_step
from janus.grid import SizeTable
from janus.runtime.replays import Replayer
from janus.schedule import MergeSchedule
from janus.schedules import SearchedSchedule
from janus.workbench import Course, Question, Workbench, explain, explain_course, plans_for, policy_table, run_leg
from janus.workbench import accuracy_table as table_of
from janus.workbench.tables import PARTS
from janus.workbench.words import NBSP

alone, made, say = test_explorer.alone, test_explorer.made, test_explorer.say
FIND = SearchedSchedule(
    name="cut2-0.5", split=2, removed=(9, 8, 2, 1, 1, 0), token_blocks=220, tokens_at_cut=33, like=("declining", 0.5),
    top1=78.0, low=76.0, high=80.0, n=500,
)  # fmt: skip
# No real codec: twice as many bytes as tokens, and some more at the earlier cut.
SIZES = SizeTable(
    name="transform1", rows=((2, tuple(2 * n + 100 for n in range(51))), (4, tuple(2 * n for n in range(51)))),
    times_ms=(3.0, 1.0),
)  # fmt: skip
BENCH = Workbench(
    DEVICE, CLOUD, accuracy_table(), rate_table(), schedules=[FIND], sizes={"transform1": SIZES}
)  # fmt: skip


def said(**question):
    answer = BENCH.ask(Question(**question))
    return answer, str(explain(answer, BENCH.stored(answer.question.family))).replace(NBSP, " ")


@settings(max_examples=25)
@given(
    st.builds(
        Question, family=st.sampled_from(("declining", "constant", "none", FIND.name)),
        split=st.none() | st.sampled_from((0, 2, 4, 6)), uplink_mbps=st.floats(0.05, 500), slo_ms=st.floats(1, 300),
        codec=st.sampled_from(("int8", "transform1")), encoding=st.sampled_from(("raw", "jpeg85", "webp40")),
    )
)  # fmt: skip
def test_every_question_has_an_answer_in_words_and_tables(q):
    """Whatever is chosen: a plan that the codec serves, a sentence, and bars whose parts are the whole."""
    answer = BENCH.ask(q)
    table, text = answer.latency, str(explain(answer, BENCH.stored(q.family)))

    assert answer.plan.split in ((0, 2, 4, 6) if q.codec == "transform1" else range(7))
    assert "inf" not in text.replace("information", "") and "nan" not in text
    assert table[list(PARTS)].sum(axis=1).tolist() == pytest.approx(table["modelled_ms"].tolist(), rel=1e-9)
    assert table["chosen"].sum() == 1 and len(answer.tokens) == TINY.depth + 1
    assert answer.payload_bytes == table[table["chosen"]]["payload_bytes"].iloc[0]
    if q.family == FIND.name:
        assert answer.merging.removed == FIND.removed and answer.plan.level == 1


def test_a_searched_schedule_is_what_its_list_is():
    """The same milliseconds as its counts given one by one; unmerged stays beside it."""
    answer = BENCH.ask(Question(family=FIND.name, split=2))
    plan = TINY.plan(MergeSchedule.explicit(FIND.removed))

    assert answer.tokens["tokens"].tolist() == list(plan.tokens)
    assert answer.grid.levels == (0.0, 1.0)
    unmerged = BENCH.ask(Question(family="none", split=2))
    assert answer.grid.modelled_ms(5, 5)[0].tolist() == unmerged.grid.modelled_ms(5, 5)[0].tolist()


def test_the_sentence_says_what_a_searched_schedule_is():
    """Its name, what it keeps to, that its level is its own, and its measured accuracy; nobody chose a level."""
    answer, text = said(family=FIND.name, slo_ms=500.0)

    assert answer.plan.level == 1
    assert "with cut2-0.5: modelled" in text and "the level you chose" not in text
    assert "a searched schedule for a cut after block 2, with one level, its own" in text
    assert "no more compute, than the paper's at level 0.5" in text
    assert "Accuracy there 78.0 % (stored, 500 images; 80.0 % unmerged)" in text
    assert "you cut after block 2 of 6 with cut2-0.5" in said(family=FIND.name, split=2)[1]


def test_measured_bytes_are_those_of_the_table_and_others_are_called_estimated():
    """Bytes, times and accuracy of exactly a measured plan; beside it what the codebook says, with its name."""
    measured, text = said(level=0.2, split=2, codec="transform1")

    assert measured.payload_bytes == 300 and measured.bytes_are(2, "transform1") == "measured"
    assert "Accuracy of exactly this plan 77.5 % (75.5 to 79.5 %) with 0.3 kB sent as transform 1" in text
    assert "estimated" not in text

    guessed, text = said(level=0.4, split=2, codec="transform1")
    tokens = guessed.merging.tokens[2]
    assert guessed.payload_bytes == 2 * tokens + 100 and guessed.bytes_are(2, "transform1") == "estimated"
    assert guessed.latency.set_index("split").loc[2, "encode_ms"] == 3.0
    assert "Accuracy at least that at level 0.5, uncut, 75.0 %" in text
    assert "are estimated from the codebook, and what that loses was not measured here" in text
    assert "measured at this cut at level 0.2: 77.5 % with 0.3 kB sent" in text
    assert BENCH.ask(Question(level=0.4, split=2)).latency["bytes_are"].tolist()[1:-1] == ["counted"] * 5


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"family": "cut9-0.5"}, r"schedule 'cut9-0.5' is unknown for tiny: choose one of none, .*, cut2-0.5"),
        ({"family": "list"}, "schedule 'list' is unknown"),
        ({"family": FIND.name, "level": 0.3}, "level 0.3: schedule cut2-0.5 has one level, its own"),
        ({"codec": "transform3"}, "codec 'transform3': there is no codebook for tiny"),
        ({"codec": "transform1", "split": 3}, "split 3: codec transform1 has no basis for it; choose one of 0, 2, 4"),
    ],
)
def test_what_this_model_has_not_is_refused_by_name(wrong, why):
    """A schedule, a level, a step or a split."""
    with pytest.raises(JanusError, match=why):
        BENCH.ask(Question(**wrong))


def test_the_accuracy_figure_of_a_searched_schedule_is_one_point_beside_none():
    """Named on the axis, joined to nothing; what was measured of the cut as it is sent stands in the figure, too."""
    answer = BENCH.ask(Question(family=FIND.name, split=2))
    table = table_of(answer, BENCH.stored(FIND.name)).frame()
    figure = accuracy_figure(
        table, answer.levels, over="level", level=1.0, slo_ms=20, unit="", empty="", named=FIND.name
    )  # fmt: skip

    assert table[["kind", "level", "top1"]].values.tolist() == [["stored", 0, 80.0], ["stored", 1, 78.0]]
    assert figure["layout"]["xaxis"]["ticktext"] == ["none", FIND.name]
    stored = next(trace for trace in figure["data"] if trace["name"] == "stored")
    assert (stored["x"], stored["mode"]) == ([0, 1], "markers")
    assert AccuracyTable(model="tiny", rows=()).row(FIND.name, 1.0) is None

    sent = table_of(BENCH.ask(Question(level=0.4, split=2, codec="transform1")), BENCH.accuracy).frame()
    assert sent[sent["kind"] == "sent"][["level", "top1", "n"]].values.tolist() == [[0.2, 77.5, 500]]


def test_a_trace_is_replayed_with_both_and_the_process_says_the_same():
    """A policy chooses between no merging and the schedule; its words name it, and the child knows both."""
    asked = Question(family=FIND.name, codec="transform1", slo_ms=14.0, uplink_mbps=2.0)
    grid, course = plans_for(BENCH, asked), Course(trace="tunnel")

    assert grid.levels == (0.0, 1.0) and grid.splits == (0, 2, 4, 6)
    assert grid.expected_accuracy[:, -1].tolist() == [80.0, 78.0]
    here = run_leg(grid, asked, course, course.open(asked), "janus", 8.0)
    words = explain_course(here, policy_table([here], course), asked, course, 6)
    assert f"with {FIND.name} in the median" in words.reason
    assert "uncut where transform" in words.accuracy
    worker = Replayer()
    try:
        there = worker.leg(BENCH, asked, course, course.open(asked), "janus", 8.0, lambda: False)
    finally:
        worker.stop()
    assert there.shares == here.shares and there.summary["p50_ms"] == here.summary["p50_ms"]


# -- the menus ---------------------------------------------------------------------------------------------------------


def finds(explorer):
    return [name for _, name in explorer.panel.family.options][4:]


def test_the_menu_has_the_finds_and_the_level_makes_way_and_comes_back(made):
    """Only what is better than what it keeps to; the slider gives way to words, and auto and level are kept."""
    explorer = made(live=False)
    panel = explorer.panel
    assert finds(explorer) == ["cut4-0.545", "cut6-0.545"]
    panel.family.value = "cut4-0.545"

    assert explorer.banner.layout.display == "none", explorer.banner.value
    assert panel._levels.layout.display == "none" and "like level 0.545" in panel.own_level.value
    assert panel.auto_level.value and "with cut4-0.545" in say(explorer)
    assert explorer.stage.figures[1]["layout"]["title"]["text"] == "Modelled latency by split, cut4-0.545"
    panel.family.value = "declining"
    assert panel._levels.layout.display == "" and panel.own_level.layout.display == "none"
    assert panel.auto_level.value and panel.level.value == explorer.answer.plan.level

    panel.level.slider.value = 0.3
    panel.family.value = "cut6-0.545"
    assert explorer.answer.plan.level == 1
    panel.family.value = "declining"
    assert not panel.auto_level.value and explorer.answer.plan.level == 0.3


def test_a_state_brings_both_back_and_reset_takes_them_away(made):
    """Also with a level that is kept for later, and a step and a schedule that the menus do not offer."""
    one, other = made(live=False), made(live=False)
    one.panel.level.slider.value = 0.3
    one.panel.family.value, one.panel.codec.value = "cut6-0.545", "transform0.7"
    one.panel.split.box.value = "8"
    first = one.state
    other.restore(first)

    assert other.state == first and say(other) == say(one)
    assert "family=cut6-0.545" in first and "codec=transform0.7" in first and "level=0.3" in first
    assert other.answer.plan == one.answer.plan and not other.panel.auto_level.value
    other.restore("janus1?family=cut6-766b35t&codec=transform1.2")
    assert (other.panel.family.value, other.panel.codec.value) == ("cut6-766b35t", "transform1.2")
    other.panel.device.value = "T4 (derived)"
    assert (other.panel.family.value, other.panel.codec.value) == ("cut6-766b35t", "transform1.2")
    other.panel.reset.click()
    assert other.panel.question() == Question() and other.banner.layout.display == "none"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("family=cut9-0.5", "schedule 'cut9-0.5' is unknown for"),
        ("codec=transformed", "codec 'transformed': there is no codebook"),
        ("codec=transform1&split=3", "split 3: codec transform1 has no basis for it"),
        ("model=vit_small_patch16_224&family=cut4-0.545", "schedule 'cut4-0.545' is unknown for vit_small"),
        ("model=vit_small_patch16_224&codec=transform1", "there is no codebook for vit_small"),
    ],
)
def test_a_state_that_this_model_cannot_have_is_named(made, state, why):
    """In the banner, and the screen stays as it was."""
    explorer = made(live=False)
    before = explorer.state
    explorer.bar.text.value = f"janus1?{state}"

    assert why in explorer.banner.value.replace("&#x27;", "'")
    assert explorer.state == before


def test_another_model_falls_back_to_what_it_has(made):
    """Its menus have neither; the screen answers, and nothing stands in the banner."""
    explorer = made(live=False)
    explorer.panel.family.value, explorer.panel.codec.value = "cut4-0.545", "transform1"
    explorer.panel.model.value = next(source for source in explorer._sources if "small" in source.name)

    assert explorer.banner.layout.display == "none", explorer.banner.value
    assert (explorer.panel.family.value, explorer.panel.codec.value) == ("declining", "int8")
    assert finds(explorer) == [] and explorer.panel.auto_level.value
    assert explorer.answer.depth == 12 and explorer.panel._levels.layout.display == ""


def test_the_split_stops_where_the_codec_serves_one(made):
    """The slider has no other stops; one that was fixed elsewhere goes to the nearest; a typed one is refused."""
    explorer = made(live=False)
    panel = explorer.panel
    panel.split.slider.value = 5
    panel.codec.value = "transform1"

    assert [stop for _, stop in panel.split.slider.options] == [0, 4, 8, 12]
    assert explorer.answer.plan.split == 4
    assert "about" in str(explorer.stage.figures[0]["layout"]["annotations"])
    panel.split.box.value = "5"
    assert "split 5: codec transform1 has no basis for it" in explorer.banner.value
    assert explorer.answer.plan.split == 4
    kinds = explorer.sheets()
    assert "bytes_are" in kinds["latency"].kind and "bytes_are" in kinds["latency"].table
    panel.codec.value = "int8"
    assert len(panel.split.slider.options) == 13


def test_live_accuracy_encodes_and_decodes(alone):
    """The demo model's own codebook, on sixteen of its pictures: the bytes are measured on the way."""
    explorer = Explorer(
        calibrate=False, state="janus1?family=cut4-0.545&codec=transform1&split=4&n_images=16"
    )  # fmt: skip
    assert explorer.settle(120)
    row = explorer.live.row(explorer.live.key(explorer.answer, explorer.subject.name))

    assert explorer.banner.value == "", explorer.banner.value
    assert (row["schedule"], row["level"], row["split"], row["codec"]) == ("cut4-0.545", 1.0, 4, "transform1")
    assert row["n"] == 16 and 200 < row["payload_bytes"] < 5000
    assert "kB sent." in say(explorer).replace(NBSP, " ")
    live = explorer.stage.plots[2].trace("live")
    assert live["x"] == [1.0]


# -- figures -----------------------------------------------------------------------------------------------------------


def test_no_number_is_struck_through():
    """One that the line of the SLO, or of the unmerged tokens, would cross stands on that line."""
    answer = BENCH.ask(Question(level=0.1, uplink_mbps=50.0, rtt_ms=1.0, slo_ms=30.0))
    table = answer.latency
    fits = table[~table["over"]]["modelled_ms"].tolist()
    slo_ms = fits[0] + 0.1
    texts = next(
        trace for trace in latency_figure(table, slo_ms=slo_ms, slo="", level="")["data"]
        if trace.get("mode") == "text"
    )  # fmt: skip

    assert [ms for _, ms in texts["customdata"]] == fits and texts["y"][0] == slo_ms
    near = 0.13 * table.attrs["top_ms"]
    assert texts["y"] == [slo_ms if ms < slo_ms < ms + near else ms for ms in fits]
    few = next(t for t in tokens_figure(answer.tokens, split=2, cut="")["data"] if t.get("mode") == "text")
    tokens = answer.tokens["tokens"].tolist()
    assert few["text"] == [str(n) for n in tokens]
    assert [y for y, n in zip(few["y"], tokens, strict=True) if y != n] == [tokens[0]] * sum(
        n < tokens[0] < n + 0.13 * 1.42 * tokens[0] for n in tokens
    )


def test_words_beside_the_line_stand_where_no_point_is():
    """At a strong level as at a weak one."""
    for level in (0.0, 0.2, 0.5, 0.8):
        answer = BENCH.ask(Question(level=level))
        table = table_of(answer, BENCH.accuracy).frame()
        figure = accuracy_figure(table, answer.levels, over="level", level=level, slo_ms=20, unit="", empty="")
        note = figure["layout"]["annotations"][0]
        low, high = figure["layout"]["yaxis"]["range"]
        near = [
            row for row in table.to_dict("records")
            if (0 < level - row["level"] < 0.2 if note["xanchor"] == "right" else 0 < row["level"] - level < 0.2)
        ]  # fmt: skip
        for row in near:
            bottom, top = ((row[end] - low) / (high - low) for end in ("low", "high"))
            assert top < note["y"] or bottom > note["y"]


def test_a_drawing_has_the_ticks_of_the_screen():
    """Plotly's steps, by its own rule: 2, 5 or 10 times a power of ten."""
    for low, high, most, step in ((0, 40, 6, 10), (0, 61, 6, 20), (0, 280, 5, 100), (30, 85, 6, 10), (0, 0.55, 7, 0.1)):
        assert still_step(low, high, most) == pytest.approx(step)


def test_a_schedule_that_was_not_tested_has_no_accuracy():
    """Nothing is made up for it."""
    one = SearchedSchedule(name="cut2-9b3t", split=2, removed=FIND.removed, token_blocks=1, tokens_at_cut=1)
    bench = Workbench(machine(0.4), machine(0.02), accuracy_table(), schedules=[one])
    answer = bench.ask(Question(family=one.name))

    assert math.isnan(one.top1) and bench.stored(one.name) is bench.accuracy
    assert "none is stored for this schedule; without merging it is 80.0" in str(explain(answer, bench.accuracy))
    assert str(explain(answer, bench.accuracy)).count("searched schedule") == 1


def test_the_page_is_told_of_the_figures_before_the_controls(made, monkeypatch):
    """A model brings other menus, and a lesson moves everything; figures need not wait for either. A slider that gets
    other stops is told of them one after the other, or its page says that a person moved it."""
    explorer = made(live=False)
    explorer.settle()
    told = []
    send_state = ipywidgets.Widget.send_state
    monkeypatch.setattr(
        ipywidgets.Widget, "send_state", lambda self, key=None: (told.append((self, key)), send_state(self, key))[1]
    )
    panel, plots = explorer.panel, explorer.stage.plots
    held = (panel.device, panel.cloud, panel.family, panel.codec, panel.uplink.slider, panel.slo.box)

    panel.model.value = next(value for _, value in panel.model.options if value is not panel.model.value)
    explorer.restore("janus1?model=vit_large_patch16_384&uplink_mbps=21&slo_ms=200&split=20&follow=no")

    drawn = max(at for at, (widget, _) in enumerate(told) if widget in plots)
    last = [max((at for at, (widget, _) in enumerate(told) if widget is one), default=len(told)) for one in held]
    assert min(last) > drawn
    assert (panel.uplink.value, panel.slo.value, panel.split.value) == (21, 200, 20)
    steps = [key for widget, key in told if widget is panel.split.slider]
    assert "_options_labels" in steps and set(steps) <= {"index", "_options_labels"}
