"""Policies over a trace: the replays, their tables and words, and the handlers of the view."""

import math
import threading

import pytest
from rooms import TINY, accuracy_table, machine, steps
from test_explorer import alone, made  # noqa: F401

from janus.errors import JanusError
from janus.explorer import measuring, replaying
from janus.explorer.course import BEST, OWN, table_html
from janus.figures import course_figures
from janus.policy import POLICIES
from janus.runtime.replays import Replayer
from janus.runtime.spot import Spot
from janus.simulate import ReplaySettings, replay, summarise
from janus.workbench import (
    Course,
    Question,
    Workbench,
    explain_course,
    measured_over_time,
    measured_words,
    on_time,
    plans_for,
    policy_table,
    run_leg,
    stretches,
)
from janus.workbench.ranking import BECAUSE, RANKED
from janus.workbench.words import NBSP

BENCH = Workbench(machine(0.4, noise=0.05), machine(0.02), accuracy_table())
ASKED = Question(slo_ms=60.0, uplink_mbps=2.0, encoding="raw")
TRACE = steps([1.0, 8.0, 0.0, 3.0] * 8, step_s=1.0, name="up and down")


def legs(course, trace=TRACE, span_s=8.0):
    grid = plans_for(BENCH, ASKED)
    return [run_leg(grid, ASKED, course, trace, name, span_s) for name in POLICIES]


@pytest.fixture(scope="module")
def eight_seconds():
    return legs(Course())


def test_a_leg_is_what_the_replay_says(eight_seconds):
    """Nothing is added to or left out of `janus.simulate`."""
    settings = ReplaySettings(duration_s=8.0, rtt_ms=ASKED.rtt_ms)
    frames = replay(TRACE, "janus", plans_for(BENCH, ASKED), ASKED.slo_ms, settings)
    leg = next(leg for leg in eight_seconds if leg.policy == "janus")
    expected = summarise(frames).iloc[0].to_dict()

    for column in ("frames", "violation_ratio", "p50_ms", "p95_ms", "p99_ms", "throughput_fps", "sent_bytes"):
        assert leg.summary[column] == pytest.approx(expected[column], rel=0.02), column
    assert sum(leg.shares.values()) == pytest.approx(1)


def test_the_short_clip_comes_first_and_the_chosen_policy_leads():
    """All policies over the clip, then all over the whole; a short trace is replayed once."""
    order = stretches(Course(policy="mixed"), steps([1.0] * 300, step_s=1.0))

    assert [span for span, _ in order] == [20.0] * len(POLICIES) + [300.0] * len(POLICIES)
    assert order[0][1] == order[len(POLICIES)][1] == "mixed"
    assert {name for _, name in order} == set(POLICIES)
    assert len(stretches(Course(), TRACE)) == len(POLICIES)


def test_the_figure_carries_every_byte_of_the_trace_and_every_frame(eight_seconds):
    """Mean rates over the stretches of time have the trace's capacity; late frames are marked within the axis."""
    leg = next(leg for leg in eight_seconds if leg.policy == "cloud-only")
    table = leg.over_time

    assert table["uplink_mbps"].mean() * 8.0 * 125_000 == pytest.approx(TRACE.capacity_bytes(0, 8.0))
    marked = table["late_at_ms"].dropna()
    assert len(marked) == (table["late_percent"] > 0).sum() > 0
    assert marked.max() < table.attrs["top_ms"]
    assert table["split"].dropna().unique().tolist() == [0]


def test_policies_choose_levels_whose_accuracy_is_known():
    """Else no accuracy could be expected of what they choose; a level that a person fixed does not bind them."""
    grid = plans_for(BENCH, Question(level=0.3, split=2))
    free = plans_for(Workbench(machine(0.4), machine(0.02)), Question())

    assert grid.levels[0] == 0 and grid.levels[-1] <= 0.8 < free.levels[-1]
    assert len(grid.splits) > 2


def test_the_best_of_a_column_is_starred_and_the_oracle_is_no_rival(eight_seconds):
    """Each column's best is marked by a sign; the bound is not among those compared."""
    table = policy_table(eight_seconds, Course())
    rivals = table[table["policy"] != "oracle"]

    assert table["policy"].tolist() == list(POLICIES)
    for column, better in RANKED.items():
        best = rivals[rivals[f"best_{column}"]][column]
        finite = rivals[column][rivals[column].abs() < math.inf]
        assert len(best) and best.round(2).nunique() == 1
        assert best.iloc[0].round(2) == better(finite.round(2))
    assert not table[table["policy"] == "oracle"].filter(like="best_").any(axis=None)
    text = table_html(table, camera=False)
    assert text.count(BEST) == int(table.filter(like="best_").sum().sum()) + 1
    assert text.count("<tr class=") == len(POLICIES)


