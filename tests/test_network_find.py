"""From what a user types to traces, and `janus fetch traces`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from janus.cli.fetch import command
from janus.errors import JanusError
from janus.files import data_folder
from janus.network import PUBLIC_SETS, find_trace, load_traces, read_trace, shipped_names

TWO_RUNS = "Run 1\n1,2\nRun 2\n3\n"


def names(*specs, **settings):
    return [trace.name for trace in load_traces(specs, **settings)]


@pytest.fixture
def root(tmp_path):
    """A traces root with a little of two published sets."""
    for kind, text in (("throughput", TWO_RUNS), ("ping", "Run 1\n30\n")):
        for place in ("static/5g", "driving/lte"):
            folder = tmp_path / "nuwins_5gmemu_uplink" / kind / place
            folder.mkdir(parents=True)
            (folder / "a.list").write_text(text)
    (tmp_path / "mahimahi_lte").mkdir()
    for name in ("a.up", "a.down"):
        (tmp_path / "mahimahi_lte" / name).write_text("5\n9\n")
    return tmp_path


def test_shipped_traces_answer_to_their_names():
    """With and without the prefix, alone and in a comma list."""
    assert "generated-tunnel" in shipped_names()
    assert names("5g-driving,tunnel", "generated-lte-static") == [
        "generated-5g-driving",
        "generated-tunnel",
        "generated-lte-static",
    ]


def test_files_folders_and_one_of_a_folder(root):
    """A path gives all its uplinks; a name after a colon picks one, and may pick a downlink."""
    uplink = root / "nuwins_5gmemu_uplink"

    assert names(str(uplink)) == ["5g-static", "lte-driving"]
    assert names(f"{uplink}:lte-driving") == ["lte-driving"]
    assert names(f"{root}/mahimahi_lte") == ["a"]
    assert names(f"{root}/mahimahi_lte:a.down") == ["a.down"]
    assert names(f"{uplink}/throughput/static/5g/a.list") == ["5g-static-a"]
    assert names(f"{uplink}/throughput/static/5g/a.list:5g-static-a-run-2") == ["5g-static-a-run-2"]
    assert names(str(root)) == ["a", "5g-static", "lte-driving"]


def test_commas_and_colons_may_be_part_of_a_name(tmp_path):
    """What exists is taken whole, alone, in a comma list, and before the colon that picks a run."""
    folder = tmp_path / "a, b:c"
    folder.mkdir()
    (folder / "x,y.csv").write_text("time_s,uplink_mbps\n0,1\n1,2\n")
    (folder / "z.list").write_text(TWO_RUNS)

    assert names(f"{folder}/x,y.csv") == ["x,y"]
    assert names(f"tunnel,{folder}/x,y.csv,{folder}/z.list:z-run-2") == ["generated-tunnel", "x,y", "z-run-2"]
    assert names(f"{folder}, tunnel") == ["a, b:c", "x,y", "generated-tunnel"]


def test_published_sets_lie_under_the_traces_root(root, monkeypatch, tmp_path):
    """`nuwins:driving/lte` as its authors write it, from an argument or from $JANUS_SHARED."""
    assert names("nuwins:driving/lte,mahimahi:a", traces_root=root) == ["lte-driving", "a"]
    assert names("nuwins", traces_root=root) == ["5g-static", "lte-driving"]
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "traces").symlink_to(root)
    monkeypatch.setenv("JANUS_SHARED", str(tmp_path / "shared"))
    assert names("nuwins:lte-driving") == ["lte-driving"]
    monkeypatch.delenv("JANUS_SHARED")
    with pytest.raises(JanusError, match="janus fetch traces"):
        names("nuwins")


def test_two_traces_of_one_name_are_told_apart(root):
    """A table has one name for each trace."""
    assert names("tunnel,tunnel", f"{root}/mahimahi_lte") == ["generated-tunnel", "generated-tunnel#2", "a"]


@pytest.mark.parametrize("spec", ["nowhere", "", " , ", "nowhere:x", "no/where.csv", "a\0b", "x" * 5000])
def test_what_names_nothing_is_refused(spec):
    """The message says what there is."""
    with pytest.raises(JanusError, match=r"generated-5g-driving|shipped name"):
        load_traces(spec)


def test_a_name_that_is_not_in_the_folder_lists_what_is(root):
    """Choices instead of silence; and one is one."""
    with pytest.raises(JanusError, match="choose one of 5g-static, lte-driving"):
        load_traces(f"{root}/nuwins_5gmemu_uplink:x")
    with pytest.raises(JanusError, match="holds 2 traces"):
        find_trace(root / "nuwins_5gmemu_uplink")


def test_data_of_another_place_can_be_named(monkeypatch, tmp_path):
    """$JANUS_DATA replaces the checkout's data folder; one that has not what is wanted is refused."""
    monkeypatch.setenv("JANUS_DATA", str(tmp_path))
    with pytest.raises(JanusError, match="JANUS_DATA"):
        data_folder("traces")
    (tmp_path / "traces").mkdir()
    assert data_folder("traces") == tmp_path / "traces"


