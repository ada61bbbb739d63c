"""Generated traces: reproducible, and with the statistics of the recorded classes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from janus.errors import JanusError
from janus.files import data_folder
from janus.network import MOBILITIES, NETWORKS, generate_trace, load_traces, read_trace, trace_csv, trace_statistics
from janus.network.fit import fit_model
from janus.network.generator import generate_steps
from janus.network.shipped import TUNNEL_S, shipped_traces

CLASSES = [(network, mobility) for mobility in MOBILITIES for network in NETWORKS]


@pytest.fixture(scope="module")
def statistics():
    return json.loads((data_folder("traces") / "statistics.json").read_text())["classes"]


def assert_alike(recorded: dict, made: dict) -> None:
    """The bounds that a generated class keeps."""
    assert made["mean_mbps"] == pytest.approx(recorded["mean_mbps"], rel=0.10)
    assert made["std_mbps"] == pytest.approx(recorded["std_mbps"], rel=0.20)
    for lag in ("0.1", "1", "5"):
        assert made[f"ac_{lag}s"] == pytest.approx(recorded[f"ac_{lag}s"], abs=0.15)
    assert abs(made["outage_share"] - recorded["outage_share"]) <= 0.3 * recorded["outage_share"] + 0.01


@pytest.mark.parametrize("network,mobility", CLASSES)
def test_a_generated_class_has_the_statistics_of_the_recorded(statistics, network, mobility):
    """Ten minutes, three seeds that the fit did not see."""
    made = [trace_statistics(generate_trace(network, mobility, 600.0, seed)) for seed in (5001, 5002, 5003)]
    mean = {key: np.mean([one[key] for one in made]) for key in made[0]}

    assert_alike(statistics[f"{network}-{mobility}"]["recorded"], mean)


def test_the_published_comparison_keeps_the_bounds(statistics):
    """What the notebook shows beside the recordings; outages are as long, too."""
    for one in statistics.values():
        assert_alike(one["recorded"], one["generated"])
        assert one["generated"]["outage_mean_s"] == pytest.approx(one["recorded"]["outage_mean_s"], rel=0.3)


@pytest.mark.filterwarnings("ignore::janus.errors.JanusWarning")
def test_the_stored_statistics_are_those_of_the_recordings(statistics, shared):
    """Facts, recomputed where the recordings are at hand."""
    for trace in load_traces("nuwins:driving/lte,nuwins:static/5g", traces_root=shared / "traces"):
        assert trace_statistics(trace) == pytest.approx(statistics[trace.name]["recorded"], rel=1e-3)


def test_the_shipped_files_are_what_the_generator_makes():
    """Every CSV in data/traces comes out again to the letter, says that it is generated, and reads back."""
    made = shipped_traces()
    for trace, comments in made:
        path = data_folder("traces") / f"{trace.name}.csv"
        assert path.read_text() == trace_csv(trace, decimals=2, comments=comments)
        back = read_trace(path)
        assert (back.name, back.kind, back.licence, back.duration_s) == (trace.name, "generated", "Apache-2.0", 300.0)

    assert {file.stem for file in data_folder("traces").glob("*.csv")} == {trace.name for trace, _ in made}


def test_nothing_gets_through_the_tunnel():
    """45 s without a byte; before and after there is traffic."""
    tunnel = next(trace for trace, _ in shipped_traces() if trace.name == "generated-tunnel")

    assert tunnel.capacity_bytes(*TUNNEL_S) == 0
    assert tunnel.capacity_bytes(0, TUNNEL_S[0]) > 1e6
    assert tunnel.transfer_ms(TUNNEL_S[0], 1e4) > 45_000


def test_the_same_seed_gives_the_same_trace_and_another_another():
    """Seeds, classes and nothing else decide."""
    first = generate_trace("5g", "walking", 30.0, 3)

    assert generate_trace("5g", "walking", 30.0, 3).uplink_mbps.tolist() == first.uplink_mbps.tolist()
    assert generate_trace("5g", "walking", 30.0, 4).uplink_mbps.tolist() != first.uplink_mbps.tolist()
    assert (first.kind, first.duration_s, len(first)) == ("generated", 30.0, 300)


def test_another_step_carries_the_same_bytes():
    """The model runs at 0.1 s; 0.5 s are means of it."""
    fine, coarse = (generate_trace("lte", "driving", 30.0, 0, step_s) for step_s in (0.1, 0.5))

    assert len(coarse) == 60
    assert coarse.capacity_bytes(0, 30) == pytest.approx(fine.capacity_bytes(0, 30))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("6g", "static", 10, 0), "choose 5g-static"),
        (("5g", "flying", 10, 0), "choose 5g-static"),
        (("5g", "static", 0, 0), "duration_s 0"),
        (("5g", "static", 1e12, 0), "duration_s"),
        (("5g", "static", 10, -1), "seed -1"),
        (("5g", "static", 10, 1.5), "seed 1.5"),
        (("5g", "static", 10, 0, 0), "step_s 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, says):
    """The message names the argument."""
    with pytest.raises(JanusError, match=says):
        generate_trace(*arguments)


def test_the_fit_finds_its_own_model_again(monkeypatch):
    """A long generated trace, fitted as if it were recorded, gives a model with the same statistics."""
    monkeypatch.setattr("janus.network.fit.FIT_SEEDS", range(2))
    original = generate_trace("5g", "driving", 3000.0, 1)
    again, steps = fit_model(original), 30_000
    mbps, rtt_ms = generate_steps(again, steps, (7,))
    made = replace(original, uplink_mbps=mbps, rtt_ms=rtt_ms)

    assert_alike(trace_statistics(original), trace_statistics(made))
    assert np.median(rtt_ms) == pytest.approx(np.median(original.rtt_ms), rel=0.1)
