"""`janus replay` and `janus bench schedule` from the command line to the document."""

import json
import math

import pandas as pd
import pytest
from rooms import machine

from janus.bench.schedule import BATCH, bench_decisions, build_grid, loop, questions
from janus.cli import main
from janus.profile import derive_profile, save_profile
from janus.simulate import COLUMNS

QUICK = ["--trace", "5g-driving", "--duration", "20", "--jobs", "1"]


@pytest.fixture
def run(capsys):
    """Run `janus …`: exit status, stdout, stderr."""

    def run(*arguments):
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as done:
            code = done.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_one_trace_is_enough(run):
    """Machines, SLO, encodings and policies have defaults; the table has a row for each policy, and the extremes."""
    code, out, _ = run("replay", *QUICK)

    assert code == 0
    assert "Orin Nano (derived) and V100 (derived)" in out
    assert "device-only takes 367 ms, SLO 290 ms" in out
    for policy in ("device-only", "cloud-only", "mixed", "neurosurgeon", "tome", "janus", "janus-robust", "oracle"):
        assert out.count(f"\n{policy}  ") == 2
    assert "janus, best and worst case" in out
    assert "fewer violations vs device only" in out
    assert "The oracle is the best at each instant." in out


def test_the_document_has_every_run_and_where_it_comes_from(run):
    """Strict JSON with a row for each combination, ratios to the baselines, and the traces' sources."""
    code, out, _ = run("replay", *QUICK, "--slo", "200,400", "--policy", "device-only,janus", "--json")
    doc = json.loads(out, parse_constant=lambda name: pytest.fail(name))

    assert code == 0
    assert len(doc["results"]) == 2 * 2 * 2
    assert doc["results"][0]["policy"] == "device-only"
    assert {row["slo_ms"] for row in doc["results"]} == {200, 400}
    assert doc["results"][1]["throughput_vs_device_only"] > 1
    assert doc["provenance"]["device"] == "Orin Nano (derived)"
    assert list(doc["provenance"]["traces"]) == ["generated-5g-driving"]
    assert doc["provenance"]["extremes"]["janus"][0]["ratio"] == "fewer_violations_vs_device_only"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_frames_are_written_whole(run, tmp_path, suffix):
    """One row a frame with the columns of the design, behind trace and encoding."""
    out = tmp_path / f"frames.{suffix}"
    options = ["--policy", "janus", "--encoding", "jpeg85", "--camera-fps", "3", "--out", out]
    code, *_ = run("replay", *QUICK, *options)
    frames = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)

    assert code == 0
    assert tuple(frames.columns) == ("trace", "encoding", *COLUMNS, "queued_ms", "dropped")
    assert len(frames) == 60


def test_a_measured_profile_brings_its_own_model(run, tmp_path):
    """The device's file says which model; the cloud's must be of the same."""
    save_profile(machine(1.0, name="slow"), tmp_path / "device.json")
    save_profile(machine(0.02, name="quick"), tmp_path / "cloud.json")
    machines = ["--device", tmp_path / "device.json", "--cloud", tmp_path / "cloud.json"]
    code, out, _ = run("replay", *QUICK, *machines, "--policy", "janus", "--encoding", "raw")

    assert code == 0
    assert out.startswith("tiny, slow (demo) and quick (demo)")


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        (["--slo", "0"], "SLO 0.0 ms is out of range"),
        (["--slo", "-5"], "SLO -5.0 ms is out of range"),
        (["--slo", "nan"], "SLO nan ms is out of range"),
        (["--policy", "delphi"], "policy 'delphi' is unknown: choose one of device-only"),
        (["--policy", ""], "--policy '': nothing stands in it"),
        (["--device", "abacus"], "profile 'abacus' is neither a file nor a machine"),
        (["--model", "resnet50"], "model 'resnet50' is not known"),
        (["--encoding", "gif"], "encoding 'gif' is unknown"),
        (["--encoding", ","], "--encoding ',': nothing stands in it"),
        (["--codec", "lzw"], "codec 'lzw'"),
        (["--schedule", "steep"], "schedule 'steep' is unknown"),
        (["--camera-fps", "-1"], "camera_fps -1.0 must be"),
        (["--camera-fps", "1e307"], "over 10,000,000: give a lower rate"),
        (["--camera-fps", "0"], "camera_fps 0.0 must be"),
        (["--camera-fps", "5", "--mode", "closed"], "--camera-fps 5: a closed loop has no camera"),
        (["--slo", ","], "--slo ',': nothing stands in it"),
        (["--slo", "200,300,200"], "SLO 200.0 is there twice"),
        (["--policy", "janus,mixed,janus"], "policy 'janus' is there twice"),
        (["--encoding", "raw,raw"], "input encoding 'raw' is there twice"),
        (["--device", "x" * 5000], "is neither a file nor a machine"),
        (["--out", "/proc/frames.csv"], "cannot be written"),
        (["--rtt", "-1"], "rtt_ms -1.0 must be"),
        (["--seed", "-1"], "seed -1 must be"),
        (["--slowdown", "0"], "slowdown 0.0 is out of range"),
        (["--window", "0"], "window 0 must be 1 or more"),
        (["--window", "3", "--estimator", "ewma"], "--window 3: the estimator ewma has none"),
        (["--late", "queue"], "--late queue: only a camera's frames come late"),
        (["--estimator", "stars"], "estimator 'stars' is unknown"),
        (["--accuracy", "none.json"], "none.json: cannot be read"),
        (["--out", "frames.xls"], "ends in .csv or .parquet"),
        (["--out", "nowhere/frames.csv"], "does not exist"),
    ],
)
def test_bad_input_is_one_sentence(run, options, culprit):
    """Exit status 2, the culprit named, nothing on stdout."""
    code, out, err = run("replay", *QUICK, *options)

    assert (code, out) == (2, "")
    assert culprit in err
    assert err.startswith("janus: ") and err.count("\n") == 1


