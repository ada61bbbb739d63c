"""The reproduction: tables that agree with what they come from, stored results that still hold, words, the command."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from janus import reproduce
from janus.arithmetic import multiply_adds
from janus.bench.import_ import probe
from janus.cli import cli
from janus.cli.reproduce import NAMES
from janus.errors import JanusError
from janus.geometry import find_geometry
from janus.network import Trace, find_trace
from janus.reproduce.claims import RIVALS, machine_called, ratios_to, rival_summaries, with_best
from janus.reproduce.compute import measured_profiles
from janus.reproduce.exhibits import Context, make_exhibit
from janus.reproduce.notebook import cell, heading
from janus.reproduce.replays import frames_of
from janus.reproduce.task import SEED
from janus.schedule import MergeSchedule
from janus.simulate import ReplaySettings, compare, replay, summarise

SHORT = ReplaySettings(duration_s=8.0)
CAMERA = ReplaySettings(mode="camera", camera_fps=3.0, duration_s=8.0)


@pytest.fixture(scope="module")
def bench():
    """Video over two short links, one of which stalls."""
    stalls = Trace(
        name="stalls", time_s=np.arange(10.0), uplink_mbps=np.array([60, 60, 0, 0, 40, 40, 20, 20, 60, 60.0]),
        duration_s=10.0, kind="generated",
    )  # fmt: skip
    return replace(reproduce.open_bench("video", "lte-driving"), traces=(stalls, find_trace("lte-driving").clip(0, 10)))


@pytest.fixture(scope="module")
def sweep(bench):
    task = replace(bench.task, slos_ms=(300.0, 600.0))
    return reproduce.claim_sweep([replace(bench, task=task)], means_mbps=(0.0, 10.0), settings=SHORT, jobs=1)


# Replays


@pytest.mark.parametrize("settings", [SHORT, CAMERA], ids=["closed", "camera"])
def test_noting_the_answering_level_changes_nothing(bench, settings):
    """A replay of Janus-robust is the same with and without a note of the level at which the device would finish."""
    grid = bench.grid("raw")
    for slo_ms in (300.0, 900.0):
        noted = frames_of(bench, bench.traces[0], "janus-robust", grid, slo_ms, settings)
        plain = replay(bench.traces[0], "janus-robust", grid, slo_ms, settings)

        pd.testing.assert_frame_equal(plain, noted.drop(columns="tokens_kept_percent"))


def test_tokens_kept_are_those_of_the_plan_that_answered(bench):
    """Where the device finished a frame by the hedge, its level counts and not the one of the input that was sent."""
    grid, trace = bench.grid("raw"), bench.traces[0]
    frames = frames_of(bench, trace, "janus-robust", grid, 420.0, SHORT)
    hedged = frames[frames["fallback"] & (frames["split"] == 0)]
    sent = [100 * bench.geometry.plan(MergeSchedule(level=level)).mean_kept for level in frames["level"]]

    assert len(hedged)
    assert (hedged["tokens_kept_percent"] < 100).all()
    np.testing.assert_allclose(
        np.array(sent)[~frames["fallback"]], frames.loc[~frames["fallback"], "tokens_kept_percent"]
    )


@pytest.mark.parametrize("policy", RIVALS)
def test_a_rival_is_replayed_once_for_all_slos(bench, policy):
    """Policies that ask for no SLO decide alike under any, so judging one replay by many SLOs is a replay of each."""
    grid, trace = bench.grid("jpeg85"), bench.traces[0]
    slos = [200.0, 400.0, 700.0]

    each = [summarise(replay(trace, policy, grid, slo, SHORT)) for slo in slos]

    columns = ["slo_ms", "frames", "violation_ratio", "throughput_fps", "p95_ms"]
    pd.testing.assert_frame_equal(
        pd.concat(each)[columns], pd.concat(rival_summaries(trace, policy, grid, slos, SHORT))[columns]
    )


def test_policies_are_summed_up_as_replay_and_compare_do(bench):
    """The policy table is `summarise` and `compare` of the same replays."""
    policies = ("device-only", "cloud-only", "mixed", "janus")
    table = reproduce.policy_table(bench, policies=policies, encodings=("raw",), settings=SHORT, jobs=1)
    grid = bench.grid("raw")
    frames = [
        replay(t, p, grid, bench.task.slo_ms, SHORT).assign(trace=t.name.removeprefix("generated-"))
        for t in bench.traces
        for p in policies
    ]
    expected = compare(summarise(frames))

    columns = ["violation_ratio", "throughput_fps", "fewer_violations_vs_mixed", "throughput_vs_cloud_only"]
    np.testing.assert_allclose(expected[columns].to_numpy(float), table[columns].to_numpy(float), rtol=1e-4)


@pytest.mark.parametrize("settings", [SHORT, CAMERA], ids=["closed", "camera"])
def test_late_frames_are_parted_without_rest(bench, settings):
    """By how much they are late, and whether some plan would have saved them: both add up to all that are late."""
    decisions = reproduce.decision_table(
        bench, bench.traces[0], ("mixed", "janus", "oracle"), slo_ms=300.0, encoding="raw", settings=settings
    )
    table = reproduce.lateness_table(decisions)

    for parts in (["by_a_hair", "by_up_to_half", "by_more"], ["avoidable", "unavoidable"]):
        total = table[[f"{part}_percent" for part in parts]].sum(axis=1)
        np.testing.assert_allclose(table["late_percent"], total, rtol=1e-3)
    assert table.set_index("policy").loc["oracle", "avoidable_percent"] == 0


# Claims


def test_ratios_are_those_of_compare(bench, sweep):
    """A claim's ratios are those that `janus.simulate.compare` finds in replays of the same link."""
    trace, grid = bench.traces[1], bench.grid("raw")
    frames = [replay(trace, policy, grid, 300.0, SHORT) for policy in (*RIVALS, "janus")]
    expected = compare(summarise(frames)).set_index("policy").loc["janus"]
    row = sweep.query("encoding == 'raw' and scaled_to_mbps == 0 and slo_ms == 300 and trace == 'lte-driving'")

    for rival in RIVALS:
        name = rival.replace("-", "_")
        assert ratios_to(row, "throughput", rival)[0] == pytest.approx(expected[f"throughput_vs_{name}"], rel=1e-4)
        assert ratios_to(row, "violations", rival)[0] == pytest.approx(
            expected[f"fewer_violations_vs_{name}"], abs=1e-4
        )


