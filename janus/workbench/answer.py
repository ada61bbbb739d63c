"""From a question to a plan and the tables behind it. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from janus.accuracy import AccuracyRow, AccuracyTable
from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.grid import CODECS, ENCODINGS, GridSettings, PlanGrid, SizeTable, default_levels
from janus.grid.rated import RAW
from janus.profile import LatencyProfile
from janus.rates import PICTURE, RateTable
from janus.schedule import FAMILIES, MergePlan, MergeSchedule
from janus.schedules import SearchedSchedule
from janus.split import Plan, check_split, fine_to_coarse
from janus.workbench.columns import Columns
from janus.workbench.question import JPEG, TRANSFORM, Question
from janus.workbench.tables import latency_table, level_table, token_table

if TYPE_CHECKING:
    import pandas as pd

# At least so many levels between none and the strongest, in steps a person would choose.
LEVELS = 40
# The one level of a searched schedule, beside 0 for no merging.
OWN = 1.0
# How the bytes of a plan are known: from the codec's layout, from pictures, or from the tables of its codebook.
COUNTED, MEASURED, ESTIMATED = "counted", "measured", "estimated"


@lru_cache(maxsize=32)
def levels_of(family: str, geometry: ModelGeometry) -> tuple[float, ...]:
    """Levels of a schedule in round steps, from 0 to the strongest that no block has to clip."""
    if family not in FAMILIES:
        return (0.0, OWN)
    if family != "declining" and family != "linear":
        return default_levels(family, geometry)
    highest = MergeSchedule(family=family).max_level(geometry.depth, geometry.tokens, geometry.protected)
    step = next(step for step in (0.5, 0.01, 0.005, 0.002, 0.001) if highest / step >= LEVELS or step == 0.001)
    digits = 3
    levels = [round(i * step, digits) for i in range(math.floor(highest / step) + 1)]
    return tuple(level for level in levels if not geometry.plan(MergeSchedule(family=family, level=level)).clipped)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """A plan, and what there is to say about it.

    Attributes:
        question: What was asked.
        plan: Level and split.
        merging: What the level comes to, block by block.
        modelled_ms: Latency of the plan.
        grid: Every level at every split.
        here: The plan's own level at every split.
        jpeg: The same machines with the picture as JPEG, at level 0 and the plan's, at split 0 and device-only.
        candidates: Splits that Janus tries.
        least_ms: The least latency of each level of ``grid`` among the splits that were free to choose.
        searched: The schedule, where it is a searched one.
    """

    question: Question
    plan: Plan
    merging: MergePlan
    modelled_ms: float
    grid: PlanGrid
    here: PlanGrid
    jpeg: PlanGrid
    candidates: tuple[int, ...]
    least_ms: np.ndarray
    searched: SearchedSchedule | None = None

    @property
    def met(self) -> bool:
        """Whether the plan meets the SLO."""
        return self.modelled_ms <= self.question.slo_ms

    @property
    def depth(self) -> int:
        """Blocks of the model."""
        return self.grid.geometry.depth

    @property
    def merging_name(self) -> str:
        """What stored results call the plan's schedule: no merging is the same in all."""
        return self.question.family if self.plan.level else "none"

    @property
    def travels_as(self) -> str:
        """What the plan sends the picture or the tokens as; empty where nothing travels."""
        return self.here.travels_as[self.here.splits.index(self.plan.split)]

    @property
    def payload_bytes(self) -> float:
        """What the plan sends."""
        return float(self.here.payload_bytes[0, self.here.splits.index(self.plan.split)])

    def bytes_are(self, split: int, carrier: str) -> str:
        """How the bytes of what crosses a split are known: one of `COUNTED`, `MEASURED` and `ESTIMATED`, or nothing."""
        if carrier in ("", RAW, *CODECS):
            return COUNTED if carrier else ""
        rates = self.here.rates
        row = rates and rates.row(self.merging_name, self.plan.level, split, carrier)
        return MEASURED if row or split == 0 else ESTIMATED

    @cached_property
    def columns(self) -> dict[str, Columns]:
        """`tokens`, `latency` and `levels` as plain lists, which is quicker where they are only drawn."""
        return {"tokens": token_table(self), "latency": latency_table(self), "levels": level_table(self)}

    @property
    def tokens(self) -> pd.DataFrame:
        """One row for the embedding and each block; see `token_table`."""
        return self.columns["tokens"].frame()

    @property
    def latency(self) -> pd.DataFrame:
        """One row for each split, and one for the JPEG; see `latency_table`."""
        return self.columns["latency"].frame()

    @property
    def levels(self) -> pd.DataFrame:
        """One row for each level; see `level_table`."""
        return self.columns["levels"].frame()


