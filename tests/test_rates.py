"""Rate tables, and scheduling with quality as a third dimension."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rooms import TINY, accuracy_table, machine, rate_row, rate_table, rough, small_grid

from janus.accuracy import NAMED
from janus.bench.rate_file import save_rates
from janus.cli import main
from janus.errors import JanusError, JanusWarning
from janus.grid import GridSettings, Ladder, PlanGrid, RatedGrid, ms_per_byte
from janus.grid.expected import Expected
from janus.grid.ladder import undominated
from janus.policy import POLICIES, RATED, Transfer, make_policy, policies_for
from janus.profile import slower
from janus.rates import PICTURE, TOKENS, find_rates, load_rates, stored_rates
from janus.reproduce.qualities import POLICIES as QUALITY_POLICIES
from janus.reproduce.qualities import Pair, lead_table, lead_words, quality_table, standings
from janus.reproduce.stored import read_table
from janus.schedules import find_schedule
from janus.simulate import ReplaySettings, replay, sweep

GRID = small_grid(accuracy=accuracy_table(), rates=rate_table())
RATED_GRID = RatedGrid.of(GRID)
# Whole numbers make ties.
NUMBERS = st.one_of(st.integers(0, 4).map(float), st.floats(0, 50))
PLANS = st.lists(st.tuples(NUMBERS, st.integers(1, 2000), NUMBERS), min_size=1, max_size=12)


def document():
    """A rate table as its file has it."""
    row = {
        "kind": "tokens", "codec": "transform", "quality": 0.5, "schedule": "constant", "level": 8, "split": 4,
        "bytes_mean": 3000.5, "bytes_p90": 3900, "encode_ms": 1.2, "decode_ms": 1.1, "top1": 80, "low": 77, "high": 83,
    }  # fmt: skip
    picture = row | {"kind": "picture", "codec": "jpeg", "quality": 85, "schedule": "none", "level": 0, "split": 0}
    return {
        "model": "vit_tiny_patch16_224.x", "images": "some", "n": 650, "date": "2026-11-24", "command": "janus bench",
        "machine": "EPYC", "unmerged": {"top1": 82.6, "low": 79.5, "high": 85.3}, "rows": [picture, row],
    }  # fmt: skip


def written(tmp_path, doc):
    path = tmp_path / "rates.json"
    path.write_text(doc if isinstance(doc, str) else json.dumps(doc))
    return path


# The table


def test_a_file_is_read_as_it_stands(tmp_path):
    """Every figure of the file, each way of travelling under one name, no merging under one key."""
    table = load_rates(written(tmp_path, document()))

    assert (table.model, table.n, table.unmerged, table.machine) == (
        "vit_tiny_patch16_224.x", 650, (82.6, 79.5, 85.3), "EPYC",
    )  # fmt: skip
    assert [row.carrier for row in table.rows] == ["jpeg85", "transform0.5"]
    assert table.mergings == (("none", 0.0), ("constant", 8.0))
    assert table.row("constant", 8, 4, "transform0.5").bytes_mean == 3000.5
    assert table.row("declining", 0.0, 0, "jpeg85") is table.rows[0]
    assert table.row("constant", 8, 6, "transform0.5") is None
    assert (table.carriers(PICTURE), table.carriers(TOKENS)) == (("jpeg85",), ("transform0.5",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": 0}, "split 0 where 0 for a picture and 1 or more for tokens belongs"),
        ({"kind": "sound"}, "kind 'sound' where picture or tokens belongs"),
        ({"bytes_mean": 0}, "bytes_mean 0 where a number from 1"),
        ({"bytes_p90": None}, "bytes_p90 None"),
        ({"encode_ms": -1}, "encode_ms -1"),
        ({"quality": "high"}, "quality 'high'"),
        ({"level": True}, "level True"),
        ({"codec": "../x"}, "codec '../x' where a name belongs"),
        ({"schedule": ""}, "schedule '' where the name of a schedule belongs"),
        ({"top1": 84}, "top1 84 outside of its interval 77 to 83"),
        ({"top1": 101}, "top1 101 where a number from 0 to 100"),
        ({"split": 2.5}, "split 2.5 where a whole number"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, change, words):
    """File, row, field and remedy in one sentence."""
    doc = document()
    doc["rows"][1] |= change
    with pytest.raises(JanusError) as why:
        load_rates(written(tmp_path, doc))

    assert f"rates.json: rows[1] has {words}" in str(why.value)
    assert str(why.value).endswith("write it again with `janus bench codec`.")


@pytest.mark.parametrize(
    ("doc", "words"),
    [
        ("{", "is not JSON"),
        ([], "must hold a model and rows"),
        ({"model": "x", "rows": []}, "holds no rows"),
        (document() | {"unmerged": 82.6}, "unmerged 82.6 must hold top1, low and high"),
        (document() | {"n": 0}, "has n 0 where a whole number from 1"),
        (document() | {"images": None}, "has images None where a name belongs"),
        (document() | {"rows": [document()["rows"][0], "x"]}, r"rows\[1\] must be an object"),
        (document() | {"rows": [document()["rows"][0]] * 2}, r"rows\[1\] says again what rows\[0\] says"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, doc, words):
    """Nothing is guessed, and nothing may stand twice."""
    with pytest.raises(JanusError, match=words):
        load_rates(written(tmp_path, doc))


def test_a_table_is_found_by_its_model(tmp_path, monkeypatch):
    """Stored ones by tag or architecture; a file must be of the model; none at all is said plainly."""
    monkeypatch.setenv("JANUS_DATA", str(tmp_path))
    path = written(tmp_path, document())

    assert stored_rates("vit_tiny_patch16_224") is None
    with pytest.raises(JanusError, match=r"no rate table of vit_tiny_patch16_224 is stored: give a file"):
        find_rates("stored", "vit_tiny_patch16_224")
    (tmp_path / "rates").mkdir()
    (tmp_path / "rates" / "vit_tiny_patch16_224.x.json").write_text(path.read_text())
    assert stored_rates("vit_tiny_patch16_224").n == find_rates("stored", "vit_tiny_patch16_224.x").n == 650
    assert stored_rates("vit_tiny_patch16_224.y") is None
    with pytest.raises(JanusError, match=r"is of vit_tiny_patch16_224.x, not of deit_tiny: measure that model first"):
        find_rates(str(path), "deit_tiny")
    with pytest.raises(JanusError, match=r"cannot be read"):
        find_rates(str(tmp_path / "nothing.json"), "deit_tiny")


# What is dropped beforehand, and the choice among the rest


@given(PLANS)
def test_only_plans_that_another_beats_in_everything_are_dropped(plans):
    """Slower to any byte count, larger, and no more accurate; of equals one stays."""
    fixed, size, accuracy = (np.array(column, dtype=float) for column in zip(*plans, strict=True))
    kept = undominated(fixed, size, accuracy)

    def beats(i, j):
        return fixed[i] <= fixed[j] and size[i] <= size[j] and accuracy[i] >= accuracy[j]

    for j in range(len(plans)):
        rivals = [i for i in range(len(plans)) if kept[i] and i != j and beats(i, j)]
        assert bool(rivals) != kept[j]


def ladder_of(plans, rows=2):
    """Plans laid out in rows and columns, the first of each row device-only; some are not offered."""
    columns = math.ceil(len(plans) / rows)
    plans = [*plans, *[(50.0, 1, 0.0)] * (rows * columns - len(plans))]
    fixed, size, accuracy = (np.array(column, dtype=float).reshape(rows, -1) for column in zip(*plans, strict=True))
    local, alone = fixed[:, 0] + 1, accuracy.max(axis=1) - 1
    offered = np.concatenate([size % 3 > 0, size[:, :1] % 2 > 0], axis=1)
    offered[0, -1] = True
    every = np.concatenate([accuracy, alone[:, None]], axis=1)
    return Ladder(every, local, fixed, size, offered), every, offered


@settings(max_examples=300)
@given(PLANS, st.floats(0, 2), st.floats(0, 60), st.floats(1, 120))
def test_the_ladder_takes_the_most_accurate_plan_that_is_in_time(plans, x, rtt_ms, slo_ms):
    """As every plan tried one by one: the best accuracy within the SLO, then the least latency; else the fastest."""
    ladder, accuracy, offered = ladder_of(plans)
    row, column, ms = ladder.decide(x, rtt_ms, slo_ms)
    all_ms = ladder.all_ms(x, rtt_ms)
    meets = all_ms <= slo_ms

    assert offered[row, column]
    assert ms == all_ms[row, column]
    assert ladder.fastest_split(row, x, rtt_ms)[1] == all_ms[row].min() <= ms
    assert (row, column, ms) == ladder.brute_force(x, rtt_ms, slo_ms)
    if meets.any():
        best = accuracy[meets].max()
        assert accuracy[row, column] == best
        assert ms == all_ms[meets & (accuracy == best)].min()
    else:
        assert ms == all_ms.min()


@settings(max_examples=300)
@given(PLANS, st.floats(0, 2), st.floats(0, 2), st.floats(0, 60), st.floats(1, 120), st.floats(0, 60))
def test_more_bandwidth_or_time_never_gives_a_less_accurate_choice(plans, x, less, rtt_ms, slo_ms, more_ms):
    """As long as the SLO can be met: what was in time stays in time."""
    ladder, accuracy, _ = ladder_of(plans)
    row, column, ms = ladder.decide(x + less, rtt_ms, slo_ms)
    assume(ms <= slo_ms)

    assert accuracy[ladder.decide(x, rtt_ms, slo_ms)[:2]] >= accuracy[row, column]
    assert accuracy[ladder.decide(x + less, rtt_ms, slo_ms + more_ms)[:2]] >= accuracy[row, column]


def test_where_nothing_gets_through_the_ladder_stays_on_the_device():
    """An infinite time a byte is no plan's undoing: the best device-only plan in time, else the fastest of all."""
    ladder, accuracy, _ = ladder_of([(1.0, 100, 60.0), (1.0, 200, 70.0), (5.0, 401, 80.0), (5.0, 500, 82.0)])
    row, column, ms = ladder.decide(math.inf, 10.0, 20.0)

    assert (row, column, ms) == (1, 2, 6.0)
    assert accuracy[row, column] == 81.0


