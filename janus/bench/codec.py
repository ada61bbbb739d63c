"""`janus bench codec`: bytes on the wire against top-1, for tokens in every codec and pictures in every format."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import torch

from janus.apart import unseen_pixels
from janus.bench.rate_file import save_rates
from janus.bench.ways import LZW, Grid, Tally, measure_batch, ways_of
from janus.calibrate import calibrate, calibration_pixels
from janus.cli.common import check_out, document, emit, make_folder, tell_skip
from janus.cli.evaluate import Numbers, flat, schedules
from janus.data import ImageSet, Skipped, open_images
from janus.equal import Measured, best_ratio, ratio_interval
from janus.errors import JanusError
from janus.evaluate import check_labels
from janus.files import parse_json, write_text
from janus.models import LoadedModel, load_model
from janus.preprocess import Preprocess, preprocess_for
from janus.progress import bar
from janus.transform import Codebook
from janus.transform.codebook import step_index
from janus.transform.shelf import NAME, find_codebook
from janus.vit import OpenViT, open_vit
from janus.weights import tensors_hash

MODELS = ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "deit_tiny_patch16_224.fb_in1k")
FORMATS, QUALITIES = ("jpeg", "webp", "avif"), (10, 30, 50, 70, 85, 95)
SCHEDULES, SPLITS, STEPS = ("constant=13,8", "declining=0.4"), (4, 6, 8, 10, 11), (0.5, 0.7, 1.0)
BASELINES = ("fp16+zstd", "int8+zstd", LZW)
QUICK_N = 100
# Of what is kept by --resume.
VERSION = 1
BATCH = 32
# What issue 7 asks: at a loss of at most this many points, at most this share of the bytes of the best picture.
MOST_LOSS, HALF_AT, HALF, THIRD = 1.0, 8, 0.5, 0.33


@click.command("codec")
@click.option("--model", "names", multiple=True, help="Full timm tag.  [default: ViT-Ti AugReg and DeiT-Ti]")
@click.option("--weights", "files", multiple=True, type=click.Path(path_type=Path), help="One for each --model.  "
              "[default: $JANUS_SHARED/weights, else the hub]")  # fmt: skip
@click.option("--images", help="Labelled pictures.  [default: $JANUS_SHARED/imagenet_val]")
@click.option("--codebook", type=click.Path(path_type=Path), help="Of the one --model.  [default: the shipped one]")
@click.option("--calibration", help="Pictures to calibrate on, where there is no codebook: never those of --images.")
@click.option("--fit", type=click.Choice(["crop", "squash"]), default="squash", show_default=True)
@click.option("-n", "--n", "limit", type=click.IntRange(8), help="Only the first N pictures.  [default: all]")
@click.option("--schedule", "families", multiple=True, metavar="FAMILY[=N,N,…]", help="  [default: constant=13,8 and "
              "declining=0.4]")  # fmt: skip
@click.option("--split", "splits", type=Numbers(int), multiple=True, help="  [default: 4,6,8,10,11]")
@click.option("--step", "steps", type=Numbers(float), multiple=True, help="Of the codec transform.  [default: "
              "0.5,0.7,1]")  # fmt: skip
@click.option("--quality", "qualities", type=Numbers(int), multiple=True, help="Of the pictures.  [default: "
              "10,30,50,70,85,95]")  # fmt: skip
@click.option("--only", type=click.Choice(["pictures", "tokens"]), help="One half of the table, without the ratios.")
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="fp16 and int8 with "
              "zstd, and LZW, for the first schedule.")  # fmt: skip
@click.option("--quick", is_flag=True, help=f"{QUICK_N} pictures and a few ways: a look, no result.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Of torch; the codec has one.")
@click.option("--resume", type=click.Path(path_type=Path), help="A folder to keep what was measured in: the same "
              "command goes on from there.")  # fmt: skip
@click.option("--save", type=click.Path(path_type=Path), help="Add the rows to the rate tables in this folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document here, too.")
def command(
    names, files, images, codebook, calibration, fit, limit, families, splits, steps, qualities, only, baselines, quick,
    threads, resume, save, as_json, out,
):  # fmt: skip
    """Bytes on the wire against top-1 on the same pictures: headers, sizes, prefix tokens, all of it.

    Top-1 is that of one model; each way is compared with its unmerged fp32 picture by picture. Nothing is calibrated
    on the pictures, which the codebook's record of its own is asked for.
    """
    check_out(out)
    names = names or MODELS
    if files and len(files) != len(names):
        raise JanusError(f"--weights: {len(files)} files for {len(names)} models; give one for each --model.")
    if codebook is not None and calibration is not None:
        raise JanusError("--codebook and --calibration contradict each other: give one of them.")
    if codebook is not None and len(names) != 1:
        raise JanusError("--codebook is of one model: give one --model.")
    torch.set_num_threads(threads)
    source = images or shared("imagenet_val")
    if source is None:
        raise JanusError("--images: give a folder of labelled pictures, or let JANUS_SHARED name one.")
    limit = limit or (QUICK_N if quick else None)

    def echo(line: str) -> None:
        click.echo(line, err=as_json)

    rows: list[dict] = []
    verdicts: list[dict] = []
    skipped: list[dict] = []
    for i, name in enumerate(names):
        weights = files[i] if files else shared("weights", f"{name}.safetensors")
        loaded = load_model(name, weights=weights)
        vit, preprocess = open_vit(loaded.model), preprocess_for(loaded.model, fit)
        chosen = open_images(source, classes=vit.geometry.classes or None)
        check_labels(vit, chosen)
        wanted = flat(splits) or tuple(split for split in SPLITS if split < vit.depth)
        book = None
        if only != "pictures":
            book = book_for(loaded, vit, preprocess, wanted, codebook, calibration)
            wanted = flat(splits) or tuple(split for split in SPLITS if split in book.splits) or book.splits
        grid = grid_of(families, wanted, flat(steps), flat(qualities), only, baselines, quick, loaded.name, book)
        stream = batches(chosen, preprocess, limit, book, skipped)
        unmerged, ways = ways_of(grid, tallied(stream, vit, grid, preprocess, loaded.name, book, resume))
        n = len(unmerged.hits)
        echo(f"{loaded.name}, {n} pictures, unmerged fp32 {unmerged.row['top1']:.1f} % "
             f"({unmerged.row['low']:.1f}…{unmerged.row['high']:.1f})")  # fmt: skip
        for one in ways:
            echo(line_of(one.row))
        found = [] if only else verdicts_of(unmerged, ways, vit.depth)
        for verdict in found:
            echo(verdict["sentence"])
        about = {
            "model": loaded.name, "n": n, "codebook": book and book.digest.hex(), "unmerged": unmerged.row,
        }  # fmt: skip
        rows += [about | one.row for one in ways]
        verdicts += [{"model": loaded.name} | verdict for verdict in found]
        if save is not None:
            echo(f"saved: {save_rates(save, loaded.name, chosen.name, n, unmerged.row, [one.row for one in ways])}")
    doc = document(rows, skipped, fit=fit, threads=threads, images=str(source), verdicts=verdicts)
    emit(doc, as_json=as_json, out=out)


def shared(*parts: str) -> Path | None:
    """A file or folder below the one that ``$JANUS_SHARED`` names, if it is there."""
    root = os.environ.get("JANUS_SHARED")
    path = Path(root).joinpath(*parts) if root else None
    return path if path is not None and path.exists() else None


def book_for(
    loaded: LoadedModel, vit: OpenViT, preprocess: Preprocess, splits, path: Path | None, calibration: str | None
) -> Codebook:
    """The codebook: a file, else one calibrated here if there are pictures for it, else the shipped one."""
    if path is None and calibration is not None:
        seen: dict = {}  # filled while the pictures are read
        pixels = calibration_pixels(open_images(calibration), preprocess, 160, seen)
        return calibrate(
            vit, bar(pixels, total=160, unit="picture", title="calibrate"), name=loaded.name, preprocess=preprocess,
            splits=splits, facts=seen,
        )  # fmt: skip
    return find_codebook(loaded.name, tensors_hash(loaded.model), path)


def grid_of(families, splits, steps, qualities, only, baselines: bool, quick: bool, model: str, book) -> Grid:
    """What the options ask for.

    Raises:
        JanusError: If a step is out of range, a schedule is unknown, or the codebook does not serve a split.
    """
    for step in steps:
        step_index(step)
    steps = steps or ((0.7, 1.0) if quick else STEPS)
    qualities = qualities or ((30, 75, 95) if quick else QUALITIES)
    found = schedules(families or (("constant=13",) if quick else SCHEDULES), (), None, model)
    if book is not None:
        for split in splits:
            book.at(split)
    return Grid(
        pictures=[] if only == "tokens" else [f"{form}{int(quality)}" for form in FORMATS for quality in qualities],
        schedules={} if only == "pictures" else {one.name or f"{one.family} {one.level:g}": one for one in found},
        splits=sorted(splits),
        codecs=[f"{NAME}{step:g}" for step in steps],
        baselines=BASELINES if baselines else (),
    )


def batches(
    images: ImageSet, preprocess: Preprocess, limit: int | None, book: Codebook | None, skipped: list[dict]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pixels and labels; a picture that the codebook was calibrated on is refused, one that cannot be read is told.

    Raises:
        JanusError: If there is one, or no picture can be read.
    """
    total = None if images.total is None else min(images.total, limit or images.total)
    # All are read before the first is measured: threads that read on beside it would be in its time.
    unseen = unseen_pixels(images, preprocess, limit, [] if book is None else [book])
    found = []
    for one in bar(unseen, total=total, unit="picture", title="read"):
        if isinstance(one, Skipped):
            skipped.append(tell_skip(one))
        else:
            found.append((one.image, one.label))
    if not found:
        raise JanusError(f"images {images.name}: there is not one that can be used; give others.")
    for at in bar(range(0, len(found), BATCH), unit="batch", title="bench codec"):
        pixels, labels = zip(*found[at : at + BATCH], strict=True)
        yield np.stack(pixels), np.array(labels)


