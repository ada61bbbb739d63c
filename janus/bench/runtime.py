"""`janus bench runtime`: policies on the real thing, in one run, over the same trace."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import click

from janus.bench.pictures import noise_picture
from janus.cli.common import check_out, document, emit
from janus.models import load_model
from janus.network import Trace
from janus.policy import check_policy
from janus.profiling import Effort
from janus.runtime.pair import LocalPair
from janus.runtime.session import RunSettings
from janus.simulate import summarise

# Device-Only, Cloud-Only with a practitioner's JPEG, and Janus.
POLICIES = ("device-only", "cloud-only-jpeg", "janus")
PICTURES = 32
# Between the quick look of a notebook and `janus profile`.
EFFORT = Effort(counts=7, shares=(0.05, 0.2), rounds=7, warmup=2, least_tokens=16)


def pictures_for(images: str | None, pair: LocalPair):
    """The user's pictures, or noise."""
    height, width = pair.half.vit.input_size
    return images or [noise_picture(seed, height, width) for seed in range(PICTURES)]


def bench(
    pair: LocalPair, images, policies, *, slo_ms: float, settings: RunSettings, progress: bool = True
) -> list[dict]:
    """One row for each policy, each from the start of the trace."""
    rows = []
    for policy in policies:
        table = pair.run(images, policy=policy, slo_ms=slo_ms, settings=settings, limit=PICTURES, progress=progress)
        row = summarise(table).to_dict("records")[0]
        rows.append({key: plain(value) for key, value in row.items()})
    return rows


def plain(value):
    """Fit for JSON: no NaN, no numpy."""
    if isinstance(value, str):
        return value
    return round(float(value), 3) if math.isfinite(value) else None


@click.command("runtime")
@click.option("--model", "name", default="vit_tiny_patch16_224", show_default=True, help="timm tag.")
@click.option("--weights", type=click.Path(path_type=Path), help="A safetensors file.  [default: random weights]")
@click.option("--images", help="A folder, or NAME[@REVISION][:SPLIT].  [default: noise of a photograph's JPEG size]")
@click.option(
    "--trace", default="5g-driving", show_default=True, help="A shipped name, a file, FOLDER:NAME, or Mbit/s."
)
@click.option("--delay-ms", type=float, help="One way.  [default: half the trace's round trip, or 10]")
@click.option("--policy", "policies", multiple=True, default=POLICIES, show_default=True)
@click.option("--slo", "slo_ms", type=float, default=100.0, show_default=True, help="Latency target in ms.")
@click.option("--seconds", type=click.FloatRange(1), default=20.0, show_default=True, help="Of each policy.")
@click.option("--camera-fps", type=float, help="Frames come at this rate.  [default: the next when the last is done]")
@click.option("--device-threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--cloud-threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--emulate-device", metavar="PROFILE", help="Stretch the device's compute to a profile.")
@click.option("--emulate-cloud", metavar="PROFILE", help="The same for the cloud's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document here, too.")
def command(name, weights, images, trace, delay_ms, policies, slo_ms, seconds, camera_fps, device_threads,
            cloud_threads, emulate_device, emulate_cloud, as_json, out):  # fmt: skip
    """Frames per second and latency of each policy on a real pair of processes behind a shaped link."""
    check_out(out)
    for policy in policies:
        check_policy(policy)
    model = load_model(name, pretrained=False).model if weights is None else name
    settings = RunSettings(
        mode="closed" if camera_fps is None else "camera",
        camera_fps=10.0 if camera_fps is None else camera_fps,
        duration_s=seconds,
    )
    with LocalPair(
        model,
        weights=weights,
        trace=steady(trace),
        delay_ms=delay_ms,
        device_threads=device_threads,
        cloud_threads=cloud_threads,
        emulate_device=emulate_device,
        emulate_cloud=emulate_cloud,
        effort=EFFORT,
    ) as pair:
        rows = bench(
            pair, pictures_for(images, pair), policies, slo_ms=slo_ms, settings=settings, progress=sys.stderr.isatty()
        )
        facts = {"model": pair.half.name, "trace": trace, "slo_ms": slo_ms, "emulated": pair.machines.emulated}
    what = "emulated" if facts["emulated"] else "measured"
    for row in rows:
        click.echo(
            f"{row['policy']:<16} {row['throughput_fps']:7.2f} frames/s, {what} ms p50 {row['p50_ms']:.1f}, p95 "
            f"{row['p95_ms']:.1f}, p99 {row['p99_ms']:.1f}, {100 * row['violation_ratio']:.1f} % over {slo_ms:g} ms, "
            f"{100 * row['fallback_ratio']:.1f} % fallback",
            err=as_json,
        )
    emit(document(rows, device_threads=device_threads, cloud_threads=cloud_threads, **facts), as_json=as_json, out=out)


def steady(trace: str) -> Trace | str | float:
    """A number is a steady rate."""
    try:
        return float(trace)
    except ValueError:
        return trace