# The grid


def test_what_was_not_measured_is_not_offered():
    """Each offered plan has a row of exactly its schedule, split and quality, and its bytes, times, accuracy."""
    grid, table = RATED_GRID, rate_table()
    seen = 0
    for row, column in np.argwhere(grid.offered):
        split, carrier = grid.splits[column], grid.travels_as[column]
        if split == 6:
            assert carrier == "" and grid.payload_bytes[row, column] == 0
            continue
        if carrier == "raw":
            assert grid.mergings[row] == ("none", 0.0)
            assert grid.payload_bytes[row, column] == TINY.raw_bytes
            assert grid.expected_accuracy[row, column] == 80.0
            continue
        measured = table.row(*grid.mergings[row], split, carrier)
        seen += 1
        assert grid.payload_bytes[row, column] == measured.bytes_mean
        assert grid.expected_accuracy[row, column] == measured.top1
        assert grid.encode_ms[row, column] == measured.encode_ms

    assert seen == 6  # neither webp40, which jpeg50 beats, nor int8, which the transform does
    assert grid.splits[-1] == 6 and set(grid.splits) == {0, 2, 4, 6}
    offered = {(grid.mergings[row][0], grid.travels_as[column]) for row, column in np.argwhere(grid.offered)}
    assert not {("none", "webp40"), ("declining", "int8+zstd")} & offered