def test_a_clip_is_never_the_best_of_whole_replays(eight_seconds):
    """Rows over the clip stand in grey until theirs comes, and are not compared with those over the whole."""
    whole = run_leg(plans_for(BENCH, ASKED), ASKED, Course(), TRACE, "janus", TRACE.duration_s)
    mixed = [whole if leg.policy == "janus" else leg for leg in eight_seconds]
    table = policy_table(mixed, Course())

    assert whole.whole and not eight_seconds[0].whole
    assert set(table[table.filter(like="best_").any(axis=1)]["policy"]) == {"janus"}
    text = table_html(table, camera=False)
    assert text.count('stale">') == len(POLICIES) - 1 and "In grey: over the first 8 s only" in text


def test_every_policy_says_why(eight_seconds):
    """The sentence names trace, share of late frames, what was chosen, and the policy's own reason."""
    table = policy_table(eight_seconds, Course())
    for leg in eight_seconds:
        words = explain_course(leg, table, ASKED, Course(policy=leg.policy), TINY.depth)

        assert "of up and down (generated" in words.choice
        assert f"late in {100 * leg.summary['violation_ratio']:.1f}{NBSP}%" in words.choice
        assert any(f"because {why}." in words.reason for why in BECAUSE.values()), leg.policy
        assert on_time(leg, ASKED) == (leg.summary["p95_ms"] <= ASKED.slo_ms)


def test_unanswered_frames_are_said_and_not_averaged():
    """A link that carries nothing leaves cloud-only without an answer: no p95, no share, no crash."""
    dead = steps([0.0], step_s=30.0, name="dead")
    leg = run_leg(plans_for(BENCH, ASKED), ASKED, Course(policy="cloud-only"), dead, "cloud-only", 30.0)
    words = explain_course(leg, policy_table([leg], Course()), ASKED, Course(policy="cloud-only"), TINY.depth)

    assert "answers never come" in words.choice and words.reason == "No frame was ever answered."
    assert "never" in table_html(policy_table([leg], Course()), camera=False)
    parts = course_figures(leg.over_time, measured_over_time((), None), slo_ms=60, slo="SLO")
    assert len(parts) == 4


@pytest.mark.parametrize("wrong", [{"policy": "best"}, {"camera_fps": -1.0}, {"camera_fps": math.nan}])
def test_a_course_out_of_range_is_refused(wrong):
    """One sentence, before anything is replayed."""
    with pytest.raises(JanusError):
        Course(**wrong)


@pytest.fixture
def worker():
    one = Replayer()
    yield one
    one.stop()


def test_the_process_gives_what_a_replay_here_gives_and_survives_a_cancelled_leg(worker):
    """The same numbers to the last digit; a leg that nobody wants ends early, and the next one is answered."""
    course, name = Course(trace="tunnel"), "janus"
    trace = course.open(ASKED)
    here = run_leg(plans_for(BENCH, ASKED), ASKED, course, trace, name, 8.0)
    there = worker.leg(BENCH, ASKED, course, trace, name, 8.0, lambda: False)

    def apart(leg):
        return {key: value for key, value in leg.summary.items() if key != "decision_us"}

    assert apart(there) == apart(here) and there.shares == here.shares
    assert there.over_time.fillna(-1).equals(here.over_time.fillna(-1))
    assert there.over_time.attrs == here.over_time.attrs
    assert worker.leg(BENCH, ASKED, course, trace, "janus-robust", 300.0, lambda: True) is None
    assert worker.leg(BENCH, ASKED, course, trace, name, 8.0, lambda: False).shares == here.shares


def test_a_process_that_died_is_replaced(worker):
    """What was asked fails with its last words; the next question starts another."""
    course = Course()
    trace = course.open(ASKED)
    assert worker.leg(BENCH, ASKED, course, trace, "mixed", 5.0, lambda: False)
    worker._child.signal(9)
    worker._child._process.wait()
    leg = worker.leg(BENCH, ASKED, course, trace, "mixed", 5.0, lambda: False)

    assert leg.policy == "mixed"


# -- the view ------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """Replays in this process, over four seconds."""

    def all_legs(bench, question, course, trace, known, cancel):
        for name in POLICIES:
            if cancel.is_set():
                return
            yield run_leg(plans_for(bench, question), question, course, trace, name, 4.0)

    monkeypatch.setattr(replaying, "all_legs", all_legs)


