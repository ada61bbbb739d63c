"""`janus fetch …`: data that Janus does not ship. It says where they are; it downloads nothing by itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from janus.cli.common import document, emit, make_folder
from janus.errors import JanusError
from janus.progress import bar

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def command():
    """Where public recordings are, and how they become traces of Janus."""


@command.command()
@click.option("--from", "source", type=FOLDER, help="A downloaded folder of recordings to convert.")
@click.option("--out", type=FOLDER, help="Folder for the converted traces (CSV); made if it is not there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of words.")
def traces(source: Path | None, out: Path | None, as_json: bool):
    """Say where the public recordings are; with --from and --out, convert a downloaded folder.

    Recordings stay under the terms of their authors. `janus replay --trace` also reads their folders as they are.
    """
    if (source is None) != (out is None):
        raise JanusError("--from and --out belong together: give the downloaded folder and the one to write to.")
    results = convert(source, out) if source is not None and out is not None else sources()
    if as_json:
        emit(document(results), as_json=True)
    else:
        click.echo("\n".join(map(converted_line if out else source_lines, results)))


def sources() -> list[dict]:
    """Every published set."""
    from janus.network import PUBLIC_SETS

    return [dataclasses.asdict(known) for known in PUBLIC_SETS.values()]


def convert(source: Path, out: Path) -> list[dict]:
    """Read all traces of a folder, downlinks too, and write each as CSV."""
    from janus.network import read_traces, write_trace

    if not source.is_dir():
        raise JanusError(f"{source}: this folder does not exist; see `janus fetch traces` for where to get one.")
    if out.resolve() == source.resolve():
        raise JanusError(f"--out {out}: is the folder itself, whose files would be overwritten; name another.")
    found = read_traces(source, direction=None)
    make_folder(out)
    results, taken = [], set()
    for trace in bar(found, unit="trace"):
        if trace.name in taken:
            raise JanusError(f"{source}: two traces are called {trace.name}; convert their folders one by one.")
        taken.add(trace.name)
        target = out / f"{trace.name}.csv"
        write_trace(trace, target)
        facts = {key: getattr(trace, key) for key in ("name", "direction", "licence", "source")}
        results.append({"file": str(target), "mean_mbps": trace.mean_mbps, "duration_s": trace.duration_s, **facts})
    return results


def source_lines(known: dict) -> str:
    """A published set in words."""
    checkout = known["repository"].rpartition("/")[2]
    return (
        f"{known['name']}: {known['about']}\n"
        f"  paper    {known['paper']}\n"
        f"  terms    {known['licence']}\n"
        f"  get it   git clone {known['repository']} && git -C {checkout} checkout {known['commit']}\n"
        f"  look in  {known['folder']}\n"
    )


def converted_line(result: dict) -> str:
    """A converted trace in one line."""
    return (
        f"{result['file']}  {result['duration_s']:.0f} s, mean {result['mean_mbps']:.3g} Mbit/s, "
        f"{result['direction']}, terms: {result['licence']}"
    )
