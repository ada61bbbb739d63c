"""`janus device`: run pictures on this machine, with a cloud behind it."""

from __future__ import annotations

import io
import logging
import math
import sys
from dataclasses import replace
from pathlib import Path

import click

from janus.cli.common import BACKENDS, check_out, document, emit
from janus.errors import JanusError
from janus.files import write_bytes, write_text
from janus.policy.registry import POLICIES, RATED
from janus.progress import bar

FILE = click.Path(path_type=Path)


@click.command("device")
@click.option("--cloud", "addresses", required=True, metavar="HOST:PORT,…", help="The cloud, or several replicas.")
@click.option("--model", "name", required=True, help="Full timm tag, the same as the cloud's.")
@click.option("--weights", type=FILE, help="A safetensors file instead of the hub's weights.")
@click.option("--images", required=True, help="A folder, or NAME[@REVISION][:SPLIT].")
@click.option("--fit", type=click.Choice(["crop", "squash"]), default="crop", show_default=True)
@click.option("--policy", default="janus", show_default=True, help=f"One of {', '.join((*POLICIES[:-1], *RATED))}.")
@click.option("--split", type=int, help="Always cut here instead, at --level.")
@click.option("--level", type=float, help="Level for --split.  [default: 0]")
@click.option("--slo", "slo_ms", type=float, required=True, help="Latency target in ms.")
@click.option(
    "--schedule", default="declining", show_default=True, help="Family of schedules, or a searched one's name."
)
@click.option("--codec", default="int8", show_default=True, help="How tokens travel.")
@click.option("--codebook", type=FILE, help="For the codec transform; the cloud's must be the same.  [default: the "
              "shipped one]")  # fmt: skip
@click.option("--rates", help="A table that `janus bench codec` wrote, or `stored`: for policies that choose quality.")
@click.option("--encoding", default="jpeg85", show_default=True, help="How the picture travels at split 0.")
@click.option("--frames", type=click.IntRange(0), default=0, help="How many; pictures repeat.  [default: one each]")
@click.option("--seconds", type=float, default=0.0, help="How long; pictures repeat.  [default: one each]")
@click.option("--camera-fps", type=float, help="Frames come at this rate.  [default: the next when the last is done]")
@click.option("--late", type=click.Choice(["drop", "queue"]), default="drop", show_default=True,
              help="What a camera does with a frame that comes while another runs.")  # fmt: skip