def opened(made, **options):  # noqa: F811
    explorer = made(live=False, **options)
    explorer.desk.view.value = "trace"
    assert explorer.settle()
    return explorer


def test_the_trace_view_shows_policies_over_the_steady_bandwidth_first(made, quick):  # noqa: F811
    """One of the two views is seen; the sentence is about the policy, and every policy is in the table."""
    explorer = opened(made)
    desk = explorer.desk

    assert "janus-hidden" in explorer.stage._dom_classes and "janus-hidden" not in desk.course_view._dom_classes
    assert f"a steady 10{NBSP}Mbit/s" in explorer.sentence.value and "Janus chose to" in explorer.sentence.value
    assert all(f">{name}<" in desk.course_view.table.value.replace("▸ ", ">") or name == "janus" for name in POLICIES)
    desk.view.value = "plan"
    assert "Janus would" in explorer.sentence.value and "janus-hidden" not in explorer.stage._dom_classes


def test_trace_policy_and_controls_are_followed(made, quick):  # noqa: F811
    """Another trace, policy or target: figure, table and sentence are those of it."""
    explorer = opened(made)
    view = explorer.desk.course_view
    before = view.table.value
    view.trace.menu.value = "tunnel"
    explorer.settle()
    assert "tunnel (generated" in explorer.sentence.value and view.table.value != before
    view.policy.value = "device-only"
    explorer.settle()
    assert "because it never asks the network" in explorer.sentence.value
    explorer.panel.slo.box.value = "500"
    explorer.settle()
    assert f"SLO 500{NBSP}ms" in explorer.sentence.value and explorer.sentence.value.count("0.0")
    assert view.plot.figures[-1]["layout"]["shapes"][0]["y0"] == 500
    assert explorer.panel.status.value == ""


def test_a_trace_that_is_not_there_is_named_and_the_next_one_works(made, quick):  # noqa: F811
    """The banner says what is wrong and the trace stays; a fresh one by its seed is taken."""
    explorer = opened(made)
    field = explorer.desk.course_view.trace
    for wrong in ("nowhere", "5g-driving@x", "/", "tunnel,5g-driving"):
        field.box.value = wrong

        assert explorer.banner.layout.display == "" and field.value == ""
        assert "janus-wrong" in field.box._dom_classes
    field.box.value = "lte-static@3"
    explorer.settle()

    assert explorer.banner.layout.display == "none" and field.value == "lte-static@3"
    assert field.menu.value == OWN and "lte-static@3 (generated" in explorer.sentence.value
    assert "janus-wrong" not in field.box._dom_classes


def test_old_replays_are_grey_until_the_new_ones_come(made, monkeypatch):  # noqa: F811
    """Figures, table and sentence of the question before are marked as such."""
    gate = threading.Event()
    gate.set()

    def all_legs(bench, question, course, trace, known, cancel):
        assert gate.wait(30)
        yield run_leg(plans_for(bench, question), question, course, trace, course.policy, 4.0)

    monkeypatch.setattr(replaying, "all_legs", all_legs)
    explorer = opened(made)
    gate.clear()
    explorer.panel.slo.box.value = "77"

    assert "stale" in explorer.desk.course_view.table._dom_classes
    assert 'class="stale"' in explorer.sentence.value and "replaying" in explorer.panel.status.value
    gate.set()
    explorer.settle()
    assert "stale" not in explorer.desk.course_view.table._dom_classes
    assert f"SLO 77{NBSP}ms" in explorer.sentence.value


def test_reset_and_plain_values_bring_the_view_back(made, quick):  # noqa: F811
    """Each setting is a string or a number, and can be put back without a word to anyone."""
    explorer = opened(made)
    desk = explorer.desk
    for name, value in {
        "trace": "lte-static@3",
        "policy": "mixed",
        "camera_fps": 30.0,
        "measure_on": "imitated",
    }.items():
        desk.settings[name][0].put(value)
        assert desk.settings[name][0].value == value
    assert desk.course_view.course == Course(trace="lte-static@3", policy="mixed", camera_fps=30.0)
    explorer.panel.reset.click()

    assert [control.value for control, _ in desk.settings.values()] == [first for _, first in desk.settings.values()]
    assert desk.planned and desk.replaying.legs == []


# -- the pair ------------------------------------------------------------------------------------------------------


