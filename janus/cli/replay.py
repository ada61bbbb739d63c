"""`janus replay`: policies over a trace, by the model of latency."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from janus.cli.common import JOBS, check_out, document, emit, records
from janus.cli.evaluate import NUMBERS, Words
from janus.errors import JanusError
from janus.network.estimators import ESTIMATORS
from janus.policy.registry import POLICIES, RATED

if TYPE_CHECKING:
    import pandas as pd

WORDS = Words()
DEFAULT_MODEL = "vit_large_patch16_384"
# The default SLO, as a share of what the device takes alone.
SLO_SHARE = 0.8
DEFAULT_POLICIES = (
    "device-only", "cloud-only", "mixed", "neurosurgeon", "tome", "janus", "janus-robust", "oracle",
)  # fmt: skip
RATED_POLICIES = (
    *DEFAULT_POLICIES[:2], "cloud-only-adaptive", *DEFAULT_POLICIES[2:-1], "janus-codec", DEFAULT_POLICIES[-1],
)  # fmt: skip
# Fewer late frames than a baseline has.
FEWER = "{:.1%} fewer"
# Column, heading, format: what the table shows of a summary.
SHOWN = (
    ("policy", "policy", "{}"),
    ("expected_accuracy", "top-1 %", "{:.2f}"),
    ("violation_ratio", "late %", "{:.2%}"),
    ("throughput_fps", "fps", "{:.2f}"),
    ("p50_ms", "p50 ms", "{:.0f}"),
    ("p95_ms", "p95", "{:.0f}"),
    ("p99_ms", "p99", "{:.0f}"),
    ("sent_mb", "MB", "{:.1f}"),
    ("decision_us", "µs", "{:.1f}"),
    ("fewer_violations_vs_device_only", "late vs device", FEWER),
    ("fewer_violations_vs_cloud_only", "vs cloud", FEWER),
    ("fewer_violations_vs_mixed", "vs mixed", FEWER),
    ("throughput_vs_device_only", "fps vs device", "{:.2f}x"),
    ("throughput_vs_cloud_only", "vs cloud", "{:.2f}x"),
    ("throughput_vs_mixed", "vs mixed", "{:.2f}x"),
)


@click.command("replay")
@click.option("--trace", "traces", multiple=True, required=True, help="Files, folders or names; commas between them.")
@click.option("--device", default="orin-nano", show_default=True, help="A profile's file, or a derived machine's name.")
@click.option("--cloud", default="v100", show_default=True, help="The same for the cloud.")
@click.option("--model", help=f"Model, for derived profiles.  [default: the device profile's, or {DEFAULT_MODEL}]")
@click.option("--slo", "slos", type=NUMBERS, help="Latency targets in ms.  [default: four fifths of device-only]")
@click.option("--policy", "policies", type=WORDS, help=f"Of {', '.join((*POLICIES, *RATED))}.  [default: all "
              "that the tables at hand allow, but the encodings of cloud-only]")  # fmt: skip
@click.option(
    "--schedule", default="declining", show_default=True, help="Family of schedules, or a searched one's name."
)
@click.option("--codec", default="int8", show_default=True, help="How tokens travel.")
@click.option("--encoding", "encodings", type=WORDS, default="raw,jpeg85", show_default=True, help="How inputs travel.")
@click.option("--splits", type=click.Choice(["fine-to-coarse", "all"]), default="fine-to-coarse", show_default=True)
@click.option("--mode", type=click.Choice(["closed", "camera"]), help="When a frame begins: when the last is "
              "done, or by the clock of a camera.  [default: camera if --camera-fps is given, else "
              "closed]")  # fmt: skip
@click.option("--camera-fps", type=float, help="Frames a second in camera mode.  [default: 10]")
@click.option("--late", type=click.Choice(["queue", "drop"]), help="What a camera does with a frame that "
              "comes while another runs.  [default: drop]")  # fmt: skip
@click.option("--rtt", "rtt_ms", type=float, default=20.0, show_default=True, help="ms, where the trace knows none.")
@click.option("--estimator", default="harmonic", show_default=True, help="Of the bandwidth: "
              f"{', '.join(ESTIMATORS)}; janus-robust has its own.")  # fmt: skip
@click.option("--window", type=int, help="Transfers that the estimator remembers, harmonic or quantile.  [default: 5]")
@click.option("--slowdown", type=float, default=1.0, show_default=True, help="True device time over its profile's.")
@click.option("--frames", type=int, default=0, help="At most so many.  [default: all]")
@click.option("--duration", "duration_s", type=float, default=0.0, help="Seconds of each trace.  [default: all]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the spread of compute.")
@click.option("--accuracy", type=click.Path(path_type=Path), help="A table that `janus evaluate` wrote.")
@click.option(
    "--rates", help="A table that `janus bench codec` wrote, or `stored`: adds the policies that choose quality."
)
@click.option(
    "--slower", type=float, default=1.0, show_default=True, help="A device so many times slower, and known so."
)
@click.option("--jobs", type=JOBS, default=-1, show_default=True, help="Processes; -1 for all cores.")
@click.option("--out", type=click.Path(path_type=Path), help="All frames, as .csv or .parquet.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
def command(
    traces, device, cloud, model, slos, policies, schedule, codec, encodings, splits, mode, camera_fps, late, rtt_ms,
    estimator, window, slowdown, frames, duration_s, seed, accuracy, rates, slower, jobs, out, as_json,
):  # fmt: skip
    """Replay policies over bandwidth traces, and compare them.

    With --rates pictures and tokens of every measured quality are plans, too: cloud-only-adaptive sends the best
    picture that should be in time, janus-codec chooses among all of them. Accuracies are then those of the table.

    Latencies are modelled: from profiles of the machines and the integral of the trace. Each policy sees only what has
    finished, but for the Oracle.
    """
    check_out(out)
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise JanusError(f"--out {out}: name a file that ends in .csv or .parquet.")
    from janus.accuracy import load_accuracy
    from janus.grid import GridSettings, PlanGrid
    from janus.network import load_traces
    from janus.policy import PolicySettings, check_policy
    from janus.policy.base import WINDOWED
    from janus.profile import MACHINES, find_profile, load_profile
    from janus.profile import slower as slowed
    from janus.rates import find_rates
    from janus.schedules import family_of
    from janus.simulate import ReplaySettings, extremes, sweep

    for policy in policies or ():
        check_policy(policy)
    if mode == "closed" and camera_fps is not None:
        raise JanusError(f"--camera-fps {camera_fps:g}: a closed loop has no camera; leave out this or --mode.")
    mode = mode or ("closed" if camera_fps is None else "camera")
    if mode == "closed" and late is not None:
        raise JanusError(f"--late {late}: only a camera's frames come late; give --camera-fps too, or leave it out.")
    if window is not None and estimator in ESTIMATORS and estimator not in WINDOWED:
        raise JanusError(f"--window {window}: the estimator {estimator} has none; leave it out, or give --estimator "
                         f"{' or '.join(WINDOWED)}.")  # fmt: skip
    fps = 10.0 if camera_fps is None else camera_fps
    settings = ReplaySettings(
        mode=mode, camera_fps=fps, late=late or ReplaySettings.late, frames=frames, duration_s=duration_s,
        rtt_ms=rtt_ms, slowdown=slowdown, seed=seed,
    )  # fmt: skip
    window = PolicySettings.window if window is None else window
    policy_settings = PolicySettings(estimator=estimator, window=window, rtt_ms=rtt_ms)
    files = [spec for spec in (device, cloud) if spec not in MACHINES and os.path.exists(spec)]
    # A measured profile brings its model, and what a derived one at the other end needs to know of it.
    measured = load_profile(files[0], for_model=model) if files else None
    model = model or (measured.model if measured else DEFAULT_MODEL)
    geometry = measured.geometry if measured else None
    at_device, at_cloud = (find_profile(spec, model, geometry) for spec in (device, cloud))
    at_device = slowed(at_device, slower)
    table = load_accuracy(accuracy) if accuracy else None
    if table is not None and "." in model and "." in table.model and table.model != model:
        raise JanusError(
            f"--accuracy {accuracy}: is of {table.model}, not of {model}; give that --model, or another table."
        )
    family, listed = family_of(schedule, model)
    measured_rates = find_rates(rates, at_device.model) if rates else None
    if policies is None:
        policies = DEFAULT_POLICIES if rates is None else RATED_POLICIES
    where = tuple(range(at_device.geometry.depth + 1)) if splits == "all" else ()
    grids = [
        PlanGrid.build(
            at_device, at_cloud,
            GridSettings(
                family=family, listed=listed, codec=codec, encoding=encoding, splits=where, encode_factor=slower
            ),
            accuracy=table, rates=measured_rates,
        )
        for encoding in encodings
    ]  # fmt: skip
    local_ms = float(grids[0].device_ms[0, -1]) if grids else math.nan
    slos = (float(f"{local_ms * SLO_SHARE:.2g}"),) if slos is None else slos
    found = load_traces(list(traces))
    asked = click.get_current_context().get_parameter_source("rtt_ms") is ParameterSource.COMMANDLINE
    if asked and all(trace.rtt_ms is not None for trace in found):
        click.echo(f"janus: --rtt {rtt_ms:g} is not used: every trace here has round trips of its own.", err=True)
    done = sweep(
        found, policies, grids, slos, settings,
        policy_settings=policy_settings, keep_frames=out is not None, jobs=jobs, progress=True,
    )  # fmt: skip
    if out is not None:
        _write(done.frames, out)
    best = {p: extremes(done.summary, p) for p in policies if p in ("janus", "janus-robust", "janus-codec")}
    facts = {
        "model": at_device.model, "device": at_device.label, "cloud": at_cloud.label, "mode": mode, "seed": seed,
        "schedule": schedule, "codec": codec, "estimator": estimator, "accuracy": str(accuracy) if accuracy else None,
        "rates": rates,
        "traces": {
            t.name: {
                "kind": t.kind, "direction": t.direction, "source": t.source, "licence": t.licence,
                "duration_s": t.duration_s, "notes": t.notes,
            }
            for t in found
        },
        "extremes": {policy: records(rows) for policy, rows in best.items()},
    }  # fmt: skip
    if not as_json:
        click.echo(
            f"{at_device.model}, {at_device.label} and {at_cloud.label}; {mode}"
            f"{f' at {settings.camera_fps:g} frames/s, late frames {settings.late}' if mode == 'camera' else ' loop'}; "
            f"device-only takes {local_ms:.0f} ms, SLO {', '.join(f'{slo:g}' for slo in slos)} ms. All is modelled."
        )
        _print(done.summary, best)
        if mode == "closed" and "oracle" in policies:
            click.echo(
                "\nThe oracle is the best at each instant. In a closed loop another choice now is another start of the "
                "next frame, so over a run a policy may come out ahead; with --camera-fps all see the same frames."
            )
    emit(document(records(done.summary), **facts), as_json=as_json)


def _write(frames: pd.DataFrame, out: Path) -> None:
    """CSV or Parquet, in one piece."""
    import io

    from janus.files import write_bytes, write_text

    if out.suffix == ".csv":
        write_text(out, frames.to_csv(index=False))
        return
    file = io.BytesIO()
    frames.to_parquet(file, index=False)
    write_bytes(out, file.getvalue())


def _print(summary: pd.DataFrame, best: dict[str, pd.DataFrame]) -> None:
    """A table per trace, encoding and SLO; then the best and worst cases."""
    for (trace, encoding, slo), rows in summary.groupby(["trace", "encoding", "slo_ms"], sort=False):
        click.echo(f"\n{trace}, input as {encoding}, SLO {slo:g} ms")
        rows = rows.assign(sent_mb=rows["sent_bytes"] / 1e6)
        shown = [column for column in SHOWN if column[0] in rows and rows[column[0]].notna().any()]
        lines = [[heading for _, heading, _ in shown]]
        for row in rows.to_dict("records"):
            lines.append([_cell(row[column], form) for column, _, form in shown])
        widths = [max(len(line[at]) for line in lines) for at in range(len(shown))]
        for line in lines:
            first, *rest = (
                cell.ljust(w) if at == 0 else cell.rjust(w)
                for at, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            click.echo("  ".join([first, *rest]).rstrip())
    for policy, rows in best.items():
        if rows.empty:
            continue
        click.echo(f"\n{policy}, best and worst case")
        for row in rows.to_dict("records"):
            form = FEWER if row["ratio"].startswith("fewer") else "{:.2f}x"
            click.echo(
                f"  {row['ratio'].replace('_', ' '):36}  {_cell(row['best'], form):>9} ({row['best_case']})"
                f"  {_cell(row['worst'], form):>10} ({row['worst_case']})"
            )


def _cell(value, form: str) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "never" if value == math.inf else "-"
    if form == FEWER and value < 0:
        return f"{1 - value:.1f}x as many"
    return form.format(value)
