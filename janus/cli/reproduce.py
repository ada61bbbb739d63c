"""`janus reproduce`: the paper's figures, made again, and what its headlines come to."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from janus.cli.common import JOBS, document, emit, make_folder
from janus.errors import JanusError

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_FIGURE = "claims"
NAMES = ("latency", "schedules", "payload", "accuracy", "policies", "decisions", "slo", "robust", "cost", "claims")


@click.command("reproduce")
@click.option("--figure", "names", multiple=True, metavar="NAME", help=f"One of {', '.join(NAMES)}.  [default: claims]")
@click.option("--all", "everything", is_flag=True, help="Every figure.")
@click.option("--task", type=click.Choice(["image", "video"]), default="image", show_default=True)
@click.option("--trace", "traces", multiple=True, help="As in `janus replay`.  [default: the six generated classes]")
@click.option("--device", "devices", multiple=True, default=("orin-nano", "orin-nx"), show_default=True,
              help="Machines, or files of profiles; the first for single figures, all for the claims.")  # fmt: skip
@click.option("--cloud", default="v100", show_default=True, help="The same for the cloud.")
@click.option(
    "--codec", "codecs", multiple=True, default=("int8", "fp16"), show_default=True, help="How tokens travel."
)
@click.option("--duration", "duration_s", type=float, default=0.0, help="Seconds of each trace.  [default: all]")
@click.option("--jobs", type=JOBS, default=-1, show_default=True, help="Processes; -1 for all cores.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the page and the tables.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of words.")
def command(names, everything, task, traces, devices, cloud, codecs, duration_s, jobs, out, as_json):
    """Make the paper's figures again, and print what it says beside what this run gives.

    Latencies are modelled, on profiles that are derived from published figures unless --device names a measured one.
    With --out: every table as CSV, and one page with all figures that opens offline. Pictures are not written, since
    plotly needs a Chrome for that; the page's camera button saves them.
    """
    if everything and names:
        raise JanusError("--all and --figure exclude each other: leave one of them out.")
    from janus.reproduce import CLASSES, EXHIBITS, Context, make_exhibit, open_bench, write_page
    from janus.simulate import ReplaySettings

    wanted = tuple(EXHIBITS) if everything else names or (DEFAULT_FIGURE,)
    for name in wanted:
        if name not in EXHIBITS:
            raise JanusError(f"--figure {name!r} is unknown: choose one of {', '.join(EXHIBITS)}.")
    benches = [
        open_bench(task, traces or CLASSES, device=device, cloud=cloud, codec=codec)
        for device in devices
        for codec in codecs
    ]
    context = Context(benches=benches, settings=ReplaySettings(duration_s=duration_s), jobs=jobs, progress=True)
    if out is not None:
        make_folder(out)
    exhibits = []
    for name in wanted:
        exhibit = make_exhibit(name, context)
        exhibits.append(exhibit)
        if not as_json:
            click.echo(f"\n{exhibit.title} ({exhibit.kind})")
            if name == "claims":
                click.echo(lines(exhibit.tables["claims-table"]))
            click.echo("\n".join(exhibit.words))
    facts = {"task": task, "about": context.bench.about, "duration_s": duration_s}
    results = [
        {"figure": exhibit.name, "kind": exhibit.kind, "table": name, "rows": records(table)}
        for exhibit in exhibits
        for name, table in exhibit.tables.items()
    ]
    doc = document(results, words={exhibit.name: exhibit.words for exhibit in exhibits}, **facts)
    if out is not None:
        written = write_page(out, context.bench, exhibits, seconds_of_each=duration_s or "all")
        click.echo(f"janus: wrote {len(written)} files, first of all {written[-1]}.", err=True)
    emit(doc, as_json=as_json)


def lines(table: pd.DataFrame) -> str:
    """A table as blocks of lines: its cells are too long for one line each."""
    blocks = []
    for row in table.to_dict("records"):
        width = max(map(len, row))
        blocks.append("\n".join(f"  {key.ljust(width)}  {value}" for key, value in row.items()))
    return "\n\n".join(blocks)


def records(table: pd.DataFrame) -> list[dict]:
    """Rows as JSON takes them: what is not finite or missing is null."""
    import pandas as pd

    return [
        {
            key: None if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)) else value
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]
