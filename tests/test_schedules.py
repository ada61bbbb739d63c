"""Searched schedules by name: what is shipped is what it says, and a name is good wherever a schedule is."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import CHECKOUT
from PIL import Image
from rooms import TINY, machine

from janus.accuracy import load_accuracy
from janus.arithmetic import multiply_adds
from janus.bench.codec import grid_of
from janus.bench.schedules import joined, results_of
from janus.bench.ways import UNMERGED, Tally, ways_of
from janus.cli import main
from janus.cli.search import read_budgets
from janus.demo import CLASSES
from janus.demo import MODEL as DEMO
from janus.errors import JanusError
from janus.geometry import find_geometry
from janus.grid import GridSettings, PlanGrid
from janus.paired import Z95
from janus.rates import stored_rates
from janus.schedule import FAMILIES, MergeSchedule
from janus.schedules import find_schedule, load_schedules, read_document, searched
from janus.search.hunt import SURE
from janus.transform import read_codebook
from janus.transform.shelf import shipped_codebook

VIT = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
FOLDER = CHECKOUT / "data" / "schedules"
FILES = sorted(FOLDER.glob("*.json"))
ENTRY = {
    "name": "cut1-0.5", "split": 1, "removed": [3, 2], "token_blocks": 20, "tokens_at_cut": 7,
    "like": {"schedule": "declining", "level": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_shipped_is_what_it_says(path):
    """Counts are legal, costs are those of the counts, and none is above the cost of the schedule it is like."""
    doc = read_document(path)
    geometry = find_geometry(doc["model"])
    if doc["model"] == DEMO:
        geometry = replace(geometry, classes=len(CLASSES))

    assert path.stem == doc["model"]
    assert doc["calibration"]["fingerprints"]
    for one in [*doc["schedules"], *doc["front"]]:
        plan = geometry.plan(MergeSchedule.explicit(one["removed"]))
        assert (list(plan.removed), plan.clipped) == (one["removed"], False)
        assert one["token_blocks"] == plan.token_blocks
        assert one["tokens_at_cut"] == plan.tokens[one["split"]]
        assert one["multiply_adds"] == multiply_adds(geometry.arithmetic, plan)
    for one in doc["schedules"]:
        assert one["tokens_at_cut"] <= one["budget"]["payload_tokens"]
        assert one["token_blocks"] <= one["budget"]["token_blocks"]
        like = MergeSchedule(family=one["like"]["schedule"], level=one["like"]["level"])
        own = geometry.plan(like)
        assert one["token_blocks"] <= own.token_blocks
        assert one["tokens_at_cut"] <= own.tokens[one["split"]]
        assert one["better"] or tuple(one["removed"]) == own.removed
        low, high = one["agreement_difference_ci95"]
        agrees = one["agreement_difference"] > SURE / Z95 * (high - low) / 2
        assert (one["difference_ci95"][1] < 0 and agrees) or not one["better"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rates_name_only_finds(path):
    """What has become the paper's own has no rates under its old name, which were those of other counts."""
    rates = stored_rates(path.stem)
    finds = {one.name for one in searched(path.stem) if one.better}

    assert rates is None or {row.schedule for row in rates.rows} <= {*FAMILIES, *finds}


