"""The bound: a policy that knows the trace. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from janus.grid import PlanGrid
from janus.policy.base import Decision, Policy, PolicySettings
from janus.units import ms_to_s
from janus.world import World


class Oracle(Policy):
    """Tries every plan on the true trace from now on, compute as it will really be; takes the most accurate that meets
    the SLO, else the fastest.

    No policy that chooses among these plans, hedged or not, meets an SLO at an instant at which the Oracle would not.
    Over a whole run that need not hold, since another choice now is another instant for the next frame.

    Args:
        grid: The plans to choose from.
        world: What it knows.
        rivals: Grids of other policies, whose plans it may use as well.
    """

    name = "oracle"

    def __init__(
        self, grid: PlanGrid, world: World, settings: PolicySettings | None = None, rivals: Sequence[PlanGrid] = ()
    ):
        super().__init__(grid, settings)
        self.world = world
        self._grids = list(dict.fromkeys((grid, *rivals)))
        plans = [_plans(number, g) for number, g in enumerate(self._grids)]
        columns = {name: np.concatenate([plan[name] for plan in plans]) for name in plans[0]}
        rank = _rank(columns["accuracy"], columns["grid"], columns["strength"])
        order = np.argsort(rank, kind="stable")
        self._columns = {name: column[order] for name, column in columns.items()}
        # Plans of one accuracy stand together: which group each is in, and where each group begins.
        self._group = rank[order]
        self._starts = np.append(np.flatnonzero(np.diff(self._group, prepend=-1)), len(order))
        edges = [int(self._starts[group]) for group in (0, 1, 5, 21) if group < len(self._starts) - 1]
        self._chunks = list(zip(edges, [*edges[1:], len(order)], strict=True))

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        # The best plans come first, so that the rest is looked at only where none of them is in time; the very best one
        # by one, for mostly one of them is.
        first, last = self._chunks[0]
        before, payload, after = self._parts(first, last)
        ms, plan = self._fastest(now_s, before, payload, after, np.arange(first, last))
        if ms <= slo_ms:
            return self._decision(now_s, plan, ms, float(before[plan]))
        for first, last in self._chunks[1:]:
            found = self._most_accurate(now_s, slo_ms, first, last)
            if found is not None:
                return found
        before, payload, after = self._parts(0, len(self._group))
        answers_ms = self.world.answers_ms(now_s, before, payload, after)
        plan = int(answers_ms.argmin())
        return self._decision(now_s, plan, float(answers_ms[plan]), float(before[plan]))

    def _parts(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of plans first…last: true ms before they send, bytes, true ms after the transfer and the round trip."""
        columns, world = self._columns, self.world
        before = columns["device"][first:last] * world.device_factor + columns["encode"][first:last]
        after = columns["cloud"][first:last] * world.cloud_factor + columns["downlink"][first:last]
        return before, columns["payload"][first:last], after

    def _most_accurate(self, now_s: float, slo_ms: float, first: int, last: int) -> Decision | None:
        """The most accurate plan of first…last that meets the SLO, of its equals the fastest; None where none does."""
        before, payload, after = self._parts(first, last)
        hopeful = self.world.may_meet(now_s, slo_ms, before, payload, after).nonzero()[0]
        at = 0
        while at < len(hopeful):
            group = int(self._group[first + hopeful[at]])
            until = int(hopeful.searchsorted(self._starts[group + 1] - first))
            ms, plan = self._fastest(now_s, before, payload, after, hopeful[at:until])
            if ms <= slo_ms:
                return self._decision(now_s, first + plan, ms, float(before[plan]))
            at = until  # only rounding gave hope
        return None

    def _fastest(
        self, now_s: float, before: np.ndarray, payload: np.ndarray, after: np.ndarray, plans: np.ndarray
    ) -> tuple[float, int]:
        """True latency and number of the fastest of some plans, the first of equals."""
        compute = before[plans] + after[plans]
        best = (math.inf, -1)
        for place in compute.argsort(kind="stable").tolist():
            if compute[place] > best[0]:
                break  # with the transfer it would take longer still
            plan = int(plans[place])
            best = min(
                best, (self._answer_ms(now_s, float(before[plan]), float(payload[plan]), float(after[plan])), plan)
            )
        return best

    def _answer_ms(self, now_s: float, before: float, payload: float, after: float) -> float:
        if payload == 0:
            return float(before)
        return self.world.answer_ms(now_s, float(before), float(payload), float(after))

    def _decision(self, now_s: float, plan: int, ms: float, before: float) -> Decision:
        columns = self._columns
        grid = self._grids[int(columns["grid"][plan])]
        level, split = int(columns["level"][plan]), int(columns["split"][plan])
        mbps = self.world.goodput_mbps(now_s + ms_to_s(before), float(columns["payload"][plan]))
        return Decision(
            grid.levels[level], grid.splits[split], grid.travels_as[split], mbps, ms, grid, level, split
        )  # fmt: skip


def _plans(number: int, grid: PlanGrid) -> dict[str, np.ndarray]:
    """The grid's plans in rows."""
    shape = grid.payload_bytes.shape
    level, split = np.indices(shape)
    downlink = np.where(grid.payload_bytes > 0, grid.downlink_ms, 0.0)
    columns = {
        "grid": np.full(shape, number),
        "level": level,
        "strength": np.broadcast_to(np.array(grid.levels)[:, None], shape),
        "split": split,
        "device": grid.device_ms,
        "encode": grid.encode_ms,
        "payload": grid.payload_bytes.astype(np.float64),
        "cloud": grid.cloud_ms,
        "downlink": downlink,
        "accuracy": grid.preference,
    }
    offered = grid.offered.ravel()
    return {name: column.ravel()[offered] for name, column in columns.items()}


def _rank(accuracy: np.ndarray, grid: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Order of preference, 0 the best: by measured accuracy where all have one, else by level.

    Levels of different schedules do not compare; unmerged plans come first, then the own grid's levels, then rivals'.
    """
    if not np.isnan(accuracy).any():
        return np.unique(-accuracy, return_inverse=True)[1]
    key = np.where(strength == 0, 0.0, strength + grid * (strength.max() + 1.0))
    return np.unique(key, return_inverse=True)[1]
