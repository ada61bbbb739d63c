"""Which measurement speaks for a plan's accuracy. Torch-free."""

from __future__ import annotations

import math
from functools import cached_property

from janus.accuracy import AccuracyTable
from janus.rates import RateRow, RateTable
from janus.schedule import FAMILIES
from janus.schedules import SearchedSchedule, tested


class Expected:
    """Expected top-1 of plans, from what was measured: of the plan itself where it was, never from a formula.

    Args:
        accuracy: By level, uncut.
        rates: By schedule, split and what crosses it.
    """

    def __init__(self, accuracy: AccuracyTable | None, rates: RateTable | None):
        self.accuracy, self.rates = accuracy, rates
        self._uncut: dict[tuple[str, float, str], float] = {}

    @cached_property
    def tested(self) -> dict[str, SearchedSchedule]:
        """Searched schedules whose accuracy was measured uncut, on as many pictures as the rates, by name."""
        if self.rates is None:
            return {}
        return {name: one for name, one in tested(self.rates.model).items() if one.n == self.rates.n}

    def top1(self, schedule: str, level: float, split: int, carrier: str) -> float:
        """Percent; NaN where nothing was measured.

        A picture under a level with which it was not measured counts as the worse of both: no figure is better than a
        measurement.

        Args:
            schedule: Family, or the name of a searched schedule.
            level: Its level.
            split: Blocks on the device.
            carrier: Encoding, codec, or nothing for device-only.
        """
        uncut = self.uncut(schedule, level, carrier)
        if self.rates is None or not carrier:
            return uncut
        # The compressor behind a codec loses nothing.
        for name in (carrier, f"{carrier}+zstd"):
            row = self.rates.row(schedule, level, split, name)
            if row is not None:
                return self.of(row)
        picture = self.rates.row("none", 0.0, 0, carrier) if split == 0 else None
        return uncut if picture is None or math.isnan(uncut) else min(uncut, self.of(picture))

    def of(self, row: RateRow) -> float:
        """Percent of a measured row: no more than the model itself has on the same pictures.

        What is lost on the way makes no answer better: a figure above that is luck with these pictures, and the best
        of a hundred figures would mostly be the luckiest.
        """
        return row.top1 if self.rates is None else min(row.top1, self.rates.unmerged[0])

    def uncut(self, schedule: str, level: float, carrier: str = "") -> float:
        """Percent of a schedule on one machine; NaN where nothing was measured.

        Where only plans with a cut were measured, that of the codec which spends most bytes speaks for it.
        """
        key = (schedule, level, carrier)
        if key not in self._uncut:
            self._uncut[key] = self._measured(*key)
        return self._uncut[key]

    def _measured(self, schedule: str, level: float, carrier: str) -> float:
        # A searched schedule has a level above 0, its own: what is stored of no merging does not answer for it.
        if self.accuracy is not None and (schedule in FAMILIES or level):
            known = self.accuracy.expected(schedule, level, carrier)
            if not math.isnan(known):
                return known
        if self.rates is None:
            return math.nan
        if schedule in self.tested:
            return min(self.tested[schedule].top1, self.rates.unmerged[0])
        if schedule in FAMILIES and level == 0:
            return self.rates.unmerged[0]
        rows = self.rates.of(schedule, level)
        return self.of(max(rows, key=_spent)) if rows else math.nan


def _spent(row: RateRow) -> float:
    return row.bytes_mean