def test_compute_is_that_of_the_plain_grid():
    """Quality changes bytes and times of encoding, never the blocks: device, cloud and finish as without a table."""
    plain = small_grid(accuracy=accuracy_table(), levels=(0.0, 0.2))
    row, column = RATED_GRID.mergings.index(("declining", 0.2)), RATED_GRID.travels_as.index("transform0.5")

    assert RATED_GRID.device_ms[row, column] == plain.device_ms[1, 2]
    assert RATED_GRID.finish_ms[row, column] == plain.finish_ms[1, 2]
    assert RATED_GRID.cloud_ms[row, column] == pytest.approx(plain.cloud_ms[1, 2] + 0.25)
    assert RATED_GRID.device_ms[row, -1] == plain.device_ms[1, -1]


def test_levels_that_were_measured_uncut_run_on_the_device_only():
    """Their accuracy is known there, and nowhere else."""
    row = RATED_GRID.mergings.index(("declining", 0.8))

    assert RATED_GRID.offered[row].tolist() == [False] * (len(RATED_GRID.splits) - 1) + [True]
    assert RATED_GRID.expected_accuracy[row, -1] == 60.0


def test_with_rates_the_plain_grid_believes_them():
    """A picture's bytes and accuracy, int8's accuracy where it was measured; other levels by the worse of both."""
    grid = small_grid(accuracy=accuracy_table(), rates=rate_table(), encoding="jpeg50", levels=(0.0, 0.2, 0.5, 0.8))

    assert grid.payload_bytes[:, 0].tolist() == [800] * 4
    assert grid.expected_accuracy[:, 0].tolist() == [78.0, 78.0, 75.0, 60.0]
    assert grid.expected_accuracy[:, 6].tolist() == [80.0, 79.0, 75.0, 60.0]
    assert Expected(None, rate_table()).uncut("constant", 4) == 76.0
    assert math.isnan(Expected(None, rate_table()).uncut("constant", 5))


