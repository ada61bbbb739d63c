"""`janus bench profile`: modelled against measured, unsplit, at levels that no fit has seen."""

from __future__ import annotations

import click
import numpy as np

from janus.cli.common import document, emit
from janus.progress import bar
from janus.schedule import MergeSchedule

# Shares of the highest level; none of them gives token counts that the profile measures.
SHARES = (0.0, 0.25, 0.4, 0.55, 0.68, 0.78, 0.88, 0.96)


def bench(name: str, *, rounds: int, family: str, progress=iter) -> tuple[list[dict], dict]:
    """Profile one model and time whole runs at eight levels in the same rounds; rows and a summary."""
    import torch

    from janus.models import create_model
    from janus.profiling import Effort, ProfileBench, in_rounds
    from janus.vit import open_vit

    vit = open_vit(create_model(name, pretrained=False))
    effort = Effort(rounds=rounds)
    bench = ProfileBench(vit, effort)
    highest = MergeSchedule(family=family).max_level(vit.depth, vit.tokens, len(vit.protected))
    levels = [round(share * highest, 3) for share in SHARES]
    schedules = {level: MergeSchedule(family=family, level=level) for level in levels}
    images = torch.rand(1, *vit.geometry.input_shape)
    whole = {("whole", level): lambda s=schedule: vit(images, s) for level, schedule in schedules.items()}
    times = in_rounds(bench.cases | whole, effort, bench.time_ms, progress)
    profile = bench.profile({k: v for k, v in times.items() if k[0] != "whole"}, name=None, busy=False)
    rows: list[dict] = []
    for level, schedule in schedules.items():
        plan = vit.plan(schedule)
        measured = float(np.median(times["whole", level]))
        row = {"model": profile.model, "schedule": family, "level": level, "measured_ms": round(measured, 3)}
        for key, line in (("modelled", False), ("modelled_line", True)):
            modelled = profile.predict_ms(plan, line=line)
            row |= {f"{key}_ms": round(modelled, 3), f"{key}_error": round(modelled / measured - 1, 4)}
        rows.append(row)
    summary = {
        "model": profile.model,
        "fit_used": profile.fit_used,
        "line_r": round(profile.line.r, 4),
        "mean_absolute_error": round(float(np.mean([abs(row["modelled_error"]) for row in rows])), 4),
        "mean_absolute_error_line": round(float(np.mean([abs(row["modelled_line_error"]) for row in rows])), 4),
    }
    return rows, summary


@click.command("profile")
@click.option("--model", "models", multiple=True, default=("vit_tiny_patch16_224", "deit_small_patch16_224"),
              show_default=True, help="timm tag; random weights.")  # fmt: skip
@click.option("--schedule", "family", type=click.Choice(["declining", "constant", "linear"]), default="declining",
              show_default=True, help="Whose eight levels are run.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(3), default=15, show_default=True, help="Repeats of everything.")
@click.option("--threads", type=click.IntRange(1), help="PyTorch threads; its own choice by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(models, family, rounds, threads, as_json):
    """Modelled against measured latency of whole, unsplit runs, at eight levels that the fit did not see.

    The profile and the runs are timed in turn in the same rounds.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    rows, summaries = [], []
    for name in models:
        found, summary = bench(
            name, rounds=rounds, family=family, progress=lambda r, name=name: bar(r, title=name, unit="round")
        )
        rows += found
        summaries.append(summary)
        for row in found:
            click.echo(
                f"{name} level {row['level']:g}: measured {row['measured_ms']:.1f} ms, modelled "
                f"{row['modelled_ms']:.1f} ({row['modelled_error']:+.1%}), by the line {row['modelled_line_ms']:.1f} "
                f"({row['modelled_line_error']:+.1%})",
                err=as_json,
            )
        click.echo(
            f"{name}: mean absolute error {summary['mean_absolute_error']:.1%} ({summary['fit_used']}), "
            f"{summary['mean_absolute_error_line']:.1%} (line, r = {summary['line_r']})",
            err=as_json,
        )
    doc = document(rows, summary=summaries, threads=torch.get_num_threads(), rounds=rounds)
    emit(doc, as_json=as_json)
