"""Frames under way while something else happens, each answer compared with the unsplit one, logit by logit."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import torch

from janus.bench.pictures import noise_picture
from janus.grid import GridSettings, PlanGrid
from janus.policy import Decision
from janus.runtime.device import Device
from janus.runtime.fixed import FixedPlan
from janus.runtime.half import Half
from janus.runtime.local import LocalCompute
from janus.runtime.pair import LocalPair
from janus.runtime.result import FrameResult
from janus.runtime.runs import prepare
from janus.schedule import MergeSchedule
from janus.split import Plan

PICTURES = 16
# Past this a frame is given up, so that a frozen cloud is noticed.
SLO_MS = 400.0


@dataclass(kw_only=True)
class Tally:
    """What became of the frames.

    Attributes:
        begun, answered: Frames.
        by_cloud, fallbacks: Answers from the cloud, and by the device in its stead.
        wrong: Answers that differ from the unsplit one.
        reasons: Of the fallbacks.
        cloud_answers: Moments of the cloud's answers.
    """

    begun: int = 0
    answered: int = 0
    by_cloud: int = 0
    fallbacks: int = 0
    wrong: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    cloud_answers: list[float] = field(default_factory=list)


class Worker:
    """Frames one after the other in a thread of its own, each answer checked, until it is stopped."""

    def __init__(self, pair: LocalPair, plan: Plan):
        grid = PlanGrid.build(pair.device_profile, pair.cloud_profile, GridSettings(codec="fp32"))
        height, width = pair.half.vit.input_size
        self._shots = prepare([noise_picture(seed, height, width) for seed in range(PICTURES)], pair.half)
        self._expected = [unsplit(pair.half, shot.pixels, grid.settings.family, plan.level) for shot in self._shots]
        self._device = Device(pair.line, LocalCompute(pair.half))
        self._policy = FixedPlan(grid, plan)
        self.tally, self.latest = Tally(), 0
        self._stop = threading.Event()
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="bench-frames", daemon=True)

    def __enter__(self) -> Worker:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        """Finish the frame under way. Harmless the second time."""
        self._stop.set()
        self._thread.join()

    def wait_cloud(self, since: float, timeout_s: float = 60.0) -> float:
        """Wait for an answer of the cloud after a moment, and return when it was there; infinite if none came."""
        answers = self.tally.cloud_answers
        with self._change:
            found = self._change.wait_for(lambda: answers and answers[-1] >= since, timeout_s)
        return next(moment for moment in answers if moment >= since) if found else float("inf")

    def wait_frames(self, count: int) -> None:
        """Wait until so many frames are done."""
        with self._change:
            self._change.wait_for(lambda: self.tally.answered >= count)

    def _work(self) -> None:
        number = 0
        while not self._stop.is_set():
            at = number % PICTURES
            self.tally.begun += 1
            decision: Decision = self._policy.decide(0.0, SLO_MS)
            result = self._device.run(decision, self._shots[at].pixels, SLO_MS)
            self._count(result, self._expected[at])
            number += 1

    def _count(self, result: FrameResult, expected: np.ndarray) -> None:
        tally = self.tally
        with self._change:
            tally.answered += 1
            tally.wrong += not np.array_equal(result.logits, expected)
            if result.answered_by == "cloud":
                tally.by_cloud += 1
                tally.cloud_answers.append(time.perf_counter())
            else:
                tally.fallbacks += 1
                tally.reasons[result.reason] = tally.reasons.get(result.reason, 0) + 1
            self._change.notify_all()


def unsplit(half: Half, pixels: np.ndarray, family: str, level: float) -> np.ndarray:
    """The answer of the model in one piece, ``[classes]``."""
    with torch.inference_mode():
        images = half.preprocess.normalise(pixels[None])
        return half.vit(images, MergeSchedule(family=family, level=level))[0].float().numpy()