def test_no_loss_counts_as_a_gain():
    """Pictures that happened to be answered better than without any loss count as the model itself."""
    table = rate_table(rows=[rate_row("jpeg95", 2000, 82.0), rate_row("jpeg50", 800, 78.0)])
    grid = RatedGrid.of(small_grid(accuracy=accuracy_table(), rates=table))

    assert Expected(None, table).top1("none", 0.0, 0, "jpeg95") == 80.0
    assert grid.expected_accuracy[0, grid.travels_as.index("jpeg95")] == 80.0
    assert np.nanmax(grid.expected_accuracy) == 80.0


def test_a_slower_device_encodes_slower_too():
    """Everything it does takes as many times longer, and nothing that the cloud does."""
    grid = small_grid(device=0.4, accuracy=accuracy_table(), rates=rate_table())
    slow = RatedGrid.of(replace(grid, device=slower(grid.device, 3)).rebuilt(encode_factor=3.0))

    assert slow.device_ms == pytest.approx(3 * RATED_GRID.device_ms)
    assert slow.encode_ms == pytest.approx(3 * RATED_GRID.encode_ms)
    assert slow.cloud_ms == pytest.approx(RATED_GRID.cloud_ms)
    assert slow.device.label == "device, 3 times slower (derived)"
    with pytest.raises(JanusError, match="factor nan must be"):
        slower(machine(), math.nan)


def test_a_schedule_that_nobody_knows_is_refused():
    """A rate table may name it, but without its counts nothing can be planned."""
    table = rate_table(rows=[rate_row("transform1", 100, 70, schedule="best-of-all", split=2)])
    with pytest.raises(JanusError, match="schedule 'best-of-all' is unknown"):
        RatedGrid.of(small_grid(rates=table))