@click.option("--device-profile", help="A file, or a machine's name.  [default: measured now, a few seconds]")
@click.option("--cloud-profile", help="The same.  [default: what the cloud says of itself]")
@click.option("--accuracy", "accuracy_file", type=FILE, help="What `janus evaluate --out` wrote.")
@click.option("--ca", type=FILE, help="Authority that signed the cloud's certificate (PEM): TLS.")
@click.option("--cert", type=FILE, help="This device's certificate (PEM): mutual TLS.")
@click.option("--key", type=FILE, help="Its key (PEM).")
@click.option("--token-file", type=FILE, help="File whose first line is the bearer token.")
@click.option("--threads", type=click.IntRange(1), help="Threads of torch.  [default: torch's own choice]")
@click.option("--torch-device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--backend", type=click.Choice(BACKENDS), default="eager", show_default=True,
    help="What runs the blocks; eager does until a plan is compiled.",
)  # fmt: skip
@click.option("--out", type=FILE, help="Write the table here: .csv or .parquet.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of the summary.")
def command(addresses, name, weights, images, fit, policy, split, level, slo_ms, schedule, codec, codebook, rates,
            encoding, frames, seconds, camera_fps, late, device_profile, cloud_profile, accuracy_file, ca, cert, key,
            token_file, threads, torch_device, backend, out, as_json):  # fmt: skip
    """Decide, run, send, receive and record, frame by frame.

    When the cloud is away or late the device finishes the frame itself, says so in the table, and returns to the cloud
    by itself. Ctrl-C ends the run and writes what there is.
    """
    check_out(out)
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise JanusError(f"--out {out}: the ending says the format; choose .csv or .parquet.")
    logging.basicConfig(format="janus: %(message)s", stream=sys.stderr, level=logging.WARNING)

    import torch

    from janus.accuracy import load_accuracy
    from janus.grid import GridSettings, PlanGrid, check_slo
    from janus.models import load_model
    from janus.policy import RATED, PolicySettings, check_policy, make_policy
    from janus.profile import find_profile, parse_profile
    from janus.profiling import QUICK, check_torch_device, measure_profile, with_codec
    from janus.rates import find_rates
    from janus.runtime.credentials import DeviceCredentials
    from janus.runtime.device import Device
    from janus.runtime.fixed import FixedPlan
    from janus.runtime.half import open_half, with_backend
    from janus.runtime.line import Line
    from janus.runtime.local import LocalCompute
    from janus.runtime.runs import prepare, record
    from janus.runtime.session import RunSettings, Session
    from janus.runtime.ways import check_codebooks, encode_factor, runnable, with_sizes
    from janus.schedules import family_of
    from janus.split import Plan, check_split
    from janus.transform.shelf import transform_step

    check_policy(policy)
    check_slo(slo_ms)
    if codebook is not None and transform_step(codec) is None and rates is None:
        raise JanusError(f"--codebook {codebook} goes with --codec transform or --rates: give one, or leave it out.")
    if policy in RATED and split is None and rates is None:
        raise JanusError(f"policy {policy!r} chooses among what was measured: give --rates stored, or a file.")
    if level is not None and split is None:
        raise JanusError(f"--level {level:g} goes with --split: a policy chooses its levels itself.")
    if threads:
        torch.set_num_threads(threads)
    loaded = load_model(name, weights=weights)
    family, listed = family_of(schedule, loaded.name)
    plans = GridSettings(family=family, listed=listed, codec=codec, encoding=encoding)
    plans.schedule(level or 0.0)  # one that does not exist is refused now, not when the cloud is there
    half = open_half(loaded.model.to(check_torch_device(torch_device)), loaded.name, fit=fit, codebook=codebook)
    half = with_backend(half, backend, lambda note: click.echo(note, err=True))
    fixed = None if split is None else Plan(level=level or 0.0, split=split)
    if split is not None:
        check_split(split, half.vit.depth)
    plans = with_sizes(plans, half, fixed)
    settings = RunSettings(
        mode="closed" if camera_fps is None else "camera",
        camera_fps=10.0 if camera_fps is None else camera_fps,
        late=late,
        frames=frames,
        duration_s=seconds,
    )
    skipped: list = []
    shots = prepare(images, half, frames, skipped.append)
    accuracy = None if accuracy_file is None else load_accuracy(accuracy_file)
    rated = None if rates is None else find_rates(rates, loaded.name)
    credentials = DeviceCredentials(ca=ca, certificate=cert, key=key, token=token_file)
    line = Line(half, tuple(part.strip() for part in addresses.split(",")), credentials)
    try:
        hello = line.connect()
        check_codebooks(codec, half, hello)
        here = find_profile(device_profile, loaded.name, half.vit.geometry) if device_profile else measure_profile(
            half.vit, effort=QUICK, codec=codec, book=half.book, backend=half.plans and half.plans.backend
        )  # fmt: skip
        if cloud_profile:
            there = find_profile(cloud_profile, loaded.name, half.vit.geometry)
        elif hello is not None and hello.profile:
            there = parse_profile(hello.profile, "the cloud's profile").check_model(loaded.name)
        else:
            click.echo("The cloud says nothing of its speed: it is taken to be as fast as this device.", err=True)
            there = here
        emulated = hello is not None and bool(hello.emulates)
        slowdown = hello.slowdown if emulated else 1.0
        here, there = (with_codec(one, half.vit, codec, half.book, slowdown=slowdown) for one in (here, there))
        if rated is not None:
            shared = half.book is not None and (hello is None or line.shares_book)
            if half.book is not None and not shared:
                click.echo("The cloud has another codebook or none: no tokens travel in the codec transform.", err=True)
            rated = runnable(rated, half, transform=shared)
            factor = encode_factor(rated, (shot.pixels for shot in shots)) / slowdown
            plans = replace(plans, encode_factor=factor)
        grid = PlanGrid.build(here, there, plans, accuracy=accuracy, rates=rated)
        believed = PolicySettings(rtt_ms=line.rtt_ms / slowdown)
        chosen = make_policy(policy, grid, believed) if fixed is None else FixedPlan(grid, fixed, believed)
        session = Session(Device(line, LocalCompute(half), slowdown=slowdown), chosen, slo_ms, settings, shots)
        with bar(title=chosen.name, total=session.frames, unit="frame") as shown:
            table = record(session, emulated=emulated, on_row=lambda row: shown.update(), keep=True)
    finally:
        line.close()
    if out is not None:
        write(table, out)
    doc = document(
        [summary(table)],
        [{"file": skip.file, "reason": skip.reason} for skip in skipped],
        model=loaded.name,
        weights=loaded.weights.facts(),
        cloud=addresses,
        cancelled=table.attrs["interrupted"],
    )
    if not as_json:
        click.echo("\n".join(f"{key:>22}  {value}" for key, value in doc["results"][0].items()))
    emit(doc, as_json=as_json)
    if table.attrs["interrupted"]:
        raise click.exceptions.Exit(130)


def summary(table) -> dict:
    """What the run comes to, with the reasons of fallbacks counted, fit for JSON."""
    from janus.simulate import summarise

    row = summarise(table).to_dict("records")[0] | {"losses": table.attrs["losses"]}
    plain = {
        key: value if isinstance(value, str) else round(float(value), 3) if math.isfinite(value) else None
        for key, value in row.items()
    }
    reasons = table["reason"][table["reason"] != ""].value_counts()
    return plain | {"reasons": {str(reason): int(count) for reason, count in reasons.items()}}


def write(table, out: Path) -> None:
    """The table in the format that the file's ending says, in one piece."""
    if out.suffix == ".csv":
        write_text(out, table.to_csv(index=False))
    else:
        data = io.BytesIO()
        table.to_parquet(data, index=False)
        write_bytes(out, data.getvalue())
