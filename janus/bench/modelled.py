"""`janus bench modelled`: modelled against measured, end to end, and what our own machinery adds to a frame."""

from __future__ import annotations

import statistics
from pathlib import Path

import click

from janus.bench.runtime import EFFORT, PICTURES, pictures_for
from janus.bench.timing import Spread
from janus.cli.common import check_out, document, emit
from janus.grid import GridSettings, PlanGrid
from janus.models import load_model
from janus.progress import bar
from janus.runtime.agreement import NEVER_MS, agreement
from janus.runtime.device import Device
from janus.runtime.fixed import FixedPlan
from janus.runtime.line import Line
from janus.runtime.local import LocalCompute
from janus.runtime.pair import LocalPair
from janus.runtime.runs import prepare
from janus.split import Plan

MODELS = ("vit_tiny_patch16_224", "deit_small_patch16_224")

COLUMNS = [
    "model", "level", "split", "mbps", "frames", "payload_bytes", "modelled_ms", "measured_ms", "measured_p10_ms",
    "measured_p90_ms", "error",
]  # fmt: skip


def overhead(pair: LocalPair, images, *, frames: int) -> dict:
    """Milliseconds of a frame that are neither compute nor coding, without any link: framing, copies, gRPC, threads."""
    settings = GridSettings(codec="fp32")
    grid = PlanGrid.build(pair.device_profile, pair.cloud_profile, settings)
    line = Line(pair.half, (pair.cloud.ready["address"],))
    try:
        line.connect()
        device = Device(line, LocalCompute(pair.half))
        policy = FixedPlan(grid, Plan(level=0.0, split=1))
        shots = prepare(images, pair.half, PICTURES)
        over, size = [], 0
        for number in bar(range(frames + 5), unit="frame"):
            result = device.run(policy.decide(0.0, NEVER_MS), shots[number % len(shots)].pixels, NEVER_MS)
            spent = result.device_ms + result.encode_ms + result.queue_ms + result.cloud_ms
            over.append(result.latency_ms - spent)
            size = result.payload_bytes
    finally:
        line.close()
    spread = Spread.of(over[5:])
    return {
        "model": pair.half.name, "payload_bytes": size, "frames": frames, "overhead_ms": round(spread.median, 3),
        "overhead_p10_ms": round(spread.p10, 3), "overhead_p90_ms": round(spread.p90, 3),
    }  # fmt: skip


def rounded(value):
    """Four decimals: a tenth of a microsecond, a hundredth of a percent."""
    return round(value, 4) if isinstance(value, float) else value


@click.command("modelled")
@click.option("--model", "names", multiple=True, default=MODELS, show_default=True, help="timm tag; random weights.")
@click.option("--images", help="A folder, or NAME[@REVISION][:SPLIT].  [default: noise of a photograph's JPEG size]")
@click.option("--level", "levels", type=float, multiple=True, default=(0.0, 0.35), show_default=True)
@click.option("--split", "splits", type=int, multiple=True, default=(0, 4, 9), show_default=True)
@click.option("--rate", "rates", type=float, multiple=True, default=(8.0, 40.0), show_default=True, help="Mbit/s.")
@click.option("--delay-ms", type=float, default=5.0, show_default=True, help="One way.")
@click.option("--rounds", type=click.IntRange(1), default=2, show_default=True)
@click.option("--frames", type=click.IntRange(1), default=10, show_default=True, help="Of each combination in a round.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of each half.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document here, too.")
def command(names, images, levels, splits, rates, delay_ms, rounds, frames, threads, as_json, out):
    """Whether what is modelled is what is measured: profile, link and cloud of this machine, end to end."""
    check_out(out)

    def echo(line: str) -> None:
        click.echo(line, err=as_json)

    def told(row: dict) -> None:
        echo(
            f"{row['model']} level {row['level']:g} split {row['split']:>2} {row['mbps']:>5g} Mbit/s: modelled "
            f"{row['modelled_ms']:7.1f}, measured {row['measured_ms']:7.1f} [{row['measured_p10_ms']:.1f}–"
            f"{row['measured_p90_ms']:.1f}] ms, error {100 * row['error']:+.1f} %"
        )

    rows, overheads = [], []
    for name in names:
        model = load_model(name, pretrained=False).model
        with LocalPair(model, delay_ms=delay_ms, device_threads=threads, cloud_threads=threads, effort=EFFORT) as pair:
            pictures = pictures_for(images, pair)
            table = agreement(
                pair, pictures, levels=levels, splits=splits, rates=rates, rounds=rounds, frames=frames, on_row=told
            )  # fmt: skip
            rows += [{key: rounded(value) for key, value in row.items()} for row in table[COLUMNS].to_dict("records")]
            overheads.append(overhead(pair, pictures, frames=100))
    errors = [abs(row["error"]) for row in rows]
    echo(f"median absolute error {100 * statistics.median(errors):.1f} %, worst {100 * max(errors):.1f} %")
    for row in overheads:
        echo(
            f"{row['model']}: {row['overhead_ms']:.2f} ms a frame beside compute and coding, at "
            f"{row['payload_bytes']} bytes, without a link"
        )
    doc = document(
        rows, overhead=overheads, median_absolute_error=round(statistics.median(errors), 4), threads=threads,
        delay_ms=delay_ms,
    )  # fmt: skip
    emit(doc, as_json=as_json, out=out)