def test_a_searched_schedule_is_offered_with_what_was_measured_of_it(tmp_path, monkeypatch):
    """In a rate table its name has level 1, as in a grid of its own; uncut its own test speaks for it, if it was on as
    many pictures, and what only that knows can run on the device alone."""
    entry = {"split": 2, "removed": [20, 10, 0, 0, 0, 0], "token_blocks": 160, "tokens_at_cut": 20}
    measured = {"measured": {"top1": 79.5, "low": 77.0, "high": 82.0, "n": 500}}
    entries = [
        entry | measured | {"name": "cut2-a"},
        entry | measured | {"name": "cut2-b", "removed": [20, 12, 0, 0, 0, 0]},
        entry | {"name": "cut2-untested"},
    ]  # fmt: skip
    (tmp_path / "schedules").mkdir()
    doc = {"model": "tiny", "schedules": entries, "front": []}
    (tmp_path / "schedules" / "tiny.json").write_text(json.dumps(doc))
    monkeypatch.setenv("JANUS_DATA", str(tmp_path))
    rows = [rate_row("transform1", 150, 79.0, schedule="cut2-a", level=NAMED, split=2), rate_row("jpeg85", 1500, 79.8)]
    rows += [rate_row("int8+zstd", 2000, 78.5, schedule="cut2-a", level=NAMED, split=2)]
    table = rate_table(rows=rows)

    grid = RatedGrid.of(small_grid(accuracy=accuracy_table(), rates=table))
    own = PlanGrid.build(
        GRID.device, GRID.cloud, GridSettings(family="list", listed=find_schedule("cut2-a", "tiny")), rates=table,
    )  # fmt: skip

    row = grid.mergings.index(("cut2-a", 1.0))
    assert grid.expected_accuracy[row, [grid.travels_as.index("transform1"), -1]].tolist() == [79.0, 79.5]
    assert grid.expected_accuracy[grid.mergings.index(("cut2-b", 1.0)), -1] == 79.5
    assert ("cut2-untested", 1.0) not in grid.mergings
    assert own.expected_accuracy[own.levels.index(1.0), own.splits.index(2)] == 78.5
    assert Expected(None, replace(table, n=499)).tested == {}


def test_rows_of_a_schedule_that_was_searched_anew_are_left_out(tmp_path, monkeypatch):
    """Under an old name other counts: what was measured of the old ones says nothing of the new. Files without counts
    are taken at their word."""
    entry = {"split": 2, "removed": [20, 10, 0, 0, 0, 0], "token_blocks": 160, "tokens_at_cut": 20, "name": "cut2-a"}
    (tmp_path / "schedules").mkdir()
    doc = {"model": "tiny", "schedules": [entry], "front": []}
    (tmp_path / "schedules" / "tiny.json").write_text(json.dumps(doc))
    monkeypatch.setenv("JANUS_DATA", str(tmp_path))
    figures = {"bytes_mean": 100, "bytes_p90": 120, "encode_ms": 1, "decode_ms": 1, "top1": 79, "low": 77, "high": 81}
    row = {"kind": "tokens", "codec": "transform", "quality": 1.0, "schedule": "cut2-a", "level": 1.0, "split": 2}
    plain = row | figures | {"schedule": "declining", "level": 0.2}
    unmerged = {"top1": 80, "low": 78, "high": 82}

    def read(**counts):
        again = tmp_path / "again"
        path = save_rates(again, "tiny", "made up", 500, unmerged, [row | figures | counts, plain])
        found = [one.schedule for one in load_rates(path).rows]
        path.unlink()
        return found

    assert read() == read(removed=[20, 10, 0, 0, 0, 0]) == ["cut2-a", "declining"]
    with pytest.warns(JanusWarning, match="rows of cut2-a are of other counts .* --schedule NAME"):
        assert read(removed=[20, 11, 0, 0, 0, 0]) == ["declining"]
    with pytest.raises(JanusError, match=r"removed \[20, -1\] where a list of counts"):
        read(removed=[20, -1])


# The policies


def told(name, *mbps, grid=GRID):
    policy = make_policy(name, grid)
    for rate in mbps:
        policy.observe(Transfer(0.0, 1000, 1000 * ms_per_byte(rate), True, 10.0))
    return policy


@given(st.floats(0.01, 50), st.floats(5, 200))
def test_adaptive_pictures_are_the_best_that_should_be_in_time(mbps, slo_ms):
    """The most accurate picture whose bytes get through by the estimate; the quickest where none does."""
    policy = told("cloud-only-adaptive", mbps)
    decision = policy.decide(0.0, slo_ms)
    sizes = {"raw": (TINY.raw_bytes, 80.0), "jpeg85": (1500, 79.8), "jpeg50": (800, 78.0), "jpeg20": (500, 70.0)}
    base = policy.grid.cloud_ms[0, 0] + policy.grid.downlink_ms + 10.0
    ms = {
        name: base + size * ms_per_byte(decision.estimated_mbps) + (0.75 if name != "raw" else 0.0)
        for name, (size, _) in sizes.items()
    }
    assume(all(abs(value - slo_ms) > 1e-6 for value in ms.values()))
    in_time = [name for name in sizes if ms[name] <= slo_ms]

    assert decision.split == 0 and decision.level == 0.0
    assert decision.encoding == (max(in_time, key=lambda name: sizes[name][1]) if in_time else "jpeg20")
    assert decision.modelled_ms == pytest.approx(ms[decision.encoding])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=12), st.floats(2, 200))
