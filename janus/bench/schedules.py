"""`janus bench schedules`: searched schedules against those whose compute and payload they keep to, image by image."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np

from janus.cli.common import JOBS, check_out, document, emit, tell_skip
from janus.cli.search import FILE, stoppable
from janus.data import open_images
from janus.errors import JanusError
from janus.evaluate import check_labels
from janus.files import read_json
from janus.models import load_model
from janus.paired import paired_difference
from janus.preprocess import preprocess_for
from janus.progress import bar
from janus.schedule import MergeSchedule
from janus.schedules import load_schedules, read_document, schedules_file
from janus.search import Journal, Panel, Pictures, Stopped, check_disjoint, read_pictures, write_document
from janus.search.answers import opener
from janus.search.document import cost
from janus.search.panel import BATCH, pixels_hash
from janus.standing import interval95
from janus.vit import open_vit


def bench(panel: Panel, pictures: Pictures, geometry, searched) -> list[dict]:
    """One row for each searched schedule that is like another, and one before them for the unmerged model.

    Args:
        panel: Seated before the pictures.
        pictures: With labels.
        geometry: The model.
        searched: From `janus.schedules`.

    Raises:
        JanusError: If one of them costs more than the schedule that it is like.
    """
    everything = range(panel.batches)
    pairs = [(one, geometry.plan(MergeSchedule(family=one.like[0], level=one.like[1])).removed) for one in searched]
    none = (0,) * geometry.depth
    panel.ask([none, *(removed for one, like in pairs for removed in (one.removed, like))], everything)
    labels = np.array(pictures.labels)

    def hits(removed):
        return panel.best(removed, everything) == labels

    def figures(removed, split: int) -> dict:
        right = hits(removed)
        low, high = interval95(right)
        return cost(removed, split, geometry) | {
            "top1": round(100 * float(right.mean()), 4),
            "ci95": [round(low, 4), round(high, 4)],
            "agreement": round(100 * float(panel.agrees(removed, everything).mean()), 4),
        }

    rows: list[dict] = [{"name": "unmerged", "searched": figures(none, geometry.depth)}]
    for one, like in pairs:
        ours, theirs = figures(one.removed, one.split), figures(like, one.split)
        more = [key for key in ("token_blocks", "multiply_adds", "tokens_at_cut") if ours[key] > theirs[key]]
        if more:
            raise JanusError(
                f"schedule {one.name}: it costs more than {one.like[0]} {one.like[1]:g} ({', '.join(more)})."
            )
        rows.append(
            {
                "name": one.name,
                "split": one.split,
                "level": one.level,
                "like": one.like[0],
                "better": one.better,
                "searched": ours,
                "compared": theirs,
                "paired": paired_difference(hits(one.removed), hits(like)).row(),
            }
        )
    return rows


@click.command()
@click.option("--model", "name", required=True, help="Full timm tag, or demo.")
@click.option("--weights", type=FILE, help="A safetensors file instead of the hub's weights.")
@click.option("--images", required=True, help="Labelled pictures to test on, as in `janus evaluate`.")
@click.option("--calibration", help="Pictures that the schedules were chosen by.  [default: as their file says]")
@click.option("--schedules", "file", type=FILE, help="What `janus search` wrote.  [default: data/schedules/MODEL.json]")
@click.option("--fit", type=click.Choice(["crop", "squash"]), default="crop", show_default=True)
@click.option("-n", "--limit", type=click.IntRange(min=1), help="Only the first N pictures of the set's fixed order.")
@click.option("--workers", type=JOBS, default=-1, show_default=True, help="Processes; -1 for all cores.")
@click.option("--journal", type=FILE, help="Keep what was answered in this file.")
@click.option("--resume", is_flag=True, help="Go on from the journal.")
@click.option("--schedule", "names", multiple=True, metavar="NAME", help="Only these.  [default: all]")
@click.option("--add", is_flag=True, help="Keep what the file of --out holds of other models and schedules.")
@click.option("--note", is_flag=True, help="Write the accuracies into the schedules' file, too.")
@click.option("--out", type=FILE, help="Write the JSON document to this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the table.")
def command(
    name, weights, images, calibration, file, fit, limit, workers, journal, resume, names, add, note, out, as_json
):  # fmt: skip
    """Top-1 of searched schedules and of those whose compute and payload they keep to, on the same pictures.

    Refused if a picture to test on is among those that the schedules were chosen by.
    """
    check_out(out)
    check_out(journal, "--journal")
    if add and out is None:
        raise JanusError("--add keeps what a file holds: name it with --out.")
    before = results_of(out) if add and out is not None and out.is_file() else None
    loaded = load_model(name, weights=weights)
    vit = open_vit(loaded.model)
    geometry = vit.geometry
    preprocess = preprocess_for(loaded.model, fit)
    file = file or schedules_file(loaded.name)
    searched = [one for one in load_schedules(file, loaded.name) if one.like is not None]
    held = read_document(file)
    if held.get("weights") != loaded.weights.sha256:
        raise JanusError(f"{file}: these schedules were searched for other weights of {loaded.name}; search again.")
    if not searched:
        raise JanusError(f"{file}: no schedule there is like another; search with --alpha or --schedule-budget.")
    unknown = set(names) - {one.name for one in searched}
    if unknown:
        raise JanusError(f"--schedule {min(unknown)}: {file} has none of that name that is like another.")
    searched = [one for one in searched if not names or one.name in names]
    chosen = open_images(images, classes=geometry.classes)
    check_labels(vit, chosen)
    skipped: list[dict] = []
    pictures = read_pictures(chosen, preprocess, limit=limit, on_skip=lambda skip: skipped.append(tell_skip(skip)))
    if before is not None:
        check_same(out, before["provenance"], {**pictures.facts, "n": len(pictures), "fit": fit})
    marks = held.get("calibration", {}).get("fingerprints", [])
    if calibration is not None:
        marks = [*marks, *read_pictures(open_images(calibration), preprocess).fingerprints]
    check_disjoint(marks, pictures)
    about = {
        "model": loaded.name, "weights": loaded.weights.sha256, "pixels": pixels_hash(pictures.pixels), "batch": BATCH,
    }  # fmt: skip
    kept = Journal(journal, about, resume=resume)
    with stoppable() as cancel, bar(unit=" pictures", title="test") as shown:
        panel = Panel(
            opener(loaded, weights, workers), pictures.pixels, kept, jobs=workers, cancel=cancel, tell=shown.update
        )
        try:
            rows = bench(panel, pictures, geometry, searched)
        except Stopped:
            print("janus: stopped; with --journal, --resume goes on.", file=sys.stderr)
            sys.exit(130)
    doc = document(
        [{"model": loaded.name} | row for row in rows],
        skipped,
        model=loaded.name, weights=loaded.weights.facts(), **pictures.facts, n=len(pictures), fit=fit,
        calibration={key: value for key, value in held["calibration"].items() if key != "fingerprints"},
        intervals="top-1: Wilson; paired difference: Tango's score interval, p of McNemar's exact test",
    )  # fmt: skip
    if note:
        write_document(file, noted(held, rows, doc["provenance"]))
    if not as_json:
        click.echo(table(rows, len(pictures)))
    emit(doc if before is None else joined(before, doc), as_json=as_json, out=out)


def results_of(path: Path) -> dict:
    """What this bench wrote before.

    Raises:
        JanusError: If it is something else.
    """
    doc = read_json(path, by="janus bench schedules", again="janus bench schedules --out")
    rows = doc.get("results") if isinstance(doc, dict) else None
    if (
        not isinstance(rows, list)
        or not all(isinstance(row, dict) and isinstance(row.get("model"), str) for row in rows)
        or not isinstance(doc.get("provenance"), dict)
    ):
        raise JanusError(f"{path}: is not what `janus bench schedules --out` writes; leave out --add, or move it away.")
    return doc


def check_same(path: Path, old: dict, new: dict) -> None:
    """Refuse to put results of other pictures into one document.

    Raises:
        JanusError: If the set, their number or how they are fitted differ.
    """
    for key in ("images", "n", "fit"):
        if old.get(key) != new.get(key):
            raise JanusError(
                f"{path}: holds results with {key} {old.get(key)}, and these are with {new.get(key)}; write elsewhere, "
                "or leave out --add."
            )


def joined(before: dict, doc: dict) -> dict:
    """A document with those rows of an earlier one that were not measured again, and the commands of both."""
    facts, old = doc["provenance"], before["provenance"]
    now = {(row["model"], row["name"]) for row in doc["results"]}
    kept = [row for row in before["results"] if (row["model"], row["name"]) not in now]
    models = list(dict.fromkeys(row["model"] for row in [*before["results"], *doc["results"]]))
    # The unmerged model stands before its schedules.
    rows = sorted(
        [*kept, *doc["results"]],
        key=lambda row: (models.index(row["model"]), row.get("split", 0), row.get("level", 0)),
    )
    commands = [*old.get("commands", [old.get("command")]), facts.get("command")]
    return {
        "results": rows,
        "skipped": doc["skipped"],
        "provenance": facts | {"commands": list(dict.fromkeys(one for one in commands if one))},
    }


def noted(held: dict, rows: list[dict], provenance: dict) -> dict:
    """The schedules' document with what was measured of each."""
    tested = {row["name"]: row["searched"] for row in rows[1:]}
    facts = {key: provenance.get(key) for key in ("images", "n", "date")}

    def measured(entry: dict) -> dict:
        seen = tested.get(entry["name"])
        if seen is None:
            return entry
        low, high = seen["ci95"]
        return entry | {"measured": {"top1": seen["top1"], "low": low, "high": high} | facts}

    return held | {"schedules": [measured(entry) for entry in held["schedules"]]}