def made_up(**columns):
    """A sweep of settings that never were."""
    count = len(columns["janus_fps"])
    facts = {"task": "image", "device": "X", "codec": "int8", "encoding": "raw", "trace": "t", "slo_ms": 1.0}
    base = {"scaled_to_mbps": [0.0] * count, **{key: [value] * count for key, value in facts.items()}}
    who = ("janus", "device_only", "cloud_only", "mixed")
    zeros = {f"{name}_{what}": [0.0] * count for name in who for what in ("violation_percent", "fps")}
    return pd.DataFrame({**base, **zeros, "janus_tokens_kept_percent": 50.0, **columns})


def test_claims_of_a_made_up_sweep():
    """Best case, share of settings, and the stricter reading against all three rivals, by hand."""
    sweep = made_up(
        janus_fps=[6.0, 4.0], device_only_fps=[1.0, 1.0], cloud_only_fps=[3.0, 2.0], mixed_fps=[5.0, 4.0],
        janus_violation_percent=[1.0, 2.0], device_only_violation_percent=[100.0, 100.0],
        cloud_only_violation_percent=[10.0, 0.0], mixed_violation_percent=[4.0, 4.0],
    )  # fmt: skip
    claims = reproduce.claim_table(sweep).set_index("claim")

    assert claims.loc["throughput", ["best", "rival", "holds_percent", "best_vs_strongest"]].tolist() == [
        6.0, "device-only", 50.0, 1.2,
    ]  # fmt: skip
    assert claims.loc["violations", ["best", "rival", "holds_percent", "best_vs_strongest"]].tolist() == [
        0.99, "device-only", 50.0, 0.75,
    ]  # fmt: skip
    assert with_best(sweep, "violations")["strongest"].tolist() == [0.75, -np.inf]


def test_words_name_the_settings_in_which_a_claim_holds():
    """A condition is named where it holds for some of the values that were tried, and not where it holds for all."""
    sweep = made_up(janus_fps=[6.0, 6.0], device_only_fps=[1.0, 2.0], cloud_only_fps=[9.0, 9.0], mixed_fps=[9.0, 9.0])
    sweep["scaled_to_mbps"] = [0.0, 5.0]
    words = [line for line in reproduce.claim_words(sweep) if "5.15× the throughput" in line]

    assert words[0] == (
        "image, input as raw pixels, 5.15× the throughput against Device-Only: in 1 of 2 settings, all with mean "
        "uplink as it is; at best 6.00×."
    )
    assert words[1].endswith("against Cloud-Only: in none of 2 settings; at best 0.67×.")


