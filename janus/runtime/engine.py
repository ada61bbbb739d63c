"""One thread that computes what the cloud was asked for: waiting requests of one plan together, nothing in vain."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from janus.merging import TokenState
from janus.runtime.half import Half
from janus.runtime.pace import Pace, sleep_until
from janus.runtime.requests import Work
from janus.schedule import MergeSchedule
from janus.units import s_to_ms


@dataclass(frozen=True, kw_only=True)
class Done:
    """An answer.

    Attributes:
        logits: ``[batch, classes]``, fp32 on the CPU.
        queue_ms: From being submitted to the start of the computation.
        compute_ms: Of the computation, in which ``batched`` images shared.
        batched: Images computed together.
    """

    logits: Tensor
    queue_ms: float
    compute_ms: float
    batched: int


@dataclass(kw_only=True, eq=False)
class Job:
    """Work that waits, and the promise of its answer. `abandon` it when nobody wants the answer any more."""

    work: Work
    future: Future = field(default_factory=Future)
    submitted: float = field(default_factory=time.perf_counter)
    abandoned: bool = False

    def abandon(self) -> None:
        self.abandoned = True
        self.future.cancel()


class Abandoned(Exception):
    """Everybody who wanted an answer has gone."""


class Engine:
    """Computes jobs one batch at a time, in the order of the first of each.

    Batches hold requests of one plan only, and only such as wait already: nobody waits for company.

    Attributes:
        submitted: Jobs so far.
    """

    def __init__(self, half: Half, *, max_batch: int, pace: Pace | None = None):
        self.half, self.max_batch, self.pace = half, max_batch, pace
        self.submitted = 0
        self._waiting: deque[Job] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="janus-engine", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> Job:
        """Queue work; the answer comes through the job's future."""
        job = Job(work=work)
        with self._change:
            if self._closed:
                job.abandon()
            self._waiting.append(job)
            self.submitted += 1
            self._change.notify()
        return job

    def close(self) -> None:
        """Abandon what waits, and end the thread."""
        with self._change:
            self._closed = True
            for job in self._waiting:
                job.abandon()
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        while jobs := self._take():
            try:
                self._answer(jobs)
            except Abandoned:
                pass
            except BaseException as why:  # whatever it was, the others must still be served
                for job in jobs:
                    if job.future.set_running_or_notify_cancel():
                        job.future.set_exception(why)

    def _take(self) -> list[Job]:
        """The first job and all that can join it; empty when closed."""
        with self._change:
            while True:
                self._change.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return []
                jobs: list[Job] = []
                images = 0
                for job in list(self._waiting):
                    if job.abandoned:
                        self._waiting.remove(job)
                    elif not jobs or (job.work.plan == jobs[0].work.plan and images + job.work.batch <= self.max_batch):
                        self._waiting.remove(job)
                        jobs.append(job)
                        images += job.work.batch
                if jobs:
                    return jobs

    def _answer(self, jobs: list[Job]) -> None:
        start = time.perf_counter()
        logits = self._compute(jobs, start)
        took = s_to_ms(time.perf_counter() - start)
        for job, part in zip(jobs, logits.split([job.work.batch for job in jobs]), strict=True):
            done = Done(
                logits=part, queue_ms=s_to_ms(start - job.submitted), compute_ms=took, batched=logits.shape[0]
            )  # fmt: skip
            if job.future.set_running_or_notify_cancel():
                job.future.set_result(done)

    def _compute(self, jobs: list[Job], start: float) -> Tensor:
        work, vit = jobs[0].work, self.half.vit
        depth = vit.depth

        def stopped() -> bool:
            return all(job.abandoned for job in jobs)

        with torch.inference_mode():
            joined = join([job.work.input for job in jobs], self.half.torch_device)
            batch = sum(job.work.batch for job in jobs)
            whole = self.half.ready(work.removed, work.split, depth, batch=batch, embed=work.split == 0, head=True)
            if whole is not None:
                logits = whole(joined).cpu()
            else:
                state = vit.embed(joined) if isinstance(joined, Tensor) else joined
                for i in range(work.split, depth):
                    if stopped():
                        raise Abandoned
                    state = vit.blocks(state, i, i + 1, work.removed)
                logits = vit.head(state).float().cpu()
        if self.pace is not None:
            plan = vit.plan(MergeSchedule.explicit(work.removed))
            wanted = self.pace.part_s(plan, work.split, depth, embed=work.split == 0, head=True)
            if not sleep_until(start + wanted, stopped):
                raise Abandoned
        return logits


def join(inputs: list, torch_device: torch.device) -> TokenState | Tensor:
    """Inputs of one plan as one batch on ``torch_device``."""
    if isinstance(inputs[0], Tensor):
        return torch.cat(inputs).to(torch_device)
    first = inputs[0]
    x = torch.cat([state.x for state in inputs]).to(torch_device)
    sizes = None if first.sizes is None else torch.cat([state.sizes for state in inputs]).to(torch_device)
    return replace(first, x=x, sizes=sizes)