class FakePair:
    """Stands for two processes: gives spots when the test lets it, and knows whether it was closed."""

    def __init__(self, monkeypatch, error=None):
        self.closed, self.gate, self.jobs, self.error = threading.Event(), threading.Event(), [], error
        self.gate.set()
        monkeypatch.setattr(measuring, "run_pair", self.run)

    def run(self, job, cancel):
        self.jobs.append(job)
        self.closed.clear()
        try:
            yield "starting a cloud's process and a link"
            assert self.gate.wait(30)
            if self.error:
                raise self.error
            for n in (1, 20):
                yield Spot(n, 21.0, 20.0, 24.0, 20.0)
        finally:
            self.closed.set()


def test_measured_points_stand_beside_the_bars(made, monkeypatch):  # noqa: F811
    """The button measures the plan that is shown; figure, sentence and note say what was measured and the error."""
    pair = FakePair(monkeypatch)
    explorer = made(live=False)
    explorer.desk.measure.click()
    explorer.settle()
    bars = explorer.stage.plots[1]
    points = bars.trace("measured")
    k = explorer.answer.plan.split

    assert pair.jobs[0].plan == explorer.answer.plan and pair.closed.is_set()
    assert points["x"] == [k] and points["y"] == [21.0]
    assert points["error_y"]["array"] == [3.0]
    assert bars.trace("model of that pair")["y"] == [20.0]
    said = explorer.sentence.value.replace(NBSP, " ")
    assert "Measured: median 21 ms (p10 20 ms, p90 24 ms, 20 frames between two processes)" in said
    assert "the model of that pair says 20 ms, 4.8 % too little" in said
    assert "between two processes over a shaped link" in explorer.note.value
    explorer.panel.uplink.box.value = "33"
    assert bars.trace("measured")["x"] == []
    explorer.panel.uplink.box.value = "10"
    assert bars.trace("measured")["x"] == [k]


def test_measuring_is_stopped_by_the_same_button(made, monkeypatch):  # noqa: F811
    """While a pair runs the button says Stop and the controls still answer; stopping closes the pair."""
    pair = FakePair(monkeypatch)
    pair.gate.clear()
    explorer = made(live=False)
    explorer.desk.measure.click()

    assert explorer.desk.measure.description == "Stop" and "janus-busy" in explorer.panel.status.value
    assert explorer.panel.evaluate.disabled and explorer.panel.calibrate.disabled
    explorer.panel.uplink.box.value = "12"
    assert explorer.answer.question.uplink_mbps == 12
    explorer.desk.measure.click()
    pair.gate.set()
    explorer.settle()

    assert pair.closed.is_set() and explorer.desk.measure.description == "Measure"
    assert explorer.panel.status.value == "" and not explorer.panel.evaluate.disabled
    assert explorer.desk.measuring._spots == {}


def test_a_pair_that_fails_is_shown_and_the_button_works_again(made, monkeypatch):  # noqa: F811
    """The reason stands in the banner, nothing stays busy."""
    pair = FakePair(monkeypatch, error=JanusError("the cloud has ended: no memory left; close other programs."))
    explorer = made(live=False)
    explorer.desk.measure.click()
    explorer.settle()

    assert "no memory left" in explorer.banner.value and pair.closed.is_set()
    assert explorer.desk.measure.description == "Measure" and not explorer.desk.measure.disabled


def test_the_oracle_cannot_be_run_and_another_policy_is_measured_over_the_trace(made, quick, monkeypatch):  # noqa: F811
    """Rows of the run stand in the latency figure, and in the sentence as measured."""

    def run(job, cancel):
        for n in range(20):
            yield {"time_s": n / 10, "measured_ms": 30.0 + n, "modelled_ms": 25.0, "violated": n > 9}

    monkeypatch.setattr(measuring, "run_pair", run)
    explorer = opened(made)
    explorer.desk.course_view.policy.value = "oracle"
    explorer.desk.measure.click()
    assert "can be replayed, but not run" in explorer.banner.value
    explorer.desk.course_view.policy.value = "janus"
    explorer.settle()
    explorer.desk.measure.click()
    explorer.settle()

    assert len(explorer.desk.course_view.plot.trace("measured")["x"]) == 20
    assert f"Measured over the first 2{NBSP}s: 50.0{NBSP}% of 20 frames late" in explorer.sentence.value


def test_the_error_is_told_from_the_measurement():
    """Too much or too little: the model against what was measured."""
    spot = {"n": 20, "median_ms": 20.0, "p10_ms": 19.0, "p90_ms": 22.0, "modelled_ms": 22.0, "word": "emulated"}

    assert measured_words(spot).endswith(f"22{NBSP}ms, 10.0{NBSP}% too much.")
    assert measured_words(spot).startswith("Emulated: median 20")
    assert Spot(20, 20.0, 19.0, 22.0, 22.0).error == pytest.approx(0.1)
