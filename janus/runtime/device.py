"""One frame on the device: decide nothing, lose nothing. Every frame ends with exactly one answer."""

from __future__ import annotations

import logging
import math
import time
from functools import lru_cache

import numpy as np
from jaxtyping import UInt8

from janus.errors import JanusError
from janus.merging import TokenState
from janus.picture import encode_picture
from janus.policy import Decision, Transfer
from janus.runtime.client import Answer, Call, CallFailed
from janus.runtime.line import Line
from janus.runtime.local import LocalCompute
from janus.runtime.requests import encode_tokens, picture_request, tokens_request
from janus.runtime.result import FrameResult, least_ms
from janus.schedule import MergePlan, MergeSchedule
from janus.transform.shelf import transform_step
from janus.units import bytes_per_ms_to_mbps, ms_to_s, s_to_ms, transfer_ms

LOG = logging.getLogger("janus.device")
# Without a hedge the device gives a frame up when the answer is this many times later than expected, and the latency
# target has passed: half again would cut off answers that are merely late.
PATIENCE = 2.0
# Why a frame fell back when nothing was even tried.
AWAY = "cloud away"
# Or when the cloud could not have read the tokens.
NO_BOOK = "no common codebook"
# Well within what a cloud allows (`janus.runtime.requests.Limits`).
LONGEST_CALL_S = 50.0


class Device:
    """Carries out decisions.

    Args:
        line: To the cloud; None for a device that has none.
        compute: The device's own.
        slowdown: Wall-clock milliseconds for one emulated millisecond.
        origin: Moment of `time.perf_counter` that is 0 on the clock that policies see.
    """

    def __init__(self, line: Line | None, compute: LocalCompute, *, slowdown: float = 1.0, origin: float = 0.0):
        self.line, self.compute, self.slowdown, self.origin = line, compute, slowdown, origin
        self._warned: set[str] = set()

    @property
    def now_s(self) -> float:
        """Time as policies see it."""
        return (time.perf_counter() - self.origin) / self.slowdown

    @property
    def rtt_ms(self) -> float:
        """Round trip as policies see it; 0 before the first."""
        return 0.0 if self.line is None else self.line.rtt_ms / self.slowdown

    def plan(self, decision: Decision, level_index: int) -> MergePlan:
        """The merge plan of a level of the decision's grid."""
        vit = self.compute.half.vit
        return _plan(decision.grid.schedule_at(level_index), vit.depth, vit.tokens, len(vit.protected))

    def run(self, decision: Decision, pixels: UInt8[np.ndarray, "h w 3"], slo_ms: float) -> FrameResult:
        """One frame from pixels to an answer, whatever becomes of the cloud."""
        return _Frame(self, decision, pixels, slo_ms).run()

    def warn_once(self, reason: str, details: str) -> None:
        """Log why a frame is not for the cloud, the first time that it happens."""
        if reason not in self._warned:
            self._warned.add(reason)
            LOG.warning("the cloud refused a frame (%s: %s); the device finishes such frames", reason, details)