def test_something_is_shipped():
    """For the model that every clone has, too."""
    assert DEMO in [path.stem for path in FILES]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A data folder with one searched schedule of one model."""
    (tmp_path / "schedules").mkdir()
    monkeypatch.setenv("JANUS_DATA", str(tmp_path))
    return lay(tmp_path / "schedules" / "small.json")


def lay(path, model="small", schedules=(ENTRY,), front=()):
    path.write_text(json.dumps({"model": model, "schedules": list(schedules), "front": list(front)}))
    return path


def test_a_schedule_has_its_name(shelf):
    """The counts come by it, and bear it."""
    found = find_schedule("cut1-0.5", "small")

    assert found == MergeSchedule.explicit([3, 2], name="cut1-0.5")
    assert (found.label, MergeSchedule().label) == ("cut1-0.5", "declining")


def test_a_model_without_any_has_none(shelf):
    """That is no error until one is asked for."""
    assert searched("another") == ()
    with pytest.raises(JanusError, match="none was searched for another yet, which `janus search` does"):
        find_schedule("cut1-0.5", "another")


def test_a_wrong_name_is_told_the_right_ones(shelf):
    """Families, and what was searched for this model."""
    with pytest.raises(JanusError, match=r"'cut9-0.5' is unknown: choose one of none, .* or for small cut1-0.5"):
        find_schedule("cut9-0.5", "small")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": " "}, "has no name"),
        ({"name": "linear"}, "'linear' cannot be the name"),
        ({"removed": [3, -1]}, "has -1 where a count of tokens belongs"),
        ({"removed": "33"}, "has removed '33' where"),
        ({"split": 3}, "has 3 where a split belongs"),
        ({"like": {"schedule": "cubic", "level": 1}}, "where a schedule and a level belong"),
        ({"measured": {"top1": "high"}}, "where top1, low and high belong"),
        ({"measured": [1]}, "where top1, low and high belong"),
        ({"token_blocks": 2.5}, "where a count of token-blocks belongs"),
    ],
)
def test_a_broken_file_is_refused(shelf, change, message):
    """By the sentence that names the entry's fault."""
    lay(shelf, schedules=[ENTRY | change])

    with pytest.raises(JanusError, match=message):
        searched("small")


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is not JSON"), ("[]", "needs a model"), ('{"model": "x"}', "needs a model")]
)
def test_what_is_no_such_file_is_refused(shelf, text, message):
    """And so is a model's file under the name of another."""
    shelf.write_text(text)
    with pytest.raises(JanusError, match=message):
        searched("small")
    lay(shelf, model="other")
    with pytest.raises(JanusError, match="are of other, not of small"):
        load_schedules(shelf, "small")


def test_a_name_may_stand_twice_for_the_same_counts(shelf):
    """As older searches wrote it, on the front again: it is one schedule, with what was measured of it. For other
    counts it is refused."""
    measured = ENTRY | {"measured": {"top1": 50, "low": 40, "high": 60, "n": 9}}
    lay(shelf, schedules=[measured], front=[ENTRY])
    (found,) = searched("small")
    assert (found.name, found.top1) == ("cut1-0.5", 50)

    lay(shelf, schedules=[ENTRY], front=[ENTRY | {"removed": [2, 3]}])
    with pytest.raises(JanusError, match=r"'cut1-0.5' cannot be the name of a schedule, or of two"):
        searched("small")


def test_a_grid_takes_a_list():
    """It has two levels, no merging and the list, and the accuracy that was measured of its name."""
    listed = MergeSchedule.explicit([9, 9, 9, 0, 0, 0], name="cut3-x")
    grid = PlanGrid.build(machine(), machine(0.01), GridSettings(family="list", listed=listed))

    assert grid.levels == (0.0, 1.0)
    at = grid.splits.index(3)
    assert grid.tokens_at_split[:, at].tolist() == [TINY.tokens, TINY.tokens - 27]
    with pytest.raises(JanusError, match="a list has 0, no merging, and 1, itself"):
        GridSettings(family="list", listed=listed, levels=(0.0, 0.5))


def test_a_named_row_of_an_accuracy_table_answers(tmp_path):
    """For level 1 of its name; a nameless list still answers for nothing."""
    rows = [
        {"schedule": "none", "level": 0.0, "top1": 80.0, "ci95": [70, 90], "n": 9},
        {"schedule": "cut3-x", "level": None, "removed": [1], "top1": 70.0, "ci95": [60, 80], "n": 9},
        {"schedule": "list", "level": None, "removed": [1], "top1": 60.0, "ci95": [50, 70], "n": 9},
    ]
    (tmp_path / "table.json").write_text(json.dumps({"results": rows, "provenance": {"model": "tiny"}}))

    table = load_accuracy(tmp_path / "table.json")

    assert (table.expected("cut3-x", 0.0), table.expected("cut3-x", 1.0)) == (80.0, 70.0)
    assert np.isnan(table.expected("list", 1.0))


