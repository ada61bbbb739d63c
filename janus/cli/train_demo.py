"""`janus train-demo`: train the demo model from nothing, in stages that can be stopped and go on."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click

from janus.cli.common import document, emit
from janus.errors import JanusError
from janus.progress import bar


@click.command("train-demo")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the state.")
@click.option("--out", type=click.Path(path_type=Path), help="The finished model (.safetensors), with a .json beside.")
@click.option("--recipe", "recipe_name", default="full", show_default=True, help="full, or smoke: seconds, no use.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of pictures and first weights.")
@click.option("--torch-device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of torch.  [default: torch's own choice]")
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that render.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of a sentence.")
def command(work, out, recipe_name, seed, torch_device, threads, workers, as_json):
    """Train the demo model: a ViT-Tiny, on pictures that are rendered while it learns.

    Ctrl-C and SIGTERM end it after the step at hand, and the same command goes on from there. A GPU is used if there is
    one.
    """
    if out is not None and (out.suffix != ".safetensors" or not out.absolute().parent.is_dir()):
        raise JanusError(f"--out {out}: give a .safetensors file in a folder that exists.")
    import torch

    from janus.profiling import check_torch_device
    from janus.training import RECIPES, train
    from janus.training.export import export

    if recipe_name not in RECIPES:
        raise JanusError(f"--recipe {recipe_name} is unknown: choose one of {', '.join(RECIPES)}.")
    recipe = RECIPES[recipe_name]
    if torch_device == "auto":
        torch_device = "cuda" if torch.cuda.is_available() else "cpu"
    check_torch_device(torch_device)
    if threads:
        torch.set_num_threads(threads)
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with bar(total=recipe.images, unit="image") as shown:

            def tell(progress):
                shown.update(progress.images - shown.n)
                if progress.point:
                    point = progress.point
                    shown.set_postfix_str(
                        f"stage {progress.stage}, loss {point['loss']:.3f}, top-1 {point['top1']:.1f}"
                    )

            student, facts = train(
                recipe, work, seed=seed, torch_device=torch_device, workers=workers, stop=stop, tell=tell
            )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    finished = facts["stage"] == len(recipe.stages)
    if finished and out is not None:
        facts["file"] = export(student, out)
    doc = document([facts], finished=finished, torch_device=torch_device, threads=torch.get_num_threads())
    if finished and out is not None:
        emit(doc, as_json=False, out=out.with_suffix(".json"))
    if not as_json:
        click.echo(summary(facts, finished))
    emit(doc, as_json=as_json)
    if not finished:
        sys.exit(130)


def summary(facts: dict, finished: bool) -> str:
    """How it stands, for people."""
    lines = [
        f"stage {seen['stage']}: {seen['images']} images, top-1 {seen['window_top1']:.1f} % on windows, "
        f"{seen['whole_top1']:.1f} % on whole pictures ({seen['n']} of the validation split)"
        for seen in facts["validations"]
    ]
    last = facts["curve"][-1] if facts["curve"] else None
    if last:
        lines.append(f"last: loss {last['loss']:.3f}, top-1 {last['top1']:.1f} % on training windows")
    done = "finished" if finished else "stopped; the same command goes on"
    lines.append(f"{facts['images']} images in {facts['seconds']:.0f} s: {done}.")
    return "\n".join(lines)