def test_janus_with_codec_chooses_what_is_offered(network, slo_ms):
    """Any network and SLO: a plan of the table, a split of the model, a way to travel where something does."""
    policy = told("janus-codec", *network)
    decision = policy.decide(0.0, slo_ms)
    grid = policy.grid

    assert grid.offered[decision.level_index, decision.split_index]
    assert (decision.encoding == "") == (decision.split == 6)
    if decision.hedge is not None:
        assert 0 <= decision.hedge.level_index < len(grid.levels)


def test_where_nothing_that_is_sent_is_any_better_the_device_goes_on_alone():
    """A device so fast that the way to the cloud alone takes longer: no plan that sends is even offered."""
    fast = small_grid(device=1e-5, rates=rate_table(rows=[rate_row("jpeg85", 1500, 79.8)]))
    fast = replace(fast, cloud=machine(5.0))
    decision = make_policy("janus-codec", fast).decide(0.0, 100.0)

    assert not RatedGrid.of(fast).offered[:, :-1].any()
    assert decision.split == TINY.depth


def test_policies_that_choose_quality_need_a_table():
    """Without one they are not among those that can run, and say what is missing."""
    assert policies_for(None) == POLICIES
    assert policies_for(rate_table()) == (
        *POLICIES[:5],
        "cloud-only-adaptive",
        *POLICIES[5:-1],
        "janus-codec",
        "oracle",
    )
    for name in RATED:
        with pytest.raises(JanusError, match=r"no measured rates of tiny: give a rate table"):
            make_policy(name, small_grid())


def test_without_a_table_nothing_changes():
    """The grid, its decisions and a replay are those of a grid that never heard of rates."""
    plain = small_grid(accuracy=accuracy_table(), encoding="jpeg50")
    rated = small_grid(accuracy=accuracy_table(), rates=rate_table(rows=[rate_row("webp7", 5, 1)]), encoding="jpeg50")
    trace = rough(20)
    for name in ("janus", "janus-robust"):
        tables = [replay(trace, name, grid, 60.0) for grid in (plain, rated)]

        assert tables[0].equals(tables[1])


def golden(seconds=60.0):
    """All policies over a rough link, a slow device."""
    levels = (0.0, 0.2, 0.5, 0.8)
    grid = small_grid(device=1.0, accuracy=accuracy_table(), rates=rate_table(), encoding="jpeg85", levels=levels)
    settings = ReplaySettings(mode="camera", camera_fps=5)
    names = ("device-only", "cloud-only", "cloud-only-adaptive", "mixed", "janus-robust", "janus-codec", "oracle")
    return sweep([rough(seconds, seed=3, mean=0.5)], names, [grid], [75.0], settings).summary.set_index("policy")


def test_the_table_of_policies_gains_both():
    """A golden table on a generated link: late frames and expected accuracy; the Oracle bounds them all."""
    table = golden()
    late = (100 * table["violation_ratio"]).round(1).to_dict()
    top1 = table["expected_accuracy"].round(1).to_dict()

    assert late == LATE
    assert top1 == TOP1
    assert table["violation_ratio"].idxmin() == "oracle"
    assert table.loc["janus-codec", "timely_accuracy"] > table.loc["cloud-only-adaptive", "timely_accuracy"]


LATE = {
    "device-only": 100.0, "cloud-only": 46.7, "cloud-only-adaptive": 37.0, "mixed": 61.3, "janus-robust": 46.3,
    "janus-codec": 27.7, "oracle": 22.7,
}  # fmt: skip
TOP1 = {
    "device-only": 80.0, "cloud-only": 79.8, "cloud-only-adaptive": 76.4, "mixed": 79.8, "janus-robust": 73.1,
    "janus-codec": 74.7, "oracle": 75.0,
}  # fmt: skip


