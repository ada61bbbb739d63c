"""What the runtime's benches stand on: pictures, mutants, namespaces, figures. Their counts are for the benches."""

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from runtime_kit import half

from janus.bench import nursery
from janus.bench.fuzz import decoder, noise_codebook, transform
from janus.bench.mutations import mutants, seeds, transform_mutants, transform_seeds
from janus.bench.pictures import noise_picture
from janus.cli import main
from janus.codec import decode
from janus.errors import JanusError
from janus.figures.measured import agreement_figure, run_figure
from janus.runtime.agreement import _for_figures
from janus.runtime.netns import ShapedNamespaces, why_not_here
from janus.runtime.requests import Limits, read_work

HALF = half()
WITH_BOOK = replace(HALF, book=noise_codebook(HALF))


def test_noise_has_the_size_of_a_photograph_as_a_jpeg():
    """About 14 kB at 224 pixels and quality 85, as facts about real ones say; the same seed gives the same."""
    sizes = []
    for seed in range(8):
        file = io.BytesIO()
        Image.fromarray(noise_picture(seed, 224, 224)).save(file, "JPEG", quality=85)
        sizes.append(len(file.getvalue()))

    assert 11_000 < np.mean(sizes) < 17_000
    assert np.array_equal(noise_picture(3, 30, 40), noise_picture(3, 30, 40))
    assert noise_picture(3, 30, 40).shape == (30, 40, 3)


def test_the_seeds_of_the_fuzzer_are_good_requests():
    """Every codec, with a codebook transform too, and every picture format: what is mutated would have been served."""
    found = seeds(WITH_BOOK)
    for request in found:
        assert read_work(request, WITH_BOOK, Limits()).batch == 1
    assert sum(request.tokens.startswith(b"JT3") for request in found) == 12


def test_mutants_are_refused_or_harmless():
    """Nothing but a refusal comes out of the decoder; most mutants are refused, and the same seed gives the same."""
    row = decoder(WITH_BOOK, 1500, seed=5)

    assert set(row["outcomes"]) <= {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "no request", "fits"}
    assert row["outcomes"]["INVALID_ARGUMENT"] > 500
    assert list(mutants(WITH_BOOK, 20, 1)) == list(mutants(WITH_BOOK, 20, 1))


def test_mutants_of_the_transform_codec_are_refused_or_harmless():
    """The same for payloads of the codec with a codebook; what is mutated would have been decoded."""
    book = WITH_BOOK.book
    for data in transform_seeds(HALF, book):
        assert decode(data, book=book).x.shape[0] in (1, 2)
    row = transform(WITH_BOOK, 1500, seed=5)

    assert row["outcomes"]["refused"] > 1000
    assert sum(row["outcomes"].values()) == 1500
    assert list(transform_mutants(HALF, book, 20, 1)) == list(transform_mutants(HALF, book, 20, 1))


@pytest.mark.skipif(why_not_here() is not None, reason=f"{why_not_here()}.")
def test_namespaces_are_shaped_and_go_again():
    """Between them is the kernel's shaper with the rate that was asked, and afterwards they are gone."""
    with ShapedNamespaces(10.0) as spaces:
        said = subprocess.run(
            spaces.near(["tc", "qdisc", "show", "dev", "j0"]), capture_output=True, text=True, check=True
        )
        reached = subprocess.run(spaces.far(["ip", "addr", "show", "dev", "j1"]), capture_output=True, text=True)
        names = {spaces._near, spaces._far}
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()

    assert "tbf" in said.stdout and "rate 10455Kbit" in said.stdout
    assert spaces.far_host in reached.stdout
    assert not names & set(left)


def test_a_process_of_the_nursery_is_killed_once(monkeypatch):
    """Where no next one can be forked, leaving it kills nobody: by then the number may be another's."""
    killed, said = [], []

    class Deaf:
        def __init__(self, *_):
            pass

        def wait_ready(self, _):
            return {}

        def do(self, command, **facts):
            said.append(command)
            if said.count("fork") == 2:
                raise JanusError("the nursery does not answer within 10 s: close this pair.")
            return {"pid": 4711}

        def stop(self):
            said.append("stop")

    monkeypatch.setattr(nursery, "Child", Deaf)
    monkeypatch.setattr(nursery.os, "kill", lambda pid, _: killed.append(pid))
    with pytest.raises(JanusError, match="does not answer"), nursery.Nursery("m", Path("w"), "localhost:1") as one:
        one.kill()

    assert killed == [4711]
    assert said == ["fork", "bury", "fork", "stop"]


def test_the_agreement_figure_shows_each_combination_with_its_error():
    """One mark a row, a group a split, and the diagonal through all."""
    rows = [
        {"model": "m", "level": 0.0, "split": split, "mbps": mbps, "frames": 3, "payload_bytes": 10,
         "modelled_ms": 10.0 + split, "measured_ms": 11.0 + split, "measured_p10_ms": 10.5, "measured_p90_ms": 14.0,
         "error": (10.0 + split) / (11.0 + split) - 1}
        for split in (0, 2) for mbps in (5.0, 50.0)
    ]  # fmt: skip
    table = _for_figures(pd.DataFrame(rows))
    figure = agreement_figure(table)
    marks = [trace for trace in figure.data if trace.mode == "markers"]

    assert [trace.name for trace in marks] == ["split 0", "split 2"]
    assert [list(trace.y) for trace in marks] == [[11.0, 11.0], [13.0, 13.0]]
    assert table.attrs["median_absolute_error"] == pytest.approx((1 / 11 + 1 / 13) / 2)
    assert list(figure.data[0].x) == list(figure.data[0].y)


@pytest.mark.parametrize("kind", ["measured", "emulated"])
def test_the_run_figure_says_who_answered_and_what_kind_of_latency_it_is(kind):
    """Fallbacks have a mark of their own; the axis says measured or emulated."""
    table = pd.DataFrame(
        {
            "time_s": [0.0, 1.0, 2.0], "estimated_mbps": [5.0, 6.0, 7.0], "split": [0, 4, 0], "level": [0.0, 0.3, 0.0],
            "answered_by": ["cloud", "device", "device"], "fallback": [False, False, True],
            "reason": ["", "", "cloud away"], f"{kind}_ms": [50.0, 60.0, 90.0],
        }
    )  # fmt: skip
    table.attrs["depth"] = 4
    bandwidth = pd.DataFrame({"time_s": [0.0, 1.0], "uplink_mbps": [10.0, 0.0]})
    figure = run_figure(table, bandwidth, title="a run", slo_ms=80)
    latencies = {trace.name: list(trace.y) for trace in figure.data if trace.yaxis == "y4"}

    assert latencies == {"cloud": [50.0], "device, as planned": [60.0], "device instead of the cloud": [90.0]}
    assert figure.layout.yaxis4.title.text == f"{kind} latency, ms"
    assert figure.layout.shapes[0].y0 == 80


def test_every_answer_through_the_wire_is_the_unsplit_one(capsys):
    """`janus bench exact` counts them, for every split of a small model."""
    main(["bench", "exact", "--model", "test_vit", "--limit", "2", "--json"])
    rows = json.loads(capsys.readouterr().out)["results"]

    assert all(row["exact"] == row["as_planned"] == row["frames"] == 2 for row in rows)
    assert {row["split"] for row in rows} == set(range(max(row["split"] for row in rows) + 1))
