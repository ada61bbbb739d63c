"""A trace replayed: one policy, one tidy row per frame. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from janus.errors import JanusError
from janus.grid import PlanGrid, check_slo
from janus.network import Trace
from janus.policy import FrameReport, Policy, PolicySettings, Transfer, make_policy
from janus.simulate.frame import Outcome, play
from janus.units import ms_to_s, s_to_ms
from janus.world import World

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "frame", "time_s", "policy", "level", "split", "tokens_at_split", "payload_bytes", "estimated_mbps", "actual_mbps",
    "device_ms", "encode_ms", "uplink_ms", "cloud_ms", "downlink_ms", "modelled_ms", "slo_ms", "violated",
    "expected_accuracy", "fallback",
)  # fmt: skip
# Added when a camera sets the pace.
CAMERA_COLUMNS = ("queued_ms", "dropped")
MODES = ("closed", "camera")
LATE = ("queue", "drop")
# Two sums of the same milliseconds differ by less; a nanosecond breaks no promise.
ROUNDING_MS = 1e-6
# Eleven days at ten frames a second; more is a mistake, and would not fit into memory.
MAX_FRAMES = 10_000_000
# Of a closed loop that nobody has limited, some gigabytes.
MAX_LOOP = 2_000_000


@dataclass(frozen=True, kw_only=True)
class ReplaySettings:
    """How a trace is replayed.

    Attributes:
        mode: ``closed``: the next frame starts when the last is done; ``camera``: at a fixed rate.
        camera_fps: That rate.
        late: Frames that come while another is under way wait in a ``queue`` (their wait counts), or ``drop``.
        frames: At most so many; 0 for as many as fit.
        duration_s: Only the start of the trace; 0 for all of it.
        rtt_ms: Round trip where the trace does not know it.
        slowdown: The device takes this much longer than its profile says.
        seed: Of the spread of compute.
    """

    mode: str = "closed"
    camera_fps: float = 10.0
    late: str = "drop"
    frames: int = 0
    duration_s: float = 0.0
    rtt_ms: float = 20.0
    slowdown: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise JanusError(f"mode {self.mode!r} is unknown: choose one of {', '.join(MODES)}.")
        if self.late not in LATE:
            raise JanusError(f"late {self.late!r} is unknown: choose one of {', '.join(LATE)}.")
        if not 0 < self.camera_fps < math.inf:
            raise JanusError(f"camera_fps {self.camera_fps} must be a finite number above 0.")
        if self.frames < 0 or not 0 <= self.duration_s < math.inf:
            raise JanusError(f"frames {self.frames} and duration_s {self.duration_s:g} must be 0 (all) or more.")


def replay(
    trace: Trace,
    policy: str | Policy,
    grid: PlanGrid,
    slo_ms: float,
    settings: ReplaySettings | None = None,
    *,
    policy_settings: PolicySettings | None = None,
    rivals: Sequence[PlanGrid] = (),
    on_frame: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """Replay one policy over a trace.

    Causal: a policy hears of a transfer only once it is over, and is never shown the trace (the Oracle is). One frame
    is under way at a time. A frame whose upload never ends within the trace is violated and has no answer
    (``modelled_ms`` infinite); with it a closed loop ends.

    Args:
        trace: The uplink.
        policy: A name of `POLICIES`, or a fresh policy.
        grid: Plans for a policy given by name, and the spread of compute.
        slo_ms: Latency target.
        settings: Pace, length, seed.
        policy_settings: For a policy given by name.
        rivals: Further plans for the Oracle.
        on_frame: Called after each frame; what it raises ends the replay.

    Returns:
        `COLUMNS`, and in camera mode `CAMERA_COLUMNS`. ``attrs`` hold ``decision_us`` (median), ``probe_bytes`` (sent
        beside the frames) and ``duration_s``.

    Raises:
        JanusError: If the SLO, the policy or a setting is out of range.
    """
    settings = settings or ReplaySettings()
    slo_ms = check_slo(slo_ms)
    world = World(trace, grid, rtt_ms=settings.rtt_ms, slowdown=settings.slowdown, seed=settings.seed)
    if isinstance(policy, str):
        policy = make_policy(policy, grid, policy_settings, world=world, rivals=rivals)
    return Run(world, policy, slo_ms, settings).table(on_frame)


class Run:
    """One replay in progress."""

    def __init__(self, world: World, policy: Policy, slo_ms: float, settings: ReplaySettings):
        self.world, self.policy, self.slo_ms, self.settings = world, policy, slo_ms, settings
        end_s = world.trace.duration_s
        self.end_s = min(end_s, settings.duration_s) if settings.duration_s else end_s
        self.probe: tuple[float, float, int] | None = None  # start, end, bytes
        self.probe_bytes = 0
        self.decision_ns: list[int] = []
        policy.keep_pace(s_to_ms(1 / settings.camera_fps) if settings.mode == "camera" else 0.0)

    def table(self, on_frame: Callable[[], None] = lambda: None) -> pd.DataFrame:
        """Run to the end, or until ``on_frame`` raises."""
        # Here, for it takes longer to import than everything else in the torch-free half together.
        import pandas as pd

        camera = self.settings.mode == "camera"
        rows = []
        for row in self._camera() if camera else self._closed():
            rows.append(row)
            on_frame()
        names = COLUMNS + CAMERA_COLUMNS if camera else COLUMNS
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        table = pd.DataFrame(dict(zip(names, columns, strict=True)))
        table.attrs = {
            "decision_us": float(np.median(self.decision_ns)) / 1e3 if self.decision_ns else math.nan,
            "probe_bytes": self.probe_bytes,
            "duration_s": self.end_s,
        }
        return table

    def _closed(self) -> Iterator[tuple]:
        now_s, frame = 0.0, 0
        most = self.settings.frames or math.inf
        while now_s < self.end_s and frame < most:
            if frame >= (MAX_FRAMES if self.settings.frames else MAX_LOOP):
                raise JanusError(
                    f"a closed loop over {self.end_s:g} s has more than {frame:,} frames: give fewer with frames, or a "
                    "shorter duration."
                )
            row, outcome = self._frame(frame, now_s, now_s)
            yield row
            now_s += ms_to_s(outcome.free_ms)
            frame += 1

    def _camera(self) -> Iterator[tuple]:
        fps, drop = self.settings.camera_fps, self.settings.late == "drop"
        count = self._checked(self.end_s * fps - 1e-9)
        free_s = 0.0
        for frame in range(count):
            taken_s = frame / fps
            start_s = max(taken_s, free_s)
            if start_s >= self.world.trace.duration_s or (drop and free_s > taken_s + ms_to_s(ROUNDING_MS)):
                yield self._dropped(frame, taken_s)
                continue
            row, outcome = self._frame(frame, taken_s, start_s)
            yield (*row, s_to_ms(start_s - taken_s), False)
            free_s = start_s + ms_to_s(outcome.free_ms)

    def _checked(self, frames: float) -> int:
        """The frames of a camera, if a table can hold them."""
        wanted = min(frames, self.settings.frames or math.inf)
        if wanted > MAX_FRAMES:
            raise JanusError(
                f"camera_fps {self.settings.camera_fps:g} makes {wanted:.3g} frames of {self.end_s:g} s, over "
                f"{MAX_FRAMES:,}: give a lower rate, a shorter duration or fewer frames."
            )
        return math.ceil(wanted)

    def _frame(self, frame: int, taken_s: float, start_s: float) -> tuple[tuple, Outcome]:
        policy, world = self.policy, self.world
        world.frame = frame
        self._end_probe(start_s)
        waited_ms = s_to_ms(start_s - taken_s)
        before = perf_counter_ns()
        decision = policy.decide(start_s, self.slo_ms - waited_ms)
        self.decision_ns.append(perf_counter_ns() - before)
        self._begin_probe(decision.probe_bytes, start_s)
        outcome = play(world, decision, start_s)
        plan = decision.grid.rows[decision.level_index][decision.split_index]
        if outcome.transfer is not None:
            sent_s = start_s + ms_to_s(outcome.front_ms + outcome.encode_ms)
            self._end_probe(sent_s)
            self._drop_probe(sent_s)
            if outcome.modelled_ms < math.inf:
                policy.observe(outcome.transfer)
        answered = outcome.cloud_ms if outcome.transfer is not None and not outcome.fallback else math.nan
        computed_ms = outcome.device_ms if outcome.fallback else outcome.front_ms
        policy.observe_frame(FrameReport(decision, computed_ms, answered, outcome.fallback))
        total_ms = waited_ms + outcome.modelled_ms
        row = (
            frame, taken_s, policy.name, decision.level, decision.split, plan.tokens_at_split, plan.payload_bytes,
            decision.estimated_mbps, outcome.actual_mbps, outcome.device_ms, outcome.encode_ms, outcome.uplink_ms,
            outcome.cloud_ms, outcome.downlink_ms, total_ms, self.slo_ms, total_ms > self.slo_ms + ROUNDING_MS,
            outcome.expected_accuracy, outcome.fallback,
        )  # fmt: skip
        return row, outcome

    def _dropped(self, frame: int, taken_s: float) -> tuple:
        nan = math.nan
        return (
            frame, taken_s, self.policy.name, nan, -1, 0, 0, nan, nan, 0.0, 0.0, 0.0, 0.0, 0.0, math.inf, self.slo_ms,
            True, nan, False, 0.0, True,
        )  # fmt: skip

    def _begin_probe(self, size: int, now_s: float) -> None:
        if size and self.probe is None:
            self.probe = (now_s, now_s + ms_to_s(self.world.transfer_ms(now_s, size)), size)
            self.probe_bytes += size

    def _end_probe(self, now_s: float) -> None:
        """Tell of a probe that got through by now."""
        if self.probe is not None and self.probe[1] <= now_s:
            start_s, end_s, size = self.probe
            self.probe = None
            self.policy.observe(Transfer(end_s, size, s_to_ms(end_s - start_s), True, self.world.rtt_ms(start_s)))

    def _drop_probe(self, now_s: float) -> None:
        """A frame wants the link: the probe gives way."""
        if self.probe is not None:
            start_s, _, size = self.probe
            self.probe = None
            took_ms = s_to_ms(now_s - start_s)
            self.policy.observe(Transfer(now_s, size, took_ms, False, self.world.rtt_ms(start_s)))
