"""The results of `janus evaluate` for people."""

from __future__ import annotations

from collections.abc import Sequence

from janus.units import BYTES_PER_KB


def table(results: list[dict], headings: Sequence[tuple[str, str]], unit: str) -> str:
    """The rows, below them what was clipped, and below that how they differ from one of them.

    Args:
        results: One row for each configuration.
        headings: Of the two figures, with their keys.
        unit: One image.
    """
    (first, first_key), (second, second_key) = headings
    lines = [
        f"{_names_heading(results)}{'n':>6}{first:>8}  {'95 %':<15}{second:>7}{'tokens':>12}{'kept':>6}{'payload':>12}"
        f"{f'{unit}s/s':>10}"
    ]
    notes = []
    for row in results:
        payload_kb, rate = row["payload_bytes"] / BYTES_PER_KB, row[f"{unit}s_per_s"]
        lines.append(
            f"{_names(row, results)}{row['n']:>6}{_percent(row[first_key]):>8}  {_interval(row['ci95'], '.1f'):<15}"
            f"{_percent(row[second_key]):>7}{row['tokens'][0]:>5.0f} → {row['tokens'][-1]:<4.0f}"
            f"{row['mean_tokens_kept']:>6.2f}{payload_kb:>9.1f} kB{rate:>10.1f}"
        )
        notes += [f"{row['schedule']} {_level(row)}: {note}." for note in row["notes"]]
    return "\n".join([*lines, *dict.fromkeys(notes), *_differences(results, first, unit)])


def _differences(results: list[dict], figure: str, unit: str) -> list[str]:
    """How each row differs from the one that they are compared with; nothing for a single row."""
    compared = [row for row in results if row["paired"]]
    if not compared:
        return []
    base = compared[0]["paired"]["against"]
    counted = "p" in compared[0]["paired"]
    counts = f"{'gained':>8}{'lost':>6}{'p':>9}" if counted else ""
    lines = [
        "",
        f"{figure} against {base['schedule']} {_level(base)}, split {base['split']}, {base['codec'] or '-'}, on the "
        f"same {unit}s:",
        f"{_names_heading(results)}{'points':>8}  {'95 %':<17}{counts}",
    ]
    for row in compared:
        paired = row["paired"]
        points = "-" if paired["difference"] is None else f"{paired['difference']:+.2f}"
        line = f"{_names(row, results)}{points:>8}  {_interval(paired['ci95'], '+.2f'):<17}"
        lines.append(line + (f"{paired['gained']:>8}{paired['lost']:>6}{paired['p']:>10.2g}" if counted else ""))
    return [line.rstrip() for line in lines]


def _width(results: list[dict]) -> int:
    """Of the longest name of a schedule: a searched one may be longer than any family's."""
    return max(10, *(len(row["schedule"]) + 2 for row in results))


def _names_heading(results: list[dict]) -> str:
    return f"{'schedule':<{_width(results)}}{'level':>7}{'split':>6}  {'codec':<10}"


def _names(row: dict, results: list[dict]) -> str:
    return f"{row['schedule']:<{_width(results)}}{_level(row):>7}{row['split']:>6}  {row['codec'] or '-':<10}"


def _level(row: dict) -> str:
    return "-" if row["level"] is None else f"{row['level']:g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}%"


def _interval(ends: list[float] | None, form: str) -> str:
    return "-" if ends is None else f"{ends[0]:{form}} … {ends[1]:{form}}"
