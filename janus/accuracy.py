"""Expected accuracy of a level, from a table that `janus evaluate` measured; never from a formula. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from janus import demo
from janus.errors import JanusError
from janus.files import read_json
from janus.geometry import architecture

# No level and no number of pictures is beyond this.
MOST = 1e9
# Level of a list of counts with a name, which has only the one.
NAMED = 1.0


@dataclass(frozen=True, kw_only=True)
class AccuracyRow:
    """One measured point; accuracies in percent.

    Attributes:
        schedule: Family of the schedule, or the name of a searched one.
        level: Its level; 1 for a list of counts with a name; NaN for one without, which answers for no level.
        top1: Share of pictures answered rightly, in percent.
        low, high: Ends of the 95 % confidence interval.
        n: Pictures.
        codec: How the input or the tokens travelled; empty where that was not varied.
    """

    schedule: str
    level: float
    top1: float
    low: float
    high: float
    n: int
    codec: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class AccuracyTable:
    """Measured accuracy by schedule and level of one model.

    A level between two measured ones is answered with the next stronger one that was measured, so that no figure is
    better than a measurement; beyond the strongest nothing is known.
    """

    model: str
    rows: tuple[AccuracyRow, ...]

    @property
    def label(self) -> str:
        """What has to stand beside its numbers, if anything has to."""
        return demo.LABEL if self.model == demo.MODEL else ""

    def row(self, schedule: str, level: float, codec: str = "") -> AccuracyRow | None:
        """The measurement that speaks for a level, or None where there is none.

        Rows of this ``codec`` are preferred; else those of any. Of several the least accurate speaks.
        """
        known = [row for row in self.rows if row.level == 0 or row.schedule == schedule]
        known = [row for row in known if row.codec == codec] or known
        stronger = [row.level for row in known if row.level >= level - 1e-9]
        if not stronger:
            return None
        return min((row for row in known if row.level == min(stronger)), key=lambda row: row.top1)

    def expected(self, schedule: str, level: float, codec: str = "") -> float:
        """Expected top-1 accuracy in percent, NaN where nothing was measured."""
        row = self.row(schedule, level, codec)
        return math.nan if row is None else row.top1

    def check_model(self, model: str) -> AccuracyTable:
        """Return this table if it is of ``model``.

        Raises:
            JanusError: If it is of another architecture.
        """
        if architecture(self.model) != architecture(model):
            raise JanusError(f"the accuracy table is of {self.model}, not of {model}: evaluate that model first.")
        return self


def load_accuracy(path: Path | str) -> AccuracyTable:
    """Read what `janus evaluate --json` wrote.

    Raises:
        JanusError: If the file is not such a document; the sentence names the row and the field.
    """
    doc = read_json(path, by="janus evaluate", again="janus evaluate --out")
    try:
        results, model = doc["results"], doc["provenance"]["model"]
    except KeyError as why:
        raise JanusError(f"{path}: lacks {why}; write it again with `janus evaluate --out`.") from why
    except TypeError as why:
        raise JanusError(
            f"{path}: must hold results and provenance; write it again with `janus evaluate --out`."
        ) from why
    if not isinstance(model, str) or not isinstance(results, list) or not results:
        raise JanusError(f"{path}: needs a model and at least one result; write it again with `janus evaluate --out`.")
    return AccuracyTable(model=model, rows=tuple(_row(path, at, row) for at, row in enumerate(results)))


def _row(path: Path | str, at: int, row) -> AccuracyRow:
    def refuse(what: str) -> JanusError:
        return JanusError(f"{path}: results[{at}] {what}; write it again with `janus evaluate --out`.")

    def number(value, name: str, most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
            raise refuse(f"has {name} {value!r:.40} where a number from 0 to {most:g} belongs")
        return float(value)

    def count(value, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
            raise refuse(f"has {name} {value!r:.40} where a whole number from 1 to {MOST:g} belongs")
        return value

    if not isinstance(row, dict) or not isinstance(row.get("schedule"), str):
        raise refuse("must be an object with a schedule")
    interval = row.get("ci95")
    if not isinstance(interval, list) or len(interval) != 2:
        raise refuse(f"has ci95 {interval!r} where [low, high] belongs")
    # A list of counts has no level; a searched one bears its name.
    listed = row.get("level") is None and (row["schedule"] == "list" or "removed" in row)
    top1, low, high = number(row.get("top1"), "top1", 100), *(number(end, "ci95", 100) for end in interval)
    if not low <= top1 <= high:
        raise refuse(f"has top1 {top1:g} outside of its interval {low:g} to {high:g}")
    own = math.nan if row["schedule"] == "list" else NAMED
    return AccuracyRow(
        schedule=row["schedule"],
        level=own if listed else number(row.get("level"), "level", MOST),
        top1=top1,
        low=low,
        high=high,
        n=count(row.get("n"), "n"),
        codec=str(row.get("codec") or ""),
    )
