"""Every policy over a trace: a short clip at once, then the whole. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from janus.errors import JanusError
from janus.grid import PlanGrid
from janus.network import Trace, find_trace
from janus.policy import POLICIES, PolicySettings, check_policy, make_policy, policies_for
from janus.simulate import ReplaySettings, replay, summarise
from janus.units import bytes_per_ms_to_mbps, s_to_ms
from janus.workbench.question import Question

if TYPE_CHECKING:
    import pandas as pd

    from janus.workbench.answer import Workbench

# No trace: the steady bandwidth of the question.
STEADY = ""
STEADY_S = 60.0
# What is replayed first, so that there is something to see at once.
CLIP_S = 20.0
# It knows the trace: a bound for the others, and no rival.
BOUND = "oracle"
# Points in time that a figure shows; a frame each would be twenty thousand.
BINS = 120
# An axis reaches to the latency target or to the slowest frame, but not to so many times what is usual.
TALLEST = 2.5
HEADROOM = 1.1
# A late frame beyond the axis is marked just below its end.
EDGE = 0.97


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is replayed, beside the question: values that can be written down.

    Attributes:
        trace: What `janus.network.find_trace` understands; `STEADY` for the question's own bandwidth.
        policy: Which is shown over time.
        camera_fps: Frames a second of a camera that drops what comes too early; 0: each frame begins after the last.
    """

    trace: str = STEADY
    policy: str = "janus"
    camera_fps: float = 0.0

    def __post_init__(self) -> None:
        check_policy(self.policy)
        if not 0 <= self.camera_fps <= 1000:
            raise JanusError(f"camera {self.camera_fps:g} frames/s: give 0 (one after another) to 1000.")

    def open(self, question: Question) -> Trace:
        """The trace.

        Raises:
            JanusError: If it is not to be found.
        """
        if self.trace == STEADY:
            return Trace.constant(question.uplink_mbps, duration_s=STEADY_S, rtt_ms=question.rtt_ms)
        return find_trace(self.trace)


class Leg(NamedTuple):
    """How one policy fared.

    Attributes:
        policy: Its name.
        trace: What it ran over.
        span_s: Seconds of it.
        whole: Whether that is all of it.
        summary: A row of `janus.simulate.summarise`.
        over_time: See `over_time`.
        shares: Share of the answered frames by split, the most frequent first.
    """

    policy: str
    trace: Trace
    span_s: float
    whole: bool
    summary: dict
    over_time: pd.DataFrame
    shares: dict[int, float]


def plans_for(bench: Workbench, question: Question) -> PlanGrid:
    """What policies choose from: the splits that Janus tries, and its levels as far as their accuracy is known.

    Also where the question fixes level or split: a policy that may not choose is none.
    """
    family, accuracy, settings = question.family, bench.stored(question.family), bench.settings(question)
    levels = settings.levels
    known = tuple(level for level in levels if accuracy and not math.isnan(accuracy.expected(family, level)))
    settings = replace(settings, levels=known if len(known) > 1 else levels, splits=bench.tried(settings))
    return PlanGrid.build(bench.device, bench.cloud, settings, accuracy=accuracy, rates=bench.rates)


def stretches(course: Course, trace: Trace, policies: Sequence[str] = POLICIES) -> list[tuple[float, str]]:
    """What to replay in which order, as seconds and a policy: all over a clip, then all over the whole trace.

    The chosen policy comes first, and what takes longest comes last.
    """
    names = sorted(policies, key=lambda name: name != course.policy)
    # Two clips are hardly shorter than the whole.
    spans = (CLIP_S, trace.duration_s) if trace.duration_s > 2 * CLIP_S else (trace.duration_s,)
    return [(span_s, name) for span_s in spans for name in names]


def run_leg(
    grid: PlanGrid, question: Question, course: Course, trace: Trace, policy: str, span_s: float,
    on_frame: Callable[[], None] = lambda: None,
) -> Leg:  # fmt: skip
    """Replay one policy over the start of a trace.

    Args:
        grid: From `plans_for`.
        question: Target and round trip.
        course: Pace.
        trace: What ``course`` opens.
        policy: One that the grid has the figures for.
        span_s: How much of the trace.
        on_frame: Called after each frame; what it raises ends the replay.
    """
    settings = ReplaySettings(
        mode="camera" if course.camera_fps else "closed", camera_fps=course.camera_fps or 1.0, duration_s=span_s,
        rtt_ms=question.rtt_ms,
    )  # fmt: skip
    believed = PolicySettings(rtt_ms=question.rtt_ms)
    others = [name for name in policies_for(grid.rates) if name != BOUND] if policy == BOUND else []
    frames = replay(
        trace, policy, grid, question.slo_ms, settings, policy_settings=believed, on_frame=on_frame,
        rivals=[make_policy(name, grid, believed).grid for name in others],
    )  # fmt: skip
    answered = frames[np.isfinite(frames["modelled_ms"])]
    return Leg(
        policy, trace, span_s, span_s == trace.duration_s, summarise(frames).iloc[0].to_dict(),
        over_time(frames, trace, span_s, question.slo_ms, grid.geometry.depth),
        answered["split"].value_counts(normalize=True).to_dict(),
    )  # fmt: skip


def over_time(frames: pd.DataFrame, trace: Trace, span_s: float, slo_ms: float, depth: int) -> pd.DataFrame:
    """Frames gathered into `BINS` stretches of time.

    Columns: ``time_s`` (start), ``uplink_mbps`` (mean), and of the frames that were taken in it ``estimated_mbps``
    (median), ``split`` and ``level`` (of the most frequent plan), ``p50_ms``, ``worst_ms`` (NaN where one was never
    answered), ``late_percent``, ``late_at_ms`` (where to mark that some were late, else NaN). Without frames NaN.
    ``attrs`` holds ``top_ms``, ``depth`` and ``span_s``.
    """
    import pandas as pd

    edges = np.linspace(0.0, span_s, BINS + 1)
    mbps = bytes_per_ms_to_mbps(trace.capacity_bytes(edges[:-1], edges[1:]) / s_to_ms(np.diff(edges)))
    at = np.clip(np.searchsorted(edges, frames["time_s"], side="right") - 1, 0, BINS - 1)
    rows = frames.assign(bin=at, dropped=~np.isfinite(frames["modelled_ms"]))
    rows["finite_ms"] = rows["modelled_ms"].where(~rows["dropped"])
    groups = rows.groupby("bin")
    found = pd.DataFrame(
        {
            "estimated_mbps": groups["estimated_mbps"].median(),
            "p50_ms": groups["finite_ms"].median(),
            "worst_ms": groups["finite_ms"].max(),
            "late_percent": 100 * groups["violated"].mean(),
        }
    )
    plans = rows[rows["split"] >= 0].groupby(["bin", "split", "level"]).size().reset_index(name="count")
    usual = plans.sort_values("count", kind="stable").drop_duplicates("bin", keep="last").set_index("bin")
    table = pd.DataFrame({"time_s": edges[:-1], "uplink_mbps": mbps})
    table = table.join(found).join(usual[["split", "level"]])
    # pandas skips what is missing, here perhaps all.
    usual_ms = max(slo_ms, table["p50_ms"].fillna(0.0).median())
    slowest = max(slo_ms, table["worst_ms"].fillna(0.0).max())
    top = float(HEADROOM * min(slowest, TALLEST * usual_ms))
    late = table["late_percent"] > 0
    table["late_at_ms"] = table["worst_ms"].fillna(math.inf).clip(upper=EDGE * top).where(late)
    table.attrs = {"top_ms": top, "depth": depth, "span_s": span_s}
    return table