class Workbench:
    """One model on one pair of machines, ready for questions.

    Args:
        device: Profile of the device.
        cloud: Profile of the cloud, of the same model.
        accuracy: Stored accuracies of that model.
        rates: What is stored of its pictures and tokens on the wire; policies over a trace choose among those.
        schedules: Those that were searched for it.
        sizes: By codec: how large its tokens are in codecs whose size depends on the content.

    Raises:
        JanusError: If they are of different models.
    """

    def __init__(
        self,
        device: LatencyProfile,
        cloud: LatencyProfile,
        accuracy: AccuracyTable | None = None,
        rates: RateTable | None = None,
        *,
        schedules: Sequence[SearchedSchedule] = (),
        sizes: Mapping[str, SizeTable] | None = None,
    ):
        cloud.check_model(device.model)
        self.device, self.cloud, self.accuracy, self.rates = device, cloud, accuracy, rates
        self.schedules = {one.name: one for one in schedules}
        self.sizes: Mapping[str, SizeTable] = {} if sizes is None else sizes
        self.geometry = device.geometry
        self._grid = lru_cache(maxsize=64)(self._build)

    def _build(self, settings: GridSettings) -> PlanGrid:
        return PlanGrid.build(self.device, self.cloud, settings, accuracy=self.accuracy, rates=self.rates)

    @property
    def encodings(self) -> tuple[str, ...]:
        """How the picture may travel: as everywhere, and as what was measured of this model."""
        known = () if self.rates is None else self.rates.carriers(PICTURE)
        return tuple(dict.fromkeys((*ENCODINGS, *known)))

    @property
    def codecs(self) -> tuple[str, ...]:
        """How tokens may travel: as everywhere, and as what this model has sizes of."""
        return (*CODECS, *self.sizes)

    def levels(self, family: str) -> tuple[float, ...]:
        """Levels that Janus tries of a family; of a searched schedule none and its own."""
        return levels_of(family, self.geometry)

    @property
    def candidates(self) -> tuple[int, ...]:
        """Splits that Janus tries of a codec that serves all."""
        return fine_to_coarse(self.geometry.depth)

    def settings(self, question: Question) -> GridSettings:
        """The plans that a question is about: all levels, and all splits that its codec serves.

        Raises:
            JanusError: If the schedule or the codec is none of this model's.
        """
        family, codec, depth = question.family, question.codec, self.geometry.depth
        one = self.schedules.get(family)
        if one is None and (family not in FAMILIES or family == "list"):
            names = ", ".join((*(name for name in FAMILIES if name != "list"), *self.schedules))
            raise JanusError(f"schedule {family!r:.60} is unknown for {self.device.model}: choose one of {names}.")
        sizes = None
        if codec.startswith(TRANSFORM):
            sizes = self.sizes.get(codec)
            if sizes is None:
                raise JanusError(
                    f"codec {codec!r:.40}: there is no codebook for {self.device.model} with this step, so no size is "
                    f"known; choose one of {', '.join(self.codecs)}."
                )
        return GridSettings(
            family="list" if one else family, listed=one.schedule if one else None, levels=self.levels(family),
            splits=(0, *sizes.splits, depth) if sizes else tuple(range(depth + 1)), codec=codec, sizes=sizes,
            encoding=question.encoding,
        )  # fmt: skip

    def tried(self, settings: GridSettings) -> tuple[int, ...]:
        """The splits of ``settings`` that Janus tries."""
        return settings.splits if settings.size_table else self.candidates

    def stored(self, family: str) -> AccuracyTable | None:
        """Stored accuracies, with that of a searched schedule where it was measured."""
        one, table = self.schedules.get(family), self.accuracy
        if one is None or not one.n or table is None:
            return table
        own = AccuracyRow(schedule=family, level=OWN, top1=one.top1, low=one.low, high=one.high, n=one.n)
        return replace(table, rows=(own, *table.rows))

    def ask(self, question: Question) -> Answer:
        """The plan: the paper's choice among what is left free, by its rule.

        The smallest level whose fastest split meets the SLO; where none does, the fastest plan. A level or a split
        that the question fixes is the only one tried, and so is the own level of a searched schedule. Ties go to the
        smaller level, then the smaller split.

        Raises:
            JanusError: If the schedule, the level, the split, the codec or the encoding does not fit.
        """
        q, depth = question, self.geometry.depth
        if q.split is not None:
            check_split(q.split, depth)
        settings = self.settings(q)
        if q.split is not None and q.split not in settings.splits:
            raise JanusError(
                f"split {q.split}: codec {q.codec} has no basis for it; choose one of "
                f"{', '.join(map(str, settings.splits))}, or another codec."
            )
        searched = self.schedules.get(q.family)
        if searched and q.level not in (None, OWN):
            raise JanusError(f"level {q.level:g}: schedule {q.family} has one level, its own; leave the level out.")
        grid, tried = self._grid(settings), self.tried(settings)
        free = np.isin(settings.splits, tried if q.split is None else (q.split,))
        ms = np.where(free, grid.modelled_ms(q.uplink_mbps, q.rtt_ms), np.inf)
        least_ms = ms.min(axis=1)
        if searched:
            level = OWN
        elif q.level is None:
            meets = least_ms <= q.slo_ms
            at = int(meets.argmax()) if meets.any() else int(least_ms.argmin())
            level = grid.levels[at]
        else:
            level = float(q.level)
        here = self._grid(replace(settings, levels=(level,)))
        row = np.where(free, here.modelled_ms(q.uplink_mbps, q.rtt_ms)[0], np.inf)
        split = int(row.argmin())
        jpeg = self._grid(replace(settings, levels=tuple(sorted({0.0, level})), splits=(0, depth), encoding=JPEG))
        return Answer(
            question=q,
            plan=Plan(level=level, split=settings.splits[split]),
            merging=self.geometry.plan(settings.schedule(level)),
            modelled_ms=float(row[split]),
            grid=grid,
            here=here,
            jpeg=jpeg,
            candidates=tried,
            least_ms=least_ms,
            searched=searched,
        )  # fmt: skip
