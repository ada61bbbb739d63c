"""A folder with what was reproduced: one page that needs no network, and every table as CSV."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from janus.files import write_text
from janus.reproduce.exhibits import Exhibit
from janus.reproduce.stored import write_table
from janus.reproduce.task import Bench

STYLE = """
body { max-width: 1100px; margin: 2em auto; padding: 0 1em; font: 15px/1.5 system-ui, sans-serif; }
table { border-collapse: collapse; font-size: 12px; } td, th { padding: 2px 8px; border-bottom: 1px solid #8884; }
:root { color-scheme: light dark; }
""".strip()
# Longer tables are in the CSV beside the page.
SHOWN_ROWS = 20


def write_page(folder: Path, bench: Bench, exhibits: Sequence[Exhibit], **facts) -> list[Path]:
    """Write ``<task>.html`` and one CSV for each table, with provenance; returns the files.

    The page carries plotly's JavaScript and opens offline. Pictures (PNG, SVG) are not written: plotly makes those
    through a Chrome, in which the page's own camera button makes them as well. Facts go into the provenance.
    """
    written = []
    kind = bench.traces_kind.replace(" ", "-")
    for exhibit in exhibits:
        for name, table in exhibit.tables.items():
            path = folder / f"{bench.task.name}-{name}-{kind}.csv"
            write_table(
                path, table, task=bench.task.name, kind=exhibit.kind, device=bench.device.label,
                cloud=bench.cloud.label,
                traces=", ".join(f"{trace.name} ({trace.kind}, {trace.duration_s:.0f} s)" for trace in bench.traces),
                **facts,
            )  # fmt: skip
            written.append(path)
    page = folder / f"{bench.task.name}-{kind}.html"
    write_text(page, page_text(bench, exhibits))
    return [*written, page]


def page_text(bench: Bench, exhibits: Sequence[Exhibit]) -> str:
    """The page."""
    parts = [f"<h1>Janus, reproduced: {html.escape(bench.task.title)}</h1>", f"<p>{html.escape(bench.about)}</p>"]
    with_script: bool | str = True
    for exhibit in exhibits:
        parts.append(f"<h2>{html.escape(exhibit.title)}</h2><p>{html.escape(exhibit.kind)}</p>")
        for figure in exhibit.figures:
            parts.append(figure.to_html(full_html=False, include_plotlyjs=with_script))
            with_script = False
        parts += [f"<p>{html.escape(line)}</p>" for line in exhibit.words]
        parts += [table.to_html(index=False, border=0) for table in exhibit.tables.values() if len(table) <= SHOWN_ROWS]
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>Janus</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en">{head}\n{body}\n</html>\n'