def table(rows: list[dict], n: int) -> str:
    """The rows for people."""
    whole = rows[0]["searched"]
    lines = [
        f"unmerged: top-1 {whole['top1']:.1f} % [{whole['ci95'][0]:.1f} … {whole['ci95'][1]:.1f}], n = {n}",
        f"{'level':>6}{'cut':>4}  {'token-blocks':>15}{'at the cut':>14}{'compared':>10}  {'95 %':<14}{'searched':>9}  "
        f"{'95 %':<14}{'points':>7}  {'95 %':<16}{'gained':>7}{'lost':>6}{'p':>10}"
        f"{'agreement':>16}",
    ]
    notes = []
    for row in rows[1:]:
        ours, theirs, paired = row["searched"], row["compared"], row["paired"]
        ends = [f"{low:.1f} … {high:.1f}" for low, high in (theirs["ci95"], ours["ci95"])]
        apart = f"{paired['ci95'][0]:+.1f} … {paired['ci95'][1]:+.1f}"
        lines.append(
            f"{row['level']:>6g}{row['split']:>4}  {ours['token_blocks']:>6} of {theirs['token_blocks']:>5}"
            f"{ours['tokens_at_cut']:>7} of {theirs['tokens_at_cut']:>3}{theirs['top1']:>9.1f}%  {ends[0]:<14}"
            f"{ours['top1']:>8.1f}%  {ends[1]:<14}{paired['difference']:>+7.1f}  {apart:<16}{paired['gained']:>7}"
            f"{paired['lost']:>6}{paired['p']:>10.2g}{theirs['agreement']:>7.1f} → {ours['agreement']:.1f}%"
        )
        notes.append(f"{row['name']}: {ours['removed']}{'' if row['better'] else ', which is ' + row['like']}")
        notes.append(f"  against {row['like']} {row['level']:g}: {theirs['removed']}")
    lines.append(
        "Agreement: pictures on which the first guess is the unmerged model's, of the one compared → searched."
    )
    return "\n".join([*lines, "", "Tokens that each block removes:", *notes])