@pytest.mark.parametrize("jobs", ["0", "-2", "many"])
def test_jobs_are_counted(run, jobs):
    """A wrong number of processes is a usage error, not joblib's traceback."""
    code, _, err = run("replay", *QUICK, "--jobs", jobs)

    assert code == 2
    assert "1 or more, or -1 for all cores" in err


def test_a_folder_is_no_place_for_frames(run, tmp_path):
    """It is refused before the work."""
    (tmp_path / "x.csv").mkdir()
    code, _, err = run("replay", *QUICK, "--out", tmp_path / "x.csv")

    assert code == 2
    assert "this is a folder; name a file in it" in err


def test_a_quick_machine_has_a_default_slo(run):
    """Four fifths of a millisecond are not rounded to nothing."""
    options = ["--device", "v100", "--cloud", "a100", "--model", "vit_tiny_patch16_224", "--frames", "3"]
    code, out, _ = run("replay", "--trace", "tunnel", "--jobs", "1", "--policy", "janus", *options)

    assert code == 0
    assert "device-only takes 0 ms, SLO 0.23 ms" in out


def test_the_document_says_what_readers_did(run, tmp_path):
    """Kind, direction and every note of a trace go with its results."""
    (tmp_path / "bus.csv").write_text("time_s,uplink_mbps,speed\n0,5,1\n5,6,1\n")
    options = ["--policy", "janus", "--jobs", "1", "--frames", "2", "--json"]
    code, out, _ = run("replay", "--trace", f"{tmp_path / 'bus.csv'},tunnel", *options)
    traces = json.loads(out)["provenance"]["traces"]

    assert code == 0
    assert traces["bus"]["notes"] == ["bus.csv: columns speed are ignored"]
    assert (traces["bus"]["kind"], traces["bus"]["direction"]) == ("recorded", "unknown")
    assert traces["generated-tunnel"]["kind"] == "generated"


def test_a_measured_model_of_any_name_meets_a_derived_cloud(run, tmp_path):
    """The derived machine takes the counts from the file: nobody need measure a cloud first."""
    save_profile(machine(2.0, name="slow"), tmp_path / "device.json")
    code, out, _ = run("replay", *QUICK, "--device", tmp_path / "device.json", "--policy", "cloud-only,janus")

    assert code == 0
    assert out.startswith("tiny, slow (demo) and V100 (derived)")


def test_a_profile_of_another_model_is_refused(run, tmp_path):
    """Device and cloud must run the same model, and the one that is asked for."""
    save_profile(machine(), tmp_path / "device.json")
    save_profile(derive_profile("v100", "vit_large_patch16_384"), tmp_path / "cloud.json")
    machines = ["--device", tmp_path / "device.json", "--cloud", tmp_path / "cloud.json"]
    code, _, err = run("replay", *QUICK, *machines)
    named, _, err_named = run("replay", *QUICK, "--device", tmp_path / "device.json", "--model", "vit_tiny_patch16_224")

    assert (code, named) == (2, 2)
    assert "profile 'V100' is of vit_large_patch16_384, not of tiny" in err
    assert "profile 'box' is of tiny, not of vit_tiny_patch16_224" in err_named


def test_the_bench_compares_equals():
    """What it times gives the same answers: the envelope, arrays, and the paper's loop; and its rows are in order."""
    grid = build_grid("raw")
    for mbps, rtt_ms, slo_ms in questions(40):
        decided = grid.decide(mbps, rtt_ms, slo_ms)

        assert decided == grid.decide_by_brute_force(mbps, rtt_ms, slo_ms)
        assert loop(grid, mbps, rtt_ms, slo_ms)[2] == pytest.approx(decided[2])
    rows = bench_decisions(grid, rounds=1)

    assert (len(grid.levels), len(grid.splits)) == (60, 25)
    assert len(rows) == 4 and all(row["measured_us"] > 0 and math.isfinite(row["measured_us"]) for row in rows)
    assert BATCH >= 1000
