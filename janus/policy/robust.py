"""Janus-robust: ours, for networks that fall apart. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from janus.errors import JanusError
from janus.grid import PlanGrid
from janus.policy.base import Decision, FrameReport, HedgeRule, Policy, PolicySettings, Transfer
from janus.policy.chances import THREE, Chances
from janus.policy.forecast import Residual, RoundTrips, SpreadForecast, below

# Where no accuracy was measured: percent that the strongest level is taken to lose, and the power of the level by which
# the loss grows. Small levels cost next to nothing in both models of data/accuracy; strong ones cost those some 20
# points, a ViT-L under r = 23 less than one (ToMe README). It only orders plans; no figure that is shown comes from it.
UNKNOWN_LOSS, UNKNOWN_POWER = 15.0, 4
# If no plan has more of a chance than this, none is worth a sacrifice.
HOPELESS = 0.02
# Chances closer than this are the same: forecasts of one frame add up to them along different ways.
SAME = 1e-9
# A camera's periods that are told apart within an SLO.
MOST_PERIODS = 3


@dataclass(frozen=True, kw_only=True)
class RobustSettings:
    """What Janus-robust weighs.

    Attributes:
        lateness: What a late answer costs beside the answer itself, in percentage points of accuracy. 100: a late
            answer is as bad as two wrong ones. More of it gives up accuracy for punctuality, as far as ``price`` lets.
        price: By how much more accuracy counts for each point by which, added up over frames that Janus as published
            would have answered in time, the answers were less accurate than its own. 0: accuracy may fall as
            ``lateness`` says; above: on average hardly below Janus.
        cushion: Points that are kept in hand before accuracy becomes dearer.
        hedge: Whether to finish on the device when the link stalls.
        hedge_sigmas: Standard deviations of compute by which a hedge starts before its last moment.
        hedge_chance: Least chance of the cloud's answer for which hedging is tried: below, the link is only probed.
    """

    lateness: float = 100.0
    price: float = 0.05
    cushion: float = 5.0
    hedge: bool = True
    hedge_sigmas: float = 2.5
    hedge_chance: float = 0.1

    def __post_init__(self) -> None:
        for name in ("lateness", "price", "cushion", "hedge_sigmas"):
            if not 0 <= getattr(self, name) < math.inf:
                raise JanusError(f"{name} {getattr(self, name)} must be a finite number that is 0 or more.")
        if not 0 <= self.hedge_chance <= 1:
            raise JanusError(f"hedge_chance {self.hedge_chance} must be from 0 to 1.")


class _Stake(NamedTuple):
    """What a frame under way can add to the points in hand."""

    chance: float
    published: float
    cloud: float
    device: float


class JanusRobust(Policy):
    """Janus against a distribution of what may come, instead of one number: never knowingly later, nor less accurate.

    Each frame it asks what Janus as published would do. Of all plans that are at least as likely to meet the SLO it
    takes the best, in accuracy and punctuality. The candidates are, for every level, the device alone, the picture,
    and the split that survives the lowest bandwidth: slack is spent on safety. Each that sends is hedged: the device
    finishes the frame itself at the last moment that still meets the SLO. The chance of a plan follows from a forecast
    of the goodput with its spread, and from the residuals of the device's and the cloud's model, learned online. A
    camera's frames are dropped while the device is busy, so a plan that outlasts the camera's period must be worth it.

    Accuracy that is given up for punctuality is booked, and grows dearer until it is earned again (``price``).
    """

    name = "janus-robust"
    nodes = THREE
    rtt_window, rtt_firm = 50, 0

    def __init__(self, grid: PlanGrid, settings: PolicySettings | None = None, robust: RobustSettings | None = None):
        super().__init__(grid, settings)
        self.robust = robust or RobustSettings()
        self.estimator: SpreadForecast = SpreadForecast(prior_mbps=self.settings.initial_mbps)
        self.published = self.settings.make_estimator()
        self.device, self.cloud = Residual(grid.device.noise), Residual(grid.cloud.noise)
        self.round_trips = RoundTrips(self.rtt_ms, self.rtt_window, self.rtt_firm)
        self.accuracy = _accuracy(grid)
        self.chances = Chances(
            grid, self.accuracy, self.estimator, self.device, self.cloud, self.round_trips, self.nodes
        )
        # A hedge that begins so many deviations early is in time so often.
        self.hold = float(below(self.robust.hedge_sigmas))
        self.stalled = False
        self.in_hand = 0.0
        self._stake: _Stake | None = None

    def observe(self, transfer: Transfer) -> None:
        super().observe(transfer)
        self.stalled = not transfer.finished
        if math.isfinite(transfer.rtt_ms):
            self.round_trips.observe(transfer.rtt_ms)
        if transfer.duration_ms > 0:
            if self.stalled:
                self.estimator.abandoned(transfer.size_bytes, transfer.duration_ms)
            else:
                self.published.observe(transfer.size_bytes, transfer.duration_ms)

    def observe_frame(self, frame: FrameReport) -> None:
        decision = frame.decision
        plan = self.grid.rows[decision.level_index][decision.split_index]
        expected_ms = plan.device_ms + (decision.finish_ms() if frame.fallback else 0.0)
        self.device.observe(frame.device_ms, expected_ms)
        self.cloud.observe(frame.cloud_ms, plan.cloud_ms)
        if self._stake is not None:
            chance, published, cloud, device = self._stake
            self.in_hand += chance * ((device if frame.fallback else cloud) - published)
            self._stake = None

    def probe_due(self, now_s: float) -> int:
        # After a stall the link is asked at once, not after a second of silence.
        return self.settings.probe_bytes if self.stalled else super().probe_due(now_s)

    def decide(self, now_s: float, slo_ms: float) -> Decision:
        published = self.grid.decide(self.published.estimate_mbps(), self.rtt_ms, slo_ms)[:2]
        if slo_ms <= 0:
            return self._plan(now_s, *published)
        deadlines_ms, chances = self._deadlines(slo_ms), self.chances
        own, plans = chances.local(deadlines_ms), chances.candidates(deadlines_ms)
        factors = chances.factors()
        log_left_ms = chances.log_left_ms(plans, deadlines_ms, factors)
        answered = chances.answered(plans, log_left_ms)
        if published[1] == len(self.grid.splits) - 1:
            chance = own[:, published[0]].tolist()
        elif (at := plans.places.get(published)) is not None:
            chance = answered[:, at].tolist()
        else:
            chance = chances.answered_by(*published, deadlines_ms, factors)

        # What an answer in time is worth: on the device alone, by the cloud, finished on the device.
        levels, count, base = len(self.grid.levels), len(plans.level), float(self.accuracy[published])
        dearer = self.robust.price * max(self.robust.cushion - self.in_hand, 0.0)
        worth = plans.accuracy - base
        worth += dearer * chance[-1] * np.minimum(worth, 0.0) + (self.robust.lateness + base)
        own_worth, sent_worth, finished_worth = worth[:levels], worth[levels:-count], worth[-count:]

        # On the device alone; and at which level it finishes where a picture was sent.
        own_met, own_value = own[-1], own[-1] * own_worth
        if not count:
            # All that could be sent is worse in every way than the device alone.
            return self._plan(now_s, int(own_value.argmax()), len(self.grid.splits) - 1)
        fallback = (np.minimum(own, self.hold) * own_worth).argmax(axis=1)
        finish_ms = chances.local_ms[fallback]

        # Sent, and finished on the device where no answer comes.
        sent_met, sent_value, nets = answered, answered * sent_worth, None
        if self.robust.hedge and chances.may_be_caught(slo_ms):
            caught = chances.caught(plans, log_left_ms, finish_ms, self.robust.hedge_sigmas)
            saved = (1 - answered) * caught * (answered >= self.robust.hedge_chance)
            nets = saved > 0
            sent_met = np.where(nets, answered, answered[-1]) if len(deadlines_ms) > 1 else answered
            sent_value = sent_met * sent_worth
            sent_met = sent_met + saved
            pictures = plans.pictures
            sent_value[:, :pictures] += saved[:, :pictures] * own_worth[fallback][:, None]
            sent_value[:, pictures:] += saved[:, pictures:] * finished_worth[pictures:]
        floor = chance[-1] - SAME
        if len(deadlines_ms) > 1:
            floor = chance[-1] / self._slots(np.array(chance)) - SAME
            own_slots, bare_slots = self._slots(own), self._slots(answered)
            own_met, own_value = own_met / own_slots, own_value / own_slots
            bare_met, bare_value = answered[-1] / bare_slots, answered[-1] * sent_worth / bare_slots
            if nets is None:
                sent_met, sent_value = bare_met[None], bare_value[None]
            else:
                # A device that has begun to finish a frame ends the block that it is in before it takes the next one.
                # Where that costs the camera's frames, the last of the deadlines is played without a hedge.
                block_ms = float(finish_ms.max()) / self.grid.geometry.depth
                earlier = [max(ms - block_ms, 1.0) for ms in deadlines_ms]
                done = chances.answered(plans, chances.log_left_ms(plans, earlier, factors))
                slots = np.where(nets, np.cumsum(1 - done, axis=0) + done + (1 - sent_met), bare_slots)
                sent_met, sent_value = sent_met / slots, sent_value / slots
                without = bare_value > sent_value.max(axis=0)
                sent_met[-1], sent_value[-1] = (
                    np.where(without, bare, hedged[-1])
                    for bare, hedged in ((bare_met, sent_met), (bare_value, sent_value))
                )
                nets[-1] &= ~without

        # Never less likely in time than Janus as published.
        own_value = np.where(own_met >= floor, own_value, -np.inf)
        sent_value = np.where(sent_met >= floor, sent_value, -np.inf)
        if sent_met.max() < HOPELESS and own_met.max() < HOPELESS:
            return self._plan(now_s, *published)
        local, (deadline, remote) = int(own_value.argmax()), divmod(int(sent_value.argmax()), count)
        if max(own_value[local], sent_value[deadline, remote]) == -np.inf:
            return self._plan(now_s, *published)
        if own_value[local] >= sent_value[deadline, remote]:
            alone = float(self.accuracy[local, -1])
            self._stake = _Stake(chance[-1], base, alone, alone)
            return self._plan(now_s, local, len(self.grid.splits) - 1)
        level, split = int(plans.level[remote]), int(plans.split[remote])
        whole = self.grid.splits[split] == 0
        finisher = int(fallback[deadline]) if whole else level
        self._stake = _Stake(chance[-1], base, float(self.accuracy[level, split]), float(self.accuracy[finisher, -1]))
        if nets is None or not nets[deadline, remote]:
            return self._plan(now_s, level, split)
        takes_ms = finish_ms[deadline] if whole else self.grid.finish_ms[level, split]
        after_ms = deadlines_ms[deadline] - float(takes_ms) * self.device.factor(self.robust.hedge_sigmas)
        return self._plan(now_s, level, split, HedgeRule(max(after_ms, 0.0), finisher))

    def _deadlines(self, slo_ms: float) -> list[float]:
        """The SLO, and before it the ends of a camera's periods: who is done by then drops no frame more."""
        if not 0 < self.period_ms < slo_ms:
            return [slo_ms]
        ends = (self.period_ms * (i + 1) for i in range(MOST_PERIODS))
        return [*(end for end in ends if end < slo_ms), slo_ms]

    def _slots(self, done: np.ndarray) -> np.ndarray:
        """Periods of a camera that a frame takes up, by its chance to be done by each deadline, [deadlines, …]."""
        return 1 + (1 - done).sum(axis=0)

    def _plan(self, now_s: float, level: int, split: int, hedge: HedgeRule | None = None) -> Decision:
        mbps = self.estimator.estimate_mbps()
        return self.decision(now_s, level, split, mbps, self.modelled_ms(level, split, mbps), hedge)


def _accuracy(grid: PlanGrid) -> np.ndarray:
    """Percent for every plan: as measured; where nothing was, by the level alone."""
    if not np.isnan(grid.preference).any():
        return grid.preference
    strength = (np.array(grid.levels) / max(grid.levels[-1], 1e-9)) ** UNKNOWN_POWER
    return np.repeat(100.0 - UNKNOWN_LOSS * strength[:, None], len(grid.splits), axis=1)
