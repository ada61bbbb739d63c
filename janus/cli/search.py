"""`janus search`: the merge counts per block that keep a model nearest to itself, for a cut and within a budget."""

from __future__ import annotations

import math
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import click

from janus.cli.common import JOBS, check_out, document, emit, tell_skip
from janus.cli.evaluate import NUMBERS, Numbers, Words
from janus.errors import JanusError
from janus.progress import bar

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("search")
@click.option("--model", "name", required=True, help="Full timm tag of a model that classifies pictures, or demo.")
@click.option("--weights", type=FILE, help="A safetensors file instead of the hub's weights.")
@click.option(
    "--images", required=True, help="Pictures to choose by, as in `janus evaluate`; their labels don't matter."
)
@click.option("--cut", "cuts", type=Numbers(int), required=True, help="Splits to search for, each by itself.")
@click.option("--alpha", "alphas", type=NUMBERS, help="Keep to what the paper's schedule costs at these levels.")
@click.option(
    "--schedule-budget", "costly", type=Words(), help="Or to what others cost: FAMILY:LEVEL, such as constant:13."
)
@click.option("--token-blocks", type=click.IntRange(1), help="Or to so many tokens that enter blocks, over all blocks.")
@click.option("--multiply-adds", "giga", type=float, help="Or to so many G multiply-adds of the whole model.")
@click.option("--latency-ms", type=float, help="Or to so much modelled latency of the whole model, on --profile.")
@click.option("--profile", "machine", help="A profile's file, or a derived machine's name, for --latency-ms.")
@click.option(
    "--payload-tokens", type=click.IntRange(1), help="Tokens at the cut, at most, with one of the last three."
)
@click.option("-n", "--limit", type=click.IntRange(min=1), help="Only the first N pictures of the set's fixed order.")
@click.option("--fit", type=click.Choice(["crop", "squash"]), default="crop", show_default=True)
@click.option("--test-images", help="Refuse calibration pictures that occur among these.")
@click.option("--shapes", type=click.IntRange(1), default=32, show_default=True, help="Shapes to begin with.")
@click.option(
    "--neighbours", type=click.IntRange(1), default=12, show_default=True, help="Tried near the best, twice over."
)
@click.option("--margin", type=click.FloatRange(0, 1), default=0.1, show_default=True,
              help="Share of the divergence by which a find must surely be better.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws.")
@click.option("--workers", type=JOBS, default=-1, show_default=True, help="Processes; -1 for all cores.")
@click.option("--journal", type=FILE, help="What was answered.  [default: in Janus's cache folder, by the model]")
@click.option("--resume", is_flag=True, help="Go on from the journal.")
@click.option("--out", type=FILE, help="The schedules.  [default: data/schedules/MODEL.json]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(
    name, weights, images, cuts, alphas, costly, token_blocks, giga, latency_ms, machine, payload_tokens, limit, fit,
    test_images, shapes, neighbours, margin, seed, workers, journal, resume, out, as_json,
):  # fmt: skip
    """Search for schedules made for a cut, and keep them by name.

    A schedule is judged without labels: by the mean Kullback-Leibler divergence of the answers from the unmerged
    model's, over the pictures and their mirror images. Shapes of three numbers (tokens at the cut, how the burst before
    it leans, how the slope behind it leans) are drawn, made into counts within the budget and raced: whoever is surely
    behind sees no more pictures. A find gives way to the budget's own schedule unless it surely is nearer by a margin
    (95 %) and surely guesses first more often what the unmerged model does (95 % in all of 15 cells at once).

    Ctrl-C ends it and keeps the journal; the same command with --resume goes on. Never test a schedule on the pictures
    that it was chosen by: `janus bench schedules` refuses that.
    """
    check_out(out)
    check_out(journal, "--journal")
    from janus.data import open_images
    from janus.files import cache_folder
    from janus.models import load_model
    from janus.preprocess import preprocess_for
    from janus.provenance import provenance
    from janus.schedules import schedules_file
    from janus.search import (
        Effort,
        Search,
        Stopped,
        check_disjoint,
        held_document,
        merge_document,
        read_pictures,
        write_document,
    )
    from janus.search.document import name_of
    from janus.vit import open_vit

    loaded = load_model(name, weights=weights)
    preprocess = preprocess_for(loaded.model, fit)
    geometry = open_vit(loaded.model).geometry
    if not geometry.classes:
        raise JanusError(f"model {loaded.name}: it has no classification head, so it gives no answers to compare.")
    given = (alphas, costly, token_blocks, giga, latency_ms, machine, payload_tokens)
    budgets = list(read_budgets(geometry, loaded.name, cuts, *given))
    out = out or schedules_file(loaded.name)
    held_document(out, loaded.name)  # refused now, not after the first answer
    journal = journal or cache_folder("search") / f"{loaded.name.replace('/', '--')}.jsonl"
    skipped: list[dict] = []
    pictures = read_pictures(
        open_images(images), preprocess, limit=limit, on_skip=lambda skip: skipped.append(tell_skip(skip))
    )
    if test_images is not None:
        check_disjoint(pictures.fingerprints, read_pictures(open_images(test_images), preprocess))
    effort = Effort(shapes=shapes, neighbours=neighbours, margin=margin, seed=seed)
    entries, points = [], []
    with stoppable() as cancel, bar(unit=" pictures", title="search") as shown:
        search = Search.open(
            loaded, weights, pictures, journal=journal, resume=resume, jobs=workers, cancel=cancel, tell=shown.update
        )
        calibration = search.facts(pictures, fit)
        came = provenance()
        made = {key: came[key] for key in ("command", "date") if key in came}
        made |= {
            "images": calibration.get("images"),
            "n": calibration["n"],
            "pixels": calibration["pixels_sha256"][:16],
        }
        try:
            for found in search.run(budgets, effort):
                row = search.entry(found, made)
                entries.append(row)
                points += search.points(found)
                doc = merge_document(
                    out,
                    {
                        "model": loaded.name, "weights": loaded.weights.sha256, "calibration": calibration,
                        "provenance": came | {"effort": vars(effort)}, "schedules": [row], "front": points,
                    },
                )  # fmt: skip
                out.parent.mkdir(exist_ok=True)
                write_document(out, doc)
                shown.set_postfix_str(name_of(found))
                if not as_json:
                    shown.write(line(row))
        except Stopped:
            print(f"janus: stopped; {out} has what was finished, and --resume goes on.", file=sys.stderr)
            sys.exit(130)
    emit(document(entries, skipped, model=loaded.name, weights=loaded.weights.facts(), out=str(out), **vars(effort)),
         as_json=as_json)  # fmt: skip


