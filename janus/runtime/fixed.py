"""One plan, whatever the network does: for measurements. Torch-free."""

from __future__ import annotations

from janus.grid import PlanGrid
from janus.policy import Decision, Policy, PolicySettings
from janus.split import Plan


class FixedPlan(Policy):
    """Always the same level and split.

    Args:
        grid: Machines, codec and encoding.
        plan: What to do.
        settings: See `PolicySettings`; the bandwidth is estimated all the same, for ``modelled_ms``.
    """

    name = "fixed"

    def __init__(self, grid: PlanGrid, plan: Plan, settings: PolicySettings | None = None):
        levels = tuple(sorted({0.0, float(plan.level)}))
        splits = tuple(sorted({0, plan.split, grid.geometry.depth}))
        super().__init__(grid.rebuilt(levels=levels, splits=splits), settings)
        self._plan = levels.index(float(plan.level)), splits.index(plan.split)

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        level, split = self._plan
        mbps = self.estimator.estimate_mbps()
        return self.decision(now_s, level, split, mbps, self.modelled_ms(level, split, mbps))

    def probe_due(self, now_s: float) -> int:
        return 0
