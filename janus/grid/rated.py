"""Plans with quality as a third dimension: every picture, codec and schedule of a rate table. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from janus.accuracy import NAMED
from janus.errors import JanusError
from janus.grid.compute import compute
from janus.grid.expected import Expected
from janus.grid.ladder import Ladder, undominated
from janus.grid.payload import InputEncoding
from janus.grid.table import PlanGrid, ms_per_byte
from janus.rates import PICTURE, TOKENS, RateTable, merging, schedule_of
from janus.schedule import MergeSchedule
from janus.units import transfer_ms

ALONE = "device"
KINDS = (PICTURE, TOKENS, ALONE)
# Pixels as they are: nothing is lost, so the model's own accuracy is theirs.
RAW = "raw"


@dataclass(frozen=True, kw_only=True, eq=False)
class RatedGrid(PlanGrid):
    """A `PlanGrid` whose rows are schedules and whose columns are ways to travel: a split with a codec and its quality.

    So ``splits`` may name a split several times, from 0 to depth; ``levels`` are those of ``mergings``, row by row.

    The rule: bytes, time to encode and decode, and accuracy of a plan are those of exactly this plan in the rate table,
    the accuracy no better than the model's own (`Expected.of`). What was not measured is not offered; nor is what
    another plan beats in bytes, time and accuracy at once (`undominated`). Raw pixels lose nothing, so they are offered
    with the model's own accuracy. Device-only is offered for every schedule with the accuracy of `Expected.uncut`,
    which is also what a frame has that the device finishes.

    Attributes:
        mergings: Schedule and level of each row.
        choices: Which plans are offered, shape of the other arrays.
    """

    mergings: tuple[tuple[str, float], ...] = ()
    choices: np.ndarray

    @classmethod
    def of(cls, grid: PlanGrid, kinds: Sequence[str] = KINDS) -> RatedGrid:
        """All that was measured, for the machines and tables of a grid.

        Args:
            grid: Any; its ``rates`` must be there.
            kinds: What may be chosen: pictures, tokens, the device alone.

        Raises:
            JanusError: If it has no rate table, or a schedule of the table is not known.
        """
        rates, geometry, settings = grid.rates, grid.geometry, grid.settings
        if rates is None:
            raise JanusError(
                f"no measured rates of {grid.device.model}: give a rate table (--rates stored, or a file), or leave "
                "out policies that choose a quality."
            )
        mergings = _mergings(grid) if TOKENS in kinds else [("none", 0.0)]
        columns = _columns(rates, geometry.depth, kinds)
        splits = tuple(split for split, _ in columns)
        plans = [geometry.plan(schedule_of(rates, *known)) for known in mergings]
        done = compute(grid.device, grid.cloud, plans, splits)
        shape, factor = (len(mergings), len(columns)), settings.encode_factor
        payload, encode_ms, decode_ms = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape)
        accuracy, measured = np.full(shape, math.nan), Expected(grid.accuracy, rates)
        for at, known in enumerate(mergings):
            accuracy[at, -1] = measured.uncut(*known)
            for column, (split, carrier) in enumerate(columns[:-1]):
                raw = split == 0 and carrier == RAW and known == ("none", 0.0)
                row = rates.row(*known, split, carrier)
                if row is not None:
                    payload[at, column] = max(round(row.bytes_mean), 1)
                    encode_ms[at, column], decode_ms[at, column] = row.encode_ms * factor, row.decode_ms
                    accuracy[at, column] = measured.of(row)
                elif raw:
                    payload[at, column], accuracy[at, column] = geometry.raw_bytes, measured.uncut(*known)
        cloud_ms = np.where(done.sends, done.cloud_ms + decode_ms, 0.0)
        downlink_ms = float(transfer_ms(settings.answer_bytes, settings.downlink_mbps))
        choices = ~np.isnan(accuracy)
        choices[:, -1] &= ALONE in kinds
        fixed_ms = done.device_ms + encode_ms + cloud_ms + np.where(done.sends, downlink_ms, 0.0)
        choices[choices] = undominated(fixed_ms[choices], payload[choices], accuracy[choices])
        arrays = {
            "tokens_at_split": done.tokens, "payload_bytes": payload, "device_ms": done.device_ms,
            "encode_ms": encode_ms, "cloud_ms": cloud_ms, "finish_ms": done.finish_ms,
            "block_ends_ms": done.block_ends_ms, "expected_accuracy": accuracy, "choices": choices,
        }  # fmt: skip
        for array in arrays.values():
            array.setflags(write=False)
        return cls(
            geometry=geometry, device=grid.device, cloud=grid.cloud, settings=settings,
            encoding=InputEncoding(name="measured", size_bytes=geometry.raw_bytes, source=rates.machine),
            levels=tuple(level for _, level in mergings), splits=splits,
            travels_as=tuple(carrier for _, carrier in columns), accuracy=grid.accuracy, rates=rates,
            downlink_ms=downlink_ms, mergings=tuple(mergings), **arrays,
        )  # fmt: skip

    def schedule_at(self, level_index: int) -> MergeSchedule:
        """How tokens merge in one of its rows."""
        return schedule_of(self.rates, *self.mergings[level_index])

    @property
    def offered(self) -> np.ndarray:
        """Which plans there are to choose from."""
        return self.choices

    @cached_property
    def preference(self) -> np.ndarray:
        """Measured accuracy in percent; what is not offered stands behind everything."""
        return np.where(np.isnan(self.expected_accuracy), -np.inf, self.expected_accuracy)

    def modelled_ms(self, mbps: float, rtt_ms: float) -> np.ndarray:
        """Modelled milliseconds of every plan, shape [mergings, columns]; infinite where there is none to choose."""
        return self.envelope.all_ms(ms_per_byte(mbps), rtt_ms)

    @cached_property
    def envelope(self) -> Ladder:
        """Decisions in a few microseconds."""
        return Ladder(
            self.expected_accuracy, self.device_ms[:, -1], self.fixed_ms[:, :-1], self.payload_bytes[:, :-1],
            self.choices,
        )  # fmt: skip


def _mergings(grid: PlanGrid) -> list[tuple[str, float]]:
    """What is in either table: schedules that were measured uncut only can run on the device."""
    uncut = [] if grid.accuracy is None else grid.accuracy.rows
    own = {merging(row.schedule, row.level) for row in uncut if row.schedule != "list"}
    own |= {(name, NAMED) for name in Expected(grid.accuracy, grid.rates).tested}
    return sorted({("none", 0.0), *grid.rates.mergings, *own}, key=lambda known: (known[0] != "none", known))


def _columns(rates: RateTable, depth: int, kinds: Sequence[str]) -> list[tuple[int, str]]:
    """Split and carrier of each way to travel: pictures first, then tokens by split, device-only last."""
    pictures = [(0, carrier) for carrier in (RAW, *rates.carriers(PICTURE))] if PICTURE in kinds else []
    found = {(row.split, row.carrier) for row in rates.rows if row.kind == TOKENS and row.split < depth}
    tokens = sorted(found) if TOKENS in kinds else []
    return [*dict.fromkeys(pictures), *tokens, (depth, "")]
