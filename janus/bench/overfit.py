"""`janus bench overfit`: a detector learns a handful of pictures by heart and finds their boxes merged and cut, too."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from janus.cli.common import check_out, document, emit
from janus.cli.evaluate import Numbers
from janus.coco import DetectionPreprocess, DetectionSet, compare_detection, evaluate_detection, open_detection
from janus.configuration import Configuration, configurations
from janus.errors import JanusError
from janus.models import load_model
from janus.opened import OpenViT
from janus.progress import bar
from janus.schedule import MergeSchedule
from janus.training.overfit import OverfitSettings, handful, initialise, overfit, small_yolos
from janus.vit import open_vit

SMALL = "small"
CODECS, ENCODINGS = ("fp32", "int8"), ("raw", "jpeg85")
# YOLOS's own bound on the proportions of its pictures.
LONGEST = 1333 / 800
# Up to this r merging is mild, and every split must find what the unsplit detector finds.
MILD = 4


def rows_of(
    vit: OpenViT, images: DetectionSet, given: list[Configuration], preprocess: DetectionPreprocess, task: str
) -> list[dict]:
    """One row a configuration, of all images."""
    *_, last = compare_detection(vit, images, given, preprocess=preprocess)
    return [{"images": task} | standing.row() for standing in last]


def blank_row(vit: OpenViT, images: DetectionSet, preprocess: DetectionPreprocess) -> dict:
    """The control: the same questions about blank pictures. What it scores has not been seen."""
    with torch.inference_mode():
        *_, last = evaluate_detection(
            lambda batch: vit(torch.zeros_like(batch)), images, preprocess=preprocess, batch_size=8
        )
    return {"images": "blank", "n": last.n, "ap": last.row()["ap"]}


def bench(
    vit: OpenViT, few: DetectionSet, whole: DetectionSet, removals: tuple[int, ...], preprocess: DetectionPreprocess
) -> list[dict]:
    """The handful at every level, split and codec; a blank picture in its place; all images at a mild level."""
    schedules = [MergeSchedule(family="constant", level=r) for r in removals]
    given = configurations(vit.depth, schedules, range(vit.depth + 1), CODECS, ENCODINGS)
    rows = rows_of(vit, few, given, preprocess, "handful")
    rows.append(blank_row(vit, few, preprocess))
    mild = MergeSchedule(family="constant", level=MILD)
    rows += rows_of(
        vit, whole, configurations(vit.depth, [mild], (vit.depth // 2, vit.depth), CODECS), preprocess, "all"
    )
    return rows


def words(rows: list[dict], depth: int) -> list[str]:
    """What the rows say, a sentence each."""
    few = [row for row in rows if row["images"] == "handful"]
    said = []
    for level in dict.fromkeys(row["level"] for row in few):
        at = {(row["split"], row["codec"]): row for row in few if row["level"] == level}
        unsplit, lossless = at[depth, None], [row["ap"] for row in at.values() if row["codec"] in ("raw", "fp32")]
        same = sum(ap == unsplit["ap"] for ap in lossless)
        int8 = [row for (_, codec), row in at.items() if codec == "int8"]
        said.append(
            f"r={level:g}, {unsplit['tokens'][0]:.0f} to {unsplit['tokens'][-1]:.0f} tokens: mAP {unsplit['ap']:.1f} % "
            f"of {unsplit['n']} pictures unsplit; the same at {same} of {len(lossless)} lossless splits; int8 tokens "
            f"{min(row['ap'] for row in int8):.1f}–{max(row['ap'] for row in int8):.1f} %, "
            f"{min(row['payload_bytes'] for row in int8) / 1000:.1f}–"
            f"{max(row['payload_bytes'] for row in int8) / 1000:.1f} kB; JPEG q85 {at[0, 'jpeg85']['ap']:.1f} %, "
            f"{at[0, 'jpeg85']['payload_bytes'] / 1000:.1f} kB"
        )
    blank = next(row for row in rows if row["images"] == "blank")
    said.append(f"blank pictures in their place: mAP {blank['ap']:.1f} %")
    everything = [row for row in rows if row["images"] == "all"]
    said.append(
        f"the whole path on all {everything[0]['n']} images, {everything[0]['objects']} objects, r={MILD}: mAP "
        + ", ".join(f"{row['ap']:.1f} % at split {row['split']} ({row['codec'] or 'unsplit'})" for row in everything)
    )
    return said


@click.command("overfit")
@click.option("--images", required=True, help="A folder with images and labels, COCO's *.json, or a NAME.")
@click.option("--pictures", type=click.IntRange(1), default=6, show_default=True, help="To be learned.")
@click.option("--most", type=click.IntRange(1), default=6, show_default=True, help="Objects on each of them.")
@click.option(
    "--model", "name", default=SMALL, show_default=True,
    help="small (4 blocks, 96 wide, 10 detection tokens) or a repository of a YOLOS; random weights.",
)  # fmt: skip
@click.option("--edge", type=click.IntRange(16), default=160, show_default=True, help="Shortest, in pixels.")
@click.option("--steps", type=click.IntRange(1), default=600, show_default=True, help="Of training.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=1e-3, show_default=True)
@click.option("--r", "removals", type=Numbers(int), default="0,2,4,8,40", show_default=True, help="Tokens per block.")
@click.option("--least", type=float, default=90.0, show_default=True, help="mAP in % to reach while merging is mild.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="PyTorch threads; its own choice by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document here, too.")
def command(images, pictures, most, name, edge, steps, rate, removals, least, seed, threads, as_json, out):
    """A detector learns a handful of pictures by heart, and finds their boxes merged and cut, too.

    Says nothing of detectors in general: that the whole path, from files to mAP, loses nothing on its way. Fails if mAP
    is less than --least somewhere up to r = 4, or where a lossless split differs from the unsplit detector.
    """
    check_out(out)
    if threads:
        torch.set_num_threads(threads)
    preprocess = DetectionPreprocess(shortest_edge=edge, longest_edge=int(edge * LONGEST))
    whole = open_detection(images)
    few = handful(whole, pictures, most=most)
    model = small_yolos(seed=seed) if name == SMALL else load_model(name, pretrained=False).model
    vit = open_vit(initialise(model, seed))
    settings = OverfitSettings(steps=steps, rate=rate, seed=seed)
    with bar(total=steps, unit="step") as shown:

        def tell(step: int, loss: float) -> None:
            shown.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            shown.update()

        loss = overfit(model, few, settings, preprocess=preprocess, tell=tell)
    rows = bench(vit, few, whole, removals, preprocess)
    said = words(rows, vit.depth)
    for line in said:
        click.echo(line, err=as_json)
    facts = {"model": vit.geometry.name, "training": settings.facts(), "loss": round(loss, 5), "edge": edge}
    chosen = [entry.name for entry in few.images.entries()]
    emit(document(rows, **facts, images=whole.facts, chosen=chosen, words=said, threads=torch.get_num_threads()),
         as_json=as_json, out=out)  # fmt: skip
    check(rows, vit.depth, least)


def check(rows: list[dict], depth: int, least: float) -> None:
    """That merging and cutting lost nothing.

    Raises:
        JanusError: If it did.
    """
    few = [row for row in rows if row["images"] == "handful"]
    unsplit = {row["level"]: row["ap"] for row in few if row["split"] == depth}
    for row in few:
        where = f"r={row['level']:g}, split {row['split']}, {row['codec'] or 'unsplit'}"
        if row["codec"] in ("raw", "fp32") and row["ap"] != unsplit[row["level"]]:
            raise JanusError(f"{where}: mAP {row['ap']:.2f} %, and unsplit {unsplit[row['level']]:.2f} %: look at why.")
        if row["level"] <= MILD and row["ap"] < least:
            raise JanusError(f"{where}: mAP {row['ap']:.1f} % is under {least:g} %; train for more --steps.")
