"""Latencies measured with a real pair of processes: what is running, and what has come of each plan so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from janus.errors import JanusError
from janus.explorer.behind import Lane
from janus.explorer.pairwork import FRAMES, RUN_S, WORDS, PairJob, run_pair
from janus.workbench import Course, Question, Workbench
from janus.workbench.course import BOUND


class Link(NamedTuple):
    """What a measured latency depends on, beside the plan."""

    model: str
    family: str
    level: float
    codec: str
    encoding: str
    uplink_mbps: float
    rtt_ms: float
    where: str
    bench: Workbench | None


class Measuring:
    """Results by link and split, the last run over a trace, and what may be under way.

    Args:
        lane: Where it runs.
        changed: Called when there is more to show.
        ended: Called when a pair has done its work.
    """

    def __init__(self, lane: Lane, changed: Callable[[], None], ended: Callable[[], None]):
        self._lane, self._changed, self._ended = lane, changed, ended
        self._spots: dict[Link, dict[int, dict]] = {}
        self._run: tuple[tuple, list[dict]] = ((), [])
        self.doing = ""

    @property
    def running(self) -> bool:
        """Whether a pair is up, or coming up."""
        return bool(self.doing)

    @staticmethod
    def link(answer, model: str, bench: Workbench, where: str) -> Link:
        """Where an answer's plan would be measured. Profiles matter only where they are imitated."""
        q, level = answer.question, answer.plan.level
        return Link(
            model, answer.merging_name, level, q.codec, q.encoding, q.uplink_mbps, q.rtt_ms, where,
            None if WORDS[where] == "measured" else bench,
        )  # fmt: skip

    def spots(self, link: Link) -> dict[int, dict]:
        """What was measured on a link, by split."""
        return self._spots.get(link, {})

    def rows(self, bench: Workbench, question: Question, course: Course, where: str) -> list[dict]:
        """The frames of the last run, if it was of this."""
        subject, rows = self._run
        return rows if subject == (bench, question, course, where) else []

    def plan(self, job: PairJob, link: Link) -> None:
        """Measure one plan; whatever else ran is given up."""
        word, split = WORDS[job.where], job.plan.split

        def show(found) -> None:
            if isinstance(found, str):
                self.doing = found
            else:
                spot = {**found._asdict(), "word": word}
                self._spots.setdefault(link, {})[split] = spot
                self.doing = f"{word}: {found.n} of {FRAMES} frames"
            self._changed()

        self._start(job, show)

    def policy(self, job: PairJob) -> None:
        """Measure one policy over the start of a trace; whatever else ran is given up.

        Raises:
            JanusError: If it cannot be run.
        """
        if job.course.policy == BOUND:
            raise JanusError(f"policy {BOUND!r} knows the trace: it can be replayed, but not run; choose another one.")
        rows: list[dict] = []
        self._run = ((job.bench, job.question, job.course, job.where), rows)

        def show(found) -> None:
            if isinstance(found, str):
                self.doing = found
            else:
                rows.append(found)
                self.doing = f"{WORDS[job.where]}: {found['time_s']:.0f} of {RUN_S:g} s, {len(rows)} frames"
            # A figure for each frame would keep the kernel busy with nothing else.
            if isinstance(found, str) or len(rows) % SHOWN_EVERY == 0:
                self._changed()

        self._start(job, show)

    def _start(self, job: PairJob, show: Callable) -> None:
        self.doing = "starting"

        def done() -> None:
            self.doing = ""
            self._ended()

        self._lane.submit(lambda cancel: run_pair(job, cancel), show, done)

    def cancel(self) -> None:
        """Give up what runs; what was measured stays."""
        self._lane.cancel()
        self.doing = ""

    def clear(self) -> None:
        """Forget everything."""
        self.cancel()
        self._spots, self._run = {}, ((), [])


SHOWN_EVERY = 10
