"""Bytes against accuracy of everything that can cross the cut, from a table that was measured. Torch-free.

`janus bench codec` writes such a table, and `data/rates` holds those that are stored. Nothing here is computed: what
was not measured is not in the table, and what is not in the table is not offered.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from janus.errors import JanusError, JanusWarning
from janus.files import data_folder, parse_json
from janus.geometry import architecture
from janus.rate_fields import NAME, REMEDY, SCHEDULE, Fields
from janus.schedule import FAMILIES, MergeSchedule
from janus.schedules import find_schedule, searched

PICTURE, TOKENS = "picture", "tokens"


@dataclass(frozen=True, kw_only=True)
class RateRow:
    """One measured point.

    Attributes:
        kind: ``picture`` (split 0) or ``tokens``.
        codec: A picture's format, or what makes bytes of tokens.
        quality: A picture's quality, or the quantiser step of tokens; None where a codec has no such knob.
        schedule: Family of the schedule, or the name of a searched one; ``none`` for no merging.
        level: Its level.
        split: Blocks on the device.
        bytes_mean, bytes_p90: On the wire, headers and all, a frame.
        encode_ms, decode_ms: Median on one core of the machine that the table names.
        top1: Share of pictures answered rightly, in percent.
        low, high: Ends of its 95 % confidence interval.
        removed: Tokens that each block of a searched schedule removed then; None where a name says it all, or in a
            table that does not tell.
    """

    kind: str
    codec: str
    quality: float | None
    schedule: str
    level: float
    split: int
    bytes_mean: float
    bytes_p90: float
    encode_ms: float
    decode_ms: float
    top1: float
    low: float
    high: float
    removed: tuple[int, ...] | None = None

    @property
    def carrier(self) -> str:
        """How it travels, in one word: ``jpeg85``, ``transform0.5``, ``int8+zstd``."""
        return self.codec if self.quality is None else f"{self.codec}{self.quality:g}"

    @property
    def merging(self) -> tuple[str, float]:
        """Schedule and level."""
        return merging(self.schedule, self.level)


@dataclass(frozen=True, kw_only=True, eq=False)
class RateTable:
    """Measured bytes, times and accuracies of one model.

    Attributes:
        model: The timm tag.
        images, n: Which pictures, and how many.
        unmerged: Top-1 of the model itself in percent, and the ends of its interval.
        machine, date, command: Where, when and how it was measured.
        rows: In the file's order.
    """

    model: str
    images: str
    n: int
    unmerged: tuple[float, float, float]
    rows: tuple[RateRow, ...]
    machine: str = ""
    date: str = ""
    command: str = ""

    @cached_property
    def _places(self) -> dict[tuple, RateRow]:
        return {(*row.merging, row.split, row.carrier): row for row in self.rows}

    def row(self, schedule: str, level: float, split: int, carrier: str) -> RateRow | None:
        """What was measured of exactly this; None where nothing was."""
        return self._places.get((*merging(schedule, level), split, carrier))

    def of(self, schedule: str, level: float) -> list[RateRow]:
        """All that was measured of one schedule."""
        return [row for row in self.rows if row.merging == merging(schedule, level)]

    @cached_property
    def _by_split(self) -> dict[int, list[RateRow]]:
        found: dict[int, list[RateRow]] = {}
        for row in self.rows:
            found.setdefault(row.split, []).append(row)
        return found

    def at(self, split: int) -> list[RateRow]:
        """All that was measured of one split."""
        return self._by_split.get(split, [])

    @cached_property
    def mergings(self) -> tuple[tuple[str, float], ...]:
        """Schedules and their levels, no merging first."""
        return tuple(sorted({row.merging for row in self.rows}, key=lambda known: (known[0] != "none", known)))

    def carriers(self, kind: str) -> tuple[str, ...]:
        """How pictures, or tokens, were sent: in the order of the table."""
        return tuple(dict.fromkeys(row.carrier for row in self.rows if row.kind == kind))

    def check_model(self, model: str) -> RateTable:
        """Return this table if it is of ``model``.

        Raises:
            JanusError: If it is of another architecture, or of other weights by their tag.
        """
        tagged = "." in model and "." in self.model
        if architecture(self.model) != architecture(model) or (tagged and self.model != model):
            raise JanusError(f"the rate table is of {self.model}, not of {model}: measure that model first.")
        return self


def merging(schedule: str, level: float) -> tuple[str, float]:
    """Schedule and level, where no merging is the same in every family."""
    return ("none", 0.0) if schedule == "none" or (schedule in FAMILIES and level == 0) else (schedule, float(level))


def schedule_of(rates: RateTable, schedule: str, level: float) -> MergeSchedule:
    """The schedule that a row names.

    Raises:
        JanusError: If it is neither a family nor the name of a searched schedule that is stored.
    """
    if schedule in FAMILIES and schedule != "list":
        return MergeSchedule(family=schedule, level=level)
    return find_schedule(schedule, rates.model)


def load_rates(path: Path | str) -> RateTable:
    """Read what `janus bench codec` wrote.

    Raises:
        JanusError: If the file is not such a document; the sentence names the row and the field.
    """
    try:
        doc = parse_json(Path(path).read_text(encoding="utf-8"))
    except OSError as why:
        raise JanusError(
            f"{path}: cannot be read ({why.strerror}); name a file that `janus bench codec` wrote."
        ) from why
    except ValueError as why:
        raise JanusError(f"{path}: is not JSON ({why}); {REMEDY}.") from why
    if not isinstance(doc, dict) or not isinstance(doc.get("model"), str) or not isinstance(doc.get("rows"), list):
        raise JanusError(f"{path}: must hold a model and rows; {REMEDY}.")
    if not doc["rows"]:
        raise JanusError(f"{path}: holds no rows; {REMEDY}.")
    whole = Fields(f"{path}:", doc)
    unmerged = doc.get("unmerged")
    if not isinstance(unmerged, dict):
        raise JanusError(f"{path}: unmerged {unmerged!r:.40} must hold top1, low and high; {REMEDY}.")
    rows = tuple(_row(f"{path}: rows[{at}]", row) for at, row in enumerate(doc["rows"]))
    seen: dict[tuple, int] = {}
    for at, row in enumerate(rows):
        first = seen.setdefault((*row.merging, row.split, row.carrier), at)
        if first != at:
            raise JanusError(f"{path}: rows[{at}] says again what rows[{first}] says; {REMEDY}.")
    return RateTable(
        model=doc["model"],
        images=whole.text("images"),
        n=whole.count("n", 1),
        unmerged=Fields(f"{path}: unmerged", unmerged).accuracy(),
        rows=_of_today(path, doc["model"], rows),
        **{name: str(doc.get(name) or "") for name in ("machine", "date", "command")},
    )


def _of_today(path: Path | str, model: str, rows: tuple[RateRow, ...]) -> tuple[RateRow, ...]:
    """Without those of a schedule that has been searched anew since and has other counts under its old name."""
    counts = {one.name: one.removed for one in searched(model)} if any(row.removed for row in rows) else {}
    other = {row.schedule for row in rows if row.removed and counts.get(row.schedule, row.removed) != row.removed}
    if other:
        warnings.warn(
            f"{path}: its rows of {', '.join(sorted(other))} are of other counts than are stored by that name now, and "
            "are left out; measure them again with `janus bench codec --schedule NAME`.",
            JanusWarning,
            stacklevel=3,
        )
    rows = tuple(row for row in rows if row.schedule not in other)
    if not rows:
        raise JanusError(f"{path}: holds no rows of schedules as they are stored now; {REMEDY}.")
    return rows


def stored_rates(model: str) -> RateTable | None:
    """What is stored of this very model; of one of its architecture where no tag is given; None where nothing is.

    Raises:
        JanusError: If a stored file cannot be read.
    """
    try:
        folder = data_folder("rates")
    except JanusError:
        return None  # installed without the checkout's data
    names = [path for path in sorted(folder.glob("*.json")) if architecture(path.stem) == architecture(model)]
    for path in names:
        table = load_rates(path)
        if table.model == model or "." not in model:
            return table
    return None


def find_rates(spec: str, model: str) -> RateTable:
    """``stored`` for what is stored of a model, else a file.

    Raises:
        JanusError: If there is no such table, or it is of another model.
    """
    if spec != "stored":
        return load_rates(spec).check_model(model)
    table = stored_rates(model)
    if table is None:
        raise JanusError(f"no rate table of {model} is stored: give a file that `janus bench codec` wrote.")
    return table


def _row(where: str, row) -> RateRow:
    if not isinstance(row, dict):
        raise JanusError(f"{where} must be an object; {REMEDY}.")
    fields = Fields(where, row)
    kind = row.get("kind")
    if kind not in (PICTURE, TOKENS):
        raise fields.refuse("kind", f"{PICTURE} or {TOKENS}")
    split = fields.count("split", 0)
    if (split == 0) != (kind == PICTURE):
        raise fields.refuse("split", "0 for a picture and 1 or more for tokens")
    quality = None if row.get("quality") is None else fields.number("quality", least=math.ulp(0.0))
    top1, low, high = fields.accuracy()
    return RateRow(
        kind=kind, codec=fields.text("codec", NAME), quality=quality, schedule=fields.text("schedule", SCHEDULE),
        level=0.0 if row.get("level") is None else fields.number("level"), split=split,
        bytes_mean=fields.number("bytes_mean", least=1), bytes_p90=fields.number("bytes_p90", least=1),
        encode_ms=fields.number("encode_ms"), decode_ms=fields.number("decode_ms"), top1=top1, low=low, high=high,
        removed=fields.counts("removed"),
    )  # fmt: skip
