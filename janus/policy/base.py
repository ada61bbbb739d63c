"""What every policy is: it decides, and it hears of what has finished. Torch-free.

The replay and the real runtime drive policies alike: `decide` before a frame, `observe` for each finished or abandoned
transfer, `observe_frame` when a frame has its answer. A policy knows nothing else of the world.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from janus.errors import JanusError
from janus.grid import PlanGrid, ms_per_byte
from janus.network import ESTIMATORS, Estimator, make_estimator


class HedgeRule(NamedTuple):
    """Finish on the device, too, when no answer has come; whichever answer comes first counts.

    Attributes:
        after_ms: When, from the start of the frame.
        level_index: At which of the grid's levels, where the device has the whole frame still before it (split 0);
            tokens that were merged at a level are finished at that level.
    """

    after_ms: float
    level_index: int


class Decision(NamedTuple):
    """What one frame does, and what the policy expected of it.

    Attributes:
        level: Level of the schedule.
        split: Blocks on the device.
        encoding: How the input travels at split 0, the codec of tokens elsewhere, empty for device-only.
        estimated_mbps: Uplink goodput that was expected.
        modelled_ms: Latency that was expected.
        grid: Where the plan's figures stand.
        level_index, split_index: Where in that grid.
        hedge: When to finish on the device as well; None for never.
        probe_bytes: Send this many bytes beside the frame, just to learn the bandwidth; 0 for none. A probe ends when
            a frame wants the link.
    """

    level: float
    split: int
    encoding: str
    estimated_mbps: float
    modelled_ms: float
    grid: PlanGrid
    level_index: int
    split_index: int
    hedge: HedgeRule | None = None
    probe_bytes: int = 0

    def finish_ms(self) -> float:
        """Modelled compute that is left where the device finishes the frame, by a hedge or without one."""
        if self.split == 0:
            level_index = self.level_index if self.hedge is None else self.hedge.level_index
            return self.grid.rows[level_index][-1].device_ms
        return self.grid.rows[self.level_index][self.split_index].finish_ms


class Transfer(NamedTuple):
    """An uplink transfer that is over.

    Attributes:
        end_s: When it ended or was abandoned.
        size_bytes: What was to be sent.
        duration_ms: How long it took, without the round trip.
        finished: Whether all got through. How much of an abandoned transfer did is not known.
        rtt_ms: Round trip that went with it.
    """

    end_s: float
    size_bytes: float
    duration_ms: float
    finished: bool
    rtt_ms: float


class FrameReport(NamedTuple):
    """A frame that is over.

    Attributes:
        decision: What was decided.
        device_ms: Compute on the device up to the split, without encoding; to the end where it finished the frame.
        cloud_ms: Decoding and compute in the cloud; NaN where the cloud did not answer.
        fallback: Whether the device finished it.
    """

    decision: Decision
    device_ms: float
    cloud_ms: float
    fallback: bool


# The estimators that remember so many transfers.
WINDOWED = ("harmonic", "quantile")


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """What policies have in common.

    Attributes:
        estimator: Name of a bandwidth estimator; the paper's is ``harmonic``.
        window: Transfers that it remembers; the paper does not say how many.
        initial_mbps: Bandwidth before the first transfer.
        rtt_ms: Round trip before the first transfer.
        probe_bytes: Size of a probe. The paper does not say how bandwidth is learned while frames stay on the device;
            without probes a policy that once went there would never come back.
        probe_every_s: Silence after which a frame that stays on the device is accompanied by a probe.
        tome_r: Tokens per block of the fixed ToMe policy; 0 for tokens // (depth + 1), 23 for ViT-L/16@384 as in the
            ToMe README.
    """

    estimator: str = "harmonic"
    window: int = 5
    initial_mbps: float = 10.0
    rtt_ms: float = 20.0
    probe_bytes: int = 32_000
    probe_every_s: float = 1.0
    tome_r: int = 0

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise JanusError(f"estimator {self.estimator!r} is unknown: choose one of {', '.join(ESTIMATORS)}.")
        for field, least in (("initial_mbps", 1e-3), ("rtt_ms", 0), ("probe_bytes", 1), ("probe_every_s", 0)):
            value = getattr(self, field)
            if not (math.isfinite(value) and value >= least):
                raise JanusError(f"{field} {value} must be a finite number of at least {least:g}.")
        if self.window < 1 or self.tome_r < 0:
            raise JanusError(f"window {self.window} must be 1 or more, and tome_r {self.tome_r} 0 or more.")

    def make_estimator(self) -> Estimator:
        """The estimator by its name, with the window where it has one."""
        options = {"window": self.window} if self.estimator in WINDOWED else {}
        return make_estimator(self.estimator, prior_mbps=self.initial_mbps, **options)


class Policy:
    """Base of all policies: estimates bandwidth and round trip, and says when a probe is due.

    Args:
        grid: The plans to choose from.
        settings: See `PolicySettings`.
    """

    name = ""

    def __init__(self, grid: PlanGrid, settings: PolicySettings | None = None):
        self.grid = grid
        self.settings = settings or PolicySettings()
        self.estimator = self.settings.make_estimator()
        self.rtt_ms = self.settings.rtt_ms
        self.heard_s = -math.inf
        self.period_ms = 0.0

    def keep_pace(self, period_ms: float) -> None:
        """Hear, before the first frame, of the time between two frames of a camera; 0: each begins after the last."""
        self.period_ms = period_ms

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        """What the frame that starts at ``now_s`` should do, with ``slo_ms`` left for it."""
        raise NotImplementedError

    def decide_alone(self, now_s: float, slo_ms: float) -> Decision | None:
        """What a frame should do while the cloud is known to be away; None to `decide` as ever.

        Only the real runtime asks: in a replay the cloud is always there, behind whatever link.
        """
        return None

    def observe(self, transfer: Transfer) -> None:
        """Take note of a transfer that is over."""
        self.heard_s = transfer.end_s
        if transfer.finished and transfer.duration_ms > 0:
            self.estimator.observe(transfer.size_bytes, transfer.duration_ms)
            self.rtt_ms = transfer.rtt_ms

    def observe_frame(self, frame: FrameReport) -> None:
        """Take note of a frame that is over."""

    def probe_due(self, now_s: float) -> int:
        """Bytes of the probe to send beside a frame that stays on the device; 0 while the link was heard of lately."""
        return self.settings.probe_bytes if now_s - self.heard_s >= self.settings.probe_every_s else 0

    def decision(
        self, now_s: float, level: int, split: int, mbps: float, modelled_ms: float, hedge: HedgeRule | None = None
    ) -> Decision:
        """A decision for a plan of the own grid, with a probe where one is due."""
        grid = self.grid
        where = grid.splits[split]
        stays = where == grid.geometry.depth
        return Decision(
            grid.levels[level], where, grid.travels_as[split], mbps, modelled_ms, grid, level, split, hedge,
            self.probe_due(now_s) if stays else 0,
        )  # fmt: skip

    def modelled_ms(self, level: int, split: int, mbps: float) -> float:
        """Latency that is expected of one plan at a bandwidth."""
        grid = self.grid
        if grid.splits[split] == grid.geometry.depth:
            return grid.envelope.local_ms[level]
        a, c = grid.envelope.line(level, split)
        return a + c * ms_per_byte(mbps) + self.rtt_ms
