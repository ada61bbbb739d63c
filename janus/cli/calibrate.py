"""`janus calibrate`: a codebook for the codec ``transform``, from unlabelled pictures."""

from __future__ import annotations

from pathlib import Path

import click

from janus import demo
from janus.cli.common import check_out, document, emit, tell_skip
from janus.cli.evaluate import Numbers, flat
from janus.errors import JanusError

DEFAULT_SPLITS = (2, 4, 6, 8, 10, 11)


@click.command("calibrate")
@click.option("--model", "name", required=True, help="Full timm tag, or demo.")
@click.option("--weights", type=click.Path(path_type=Path), help="A safetensors file instead of the hub's weights.")
@click.option("--random", "at_random", is_flag=True, help="Random weights, to try the path without any.")
@click.option("--images", required=True, help="Pictures, labels not needed: a folder, NAME[@REVISION][:SPLIT], or "
              "demo[:SPLIT]. Never those that accuracy is measured on.")  # fmt: skip
@click.option("-n", "--limit", type=click.IntRange(min=8), default=160, show_default=True, help="Pictures.")
@click.option("--split", "splits", type=Numbers(int), multiple=True,
              help="Blocks on the device.  [default: 2,4,6,8,10,11, as far as the model goes]")  # fmt: skip
@click.option("--schedule", "families", multiple=True, metavar="FAMILY[=N,N,…]",
              help="How tokens merge, as in janus evaluate.  [default: none, and two levels of declining and of "
              "constant; one codebook serves them all]")  # fmt: skip
@click.option("--fit", type=click.Choice(["crop", "squash"]), default="crop", show_default=True,
              help="How a picture is brought to the model's size.")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), help="Threads of torch.  [default: torch's own choice]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The codebook, a .safetensors file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of lines.")
def command(name, weights, at_random, images, limit, splits, families, fit, threads, out, as_json):
    """Make the codebook that the codec transform needs: at each split a mean, a basis, scales and tables.

    Both ends of a split must have the same one: a payload names it by its SHA-256, and no other decodes it.
    """
    check_out(out)
    if at_random and weights is not None:
        raise JanusError("--random and --weights contradict each other: give one of them.")
    if at_random and name in (demo.NAME, demo.MODEL):
        raise JanusError("--random: the demo model has weights of its own; leave it out, or give a timm tag.")
    import torch

    from janus.calibrate import calibrate, calibration_pixels
    from janus.cli.evaluate import schedules
    from janus.data import open_images
    from janus.models import load_model
    from janus.preprocess import preprocess_for
    from janus.progress import bar
    from janus.vit import open_vit

    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    loaded = load_model(name, pretrained=not at_random, weights=weights)
    vit, preprocess = open_vit(loaded.model), preprocess_for(loaded.model, fit)
    chosen = open_images(images)
    wanted = flat(splits) or tuple(split for split in DEFAULT_SPLITS if split < vit.depth)
    # Filled while the pictures are read.
    facts: dict = {"set": chosen.facts, "fit": fit}
    skipped: list[dict] = []
    read = calibration_pixels(chosen, preprocess, limit, facts, lambda skip: skipped.append(tell_skip(skip)))
    pixels = bar(read, total=limit, unit="picture", title="calibrate")
    book = calibrate(
        vit, pixels, name=loaded.name, preprocess=preprocess, splits=wanted,
        schedules=schedules(families, (), None, loaded.name) if families else None,
        facts=facts,
    )  # fmt: skip
    book.write(out)
    row = {
        "file": str(out), "bytes": len(book.data), "sha256": book.digest.hex(), "splits": list(book.splits),
        "pictures": book.facts["images"], "schedules": book.facts["schedules"],
    }  # fmt: skip
    if not as_json:
        splits = ", ".join(map(str, book.splits))
        click.echo(
            f"{out}: {row['bytes'] / 1000:.0f} kB for splits {splits} of {book.model}, from {row['pictures']} "
            f"pictures; SHA-256 {row['sha256']}"
        )
    emit(document([row], skipped, model=loaded.name, weights=loaded.weights.facts(), fit=fit), as_json=as_json)
