"""`janus bench explorer`: how fast the screen answers, control by control, without a page and in Chromium."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
import numpy as np

from janus.bench import moves, page
from janus.bench.laboratory import LabServer
from janus.bench.timing import ratios
from janus.cli.common import check_out, document, emit
from janus.cli.lab import CHECKOUT
from janus.explorer import Explorer
from janus.progress import bar

IDLE, BEHIND = "idle", "accuracy behind"
GRAIN_MS = 1.0
HANDLER, KEY, PAINT = "handler", "key to repainted figure", "first paint"


def row_of(case: str, what: str, values: list[float], *, unit: str = "ms", while_: str = IDLE) -> dict:
    """Median and 95th percentile of what was measured; none where the control changes nothing there."""
    row = {"case": case, "what": what, "while": while_, "n": len(values)}
    for name, share in (("", 50), ("_p95", 95)):
        row[f"measured_{unit}{name}"] = round(float(np.percentile(values, share)), 2) if values else None
    return row


def bench_handlers(rounds: int) -> Iterator[dict]:
    """Rows of every control's handler, with nothing behind and with accuracy coming in, in turn.

    What could not be measured is a row with a ``reason``.
    """
    still = Explorer(calibrate=False, live=False)
    moves.idle(still)
    screens = {IDLE: (still, moves.idle)}
    if still.subject and still.subject.images:
        screens[BEHIND] = (Explorer(calibrate=False), moves.streaming)
    controls = [control.name for control in moves.controls_of(still)]
    clock: dict[str, dict[str, list[float]]] = {name: {control: [] for control in controls} for name in screens}
    processor: dict[str, dict[str, list[float]]] = {name: {control: [] for control in controls} for name in screens}
    for _ in bar(range(rounds), unit="round", title="handlers"):
        for control in controls:
            for name, (explorer, before) in screens.items():
                taken, worked = moves.timed_moves(explorer, control, before)
                clock[name][control] += taken
                processor[name][control] += worked
                explorer.live.cancel()
                moves.idle(explorer)
    for name in screens:
        for control in controls:
            processor_ms = round(float(np.median(processor[name][control])), 2)
            yield row_of(HANDLER, control, clock[name][control], while_=name) | {"measured_processor_ms": processor_ms}
    if BEHIND not in screens:
        yield {"case": BEHIND, "reason": NO_IMAGES}
        return
    # Each control's own moves are paired; what answers within the clock's grain says nothing about a ratio.
    together = {
        name: [taken for control in controls if min(clock[IDLE][control]) > GRAIN_MS for taken in clock[name][control]]
        for name in screens
    }
    yield ratio_row("all handlers", together)


def ratio_row(what: str, times: dict[str, list[float]]) -> dict:
    """How many times as long it takes with accuracy behind, paired move by move."""
    spread = ratios(times, BEHIND, IDLE)
    found = {"measured_ratio": spread.median, "measured_ratio_p10": spread.p10, "measured_ratio_p90": spread.p90}
    return {"case": "ratio", "what": what, "while": f"{BEHIND} / {IDLE}", "n": len(times[IDLE])} | {
        name: round(value, 3) for name, value in found.items()
    }


NO_IMAGES = "no trained weights with labelled images on disk: set JANUS_SHARED to a folder that has them"


def bench_browser(rounds: int, paints: int) -> Iterator[dict]:
    """Rows of first paints, of keys to figures, and of the bandwidth with and without accuracy behind.

    What could not be measured is a row with a ``reason``.
    """
    with page.chromium() as browser, tempfile.TemporaryDirectory() as home:
        for what, taken in page.first_paints(browser, CHECKOUT, paints).items():
            yield row_of(PAINT, what, taken, unit="s")
        server = LabServer(CHECKOUT, Path(home))
        try:
            book = page.open_alone(browser, server, "janus.Explorer(calibrate=False, live=False)")
            for what, taken in page.keys_to_figures(book, rounds):
                yield row_of(KEY, what, taken)
            book.close()
            book = page.open_alone(browser, server, page.STREAM)
            if book.page.locator('.janus-controls button:text-is("Evaluate"):enabled').count():
                times: dict[str, list[float]] = {IDLE: [], BEHIND: []}
                for _ in bar(range(rounds), unit="round", title="bandwidth"):
                    for name in times:
                        times[name] += page.bandwidth(book, streaming=name == BEHIND)
                for name, taken in times.items():
                    yield row_of("key to sentence", "Bandwidth", taken, while_=name)
                yield ratio_row("key to sentence, Bandwidth", times)
            else:
                yield {"case": f"key to sentence, {BEHIND}", "reason": NO_IMAGES}
            book.close()
        finally:
            server.close()


def line_of(row: dict) -> str:
    """One row for people."""
    head = f"{row['case']}: {row['what']} ({row['while']}, n = {row['n']}): "
    if "measured_ratio" in row:
        low, high = row["measured_ratio_p10"], row["measured_ratio_p90"]
        return f"{head}{row['measured_ratio']:.2f} times [{low:.2f}–{high:.2f}]"
    if not row["n"]:
        return f"{head}changes no figure"
    unit = "s" if "measured_s" in row else "ms"
    processor = f", of the processor {row['measured_processor_ms']:.1f} ms" if "measured_processor_ms" in row else ""
    return f"{head}median {row[f'measured_{unit}']:.1f} {unit}, p95 {row[f'measured_{unit}_p95']:.1f} {unit}{processor}"


@click.command("explorer")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Moves away and back of each.")
@click.option("--paints", type=click.IntRange(1), default=3, show_default=True, help="First paints, with --browser.")
@click.option("--browser", is_flag=True, help="Through JupyterLab in Chromium, too; needs Playwright (the extra dev).")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document here, too.")
def command(rounds, paints, browser, as_json, out):
    """How fast the workbench answers: each control's handler, idle and with accuracy coming in behind.

    With --browser also from a key to the repainted figure, and from `janus lab` and from a cell to the whole screen.
    Accuracy needs weights and images on disk.
    """
    check_out(out)
    rows: list[dict] = []
    skipped: list[dict] = []
    asked = bench_browser(rounds, paints) if browser else [{"case": "in Chromium", "reason": "give --browser"}]
    # Said as they come, since all of it takes minutes.
    for row in chain(bench_handlers(rounds), asked):
        if "reason" in row:
            skipped.append(row)
            click.echo(f"not measured: {row['case']}: {row['reason']}.", err=True)
        else:
            rows.append(row)
            click.echo(line_of(row), err=as_json)
    emit(document(rows, skipped, rounds=rounds, paints=paints), as_json=as_json, out=out)
