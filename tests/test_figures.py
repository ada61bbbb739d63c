"""Figures show what the tables say, and a widget follows without being made anew."""

from itertools import pairwise

import plotly.graph_objects as go
import pytest
from rooms import accuracy_table, machine

from janus.figures import accuracy_figure, latency_figure, tokens_figure
from janus.figures.encoded import as_json
from janus.workbench import Question, Workbench
from janus.workbench import accuracy_table as table_of
from janus.workbench.tables import PARTS

BENCH = Workbench(machine(0.4), machine(0.02), accuracy_table())
LIVE = {"schedule": "declining", "level": 0.4, "top1": 70.0, "ci95": [60.0, 80.0], "n": 16, "now": True, "model": "m"}


def specs(over="level", live=(), **question):
    q = Question(**question)
    answer = BENCH.ask(q)
    accuracy = table_of(answer, BENCH.accuracy, live).frame()
    return answer, (
        tokens_figure(answer.tokens, split=answer.plan.split, cut="cut"),
        latency_figure(answer.latency, slo_ms=q.slo_ms, slo="SLO", level="level 0.4"),
        accuracy_figure(
            accuracy, answer.levels, over=over, level=answer.plan.level, slo_ms=q.slo_ms, unit="level", empty="none"
        ),
    )


def figures(**question):
    answer, found = specs(**question)
    return answer, [go.Figure(spec) for spec in found]


@pytest.mark.parametrize("over", ["level", "latency"])
def test_a_figure_of_plain_columns_is_that_of_the_frame(over):
    """The screen draws from lists, and a person from DataFrames; both see one figure."""
    answer, of_frames = specs(over, [LIVE], level=0.4, split=2, encoding="raw")
    columns, q = answer.columns, answer.question
    of_columns = (
        tokens_figure(columns["tokens"], split=answer.plan.split, cut="cut"),
        latency_figure(columns["latency"], slo_ms=q.slo_ms, slo="SLO", level="level 0.4"),
        accuracy_figure(
            table_of(answer, BENCH.accuracy, [LIVE]), columns["levels"], over=over, level=answer.plan.level,
            slo_ms=q.slo_ms, unit="level", empty="none",
        ),
    )  # fmt: skip

    assert [as_json(figure) for figure in of_columns] == [as_json(figure) for figure in of_frames]


def named(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_tokens_are_drawn_on_the_side_that_computes_them():
    """Each block has one bar, of the device's colour up to the split."""
    answer, (tokens, _, _) = figures(level=0.4, split=2)
    device, cloud = named(tokens, "on the device"), named(tokens, "in the cloud")

    assert list(device.x) == [0, 1, 2] and list(cloud.x) == [3, 4, 5, 6]
    assert [*device.y, *cloud.y] == list(answer.merging.tokens)
    assert device.marker.color != cloud.marker.color
    assert device.marker.pattern.shape != cloud.marker.pattern.shape


def test_bars_of_the_latency_are_the_parts_of_the_table():
    """One trace for each part, over every split and the JPEG; the plan is marked once."""
    answer, (_, latency, _) = figures(level=0.4, split=2, encoding="raw")
    table = answer.latency
    for part, trace in zip(PARTS, latency.data[: len(PARTS)], strict=True):
        assert list(trace.y) == table[part].tolist()
        assert list(trace.x) == table["position"].tolist()

    assert latency.layout.barmode == "stack"
    assert list(named(latency, "chosen").x) == [2]
    looks = [(trace.marker.color, trace.marker.pattern.shape) for trace in latency.data[: len(PARTS)]]
    assert len(set(looks)) == len({shape for _, shape in looks}) == len(PARTS)


def test_a_bar_that_is_cut_off_says_how_tall_it_is():
    """On a slow link the uplink dwarfs the plan: the axis stays with the plan, and the numbers stand in the bars."""
    answer, (_, latency, _) = figures(uplink_mbps=0.05, slo_ms=150)
    over = answer.latency[answer.latency["over"]]
    written = [note.text for note in latency.layout.annotations if note.textangle == -90]

    assert len(over) > 3
    assert written == [f"↑\N{NO-BREAK SPACE}{label}" for label in over["label"]]
    assert latency.layout.yaxis.range[1] < over["modelled_ms"].min()


def test_an_slo_out_of_sight_is_pointed_at():
    """A very lax SLO is not drawn, since it would flatten the bars, but named with an arrow."""
    near, far = figures(slo_ms=50)[1][1], figures(slo_ms=50_000)[1][1]

    assert near.layout.shapes[0].visible and not far.layout.shapes[0].visible
    assert far.layout.annotations[0].text.startswith("↑")


@pytest.mark.parametrize("over", ["level", "latency"])
def test_intervals_are_drawn_as_measured(over):
    """Error bars reach from the low end of the interval to the high one, stored and live."""
    answer, (_, _, accuracy) = figures(over=over, live=[LIVE], level=0.4)
    live = named(accuracy, "live")

    assert list(live.y) == [70.0]
    assert (list(live.error_y.array), list(live.error_y.arrayminus)) == ([10.0], [10.0])
    assert list(named(accuracy, "stored").y) == [80.0, 79.0, 75.0, 60.0]
    assert live.x[0] == pytest.approx(0.4 if over == "level" else answer.modelled_ms)
    assert live.marker.symbol != named(accuracy, "stored").marker.symbol


@pytest.mark.parametrize("over", ["level", "latency"])
def test_every_axis_has_a_name(over):
    """No axis is left unnamed, and latencies and accuracies have their unit."""
    for figure in figures(over=over)[1]:
        assert figure.layout.xaxis.title.text and figure.layout.yaxis.title.text
        assert figure.layout.title.text
    assert "ms" in figures()[1][1].layout.yaxis.title.text
    assert "%" in figures()[1][2].layout.yaxis.title.text


@pytest.mark.parametrize("slo_ms", [1, 14, 15, 50])
def test_levels_that_meet_the_slo_stand_on_a_band(slo_ms):
    """A band reaches from each such level to the next; only the layout knows of it, which is quicker to draw."""
    answer, (_, _, accuracy) = figures(slo_ms=slo_ms)
    bands = [shape for shape in accuracy.layout.shapes if shape.type == "rect"]
    levels = answer.levels.sort_values("level")

    for (level, after), meets in zip(pairwise(levels["level"]), levels["meets_slo"], strict=False):
        assert meets == any(band.x0 <= level and after <= band.x1 for band in bands)
        assert meets == any(band.x0 < (level + after) / 2 < band.x1 for band in bands)
    assert len(bands) <= 1 or all(left.x1 < right.x0 for left, right in pairwise(bands))
    assert accuracy.data == figures(slo_ms=20)[1][2].data
    over = [shape for shape in figures(slo_ms=slo_ms, over="latency")[1][2].layout.shapes if shape.type == "rect"]
    assert [(band.x0, band.x1) for band in over] == [(0, slo_ms)]
