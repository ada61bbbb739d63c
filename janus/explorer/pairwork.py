"""A pair of real processes, started, measured and ended behind the screen. torch comes here, and not before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from janus.split import Plan
from janus.workbench import Course, Question, Workbench, plans_for

if TYPE_CHECKING:
    from janus.explorer.subject import Subject
    from janus.network import Trace

# On which machines the halves run: this one twice, or this one stretched to the chosen profiles.
HERE, IMITATED = "here", "imitated"
WORDS = {HERE: "measured", IMITATED: "emulated"}
FRAMES = 20
RUN_S = 15.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PairJob:
    """What is to be measured.

    Attributes:
        subject: The model.
        pictures: What is sent where there are no images.
        fit: How pictures are brought to the model's size.
        bench: Profiles that are imitated, and what policies choose from.
        question: Bandwidth, round trip, target, how things travel.
        where: `HERE` or `IMITATED`.
        plan: The plan; None for a policy over a trace.
        course: Policy and pace.
        trace: The uplink.
    """

    subject: Subject
    pictures: list
    fit: str
    bench: Workbench
    question: Question
    where: str
    plan: Plan | None
    course: Course
    trace: Trace


def run_pair(job: PairJob, cancel: threading.Event) -> Iterator:
    """What is going on, in words; then a `Spot` or a row after each frame. The pair is closed whatever happens.

    Raises:
        JanusError: If the pair does not start, or the policy cannot be run.
    """
    from PIL import Image

    from janus.runtime.pair import LocalPair
    from janus.runtime.session import RunSettings
    from janus.runtime.spot import measure_plan, measure_policy

    q, bench = job.question, job.bench
    trace = q.uplink_mbps if job.plan else job.trace
    known = not job.plan and job.trace.rtt_ms is not None
    imitated = {"emulate_device": bench.device, "emulate_cloud": bench.cloud} if job.where == IMITATED else {}
    images = job.subject.images or [Image.fromarray(picture) for picture in job.pictures]
    yield "starting a cloud's process and a link"
    pair = LocalPair(
        job.subject.vit.model, trace=trace, delay_ms=None if known else q.rtt_ms / 2, fit=job.fit, **imitated
    )  # fmt: skip
    with pair:
        if cancel.is_set():
            return
        plans = plans_for(bench, q).settings
        if not imitated:
            yield "timing both halves"
            pair.device_profile, pair.cloud_profile  # noqa: B018  # measured when first asked for
        yield "the pair is running"
        if job.plan is not None:
            yield from measure_plan(
                pair, images, job.plan, grid=plans, mbps=q.uplink_mbps, frames=FRAMES, cancel=cancel
            )  # fmt: skip
            return
        fps = job.course.camera_fps
        settings = RunSettings(mode="camera" if fps else "closed", camera_fps=fps or 1.0, duration_s=RUN_S)
        yield from measure_policy(
            pair, images, job.course.policy, grid=plans, slo_ms=q.slo_ms, trace=job.trace, settings=settings,
            accuracy=bench.accuracy, cancel=cancel, rates=bench.rates,
        )  # fmt: skip