@pytest.mark.parametrize("task", ["image", "video"])
def test_stored_sweeps_over_generated_traces_still_hold(task):
    """A link of the stored sweep, replayed now, gives what is stored: profiles, policies and traces have not moved."""
    found = reproduce.recheck(reproduce.stored(f"{task}-claims-sweep-generated"), links=1)

    assert len(found) == len(reproduce.TASKS[task].slos_ms)
    assert found["same"].all()


@pytest.mark.parametrize("task", ["image", "video"])
def test_stored_sweeps_over_recorded_traces_still_hold(task, shared):
    """The same for one link of the recordings."""
    stored = reproduce.stored(f"{task}-claims-sweep-recorded")
    row = stored.query("trace == '5g-static' and encoding == 'jpeg85' and scaled_to_mbps == 5").iloc[0]
    traces = f"{shared / 'traces' / 'nuwins_5gmemu_uplink'}:5g-static"
    bench = reproduce.open_bench(task, traces, device=machine_called(row["device"]), codec=row["codec"])
    settings = ReplaySettings(duration_s=900.0)
    now = reproduce.claim_sweep([bench], means_mbps=(5.0,), encodings=("jpeg85",), settings=settings, jobs=1)
    keys = ["device", "codec", "encoding", "scaled_to_mbps", "trace", "slo_ms"]
    both = stored.merge(now, on=keys, suffixes=("_stored", ""))

    assert len(both) == len(bench.task.slos_ms)
    for column in ("janus_violation_percent", "janus_fps", "mixed_fps"):
        np.testing.assert_allclose(both[f"{column}_stored"], both[column], rtol=1e-4)


def test_the_stored_contest_of_janus_and_janus_robust_still_holds(shared):
    """One trace of it, played again; a chance that lies on the border may fall otherwise on another machine."""
    stored = reproduce.stored("image-robust-sweep-recorded")
    bench = reproduce.open_bench("image", f"{shared / 'traces' / 'nuwins_5gmemu_uplink'}:lte-static")
    bench = replace(bench, task=replace(bench.task, slos_ms=(300.0,)))
    settings = ReplaySettings(seed=SEED, duration_s=60.0)
    now = reproduce.robust_sweep([bench], encodings=("raw",), prices=(0.05,), settings=settings, jobs=1)
    keys = ["device", "encoding", "slo_ms", "trace", "price"]
    both = stored.merge(now, on=keys, suffixes=("_stored", ""))

    assert len(both) == 1
    assert now["robust_late"].le(now["janus_late"]).all()
    for column in ("frames", "janus_late", "robust_late"):
        # The stored run is longer, and of the same link.
        assert (both[f"{column}_stored"] >= both[column] - 2).all()


def test_a_contest_of_two_policies_is_counted_frame_by_frame():
    """By its own words: with the sums worked out by hand."""
    rows = [
        {"task": "t", "device": "d", "encoding": "raw", "slo_ms": 1.0, "trace": trace, "kind": "generated",
         "price": 0.05, "frames": 100, "both_met": met, "janus_late": 10, "robust_late": late, "janus_avoidable": 8,
         "robust_avoidable": avoidable, "janus_tokens_kept_percent": 90.0, "robust_tokens_kept_percent": kept,
         "janus_accuracy": np.nan, "robust_accuracy": np.nan}
        for trace, met, late, avoidable, kept in (("5g-driving", 60, 4, 2, 89.0), ("lte-static", 20, 12, 9, 93.0))
    ]  # fmt: skip
    table = reproduce.robust_table(pd.DataFrame(rows)).iloc[0]

    assert (table["more_late_runs"], table["at_worst_frames"]) == (1, 2)
    assert table["fewer_late_percent"] == pytest.approx(100 * (1 - 16 / 20))
    assert table["fewer_avoidable_driving_percent"] == pytest.approx(75.0)
    assert table["tokens_kept_points"] == pytest.approx((60 * -1 + 20 * 3) / 80)
    assert np.isnan(table["accuracy_points"])
    assert "in 1 of 2 runs, by at most 2 frames of one" in reproduce.robust_words(pd.DataFrame(rows))[0]


