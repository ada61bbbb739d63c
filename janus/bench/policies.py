"""`janus bench policies`: every policy over measured rates of pictures and tokens, and who leads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from janus.accuracy import load_accuracy
from janus.cli.common import JOBS, check_out, document, emit, records
from janus.cli.evaluate import NUMBERS, Words
from janus.errors import JanusError
from janus.files import data_folder
from janus.grid import GridSettings, PlanGrid
from janus.network import load_traces
from janus.profile import find_profile, slower
from janus.rates import find_rates
from janus.reproduce.qualities import CAMERA, Pair, lead_words, quality_table
from janus.reproduce.stored import write_table

MODELS = "vit_tiny_patch16_224.augreg_in21k_ft_in1k,deit_tiny_patch16_224.fb_in1k"
# Device, how many times slower, cloud, SLOs: the stored machine and boards that are slower than it. What is quicker, as
# the Jetsons, runs these small models within any SLO that a mobile network's round trip allows.
MACHINES = (("epyc-2", 1.0, "t4", (20.0, 25.0, 30.0, 40.0)), ("epyc-2", 8.0, "t4", (50.0, 75.0, 100.0, 150.0)))


@click.command("policies")
@click.option("--trace", "traces", multiple=True, required=True, help="Files, folders or names; commas between them.")
@click.option("--model", "models", type=Words(), default=MODELS, show_default=True)
@click.option("--rates", default="stored", show_default=True, help="A rate table, or `stored`.")
@click.option("--slo", "slos", type=NUMBERS, help="Latency targets in ms.  [default: sensible ones for each machine]")
@click.option("--camera-fps", type=float, default=CAMERA.camera_fps, show_default=True)
@click.option("--duration", "duration_s", type=float, default=0.0, help="Seconds of each trace.  [default: all]")
@click.option("--jobs", type=JOBS, default=-1, show_default=True, help="Processes; -1 for all cores.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table as CSV.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(traces, models, rates, slos, camera_fps, duration_s, jobs, out, as_json):
    """Late frames and expected accuracy of every policy, on the same frames of a camera.

    Latencies are modelled from profiles and the integral of the trace; bytes, times to encode and decode and accuracies
    are those that were measured.
    """
    check_out(out)
    pairs = []
    for model in models:
        stored = data_folder("accuracy") / f"{model}.json"
        if not stored.is_file():
            known = ", ".join(sorted(path.stem for path in stored.parent.glob("*.json")))
            raise JanusError(f"--model {model}: no accuracies of it are stored; choose one of {known}.")
        accuracy = load_accuracy(stored)
        table = find_rates(rates, model)
        for name, factor, cloud, targets in MACHINES:
            profile = find_profile(data_folder("profiles") / f"{name}__{model.split('.')[0]}.json", model)
            grid = PlanGrid.build(
                slower(profile, factor), find_profile(cloud, model, profile.geometry),
                GridSettings(encode_factor=factor), accuracy=accuracy, rates=table,
            )  # fmt: skip
            pairs.append(Pair(grid=grid, slos_ms=tuple(slos or targets)))
    found = load_traces(list(traces))
    settings = replace(CAMERA, camera_fps=camera_fps, duration_s=duration_s)
    rows = quality_table(pairs, found, settings=settings, jobs=jobs, progress=True)
    facts = {
        "kind": "modelled", "models": list(models), "camera_fps": camera_fps,
        "machines": [f"{pair.grid.device.label} and {pair.grid.cloud.label}" for pair in pairs],
        "traces": ", ".join(f"{t.name} ({t.kind}, {t.duration_s:.0f} s)" for t in found),
        "seconds_of_each": duration_s or "all",
    }  # fmt: skip
    if out is not None:
        write_table(out, rows, **facts)
    for line in lead_words(rows):
        click.echo(line, err=as_json)
    emit(document(records(rows), **facts), as_json=as_json)
