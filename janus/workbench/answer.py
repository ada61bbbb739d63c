"""From a question to a plan and the tables behind it. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from janus.accuracy import AccuracyTable
from janus.geometry import ModelGeometry
from janus.grid import ENCODINGS, GridSettings, PlanGrid, default_levels
from janus.profile import LatencyProfile
from janus.rates import PICTURE, RateTable
from janus.schedule import MergePlan, MergeSchedule
from janus.split import Plan, check_split, fine_to_coarse
from janus.workbench.question import JPEG, Question
from janus.workbench.tables import latency_table, level_table, token_table

if TYPE_CHECKING:
    import pandas as pd

# At least so many levels between none and the strongest, in steps a person would choose.
LEVELS = 40


@lru_cache(maxsize=32)
def levels_of(family: str, geometry: ModelGeometry) -> tuple[float, ...]:
    """Levels of a schedule in round steps, from 0 to the strongest that no block has to clip."""
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

    @property
    def met(self) -> bool:
        """Whether the plan meets the SLO."""
        return self.modelled_ms <= self.question.slo_ms

    @property
    def depth(self) -> int:
        """Blocks of the model."""
        return self.grid.geometry.depth

    @cached_property
    def tokens(self) -> pd.DataFrame:
        """One row for the embedding and each block; see `token_table`."""
        return token_table(self)

    @cached_property
    def latency(self) -> pd.DataFrame:
        """One row for each split, and one for the JPEG; see `latency_table`."""
        return latency_table(self)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """One row for each level; see `level_table`."""
        return level_table(self)


class Workbench:
    """One model on one pair of machines, ready for questions.

    Args:
        device: Profile of the device.
        cloud: Profile of the cloud, of the same model.
        accuracy: Stored accuracies of that model.
        rates: What is stored of its pictures and tokens on the wire; policies over a trace choose among those.

    Raises:
        JanusError: If they are of different models.
    """

    def __init__(
        self,
        device: LatencyProfile,
        cloud: LatencyProfile,
        accuracy: AccuracyTable | None = None,
        rates: RateTable | None = None,
    ):
        cloud.check_model(device.model)
        self.device, self.cloud, self.accuracy, self.rates = device, cloud, accuracy, rates
        self.geometry = device.geometry
        self.candidates = fine_to_coarse(self.geometry.depth)
        self._splits = tuple(range(self.geometry.depth + 1))
        self._grid = lru_cache(maxsize=64)(self._build)

    def _build(self, settings: GridSettings) -> PlanGrid:
        return PlanGrid.build(self.device, self.cloud, settings, accuracy=self.accuracy, rates=self.rates)

    @property
    def encodings(self) -> tuple[str, ...]:
        """How the picture may travel: as everywhere, and as what was measured of this model."""
        known = () if self.rates is None else self.rates.carriers(PICTURE)
        return tuple(dict.fromkeys((*ENCODINGS, *known)))

    def levels(self, family: str) -> tuple[float, ...]:
        """Levels that Janus tries of a family."""
        return levels_of(family, self.geometry)

    def ask(self, question: Question) -> Answer:
        """The plan: the paper's choice among what is left free, by its rule.

        The smallest level whose fastest split meets the SLO; where none does, the fastest plan. A level or a split
        that the question fixes is the only one tried. Ties go to the smaller level, then the smaller split.

        Raises:
            JanusError: If the level, the split, the codec or the encoding does not fit.
        """
        q, depth = question, self.geometry.depth
        if q.split is not None:
            check_split(q.split, depth)
        settings = GridSettings(
            family=q.family, levels=self.levels(q.family), splits=self._splits, codec=q.codec, encoding=q.encoding
        )
        grid = self._grid(settings)
        free = np.isin(self._splits, self.candidates if q.split is None else (q.split,))
        ms = np.where(free, grid.modelled_ms(q.uplink_mbps, q.rtt_ms), np.inf)
        least_ms = ms.min(axis=1)
        if q.level is None:
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
            plan=Plan(level=level, split=split),
            merging=self.geometry.plan(MergeSchedule(family=q.family, level=level)),
            modelled_ms=float(row[split]),
            grid=grid,
            here=here,
            jpeg=jpeg,
            candidates=self.candidates,
            least_ms=least_ms,
        )  # fmt: skip
