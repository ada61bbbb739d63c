"""Janus with a codec: quality is chosen like level and split. Torch-free."""

from __future__ import annotations

from janus.grid import PlanGrid, RatedGrid
from janus.policy.base import PolicySettings
from janus.policy.chances import even
from janus.policy.robust import JanusRobust, RobustSettings

# What a late answer costs beside the answer itself, in points of accuracy; chosen on the generated traces.
LATENESS = 30.0


class JanusCodec(JanusRobust):
    """Janus-robust over everything that was measured: pictures and tokens at every quality, every schedule, the device.

    What Janus as published would do is here the most accurate plan that should meet the SLO: a greedy choice, to whose
    accuracy it is not held. Round trips and compute are weighed in sixteen cases, for with so many plans small
    differences decide.
    """

    name = "janus-codec"
    nodes = even(16, 5)
    rtt_firm = 4

    def __init__(self, grid: PlanGrid, settings: PolicySettings | None = None, robust: RobustSettings | None = None):
        super().__init__(RatedGrid.of(grid), settings, robust or RobustSettings(price=0.0, lateness=LATENESS))
