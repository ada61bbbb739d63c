"""`janus bench merge`: merging against timm's own fused, unmerged forward, in one run."""

from __future__ import annotations

from functools import partial

import click
import torch

from janus.arithmetic import speedup_limit
from janus.bench.timing import Spread, in_turn, ratios
from janus.cli.common import document, emit
from janus.models import create_model
from janus.progress import bar
from janus.schedule import MergeSchedule
from janus.vit import open_vit


def bench(models, batches, removals, *, rounds: int, echo=lambda line: None) -> list[dict]:
    """One row for each model, batch size and r; the cases of one model and batch size are timed in turn."""
    rows = []
    for name in bar(models, unit="model"):
        model = create_model(name, pretrained=False)
        vit = open_vit(model)
        for batch in batches:
            images = torch.rand(batch, 3, *vit.input_size)
            cases = {"timm": partial(model, images)}
            for r in removals:
                schedule = MergeSchedule(family="constant", level=r)
                cases[f"r{r}"] = partial(vit, images, schedule)
            with torch.inference_mode():
                times = in_turn(cases, rounds=rounds)
            for r in removals:
                limit = speedup_limit(vit.geometry.arithmetic, vit.plan(MergeSchedule(family="constant", level=r)))
                speedup = ratios(times, "timm", f"r{r}")
                row = {
                    "model": name,
                    "batch": batch,
                    "r": r,
                    "speedup": round(speedup.median, 3),
                    "speedup_p10": round(speedup.p10, 3),
                    "speedup_p90": round(speedup.p90, 3),
                    "limit": round(limit, 3),
                    "share_of_limit": round(speedup.median / limit, 3),
                    "measured_unmerged_ms": round(Spread.of(times["timm"]).median, 2),
                    "measured_merged_ms": round(Spread.of(times[f"r{r}"]).median, 2),
                }
                rows.append(row)
                echo(
                    f"{name} batch {batch} r={r}: {speedup}× faster than unmerged, "
                    f"{100 * row['share_of_limit']:.0f} % of the arithmetic limit {limit:.2f}"
                )
    return rows


@click.command()
@click.option("--model", "models", multiple=True, default=("deit_small_patch16_224", "vit_base_patch16_224"))
@click.option("--batch", "batches", multiple=True, type=click.IntRange(1), default=(1, 8), help="Images at once.")
@click.option("--r", "removals", multiple=True, type=click.IntRange(1), default=(8, 13), help="Tokens per block.")
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Repeats of every case.")
@click.option("--threads", type=click.IntRange(1), help="PyTorch threads; its own choice by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(models, batches, removals, rounds, threads, as_json):
    """Speed-up of merging against timm's fused unmerged forward, and its share of the arithmetic limit."""
    if threads:
        torch.set_num_threads(threads)
    rows = bench(models, batches, removals, rounds=rounds, echo=lambda line: click.echo(line, err=as_json))
    emit(document(rows, threads=torch.get_num_threads(), rounds=rounds, dtype="float32"), as_json=as_json)