def test_fetch_says_where_the_recordings_are():
    """Address, commit, paper and terms of every set."""
    said = CliRunner().invoke(command, ["traces"], catch_exceptions=False).output
    listed = json.loads(CliRunner().invoke(command, ["traces", "--json"], catch_exceptions=False).output)

    for known in PUBLIC_SETS.values():
        assert {known.repository, known.licence, known.commit} <= set(said.replace(" ", "\n").splitlines()) | {
            known.licence
        }
    assert [entry["name"] for entry in listed["results"]] == list(PUBLIC_SETS)


def test_fetch_converts_a_downloaded_folder(root, tmp_path):
    """Every trace, downlinks too, becomes a CSV that reads back the same."""
    out = tmp_path / "deep" / "out"
    arguments = ["traces", "--from", str(root), "--out", str(out), "--json"]
    listed = json.loads(CliRunner().invoke(command, arguments, catch_exceptions=False).output)["results"]

    assert sorted(file.stem for file in out.iterdir()) == ["5g-static", "a", "a.down", "lte-driving"]
    assert {entry["name"]: entry["direction"] for entry in listed} == {
        "a": "uplink",
        "a.down": "downlink",
        "5g-static": "uplink",
        "lte-driving": "uplink",
    }
    assert read_trace(out / "5g-static.csv").uplink_mbps.tolist() == [1, 2, 3]
    assert read_trace(out / "5g-static.csv").rtt_ms.tolist() == [30, 30, 30]


def test_fetch_refuses_half_a_conversion(tmp_path):
    """--from without --out, and a folder that is not there."""
    for arguments in (["--from", str(tmp_path)], ["--out", str(tmp_path)], ["--from", "/no", "--out", str(tmp_path)]):
        with pytest.raises(JanusError):
            CliRunner().invoke(command, ["traces", *arguments], catch_exceptions=False)


def test_fetch_names_a_place_that_cannot_be(root, tmp_path):
    """A folder inside a file is one sentence."""
    (tmp_path / "file.md").write_text("")
    arguments = ["traces", "--from", str(root), "--out", str(tmp_path / "file.md" / "deep")]
    with pytest.raises(JanusError, match="the folder cannot be made"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_a_class_and_a_seed_make_a_fresh_trace():
    """The same words give the same trace, another seed another; seed 0 is the one that is shipped."""
    fresh = find_trace("5g-driving@7")

    assert fresh.name == "generated-5g-driving@7" and fresh.kind == "generated" and fresh.duration_s == 300
    assert fresh.uplink_mbps.tolist() == find_trace("generated-5g-driving@7").uplink_mbps.tolist()
    assert fresh.uplink_mbps.tolist() != find_trace("5g-driving").uplink_mbps.tolist()
    assert find_trace("5g-driving@0").mean_mbps == pytest.approx(find_trace("5g-driving").mean_mbps, rel=1e-3)
    with pytest.raises(JanusError, match="the seed 'x' is no whole number"):
        find_trace("5g-driving@x")