def tallied(
    stream, vit: OpenViT, grid: Grid, preprocess: Preprocess, model: str, book: Codebook | None, resume: Path | None
) -> dict[str, Tally]:
    """Every way over all batches; with a folder to resume from, each batch is measured once in a lifetime.

    Raises:
        JanusError: If a file there is broken.
    """
    whole: dict[str, Tally] = {}
    if resume is not None:
        make_folder(resume)
    for pixels, labels in stream:
        path, found = None, None
        if resume is not None:
            digest = book.digest.hex() if book else ""
            mark = hashlib.sha256(f"{VERSION} {grid} {preprocess} {digest}".encode())
            mark.update(pixels.tobytes() + labels.tobytes())
            path = resume / f"{model}.{mark.hexdigest()[:16]}.json"
            if path.is_file():
                try:
                    found = {key: Tally(**kept) for key, kept in parse_json(path.read_text(encoding="utf-8")).items()}
                except (ValueError, TypeError, AttributeError) as why:
                    raise JanusError(f"{path}: is not what --resume keeps ({why}); delete it, and run again.") from why
        if found is None:
            found = measure_batch(vit, pixels, labels, grid, preprocess, book)
            if path is not None:
                write_text(path, json.dumps({key: asdict(tally) for key, tally in found.items()}))
        for key, tally in found.items():
            whole.setdefault(key, Tally()).add(tally)
    return whole