def test_stored_results_say_where_they_come_from():
    """Each stored table names its command, date and traces."""
    about = reproduce.stored("video-claims-sweep-recorded").attrs["about"]

    assert "janus reproduce" in about and "recorded" in about and "20" in about


# Counting


@given(r=st.integers(1, 23))
def test_pairs_of_schedules_cost_the_same(r):
    """The declining schedule beside r tokens per block has its multiply-adds, to half a per cent."""
    geometry = find_geometry("vit_large_patch16_384")
    constant = geometry.plan(MergeSchedule(family="constant", level=r))
    declining = geometry.plan(reproduce.equal_compute(geometry, r))

    assert multiply_adds(geometry.arithmetic, declining) == pytest.approx(
        multiply_adds(geometry.arithmetic, constant), rel=0.005
    )


def test_payloads_are_the_grids_own():
    """The payload table has what the scheduler counts with."""
    bench = reproduce.open_bench("image", "tunnel")
    grid = bench.grid("raw").rebuilt(levels=(0.0, 0.2, 0.29), splits=tuple(range(25)))
    table = reproduce.payload_table(bench.geometry, grid.levels)
    ours = table[table["codec"] == "int8"].pivot(index="level", columns="split", values="payload_kb")

    np.testing.assert_allclose(grid.payload_bytes[:, 1:24] / 1000, ours.to_numpy(), atol=0.006)


def test_from_the_break_even_on_tokens_are_smaller():
    """Before the named split they are not, from it on they are."""
    geometry = find_geometry("videomae_large_patch16_224")
    payloads, inputs = reproduce.payload_table(geometry), reproduce.input_table(geometry).set_index("encoding")
    for row in reproduce.break_even_table(geometry).to_dict("records"):
        cuts = payloads[(payloads["level"] == row["level"]) & (payloads["codec"] == row["codec"])]
        for encoding, size in inputs["input_kb"].items():
            first = geometry.depth if pd.isna(row[encoding]) else row[encoding]

            assert ((cuts["payload_kb"] < size) == (cuts["split"] >= first)).all()


def test_accuracy_is_measured_or_published_only():
    """Every accuracy has a number of pictures and an interval around it, or its source."""
    measured, published = reproduce.accuracy_table(), reproduce.published_table()

    assert (measured["n"] >= 100).all() and (measured[["below", "above"]] > 0).all().all()
    assert published["kind"].str.startswith("published").all()
    assert published.set_index(["model", "r"]).loc[("ViT-L/16@384", 23), "top1_percent"] == 86.14


def test_derived_points_are_never_called_measured():
    """Each machine's kind is its profile's, and derived ones say so in their label."""
    table = reproduce.latency_table("vit_large_patch16_384")
    derived = table[table["kind"] == "derived"]

    assert derived["machine"].str.endswith("(derived)").all()
    assert set(table["kind"]) - {"derived"} <= {"measured"}
    assert all(profile.kind == "measured" for profile in measured_profiles())


# The lesson


def test_levels_of_the_lesson_are_ordered():
    """A higher level keeps fewer tokens, and its best split is never slower."""
    table = reproduce.level_table(
        reproduce.open_bench("video", "tunnel"), "raw", (0.0, 0.2, 0.3, 0.36), mbps=40, rtt_ms=30
    )

    assert table["tokens_kept_percent"].is_monotonic_decreasing
    assert table["best_ms"].is_monotonic_decreasing
    assert (table["best_ms"] <= table[["device_only_ms", "cloud_only_ms"]].min(axis=1)).all()


def test_a_margin_is_a_tighter_slo_judged_by_the_wider_one(bench):
    """Told the whole SLO, Janus is as late as ever; told less, it keeps no more tokens."""
    table = reproduce.margin_table(bench, bench.traces[1], (1.0, 0.7), slo_ms=400.0, encoding="raw")
    plain = replay(bench.traces[1], "janus", bench.grid("raw"), 400.0)

    assert table["late_percent"].iloc[0] == pytest.approx(100 * plain["violated"].mean(), rel=1e-4)
    assert table["tokens_kept_percent"].iloc[1] <= table["tokens_kept_percent"].iloc[0]
    assert table["policy"].tolist() == ["janus", "janus", "janus-robust", "oracle"]


