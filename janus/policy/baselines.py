"""The rivals: device-only, cloud-only, the better of both, a split without merging, ToMe with a split. Torch-free."""

from __future__ import annotations

from janus.grid import PlanGrid, RatedGrid, ms_per_byte
from janus.policy.base import Decision, Policy, PolicySettings
from janus.rates import PICTURE


class DeviceOnly(Policy):
    """All blocks on the device, nothing merged. It never asks for the network, so it never probes."""

    name = "device-only"

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        last = len(self.grid.splits) - 1
        return self.decision(now_s, 0, last, self.estimator.estimate_mbps(), self.modelled_ms(0, last, 0.0))

    def probe_due(self, now_s: float) -> int:
        return 0


class CloudOnly(Policy):
    """The input travels, whatever the network is like; nothing merged."""

    name = "cloud-only"

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        mbps = self.estimator.estimate_mbps()
        return self.decision(now_s, 0, 0, mbps, self.modelled_ms(0, 0, mbps))


class CloudAdaptive(Policy):
    """The picture travels in the best format and quality that should meet the SLO, else in the quickest one.

    What a practitioner would build: the most accurate picture, as measured, by the estimate of the bandwidth.
    """

    name = "cloud-only-adaptive"

    def __init__(self, grid: PlanGrid, settings: PolicySettings | None = None):
        super().__init__(RatedGrid.of(grid, (PICTURE,)), settings)

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        mbps = self.estimator.estimate_mbps()
        level, picture, ms = self.grid.decide(mbps, self.rtt_ms, slo_ms)
        return self.decision(now_s, level, picture, mbps, ms)


class Mixed(Policy):
    """Device-only or cloud-only, whichever the estimate says is faster: the Janus paper's third baseline."""

    name = "mixed"

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        mbps = self.estimator.estimate_mbps()
        last = len(self.grid.splits) - 1
        local, remote = self.modelled_ms(0, last, mbps), self.modelled_ms(0, 0, mbps)
        split, ms = (0, remote) if remote <= local else (last, local)
        return self.decision(now_s, 0, split, mbps, ms)


class Neurosurgeon(Policy):
    """The fastest split by the estimate, nothing merged: in the manner of Kang et al., ASPLOS 2017."""

    name = "neurosurgeon"

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        mbps = self.estimator.estimate_mbps()
        split, ms = self.grid.envelope.fastest_split(0, ms_per_byte(mbps), self.rtt_ms)
        return self.decision(now_s, 0, split, mbps, ms)


class Tome(Neurosurgeon):
    """ToMe at one r for all frames (Bolya et al., ICLR 2023), and the fastest split by the estimate."""

    name = "tome"

    def __init__(self, grid: PlanGrid, settings: PolicySettings | None = None):
        settings = settings or PolicySettings()
        r = settings.tome_r or grid.geometry.tokens // (grid.geometry.depth + 1)
        super().__init__(grid.rebuilt(family="constant", levels=(float(r),)), settings)