# Who leads whom


def standing_table(**policies):
    """One case; late percent and accuracy of each policy."""
    case = {"model": "tiny", "device": "box", "cloud": "big", "slo_ms": 50.0, "trace": "rough"}
    rows = [
        case | {"policy": name.replace("_", "-"), "violation_percent": late, "expected_accuracy": top1,
                "timely_accuracy": (100 - late) / 100 * top1}
        for name, (late, top1) in policies.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_leading_is_late_no_more_often_and_no_less_accurate():
    """A rival that is better in one is a trade; one that is better in one and no worse in the other is ahead."""
    table = standing_table(
        janus_codec=(5.0, 80.0), mixed=(9.0, 79.0), tome=(5.0, 80.0), janus=(3.0, 75.0), device_only=(90.0, 82.0),
        cloud_only=(4.0, 80.0), janus_robust=(5.0, 81.0), oracle=(0.0, 82.0),
    )  # fmt: skip
    found = standings(table).set_index("rival")["standing"].to_dict()
    words = lead_words(table)

    assert found == {
        "mixed": "leads", "tome": "leads", "janus": "trades", "device-only": "trades", "cloud-only": "trails",
        "janus-robust": "trails",
    }  # fmt: skip
    assert words[0].startswith("against mixed: leads in 1 of 1 cases")
    assert [line for line in words if line.startswith("behind")] == [
        "behind in tiny, box, big, SLO 50 ms, rough: cloud-only (late +1.00 points, accuracy +0.00); janus-robust "
        "(late +0.00 points, accuracy -1.00)"
    ]
    assert lead_table(standings(table)).set_index("rival")["trails"].to_dict()["cloud-only"] == 1


def test_every_policy_sees_the_same_frames():
    """The table of qualities: a row for each case and policy, shares that sum to all frames, the Oracle in front."""
    levels = (0.0, 0.2, 0.5, 0.8)
    grid = small_grid(device=1.0, accuracy=accuracy_table(), rates=rate_table(), encoding="jpeg85", levels=levels)
    table = quality_table([Pair(grid=grid, slos_ms=(60.0, 90.0))], [rough(20, seed=3, mean=0.5)], jobs=1)
    shares = table[["picture_percent", "tokens_percent", "device_percent"]].sum(axis=1)

    assert table["policy"].tolist() == 2 * list(QUALITY_POLICIES)
    assert set(table["frames"]) == {100}
    assert (shares <= 100).all()
    for _, part in table.groupby("slo_ms"):
        assert part.loc[part["violation_percent"].idxmin(), "violation_percent"] == part["violation_percent"].iloc[-1]


def test_the_bench_writes_what_it_says(tmp_path, capsys):
    """`janus bench policies` on a table of one's own: a CSV with its provenance, and a sentence for each rival."""
    rows = [
        {
            "kind": "picture", "codec": "jpeg", "quality": quality, "schedule": "none", "level": 0, "split": 0,
            "bytes_mean": size, "bytes_p90": size, "encode_ms": 0.2, "decode_ms": 0.3, "top1": top1, "low": top1 - 3,
            "high": top1 + 3,
        }
        for quality, size, top1 in ((95, 25000, 82.0), (50, 7400, 79.0))
    ]  # fmt: skip
    model = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    path = written(tmp_path, document() | {"rows": rows, "model": model})
    out = tmp_path / "policies.csv"
    options = ["--model", model, "--rates", str(path), "--slo", "100", "--duration", "4", "--jobs", "1"]
    main(["bench", "policies", "--trace", "5g-driving", *options, "--out", str(out)])
    table, facts = read_table(out)
    printed = capsys.readouterr().out

    assert len(table) == facts["rows"] == 2 * len(QUALITY_POLICIES)
    assert facts["kind"] == "modelled" and "5g-driving (generated" in facts["traces"]
    assert printed.count("against ") == len(QUALITY_POLICIES) - 2
