"""`janus evaluate`: accuracy and payload of merged and split models on real images."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import click

from janus.cli.common import document, emit
from janus.errors import JanusError, JanusWarning
from janus.progress import bar
from janus.units import BYTES_PER_KB


class Numbers(click.ParamType):
    """Numbers in one argument, with commas between them."""

    name = "N,N,…"

    def __init__(self, kind: type):
        self.kind = kind

    def convert(self, value, param, ctx):
        try:
            return tuple(self.kind(part) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers with commas between them.", param, ctx)


class Words(click.ParamType):
    """Words in one argument, with commas between them."""

    name = "A,B,…"

    def convert(self, value, param, ctx):
        return tuple(part.strip() for part in value.split(",") if part.strip())


NUMBERS = Numbers(float)


@click.command("evaluate")
@click.option(
    "--model",
    "name",
    required=True,
    help="Full timm tag, e.g. vit_tiny_patch16_224.augreg_in21k_ft_in1k, or demo, once `janus train-demo` has made it.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="A safetensors file instead of the hub's weights.")
@click.option(
    "--images",
    help="A folder of class subfolders, NAME[@REVISION][:SPLIT], or demo[:SPLIT].  [default: timm/mini-imagenet; demo "
    "for the model demo]",
)
@click.option(
    "--schedule",
    "families",
    multiple=True,
    metavar="FAMILY[=N,N,…]",
    help="declining, constant, linear, none or list; levels behind = are for this family alone.  [default: declining]",
)
@click.option("--level", "levels", type=NUMBERS, multiple=True, help="Strengths: α, or r.  [default: 0]")
@click.option("--removed", type=Numbers(int), help="Tokens to remove in each block, for --schedule list.")
@click.option("--split", "splits", type=Numbers(int), multiple=True, help="Blocks on the device.  [default: all]")
@click.option("--codec", "codecs", type=Words(), multiple=True, help="What tokens travel as.  [default: fp32]")
@click.option(
    "--encoding", "encodings", type=Words(), multiple=True, help="And the picture, at split 0.  [default: raw]"
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N images of the set's fixed, fair order.")
@click.option(
    "--fit",
    type=click.Choice(["crop", "squash"]),
    default="crop",
    show_default=True,
    help="crop: the model's own evaluation transform; squash: resize to the input square.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of torch.  [default: torch's own choice]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of the table.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document to this file, too.")
def command(
    name, weights, images, families, levels, removed, splits, codecs, encodings, limit, fit, batch_size, threads,
    as_json, out,
):  # fmt: skip
    """Accuracy of a merged and split model on real images, with its 95 % interval.

    Several levels, splits, codecs and encodings make a row each, all on the same images. Ctrl-C ends it early and gives
    the results so far.
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise JanusError(f"--out {out}: the folder {out.parent} does not exist; make it first or choose another.")
    import torch

    from janus.configuration import configurations
    from janus.data import DEFAULT_IMAGES, open_images
    from janus.demo import LABEL
    from janus.demo import NAME as DEMO
    from janus.models import DEMO_NAME, load_model
    from janus.preprocess import preprocess_for
    from janus.vit import open_vit

    if threads:
        torch.set_num_threads(threads)
    loaded = load_model(name, weights=weights)
    vit = open_vit(loaded.model)
    codecs, encodings = flat(codecs), flat(encodings)
    rows = configurations(
        vit.depth, schedules(families, flat(levels), removed), flat(splits), codecs or ("fp32",), encodings or ("raw",)
    )
    for row in rows:
        row.check(vit)
    check_unused(rows, codecs, encodings)
    own = loaded.name == DEMO_NAME
    chosen = open_images(images or (DEMO if own else DEFAULT_IMAGES), classes=vit.geometry.classes or None)
    state, skipped, cancelled = run(vit, chosen, rows, preprocess_for(loaded.model, fit), batch_size, limit)
    facts = {**chosen.facts, **({"label": LABEL} if own else {})}
    doc = document(
        [running.row() for running in state],
        [{"file": skip.file, "reason": skip.reason} for skip in skipped],
        model=loaded.name,
        weights=loaded.weights.facts(),
        **facts,
        n_images=state[0].n,
        limit=limit,
        fit=fit,
        batch_size=batch_size,
        dtype=str(next(loaded.model.parameters()).dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        cancelled=cancelled,
    )
    if not as_json:
        click.echo(table(doc["results"]))
        if "label" in doc["provenance"]:
            click.echo(f"({doc['provenance']['label']})")
    emit(doc, as_json=as_json, out=out)
    if cancelled:
        print(f"janus: cancelled; these are the results of the first {state[0].n} images.", file=sys.stderr)
        sys.exit(130)


def flat(given) -> tuple:
    """The values of a repeatable option that takes lists, in order."""
    return tuple(value for values in given for value in values)


def schedules(families, levels, removed) -> list:
    """The schedules that the options name, family by family.

    Raises:
        JanusError: If they contradict each other, or a family or a level does not exist.
    """
    from janus.schedule import MergeSchedule

    found = []
    for given in families or ("declining",):
        family, _, own = given.partition("=")
        if family == "list":
            if removed is None:
                raise JanusError("--schedule list needs --removed with the tokens to remove in each block.")
            found.append(MergeSchedule.explicit(removed))
        elif family == "none":
            found.append(MergeSchedule(family="none"))
        else:
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


def run(vit, images, rows, preprocess, batch_size: int, limit: int | None):
    """Evaluate under a progress bar; return the last state, what was skipped, and whether Ctrl-C ended it.

    Raises:
        KeyboardInterrupt: If it came before there was any result.
    """
    from janus.evaluate import evaluate

    state, skipped = None, []
    total = images.total if limit is None or images.total is None else min(limit, images.total)
    try:
        with bar(total=total, unit="image") as shown:
            for now in evaluate(vit, images, rows, preprocess=preprocess, batch_size=batch_size, limit=limit,
                                on_skip=skipped.append):  # fmt: skip
                state = now
                shown.update(now[0].n + len(skipped) - shown.n)
                shown.set_postfix_str(", ".join(f"{running.top1:.1f}" for running in now[:8]) + " %")
    except KeyboardInterrupt:
        if state is None:
            raise
        return state, skipped, True
    for skip in skipped:
        print(f"janus: skipped {skip.file}: {skip.reason}", file=sys.stderr)
    return state, skipped, False


def table(results: list[dict]) -> str:
    """The rows for people, and below them what was clipped."""
    lines = [
        f"{'schedule':<10}{'level':>7}{'split':>6}  {'codec':<10}{'n':>6}{'top-1':>8}  {'95 %':<15}{'top-5':>7}"
        f"{'tokens':>12}{'kept':>6}{'payload':>12}{'images/s':>10}"
    ]
    notes = []
    for row in results:
        level = "-" if row["level"] is None else f"{row['level']:g}"
        low, high = row["ci95"]
        lines.append(
            f"{row['schedule']:<10}{level:>7}{row['split']:>6}  {row['codec'] or '-':<10}{row['n']:>6}"
            f"{row['top1']:>7.1f}%  {f'{low:.1f} … {high:.1f}':<15}{row['top5']:>6.1f}%"
            f"{row['tokens'][0]:>5} → {row['tokens'][-1]:<4}{row['mean_tokens_kept']:>6.2f}"
            f"{row['payload_bytes'] / BYTES_PER_KB:>9.1f} kB{row['images_per_s']:>10.1f}"
        )
        notes += [f"{row['schedule']} {level}: {note}." for note in row["notes"]]
    return "\n".join([*lines, *dict.fromkeys(notes)])