def test_from_a_search_to_its_test(tmp_path, monkeypatch, capsys):
    """`janus search` on the demo model leaves a schedule whose name `janus evaluate` and `janus replay` know, and
    `janus bench schedules` tests it, but not on the pictures that it was chosen by."""
    monkeypatch.setenv("JANUS_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "found.json"
    ask = [
        "search", "--model", "demo", "--images", "demo:train", "--limit", "4", "--cut", "4", "--alpha", "0.5",
        "--shapes", "2", "--neighbours", "1", "--workers", "1", "--margin", "0", "--out", str(out),
    ]  # fmt: skip
    main(ask)
    said = capsys.readouterr().out

    (found,) = [one for one in load_schedules(out) if one.like]
    assert said.startswith("cut4-0.5: ")
    assert (found.name, found.split, found.level) == ("cut4-0.5", 4, 0.5)
    assert (found.token_blocks <= 1046, found.tokens_at_cut <= 82) == (True, True)

    before = out.read_bytes()
    with pytest.raises(SystemExit):
        main(ask)
    assert "go on from it with --resume" in capsys.readouterr().err
    main([*ask, "--resume"])
    assert before == out.read_bytes()

    test = ["bench", "schedules", "--model", "demo", "--limit", "6", "--workers", "1", "--schedules", str(out)]
    capsys.readouterr()
    main([*test, "--images", "demo:test", "--note", "--json"])
    rows = json.loads(capsys.readouterr().out)["results"]
    assert [row["name"] for row in rows] == ["unmerged", "cut4-0.5"]
    assert rows[1]["paired"]["n"] == 6
    assert load_schedules(out)[0].top1 == pytest.approx(rows[1]["searched"]["top1"])
    with pytest.raises(SystemExit):
        main([*test, "--images", "demo:train"])
    assert "4 of 6 pictures to test on are among those for calibration" in capsys.readouterr().err


def test_searched_schedules_are_measured_under_their_names():
    """Several in one run of `janus bench codec` stay apart, and a row says name and level as a rate table has them."""
    book = read_codebook(shipped_codebook(VIT))
    grid = grid_of(("cut4-0.5", "cut6-0.5", "declining=0.4"), (4,), (1.0,), (), "tokens", False, False, VIT, book)
    tallies = {f"{name}|4|transform1": Tally(hits=[True], sizes=[9], encode_s=[0.1], decode_s=[0.1])
               for name in grid.schedules}  # fmt: skip
    _, ways = ways_of(grid, tallies | {UNMERGED: Tally(hits=[True])})

    assert list(grid.schedules) == ["cut4-0.5", "cut6-0.5", "declining 0.4"]
    assert grid.schedules["cut6-0.5"] == find_schedule("cut6-0.5", VIT)
    assert [(way.row["schedule"], way.row["level"], way.row["split"]) for way in ways] == [
        ("cut4-0.5", 1.0, 4), ("cut6-0.5", 1.0, 4), ("declining", 0.4, 4)
    ]  # fmt: skip


def test_what_is_measured_later_joins_what_was(tmp_path):
    """Rows of other models and schedules stay, those of the same give way, and every command is kept once."""
    rows = [
        {"model": "a", "name": "x", "split": 2, "top1": 1}, {"model": "a", "name": "y", "split": 4},
        {"model": "b", "name": "x"},
    ]  # fmt: skip
    before = {"results": rows, "provenance": {"command": "first", "model": "b"}}
    doc = {
        "results": [{"model": "a", "name": "unmerged"}, {"model": "a", "name": "x", "split": 2, "top1": 2}],
        "skipped": [], "provenance": {"command": "second", "model": "a"},
    }  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(before))

    both = joined(results_of(tmp_path / "results.json"), doc)

    assert [(row["model"], row["name"], row.get("top1")) for row in both["results"]] == [
        ("a", "unmerged", None), ("a", "x", 2), ("a", "y", None), ("b", "x", None)
    ]  # fmt: skip
    assert both["provenance"]["commands"] == ["first", "second"]
    assert joined(both, doc)["provenance"]["commands"] == ["first", "second"]
    (tmp_path / "results.json").write_text('{"results": [{"name": "x"}], "provenance": {}}')
    with pytest.raises(JanusError, match="is not what `janus bench schedules --out` writes; leave out --add"):
        results_of(tmp_path / "results.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--alpha", "0.9"], "level 0.9 is out of range"),
        ([], "no budget: give --alpha"),
        (["--token-blocks", "900"], "--payload-tokens goes with"),
        (["--payload-tokens", "90", "--alpha", "0.4"], "--payload-tokens goes with"),
        (["--payload-tokens", "90", "--latency-ms", "5"], "--latency-ms goes with --profile"),
        (["--schedule-budget", "declining"], "write FAMILY:LEVEL"),
        (["--alpha", "0.4", "--out", "/nowhere/x.json"], "--out /nowhere/x.json: the folder /nowhere does not exist"),
        (["--alpha", "0.4", "--journal", "/nowhere/j"], "--journal /nowhere/j: the folder /nowhere does not exist"),
        (["--schedule-budget", "constant:8.5"], "level 8.5 of a constant schedule is the tokens removed per block"),
        (["--payload-tokens", "90", "--multiply-adds", "nan"], "--multiply-adds nan: this limits nothing; give a"),
        (["--payload-tokens", "90", "--multiply-adds", "inf"], "--multiply-adds inf: this limits nothing; give a"),
        (["--payload-tokens", "90", "--multiply-adds", "0"], "--multiply-adds 0: this limits nothing; give a"),
        (["--payload-tokens", "90", "--latency-ms", "nan", "--profile", "orin-nano"], "--latency-ms nan: this limits"),
        (["--payload-tokens", "90", "--latency-ms", "-1", "--profile", "orin-nano"], "--latency-ms -1: this limits"),
        (["--alpha", "0.4", "--cut", ","], "--cut"),
        (["--alpha", "0.4", "--out", str(FOLDER / f"{VIT}.json")], f"it holds schedules of {VIT}, which those of"),
    ],
)
def test_bad_options_of_a_search_are_one_sentence(options, message, capsys):
    """Before any picture is read."""
    with pytest.raises(SystemExit) as ended:
        main(["search", "--model", "demo", "--images", "demo:train", "--cut", "4", *options])

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_search_without_a_cut_is_refused():
    """Not ended well without a word."""
    with pytest.raises(JanusError, match="--cut: no split is named"):
        list(read_budgets(TINY, "tiny", (), (0.5,), *[None] * 6))


