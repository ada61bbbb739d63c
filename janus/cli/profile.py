"""`janus profile`: measure what this machine takes for a model."""

from __future__ import annotations

from pathlib import Path

import click

from janus.cli.common import check_out, document, emit
from janus.errors import JanusError
from janus.progress import bar


@click.command("profile")
@click.option(
    "--model", "name", required=True, help="timm tag, architecture or repository; weights do not matter to the time."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the profile (JSON) goes.")
@click.option("--name", "title", help="What legends call this machine.  [default: its processor]")
@click.option(
    "--backend", type=click.Choice(["eager"]), default="eager", show_default=True, help="What runs the blocks."
)
@click.option("--torch-device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), default="float32", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Threads of torch on a CPU.  [default: torch's own choice]")
@click.option("--codec", default="int8", show_default=True, help="Timed beside them.")
@click.option("--codebook", type=click.Path(path_type=Path), help="For the codec transform.  [default: the shipped one "
              "of this very --model]")  # fmt: skip
@click.option("--batch", "batches", type=click.IntRange(2), multiple=True, help="Time blocks at this batch size, too.")
@click.option(
    "--effort", type=click.Choice(["thorough", "quick"]), default="thorough", show_default=True,
    help="quick: fewer token counts and repeats, for large models on slow machines.",
)  # fmt: skip
@click.option("--rounds", type=click.IntRange(3), help="Repeats of everything.  [default: 15, or 3 when quick]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of the table.")
def command(name, out, title, backend, torch_device, dtype, threads, codec, codebook, batches, effort, rounds, as_json):
    """Measure a latency profile of this machine: embed, head, blocks with and without merging, encode and decode.

    Takes from half a minute (ViT-Ti) to some minutes (ViT-L); on a CPU over the 1568 tokens of a video model most of an
    hour, and with --effort quick some minutes. No weights are needed, and so no network. Other work on the machine
    makes the profile worse; if there is some, the profile says so.
    """
    check_out(out)
    from dataclasses import replace

    import torch

    from janus.models import create_model, full_name
    from janus.profile import save_profile
    from janus.profiling import QUICK, THOROUGH, check_torch_device, measure_profile
    from janus.transform.shelf import find_codebook, transform_step
    from janus.vit import open_vit

    device = check_torch_device(torch_device)
    if threads:
        torch.set_num_threads(threads)
    vit = open_vit(create_model(name, pretrained=False).to(device, getattr(torch, dtype)))
    much = QUICK if effort == "quick" else THOROUGH
    if codebook is not None and transform_step(codec) is None:
        raise JanusError(f"--codebook {codebook} goes with --codec transform: give that too, or leave it out.")
    # Here weights do not matter, so it may be of any.
    book = None if transform_step(codec) is None else find_codebook(full_name(vit.model), None, codebook)
    profile = measure_profile(
        vit,
        effort=replace(much, rounds=rounds) if rounds else much,
        codec=codec,
        book=book,
        name=title,
        batches=batches,
        progress=lambda rounds: bar(rounds, title="measuring", unit="round"),
    )
    save_profile(profile, out)
    line = profile.line
    doc = document(
        [
            {
                "tokens": s.tokens,
                "removed": s.removed,
                "measured_ms": round(s.median_ms, 4),
                "p10_ms": round(s.p10_ms, 4),
                "p90_ms": round(s.p90_ms, 4),
                "modelled_ms": round(float(profile.predict_block_ms(s.tokens, s.removed)), 4),
                "modelled_line_ms": round(float(profile.predict_block_ms(s.tokens, s.removed, line=True)), 4),
            }
            for s in profile.blocks
        ],
        model=profile.model,
        file=out.name,
        fit_used=profile.fit_used,
        wake_ms=round(profile.wake_ms, 4),
        line_r=round(line.r, 4),
        line_worst_relative_error=round(line.worst_relative_error, 4),
        busy=profile.busy,
        threads=profile.threads,
        dtype=profile.dtype,
        torch_device=profile.torch_device,
    )
    if not as_json:
        click.echo("one block, ms: tokens in, removed, measured [p10-p90], modelled")
        for s, row in zip(profile.blocks, doc["results"], strict=True):
            spread = f"[{s.p10_ms:.3f}-{s.p90_ms:.3f}]"
            click.echo(f"{s.tokens:6d} {s.removed:4d} {s.median_ms:9.3f} {spread:>17} {row['modelled_ms']:9.3f}")
        click.echo(
            f"embed {profile.embed_ms:.2f} ms, head {profile.head_ms:.2f} ms; what begins after a wait takes "
            f"{profile.wake_ms:.2f} ms more. Line r = {line.r:.4f}, worst miss {line.worst_relative_error:.1%}; "
            f"predictions use the {profile.fit_used}. Written to {out}."
        )
        if profile.busy:
            click.echo("The machine was busy with other work: measure again when it is idle.", err=True)
    emit(doc, as_json=as_json)
