"""Janus as published. Torch-free."""

from __future__ import annotations

from janus.policy.base import Decision, Policy


class Janus(Policy):
    """The paper's scheduler: the smallest level whose fastest split should meet the SLO, else the fastest plan.

    The bandwidth is the harmonic mean of the last transfers. What the paper leaves open is a setting: how the input is
    encoded (the grid's), how many transfers count, and how bandwidth is learned while frames stay on the device.
    """

    name = "janus"

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        mbps = self.estimator.estimate_mbps()
        level, split, ms = self.grid.decide(mbps, self.rtt_ms, slo_ms)
        return self.decision(now_s, level, split, mbps, ms)

    def decide_alone(self, now_s: float, slo_ms: float) -> Decision:
        """The same rule for a link that carries nothing: the smallest level that meets the SLO on the device."""
        level, split, ms = self.grid.decide(0.0, self.rtt_ms, slo_ms)
        return self.decision(now_s, level, split, self.estimator.estimate_mbps(), ms)
