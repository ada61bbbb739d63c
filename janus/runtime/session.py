"""A device at work: decide, run, record; one row a frame, in the columns of the replay."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from janus.errors import JanusError
from janus.grid import check_slo
from janus.policy import FrameReport, Policy, Transfer
from janus.runtime.client import CallFailed, Hello
from janus.runtime.device import AWAY, LONGEST_CALL_S, Device
from janus.runtime.result import FrameResult, least_ms
from janus.simulate import CAMERA_COLUMNS, COLUMNS
from janus.units import ms_to_s, s_to_ms

MODES = ("closed", "camera")
LATE = ("queue", "drop")
# A frame that finds the device busy for no longer than this was in time: no clock wakes anybody to the microsecond.
LATE_MS = 1.0
# Behind the replay's columns, in which ``modelled_ms`` is what the policy expected. The first is called emulated_ms
# where compute was stretched to a profile; the last two are of the plan: how tokens merge, and what crosses its cut.
RUN_COLUMNS = (
    "measured_ms", "queue_ms", "answered_by", "reason", "image", "label", "answer", "schedule", "travels_as",
)  # fmt: skip


class Shot(NamedTuple):
    """One picture for one frame.

    Attributes:
        name: Of the picture.
        pixels: At the model's size.
        label: Its class, or None.
    """

    name: str
    pixels: UInt8[np.ndarray, "h w 3"]
    label: int | None = None


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How a run goes, in emulated time.

    Attributes:
        mode: ``closed``: the next frame starts when the last is done; ``camera``: at a fixed rate.
        camera_fps: That rate.
        late: Frames that come while another is under way wait in a ``queue`` (their wait counts), or ``drop``.
        frames: At most so many; 0 for one each picture, or with ``duration_s`` as many as fit, pictures repeated.
        duration_s: At most so long; 0 for as long as it takes.
    """

    mode: str = "closed"
    camera_fps: float = 10.0
    late: str = "drop"
    frames: int = 0
    duration_s: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise JanusError(f"mode {self.mode!r} is unknown: choose one of {', '.join(MODES)}.")
        if self.late not in LATE:
            raise JanusError(f"late {self.late!r} is unknown: choose one of {', '.join(LATE)}.")
        if not 0 < self.camera_fps < math.inf:
            raise JanusError(f"camera_fps {self.camera_fps} must be a finite number above 0.")
        if self.frames < 0 or not 0 <= self.duration_s < math.inf:
            raise JanusError(f"frames {self.frames} and duration_s {self.duration_s:g} must be 0 (all) or more.")


def columns(settings: RunSettings, *, emulated: bool) -> tuple[str, ...]:
    """The columns of a run's table."""
    own = ("emulated_ms", *RUN_COLUMNS[1:]) if emulated else RUN_COLUMNS
    return COLUMNS + (CAMERA_COLUMNS if settings.mode == "camera" else ()) + own


