"""`janus bench merge`: merging against timm's own fused, unmerged forward, in one run, by any backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
import torch
from torch import Tensor

from janus.arithmetic import speedup_limit
from janus.backends import Backend, Part, Runner, open_backend
from janus.bench.differ import Differences, differences, drawn, read
from janus.bench.timing import Spread, in_turn, ratios
from janus.cli.common import BACKENDS, check_out, document, emit
from janus.errors import JanusError
from janus.models import load_model
from janus.preprocess import preprocess_for
from janus.profiling import BUSY_SHARE, busy_share, check_torch_device
from janus.progress import bar
from janus.schedule import MergePlan, MergeSchedule
from janus.vit import OpenViT, open_vit

# Pictures to compare answers on, where none are named, and of those that are.
DRAWN, NAMED = 8, 100
EAGER = "eager unmerged"
RANDOM = "random"


@torch.inference_mode()
def bench_model(
    vit: OpenViT,
    batch: int,
    removals: Sequence[int],
    backends: Sequence[Backend],
    pictures: Tensor,
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[dict]:
    """A row for each backend and r; everything is timed in turn. r = 0 is the unmerged graph.

    Args:
        vit: The model, in fp32.
        batch: Images at once.
        removals: Tokens to merge in every block.
        backends: Of this model.
        pictures: Normalised, to compare the backends' answers with eager's on.
        rounds: Repeats.
        clock: Seconds.
    """
    plans = {r: vit.plan(MergeSchedule(family="constant", level=r)) for r in (0, *removals)}
    device = next(vit.model.parameters()).device
    images = torch.rand(batch, 3, *vit.input_size, device=device)
    runs = {}
    for backend in bar(backends, unit="backend", title="compile"):
        for r, plan in plans.items():
            part = Part.of(vit, plan.removed, 0, vit.depth, batch=batch, embed=True, head=True)
            # Unmerged eager is timm's own forward, which is timed anyway.
            runs[backend.name, r] = vit.model if (backend.name, r) == ("eager", 0) else backend.prepare(part)
    # Bringing the answer to the CPU waits for a GPU.
    cases = {EAGER: partial(_run, vit.model, images)}
    for (name, r), run in runs.items():
        cases[f"{name} {r}"] = partial(_run, run, images)
    mixed = any(backend.name != "eager" for backend in backends)
    times = in_turn(cases, rounds=rounds, settle=mixed, clock=clock)
    rows = []
    for backend in backends:
        for r, plan in plans.items():
            if backend.name != "eager":
                eager = partial(vit, schedule=MergeSchedule(family="constant", level=r))
                differ = differences(eager, runs[backend.name, r], pictures.to(device), batch)
            elif r == 0:
                continue
            else:
                differ = None
            rows.append(
                {"backend": backend.name, "batch": batch, "r": r} | row_of(vit, times, backend, r, plan, differ)
            )
    return rows


def _run(run: Runner, images: Tensor) -> Tensor:
    return run(images).cpu()


def row_of(vit: OpenViT, times, backend: Backend, r: int, plan: MergePlan, differ: Differences | None) -> dict:
    """Ratios, medians and differences of one case."""
    unmerged, merged = f"{backend.name} 0", f"{backend.name} {r}"
    if backend.name == "eager":
        unmerged = EAGER
    limit = speedup_limit(vit.geometry.arithmetic, plan)
    speedup, own = ratios(times, EAGER, merged), ratios(times, unmerged, merged)
    return {
        **_spread("speedup", speedup),
        **_spread("own_speedup", own),
        "limit": round(limit, 3),
        "share_of_limit": round(own.median / limit, 3),
        "measured_eager_unmerged_ms": round(Spread.of(times[EAGER]).median, 2),
        "measured_unmerged_ms": round(Spread.of(times[unmerged]).median, 2),
        "measured_merged_ms": round(Spread.of(times[merged]).median, 2),
        **(Differences.none() if differ is None else differ.row()),
    }


def _spread(name: str, spread: Spread) -> dict:
    values = {name: spread.median, f"{name}_p10": spread.p10, f"{name}_p90": spread.p90}
    return {key: round(value, 3) for key, value in values.items()}


def line_of(row: dict) -> str:
    """One row, in a line."""

    def spread(name: str) -> str:
        return f"{row[name]:.2f} [{row[f'{name}_p10']:.2f}–{row[f'{name}_p90']:.2f}]"

    text = f"{row['model']} batch {row['batch']} {row['backend']} "
    text += f"r={row['r']}: " if row["r"] else "unmerged: "
    text += f"{spread('speedup')}× as fast as eager fp32 unmerged"
    if row["r"]:
        text += f", {spread('own_speedup')}× as fast as itself unmerged: {100 * row['share_of_limit']:.0f} % of the "
        text += f"arithmetic limit {row['limit']:.2f}"
    if row["pictures"] is not None:
        text += f"; logits differ from eager's by {row['logit_error_max']:.1e} at most, {row['logit_error_mean']:.1e} "
        text += f"in the mean (their spread is {row['logit_spread']:.1e}), the same top-1 in {row['same_top1']} of "
        text += f"{row['pictures']} pictures"
    return text


@click.command()
@click.option("--model", "names", multiple=True, default=("deit_small_patch16_224", "vit_base_patch16_224"),
              show_default=True, help="timm tag.")  # fmt: skip
@click.option("--weights", "files", multiple=True, type=click.Path(path_type=Path), help="One for each --model, "
              f"or the word {RANDOM}.  [default: {RANDOM}]")  # fmt: skip
@click.option("--backend", "backends", multiple=True, type=click.Choice(BACKENDS), default=("eager",),
              show_default=True, help="What runs the model, several in one run.")  # fmt: skip
@click.option("--torch-device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--batch", "batches", multiple=True, type=click.IntRange(1), default=(1, 8), show_default=True,
              help="Images at once.")  # fmt: skip
@click.option("--r", "removals", multiple=True, type=click.IntRange(1), default=(8, 13), show_default=True,
              help="Tokens merged in each block.")  # fmt: skip
@click.option("--images", help="Pictures on which answers are compared with eager's.  [default: noise drawn here]")
@click.option("-n", "--n", "limit", type=click.IntRange(1), help=f"So many of them.  [default: {NAMED}; {DRAWN} drawn]")
@click.option("--fit", type=click.Choice(["crop", "squash"]), default="crop", show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Repeats of every case.")
@click.option("--threads", type=click.IntRange(1), help="PyTorch threads; its own choice by default.")
@click.option("--cpu-time", is_flag=True, help="Time of the processor instead of the clock on the wall: other work on "
              "the machine disturbs it less.  Takes --threads 1.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document here, too.")
def command(
    names, files, backends, torch_device, batches, removals, images, limit, fit, rounds, threads, cpu_time, as_json, out
):  # fmt: skip
    """Speed-up of merging against timm's fused unmerged forward, and its share of the arithmetic limit.

    A compiled backend is held against its own unmerged graph, too, and its answers against eager's.
    """
    check_out(out)
    if files and len(files) != len(names):
        raise JanusError(f"--weights: {len(files)} files for {len(names)} models; give one for each --model.")
    if cpu_time and (threads != 1 or torch_device != "cpu"):
        raise JanusError(
            "--cpu-time adds up over threads, and no GPU is in it: give --threads 1 and leave out the GPU."
        )
    clock = time.process_time if cpu_time else time.perf_counter
    device = check_torch_device(torch_device)
    if threads:
        torch.set_num_threads(threads)

    def echo(line: str) -> None:
        click.echo(line, err=as_json)

    busy = busy_share()
    rows: list[dict] = []
    notes: dict[str, None] = {}  # an ordered set
    for i, name in enumerate(bar(names, unit="model")):
        torch.manual_seed(0)  # random weights are then the same ones each time
        file = files[i] if files and str(files[i]) != RANDOM else None
        loaded = load_model(name, pretrained=False, weights=file)
        vit = open_vit(loaded.model.to(device))
        preprocess = preprocess_for(loaded.model, fit)
        chosen = [open_backend(backend, vit) for backend in dict.fromkeys(backends)]
        for backend in chosen:
            if backend.note and backend.note not in notes:
                notes[backend.note] = None
                echo(backend.note)
        compare = any(backend.name != "eager" for backend in chosen)
        if images is None or not compare:
            pictures = drawn(preprocess, (limit or DRAWN) if compare else 1)
        else:
            pictures = read(images, preprocess, limit or NAMED)
        for batch in batches:
            for row in bench_model(vit, batch, removals, chosen, pictures, rounds=rounds, clock=clock):
                rows.append({"model": name, "weights": loaded.weights.source} | row)
                echo(line_of(rows[-1]))
    busy = max(busy, busy_share()) > BUSY_SHARE
    if busy:
        click.echo("The machine was busy with other work: measure again when it is idle.", err=True)
    doc = document(
        rows, threads=torch.get_num_threads(), rounds=rounds, dtype="float32", torch_device=torch_device,
        images="drawn" if images is None else Path(images).name, fit=fit, notes=list(notes), busy=busy,
        clock="processor time" if cpu_time else "wall clock",
        backends={backend.name: backend.version for backend in chosen},
    )  # fmt: skip
    emit(doc, as_json=as_json, out=out)