def verdicts_of(unmerged: Measured, ways: list[Measured], depth: int) -> list[dict]:
    """What issue 7 asks of the codec, each with the way that comes nearest, and whether it holds."""
    pictures = [one for one in ways if one.row["kind"] == "picture"]
    tokens = [one for one in ways if one.row["codec"] == NAME]
    found = []
    for last, most in ((HALF_AT, HALF), (depth - 1, THIRD)):
        best = best_ratio(tokens, pictures, 100 * unmerged.hits.mean(), most_loss=MOST_LOSS, splits=range(1, last + 1))
        asked = f"≤ {most} of the best picture's bytes at a split up to {last} and at most {MOST_LOSS:g} point lost"
        claim = {"asked": asked, "last_split": last, "most": most}
        if best is None:
            found.append(claim | {"holds": False, "sentence": f"{asked}: does not hold (nothing loses so little)"})
            continue
        value, one = best
        low, high = ratio_interval(one, pictures)
        row, holds = one.row, value <= most
        found.append(claim | {
            "holds": holds, "ratio": round(value, 4), "ci95": [round(low, 4), round(high, 4)],
            "row": row, "sentence": f"{asked}: {'holds' if holds else 'does not hold'}, {value:.2f} "
            f"({low:.2f}…{high:.2f}) with {row['bytes_mean']:.0f} bytes, {row['schedule']} {row['level']:g} at split "
            f"{row['split']}, step {row['quality']:g}, top-1 {row['top1']:.1f} %, {row['paired']['difference']:+.1f} "
            f"({row['paired']['ci95'][0]:+.1f}…{row['paired']['ci95'][1]:+.1f}) against unmerged fp32",
        })  # fmt: skip
    return found


def line_of(row: dict) -> str:
    """One way, in a line."""
    where = "" if row["kind"] == "picture" else f"{row['schedule']} {row['level']:g} split {row['split']}"
    quality = "" if row["quality"] is None else f"{row['quality']:g}"
    return (
        f"{row['codec']:>9} {quality:>4} {where:<24} {row['bytes_mean']:8.0f} B (p90 {row['bytes_p90']:.0f})  "
        f"{row['top1']:5.1f} % ({row['low']:.1f}…{row['high']:.1f})  {row['paired']['difference']:+5.1f} "
        f"({row['paired']['ci95'][0]:+.1f}…{row['paired']['ci95'][1]:+.1f})  encode {row['encode_ms']:.2f} ms, decode "
        f"{row['decode_ms']:.2f} ms"
    )