class Session:
    """One run.

    Args:
        device: Carries out what is decided. Its clock is set to 0 at the start.
        policy: Decides.
        slo_ms: Latency target.
        settings: Pace and length.
        shots: Pictures, given again and again if need be.
        on_start: Called right before the clock starts.

    Attributes:
        probe_bytes: Sent beside the frames.
    """

    def __init__(
        self,
        device: Device,
        policy: Policy,
        slo_ms: float,
        settings: RunSettings,
        shots: Sequence[Shot],
        *,
        on_start: Callable[[], None] = lambda: None,
    ):
        if not shots:
            raise JanusError("images: there is not one that can be used; give others.")
        self.device, self.policy, self.slo_ms, self.settings = device, policy, check_slo(slo_ms), settings
        self._shots, self._on_start = shots, on_start
        policy.keep_pace(s_to_ms(1 / settings.camera_fps) if settings.mode == "camera" else 0.0)
        self._probe: Hello | None = None
        self._probe_sent, self._probe_bytes = 0.0, 0
        self.decision_ns: list[int] = []
        self.probe_bytes = 0

    @property
    def frames(self) -> int | None:
        """How many there will be; None where only time decides."""
        return self.settings.frames or (None if self.settings.duration_s else len(self._shots))

    def rows(self) -> Iterator[tuple]:
        """Run, and give each frame's row as soon as it is there."""
        self._on_start()
        self.device.origin = time.perf_counter()
        try:
            yield from self._camera() if self.settings.mode == "camera" else self._closed()
        finally:
            self._drop_probe()

    def _pictures(self) -> Iterable[Shot]:
        """As many as there are frames."""
        settings = self.settings
        if not (settings.frames or settings.duration_s):
            return self._shots
        return islice(cycle(self._shots), settings.frames or None)

    def _over(self, moment_s: float) -> bool:
        return bool(self.settings.duration_s) and moment_s >= self.settings.duration_s

    def _closed(self) -> Iterator[tuple]:
        for frame, shot in enumerate(self._pictures()):
            now_s = self.device.now_s
            if self._over(now_s):
                return
            yield self._frame(frame, shot, now_s)

    def _camera(self) -> Iterator[tuple]:
        fps, drop = self.settings.camera_fps, self.settings.late == "drop"
        for frame, shot in enumerate(self._pictures()):
            taken_s = frame / fps
            if self._over(taken_s):
                return
            now_s = self.device.now_s
            if drop and now_s > taken_s + ms_to_s(LATE_MS):
                yield self._dropped(frame, shot, taken_s)
                continue
            time.sleep(max(taken_s - now_s, 0.0) * self.device.slowdown)
            yield self._frame(frame, shot, taken_s)

    def _frame(self, frame: int, shot: Shot, taken_s: float) -> tuple:
        device, policy = self.device, self.policy
        start_s = device.now_s
        waited_ms = s_to_ms(start_s - taken_s)
        self._end_probe()
        before = time.perf_counter_ns()
        left_ms = self.slo_ms - waited_ms
        alone = policy.decide_alone(start_s, left_ms) if device.line is not None and device.line.away else None
        decision = alone or policy.decide(start_s, left_ms)
        self.decision_ns.append(time.perf_counter_ns() - before)
        if decision.split < device.compute.half.vit.depth:
            self._drop_probe()
        else:
            self._begin_probe(decision.probe_bytes)
        result = device.run(decision, shot.pixels, left_ms)
        if result.transfer is not None:
            policy.observe(result.transfer)
        device_ms = result.device_ms if result.fallback else result.front_ms
        cloud_ms = result.cloud_ms if result.answered_by == "cloud" else math.nan
        policy.observe_frame(FrameReport(decision, device_ms, cloud_ms, result.fallback))
        if alone is not None:
            result = result._replace(fallback=True, reason=AWAY)
        return self._row(frame, shot, taken_s, waited_ms, decision, result)

    def _row(self, frame: int, shot: Shot, taken_s: float, waited_ms: float, decision, result: FrameResult) -> tuple:
        plan = decision.grid.rows[decision.level_index][decision.split_index]
        answered = decision.grid.rows[result.level_index][
            -1 if result.answered_by == "device" else decision.split_index
        ]
        total_ms = waited_ms + result.latency_ms
        row: tuple = (
            frame, taken_s, self.policy.name, decision.level, decision.split, plan.tokens_at_split,
            result.payload_bytes, decision.estimated_mbps, result.actual_mbps, result.device_ms,
            result.encode_ms, result.uplink_ms, result.cloud_ms, result.downlink_ms, decision.modelled_ms, self.slo_ms,
            total_ms > self.slo_ms, answered.expected_accuracy, result.fallback,
        )  # fmt: skip
        if self.settings.mode == "camera":
            row += (waited_ms, False)
        answer = int(result.logits.argmax())
        label = -1 if shot.label is None else shot.label
        schedule = decision.grid.schedule_at(decision.level_index).label
        way = (schedule, decision.encoding)
        return (*row, total_ms, result.queue_ms, result.answered_by, result.reason, shot.name, label, answer, *way)

    def _dropped(self, frame: int, shot: Shot, taken_s: float) -> tuple:
        nan = math.nan
        label = -1 if shot.label is None else shot.label
        return (
            frame, taken_s, self.policy.name, nan, -1, 0, 0, nan, nan, 0.0, 0.0, 0.0, 0.0, 0.0, nan, self.slo_ms, True,
            nan, False, 0.0, True, math.inf, 0.0, "", "dropped", shot.name, label, -1, "", "",
        )  # fmt: skip

    def _begin_probe(self, size: int) -> None:
        line = self.device.line
        if not size or self._probe is not None or line is None or not line.up:
            return
        try:
            self._probe = line.probe(size, LONGEST_CALL_S)
        except CallFailed:
            return  # the line will be up again without our help
        self._probe_sent, self._probe_bytes = self.device.now_s, size
        self.probe_bytes += size

    def _end_probe(self) -> None:
        """Tell of a probe that got through by now."""
        probe = self._probe
        if probe is None or not probe.done:
            return
        self._probe = None
        try:
            probe.reply()
        except CallFailed:
            return  # the line's own pings will find out what is wrong
        took_ms = probe.took_ms / self.device.slowdown
        self._tell(max(took_ms - self.device.rtt_ms, least_ms(self._probe_bytes)), took_ms, finished=True)

    def _drop_probe(self) -> None:
        """A frame wants the link: the probe gives way."""
        if self._probe is None:
            return
        self._probe.cancel()
        self._probe = None
        took_ms = s_to_ms(self.device.now_s - self._probe_sent)
        self._tell(max(took_ms, least_ms(self._probe_bytes)), took_ms, finished=False)

    def _tell(self, duration_ms: float, took_ms: float, *, finished: bool) -> None:
        end_s = self._probe_sent + ms_to_s(took_ms)
        self.policy.observe(Transfer(end_s, self._probe_bytes, duration_ms, finished, self.device.rtt_ms))