class _Frame:
    """One frame in progress."""

    def __init__(self, device: Device, decision: Decision, pixels: UInt8[np.ndarray, "h w 3"], slo_ms: float):
        self.device, self.decision, self.pixels, self.slo_ms = device, decision, pixels, slo_ms
        self.plan = device.plan(decision, decision.level_index)
        self.begin = time.perf_counter()
        self.front_ms = self.encode_ms = 0.0
        self.sent = math.nan
        self.payload_bytes = 0

    def run(self) -> FrameResult:
        compute, split = self.device.compute, self.decision.split
        if split == compute.half.vit.depth:
            logits = compute.finish(self.pixels, self.plan, 0)
            return self._by_device(logits, self.decision.level_index, fallback=False)
        state = None
        if split > 0:
            state = compute.front(self.pixels, self.plan, split)
            self.front_ms = self._since(self.begin)
        line = self.device.line
        # A line in doubt has cleared itself after one round trip, if all is well.
        if line is None or not line.ready(min(ms_to_s(2 * line.rtt_ms), self._left_s())):
            return self._alone(state, AWAY)
        if state is not None and transform_step(self.decision.encoding) is not None and not line.shares_book:
            self.device.warn_once(NO_BOOK, "start both ends with the same --codebook")
            return self._alone(state, NO_BOOK)
        try:
            request = self._request(state)
        except JanusError as why:
            LOG.warning("a frame cannot be sent (%s); the device finishes it", why)
            return self._alone(state, "not to be encoded")
        self.sent = time.perf_counter()
        try:
            call = line.finish(request, self._timeout_s())
            call.wait(self._left_s())
            if call.done:
                return self._by_cloud(call, call.answer())
        except CallFailed as why:
            return self._alone(state, self._lost(why))
        if self.decision.hedge is not None:
            return self._hedged(call, state)
        call.cancel()
        line.doubt()
        return self._alone(state, "no answer in time")

    def _request(self, state: TokenState | None):
        half, start = self.device.compute.half, time.perf_counter()
        if state is None:
            data = encode_picture(self.pixels, self.decision.encoding)
            request = picture_request(half, self.plan.removed, data, self.decision.encoding)
        else:
            data = encode_tokens(half, state, self.decision.encoding, self.decision.split)
            request = tokens_request(half, self.decision.split, self.plan.removed, data)
        self.encode_ms, self.payload_bytes = self._since(start), len(data)
        return request

    def _takes_over_ms(self) -> float:
        """When the device stops only waiting, in ms from the frame's start."""
        if self.decision.hedge is not None:
            return max(self.decision.hedge.after_ms, 0.0)
        return min(max(self.slo_ms, PATIENCE * self.decision.modelled_ms), s_to_ms(LONGEST_CALL_S))

    def _left_s(self) -> float:
        """Wall-clock seconds until then."""
        return self._wall_s(self._takes_over_ms()) - (time.perf_counter() - self.begin)

    def _timeout_s(self) -> float:
        """Deadline of the call: nobody wants the answer once the device has had time to finish twice over."""
        grid = self.decision.grid
        alone_ms = 2 * grid.rows[self.decision.level_index][-1].device_ms
        return min(self._wall_s(self._takes_over_ms() + alone_ms) + 1.0, LONGEST_CALL_S)

    def _hedged(self, call: Call, state: TokenState | None) -> FrameResult:
        """Finish here as well; whichever answer is there first counts, and the other is stopped."""
        level, plan = self._finisher(state)
        start, answer, failed = time.perf_counter(), None, None

        def arrived() -> bool:
            nonlocal answer, failed
            if call.done and answer is None and failed is None:
                try:
                    answer = call.answer()
                except CallFailed as why:
                    failed = why
            return answer is not None

        logits = self._finish(state, plan, arrived)
        ended = time.perf_counter()
        if arrived() and (logits is None or call.ended <= ended):
            return self._by_cloud(call, answer, extra_ms=self._ms(ended - start))
        call.cancel()
        reason = "no answer in time" if failed is None else self._lost(failed)
        if failed is None:
            self.device.line.doubt()
        return self._by_device(logits, level, fallback=True, reason=reason, start=start)

    def _alone(self, state: TokenState | None, reason: str) -> FrameResult:
        start = time.perf_counter()
        level, plan = self._finisher(state)
        return self._by_device(self._finish(state, plan), level, fallback=True, reason=reason, start=start)

    def _finisher(self, state: TokenState | None) -> tuple[int, MergePlan]:
        """At which level the device finishes: tokens at their own, a whole picture at the hedge's if there is one."""
        hedge = self.decision.hedge
        level = self.decision.level_index if state is not None or hedge is None else hedge.level_index
        return level, self.device.plan(self.decision, level)

    def _finish(self, state: TokenState | None, plan: MergePlan, stopped=lambda: False):
        rest = self.pixels if state is None else state
        return self.device.compute.finish(rest, plan, self.decision.split, stopped)

    def _lost(self, why: CallFailed) -> str:
        if why.lost:
            self.device.line.lost()
        else:
            self.device.warn_once(why.reason, why.details)
        return why.reason

    def _by_cloud(self, call: Call, answer: Answer, extra_ms: float = 0.0) -> FrameResult:
        slow, grid = self.device.slowdown, self.decision.grid
        network_ms, rtt_ms = answer.network_ms / slow, self.device.rtt_ms
        back_ms = float(transfer_ms(answer.reply_bytes, grid.settings.downlink_mbps))
        up_ms = max(network_ms - rtt_ms - back_ms, least_ms(self.payload_bytes))
        downlink_ms = min(rtt_ms / 2 + back_ms, network_ms)
        end_s = self.device.now_s - ms_to_s(downlink_ms + answer.cloud_ms / slow)
        return FrameResult(
            latency_ms=self._ms(call.ended - self.begin),
            device_ms=self.front_ms + extra_ms,
            front_ms=self.front_ms,
            encode_ms=self.encode_ms,
            uplink_ms=network_ms - downlink_ms,
            queue_ms=answer.queue_ms / slow,
            cloud_ms=(answer.cloud_ms - answer.queue_ms) / slow,
            downlink_ms=downlink_ms,
            payload_bytes=self.payload_bytes,
            actual_mbps=float(bytes_per_ms_to_mbps(self.payload_bytes / up_ms)),
            fallback=False,
            answered_by="cloud",
            reason="",
            level_index=self.decision.level_index,
            logits=answer.logits[0],
            transfer=Transfer(end_s, self.payload_bytes, up_ms, True, rtt_ms),
        )

    def _by_device(
        self, logits, level_index: int, *, fallback: bool, reason: str = "", start: float = math.nan
    ) -> FrameResult:
        ended = time.perf_counter()
        rest_ms = self._ms(ended - (start if fallback else self.begin))
        sent = not math.isnan(self.sent)
        transfer = None
        if sent:
            took_ms = max(self._ms(ended - self.sent), least_ms(self.payload_bytes))
            transfer = Transfer(self.device.now_s, self.payload_bytes, took_ms, False, self.device.rtt_ms)
        return FrameResult(
            latency_ms=self._ms(ended - self.begin),
            device_ms=self.front_ms + rest_ms,
            front_ms=self.front_ms if fallback else rest_ms,
            encode_ms=self.encode_ms,
            uplink_ms=self._ms(start - self.sent) if sent else 0.0,
            queue_ms=0.0,
            cloud_ms=0.0,
            downlink_ms=0.0,
            payload_bytes=self.payload_bytes,
            actual_mbps=math.nan,
            fallback=fallback,
            answered_by="device",
            reason=reason,
            level_index=level_index,
            logits=logits[0].numpy(),
            transfer=transfer,
        )

    def _since(self, moment: float) -> float:
        return self._ms(time.perf_counter() - moment)

    def _ms(self, wall_s: float) -> float:
        """Wall-clock seconds as emulated milliseconds."""
        return s_to_ms(wall_s) / self.device.slowdown

    def _wall_s(self, ms: float) -> float:
        return ms_to_s(ms) * self.device.slowdown


@lru_cache(maxsize=1024)
def _plan(schedule: MergeSchedule, depth: int, tokens: int, protected: int) -> MergePlan:
    return schedule.plan(depth, tokens, protected)