def test_a_search_within_numbers_leaves_what_can_be_loaded(tmp_path, monkeypatch, capsys):
    """Each name once, though what was found is a point of the front too; pictures that were left out are told."""
    monkeypatch.setenv("JANUS_CACHE", str(tmp_path / "cache"))
    out, pictures = tmp_path / "found.json", tmp_path / "pictures"
    pictures.mkdir()
    for i in range(2):
        noise = np.random.default_rng(i).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((96, 96)).save(pictures / f"{i}.png")
    (pictures / "2.png").write_text("no picture")

    main(
        [
            "search", "--model", "demo", "--images", str(pictures), "--cut", "4", "--token-blocks", "1500",
            "--payload-tokens", "120", "--shapes", "2", "--neighbours", "1", "--workers", "1", "--out", str(out),
            "--json",
        ]
    )  # fmt: skip

    (skipped,) = json.loads(capsys.readouterr().out)["skipped"]
    assert skipped["file"].endswith("2.png")
    doc = read_document(out)
    names = [one["name"] for one in [*doc["schedules"], *doc["front"]]]
    assert [one.name for one in load_schedules(out)] == names
    assert doc["schedules"][0]["like"] is None


def test_a_name_is_good_in_the_commands(shelf, capsys, tmp_path):
    """`janus replay` takes it for the model that has it, and tells a wrong one the right ones."""
    named = "vit_tiny_patch16_224.some_tag"
    entry = ENTRY | {"name": "cut4-0.5", "split": 4, "removed": [29] * 4 + [8] * 8}
    lay(shelf.with_name(f"{named}.json"), model=named, schedules=[entry])
    ask = [
        "replay", "--trace", str(CHECKOUT / "data" / "traces" / "generated-tunnel.csv"), "--policy", "janus",
        "--model", named, "--frames", "3", "--jobs", "1", "--json", "--schedule",
    ]  # fmt: skip

    main([*ask, "cut4-0.5"])
    assert json.loads(capsys.readouterr().out)["provenance"]["schedule"] == "cut4-0.5"
    with pytest.raises(SystemExit):
        main([*ask, "cut5-0.5"])
    assert "or for vit_tiny_patch16_224.some_tag cut4-0.5" in capsys.readouterr().err