def test_seconds_hold_all_frames(bench):
    """Second by second, no frame is lost."""
    decisions = reproduce.decision_table(
        bench, bench.traces[0], ("janus",), slo_ms=300.0, encoding="raw", settings=SHORT
    )

    assert reproduce.by_second(decisions, "janus")["frames"].sum() == len(decisions)


# Figures


def axis_titles(figure):
    for name in figure.layout:
        if name.startswith(("xaxis", "yaxis")):
            yield figure.layout[name].title.text


@pytest.mark.parametrize("name", reproduce.EXHIBITS)
def test_every_exhibit_can_be_made(bench, name):
    """Tables that are not empty, figures with named axes on a transparent ground, small enough for a notebook."""
    task = replace(bench.task, slos_ms=(300.0, 600.0))
    context = Context(benches=[replace(bench, task=task)], settings=SHORT, means_mbps=(0.0, 10.0), jobs=1)

    exhibit = make_exhibit(name, context)

    assert exhibit.name == name and exhibit.kind
    assert all(len(table) for table in exhibit.tables.values())
    for figure in exhibit.figures:
        assert isinstance(figure, go.Figure)
        assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
        assert any(title for title in axis_titles(figure))
        assert len(figure.to_json()) < 200_000


def test_no_figure_holds_binary_arrays(bench):
    """Lists of rounded numbers only: the same text on every machine, and readable in a diff."""
    figure = reproduce.figures.latency_figure(reproduce.latency_table("vit_large_patch16_384"))

    assert "bdata" not in figure.to_json()


# Words and tables for people


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234.5, "1,234"), (99.96, "100.0"), (12.345, "12.3"), (0.012345, "0.0123"), (np.nan, "–"), (3, "3")],
)  # fmt: skip
def test_cells_have_three_significant_digits(value, text):
    """Neither exponents nor seven decimals."""
    assert cell(value) == text


def test_headings_say_units():
    """A column's ending becomes its unit."""
    assert [heading(name) for name in ("late_percent", "p95_ms", "n")] == ["late, %", "p95, ms", "n"]


def test_a_stored_table_comes_back_with_its_provenance(tmp_path):
    """What is written is read, and says how it came about."""
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    reproduce.write_table(tmp_path / "t.csv", table, kind="modelled", traces="none")
    again, facts = reproduce.read_table(tmp_path / "t.csv")

    pd.testing.assert_frame_equal(table, again, check_dtype=False)
    assert facts["rows"] == 2 and facts["kind"] == "modelled" and facts["date"]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "# provenance: {\n", ""])
def test_a_table_without_provenance_is_refused(tmp_path, text):
    """One sentence with the file and the remedy."""
    (tmp_path / "t.csv").write_text(text)

    with pytest.raises(JanusError, match=r"t\.csv.*janus reproduce"):
        reproduce.read_table(tmp_path / "t.csv")


# The command


def run(*words):
    return CliRunner().invoke(cli, ["reproduce", *words])


def test_the_command_knows_every_figure():
    """The names in its help are those that there are."""
    assert tuple(reproduce.EXHIBITS) == NAMES


def test_the_command_writes_a_page_that_opens_offline(tmp_path):
    """Every table as CSV with provenance, one page without a request to anywhere, one JSON document."""
    result = run("--figure", "schedules", "--figure", "payload", "--task", "video", "--out", str(tmp_path), "--json")
    document = json.loads(result.stdout)
    page = (tmp_path / "video-generated.html").read_text()

    assert result.exit_code == 0
    assert {row["table"] for row in document["results"]} == {
        "schedules", "schedules-summary", "payload", "inputs", "break-even",
    }  # fmt: skip
    assert document["provenance"]["task"] == "video"
    assert len(reproduce.read_table(tmp_path / "video-payload-generated.csv")[0]) == 4 * 3 * 23
    assert "<script src=" not in page and page.count("plotly-graph-div") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--figure", "nonsense"], "--figure 'nonsense' is unknown"),
        (["--all", "--figure", "cost"], "exclude each other"),
        (["--device", "nowhere"], "nowhere"),
        (["--trace", "nowhere"], "nowhere"),
    ],
)
def test_the_command_refuses_in_a_sentence(words, said):
    """Bad input is named, and nothing is computed."""
    result = run(*words)

    assert isinstance(result.exception, JanusError)
    assert said in str(result.exception)


def test_reproducing_needs_no_torch():
    """The whole of it is in the torch-free half."""
    assert probe(("janus.reproduce",))["torch"] is False