def read_budgets(
    geometry, model, cuts, alphas, costly, token_blocks, giga, latency_ms, machine, payload_tokens
):  # fmt: skip
    """The budgets that the options name, dearest merging first, cut by cut.

    Raises:
        JanusError: If they contradict each other, or cannot be kept to.
    """
    from janus.profile import find_profile
    from janus.schedule import MergeSchedule
    from janus.search import Budget

    if not cuts:
        raise JanusError("--cut: no split is named; give one or several to search for, such as 4,6.")
    for option, value in (("--multiply-adds", giga), ("--latency-ms", latency_ms)):
        if value is not None and not (value > 0 and math.isfinite(value * 1e9)):
            raise JanusError(f"{option} {value:g}: this limits nothing; give a finite number above 0.")
    numbers = {"--token-blocks": token_blocks, "--multiply-adds": giga, "--latency-ms": latency_ms}
    given = [option for option, value in numbers.items() if value is not None]
    if not given and not alphas and not costly:
        raise JanusError("no budget: give --alpha, --schedule-budget, or --payload-tokens and a limit of compute.")
    if bool(given) != (payload_tokens is not None):
        raise JanusError(
            f"--payload-tokens goes with {', '.join(numbers)}: give both kinds of limit, or a schedule to keep to."
        )
    if (latency_ms is None) != (machine is None):
        raise JanusError("--latency-ms goes with --profile: a latency is that of a machine.")
    schedules = [MergeSchedule(level=level) for level in alphas or ()]
    for text in costly or ():
        family, _, level = text.partition(":")
        try:
            schedules.append(MergeSchedule(family=family, level=float(level)))
        except JanusError:
            raise  # a ValueError itself, with its own sentence
        except ValueError as why:
            raise JanusError(f"--schedule-budget {text!r}: write FAMILY:LEVEL, such as declining:0.5.") from why
    for schedule in schedules:
        for cut in cuts:
            yield Budget.of(schedule, cut, geometry)
    for cut in cuts if given else ():
        yield Budget(
            split=cut,
            payload_tokens=payload_tokens,
            token_blocks=token_blocks,
            multiply_adds=None if giga is None else int(giga * 1e9),
            latency_ms=latency_ms,
            profile=None if machine is None else find_profile(machine, model, geometry),
        ).check(geometry)


@contextmanager
def stoppable():
    """An event that Ctrl-C and SIGTERM set, so that the batch at hand is still written down."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def line(row: dict) -> str:
    """One answer for people."""
    what = "found" if row["better"] else "nothing surely better than its budget's own"
    beside = again = ""
    if row["difference"] is not None:
        low, high = row["difference_ci95"]
        beside = f"; the best find less {row['like']['schedule']} {row['like']['level']:g}: {row['difference']:+.3f} "
        beside += f"[{low:+.3f} … {high:+.3f}]"
        low, high = row["agreement_difference_ci95"]
        again = f" ({row['agreement_difference']:+.1f} points [{low:+.1f} … {high:+.1f}])"
    return (
        f"{row['name']}: {what}, {row['removed']}, {row['token_blocks']} token-blocks, {row['tokens_at_cut']} tokens "
        f"at cut {row['split']}, divergence {row['divergence']:.3f}{beside}, agreement {row['agreement']:.1f} %"
        f"{again}"
    )
