"""Tables of rates in a folder: what each way to send costs in bytes, time and accuracy, one file for each model."""

from __future__ import annotations

import json
from pathlib import Path

from janus.cli.common import make_folder
from janus.errors import JanusError
from janus.files import parse_json, write_text
from janus.provenance import provenance

KEY = ("kind", "codec", "quality", "schedule", "level", "split")
FIGURES = ("bytes_mean", "bytes_p90", "encode_ms", "decode_ms", "top1", "low", "high")
# Of a searched schedule, whose name may come to stand for another.
COUNTS = "removed"
# Points by which rounding in a file may differ.
SAME = 0.001


def save_rates(folder: Path, model: str, images: str, n: int, unmerged: dict, rows: list[dict]) -> Path:
    """Add rows to a model's table; those of the same way take the place of older ones.

    Raises:
        JanusError: If the table there is of other pictures, or is no such table.
    """
    make_folder(folder)
    path = folder / f"{model}.json"
    known: dict[tuple, dict] = {}
    commands: list[str] = []
    if path.is_file():
        try:
            before = parse_json(path.read_text(encoding="utf-8"))
            same = before["n"] == n and before["images"] == images
            known = {tuple(row[key] for key in KEY): row for row in before["rows"]}
            commands, whole = list(before["commands"]), float(before["unmerged"]["top1"])
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise JanusError(f"{path}: is no table of rates ({why}); move it away.") from why
        if not same:
            raise JanusError(f"{path}: holds other pictures ({before['images']}, {before['n']}); save elsewhere.")
        # Of the same pictures it is the same, unless the weights or what makes pixels of pictures are others.
        if abs(whole - unmerged["top1"]) > SAME:
            raise JanusError(
                f"{path}: unmerged, the model is right on {whole:g} % there and on {unmerged['top1']:g} % here, so "
                "weights or --fit are others; save elsewhere."
            )
    facts = provenance()
    for row in rows:
        known[tuple(row[key] for key in KEY)] = {
            key: row[key] for key in (*KEY, *FIGURES, *([COUNTS] if COUNTS in row else []))
        }
    command = facts.get("command", "janus bench codec")
    ordered = sorted(known.values(), key=lambda row: [str(type(row[k])) + f"{row[k]!s:>8}" for k in KEY])
    doc = {
        "model": model, "images": images, "n": n, "date": facts["date"], "command": command,
        "commands": [*(old for old in commands if old != command), command],
        "machine": f"{facts['hardware']['processor']}, {facts['hardware']['cores']} cores",
        "about": "every figure is measured: bytes on the wire with headers, sizes and prefix tokens; encode_ms and "
        "decode_ms are medians on one core; top1 with its 95 % interval (Wilson), in percent",
        "unmerged": unmerged,
    }  # fmt: skip
    lines = ",\n  ".join(json.dumps(row, allow_nan=False) for row in ordered)
    head = json.dumps(doc, indent=1, allow_nan=False).removesuffix("\n}")
    write_text(path, f'{head},\n "rows": [\n  {lines}\n ]\n}}\n')
    return path
