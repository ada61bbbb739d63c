"""`janus evaluate`: accuracy and payload of merged and split models on real images, with boxes, and clips."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import NoReturn

import click

from janus.cli.common import check_out, document, emit
from janus.demo import LABEL
from janus.demo import NAME as DEMO
from janus.errors import JanusError, JanusWarning


class Numbers(click.ParamType):
    """Numbers in one argument, with commas between them."""

    name = "N,N,…"

    def __init__(self, kind: type):
        self.kind = kind

    def convert(self, value, param, ctx):
        try:
            found = tuple(self.kind(part) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers with commas between them.", param, ctx)
        return found or nothing(value, param)


def nothing(value: str, param: click.Parameter | None) -> NoReturn:
    """Refuse a list without anything in it, which would silently mean the default, or nothing at all."""
    raise JanusError(
        f"{param.opts[-1] if param else 'list'} {value!r}: nothing stands in it; give one or leave it out."
    )


class Words(click.ParamType):
    """Words in one argument, with commas between them."""

    name = "A,B,…"

    def convert(self, value, param, ctx):
        found = tuple(part.strip() for part in value.split(",") if part.strip())
        return found or nothing(value, param)


NUMBERS = Numbers(float)


RANDOM_LABEL = "random weights: a trial of the path, no accuracy of any model"


@click.command("evaluate")
@click.option(
    "--model",
    "name",
    required=True,
    help="Full timm tag, e.g. vit_tiny_patch16_224.augreg_in21k_ft_in1k; a detector or video model by its repository, "
    "e.g. hustvl/yolos-tiny; or demo, once `janus train-demo` has made it.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="A safetensors file instead of the hub's weights.")
@click.option("--random", "at_random", is_flag=True, help="Random weights, to try the path without any.")
@click.option(
    "--images",
    help="Pictures: a folder of class subfolders, NAME[@REVISION][:SPLIT], or demo[:SPLIT]. Boxes: a folder with "
    "images and labels (YOLO's), COCO's *.json, or a NAME. Clips: a folder of class subfolders, or a NAME.  [default: "
    "timm/mini-imagenet; demo for the model demo; detection-datasets/coco for detectors]",
)
@click.option(
    "--schedule",
    "families",
    multiple=True,
    metavar="FAMILY[=N,N,…]|NAME",
    help="declining, constant, linear, none or list; levels behind = are for this family alone. Or the name of a "
    "schedule that `janus search` found.  [default: declining]",
)
@click.option("--level", "levels", type=NUMBERS, multiple=True, help="Strengths: α, or r.  [default: 0]")
@click.option("--removed", type=Numbers(int), help="Tokens to remove in each block, for --schedule list.")
@click.option("--split", "splits", type=Numbers(int), multiple=True, help="Blocks on the device.  [default: all]")
@click.option("--codec", "codecs", type=Words(), multiple=True, help="What tokens travel as.  [default: fp32]")
@click.option(
    "--codebook", type=click.Path(path_type=Path), help="For the codec transform.  [default: the shipped one]"
)
@click.option(
    "--encoding",
    "encodings",
    type=Words(),
    multiple=True,
    help="And the picture, at split 0; of a clip each frame.  [default: raw]",
)
@click.option(
    "--against",
    type=click.IntRange(min=1),
    help="Row that the others are compared with on the same images, counted from 1.  [default: the unmerged, unsplit "
    "one; without it the first]",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N images of the set's fixed, fair order.")
@click.option(
    "--fit",
    type=click.Choice(["crop", "squash"]),
    help="Pictures. crop: the model's own evaluation transform; squash: resize to the input square.  [default: crop]",
)
@click.option(
    "--shortest-edge",
    type=click.IntRange(min=32),
    help="Boxes. Pixels of the input's short side; the bound of the long side follows.  [default: YOLOS's 800]",
)
@click.option(
    "--names",
    type=click.Path(path_type=Path),
    help="Clips. The names of the head's classes, one a line, where the weights come without.",
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Images at once.  [default: 32; with boxes 8; clips 4]")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of torch.  [default: torch's own choice]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of the table.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document to this file, too.")
def command(
    name, weights, at_random, images, families, levels, removed, splits, codecs, codebook, encodings, against, limit,
    fit, shortest_edge, names, batch_size, threads, as_json, out,
):  # fmt: skip
    """Accuracy of a merged and split model on real images, with its 95 % interval.

    The model tells the task: top-1 of pictures and of clips, COCO's mAP of boxes. Several levels, splits, codecs and
    encodings make a row each, all on the same images, and each is compared with one of them image by image. Ctrl-C
    ends it early and gives the results so far.
    """
    check_out(out)
    if at_random and weights is not None:
        raise JanusError("--random and --weights contradict each other: give one of them.")
    if at_random and name.endswith(DEMO):
        raise JanusError(f"--random: {name} is the name of one file of weights; name another model.")
    import torch

    from janus.cli.evaluate_table import table
    from janus.cli.evaluate_tasks import Asked, run, task_for
    from janus.configuration import configurations
    from janus.models import DEMO_NAME, load_model
    from janus.standing import paired_rows
    from janus.vit import open_vit

    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(0)  # random weights are then the same ones each time
    loaded = load_model(name, pretrained=not at_random, weights=weights)
    vit = open_vit(loaded.model)
    task = task_for(loaded, vit, Asked(fit=fit, shortest_edge=shortest_edge, names=names))
    codecs, encodings = flat(codecs), flat(encodings)
    book = book_of(loaded, codecs, codebook)
    rows = configurations(
        vit.depth,
        schedules(families, flat(levels), removed, loaded.name),
        flat(splits),
        codecs or ("fp32",),
        encodings or ("raw",),
        book,
    )
    for row in rows:
        row.check(vit)
    if against is not None and against > len(rows):
        raise JanusError(f"--against {against}: there are {len(rows)} rows; give a number from 1 to {len(rows)}.")
    check_unused(rows, codecs, encodings)
    chosen = task.open(images)
    state, skipped, cancelled = run(task, chosen, rows, batch_size, limit)
    label = RANDOM_LABEL if at_random else LABEL if loaded.name == DEMO_NAME else None
    doc = document(
        paired_rows(state, None if against is None else against - 1),
        [{"file": skip.file, "reason": skip.reason} for skip in skipped],
        model=loaded.name,
        weights=loaded.weights.facts(),
        **chosen.facts | ({"label": label} if label else {}),
        n_images=state[0].n,
        limit=limit,
        **task.facts(),
        batch_size=batch_size or task.batch_size,
        dtype=str(next(loaded.model.parameters()).dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        cancelled=cancelled,
    )
    if not as_json:
        click.echo(table(doc["results"], task.headings, task.unit))
        if "label" in doc["provenance"]:
            click.echo(f"({doc['provenance']['label']})")
    emit(doc, as_json=as_json, out=out)
    if cancelled:
        print(f"janus: cancelled; these are the results of the first {state[0].n} {task.unit}s.", file=sys.stderr)
        sys.exit(130)


def book_of(loaded, codecs, path: Path | None):
    """The codebook, where a codec needs one; else None.

    Raises:
        JanusError: If one is needed and cannot be had, or was given and no codec needs it.
    """
    from janus.transform.shelf import find_codebook, transform_step
    from janus.weights import tensors_hash

    if not any(transform_step(codec) is not None for codec in codecs):
        if path is not None:
            raise JanusError(f"--codebook {path} goes with --codec transform: give that too, or leave it out.")
        return None
    return find_codebook(loaded.name, tensors_hash(loaded.model), path)


def flat(given) -> tuple:
    """The values of a repeatable option that takes lists, in order."""
    return tuple(value for values in given for value in values)


def schedules(families, levels, removed, model) -> list:
    """The schedules that the options name, family by family.

    Raises:
        JanusError: If they contradict each other, or a family or a level does not exist.
    """
    from janus.schedule import FAMILIES, MergeSchedule
    from janus.schedules import find_schedule

    found = []
    for given in families or ("declining",):
        family, _, own = given.partition("=")
        if family == "list":
            if removed is None:
                raise JanusError(
                    "--schedule list needs the tokens to remove in each block, which `janus evaluate` takes with "
                    "--removed; elsewhere give a family, or the name of a searched schedule."
                )
            found.append(MergeSchedule.explicit(removed))
        elif family == "none":
            if own:
                raise JanusError(f"--schedule {given}: none has no level; leave ={own} out.")
            found.append(MergeSchedule(family="none"))
        elif given not in FAMILIES and not own:
            found.append(find_schedule(given, model))
        else:
            if own and not own.strip(", "):
                raise JanusError(f"--schedule {given}: no level stands behind =; give one, or leave it out.")
            chosen = NUMBERS.convert(own, None, None) if own else levels or (0.0,)
            found += [MergeSchedule(family=family, level=level) for level in chosen]
    if removed is not None and "list" not in families:
        raise JanusError("--removed is for --schedule list: give that too, or leave it out.")
    return found


def check_unused(rows, codecs, encodings) -> None:
    """Refuse a codec or an encoding that does not exist even where no row uses it, and tell of one that does exist.

    Raises:
        JanusError: If one does not exist.
    """
    from janus.codec import check_codec
    from janus.picture import check_encoding

    used = {row.codec for row in rows}
    for option, names, check, where in (
        ("--codec", codecs, check_codec, "at a split between 1 and depth - 1"),
        ("--encoding", encodings, check_encoding, "at split 0"),
    ):
        for name in names:
            check(name)
            if name not in used:
                warnings.warn(f"{option} {name} is for what travels {where}: no --split is there.", JanusWarning, 2)
