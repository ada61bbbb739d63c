"""Replays in a process of their own, so that ten thousand frames in a loop never hold up who asks for them. Torch-free.

The child keeps what it was told of machines and traces, answers one leg at a time, and drops it when it is asked for
anything else.
"""

from __future__ import annotations

import select
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING

from janus.accuracy import AccuracyRow, AccuracyTable
from janus.errors import JanusError
from janus.grid import SizeTable
from janus.network import find_trace
from janus.profile.store import parse_profile, profile_text
from janus.rates import RateRow, RateTable
from janus.runtime.children import Child, leave, obey, say
from janus.schedules import SearchedSchedule
from janus.workbench import STEADY, Course, Leg, Question, Workbench, plans_for, run_leg

if TYPE_CHECKING:
    from janus.network import Trace

PROGRAM = "from janus.runtime.replays import main; main()"
# Importing numpy and pandas on a busy machine.
START_S = 60.0
# How soon a leg that nobody wants any more is noticed; frames between two looks.
NOTICE_S, FRAMES = 0.02, 50


class Replayer:
    """The parent's side. One at a time may use it.

    Attributes:
        ready: Whether it has started.
    """

    def __init__(self):
        self.ready = False
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._bench: Workbench | None = None

    def start(self) -> None:
        """Begin to start the process, and return."""
        if self._child is None or not self._child.running:
            self.stop()
            self._child = Child("replays", [], program=PROGRAM)

    def leg(
        self, bench: Workbench, question: Question, course: Course, trace: Trace, policy: str, span_s: float,
        cancelled: Callable[[], bool],
    ) -> Leg | None:  # fmt: skip
        """One policy over the start of a trace; None if it was cancelled.

        Raises:
            JanusError: If the process cannot be started, or has ended; the next call starts another.
        """
        one, sizes = bench.schedules.get(question.family), bench.sizes.get(question.codec)
        with self._lock:
            try:
                self._prepare(bench)
                found = self._ask(
                    cancelled, "leg", question=asdict(question), course=asdict(course), policy=policy, span_s=span_s,
                    schedule=None if one is None else asdict(one), sizes=None if sizes is None else asdict(sizes),
                )  # fmt: skip
            except JanusError:
                self.stop()
                raise
        return None if found is None else _leg(found, policy, trace, span_s)

    def stop(self) -> None:
        """End the process, if there is one."""
        self.ready, self._bench = False, None
        if self._child is not None:
            self._child.stop(0.5)
            self._child = None

    def _prepare(self, bench: Workbench) -> None:
        self.start()
        if not self.ready:
            self._child.wait_ready(START_S)
            self.ready = True
        if self._bench is not bench:
            accuracy = bench.accuracy
            self._child.do(
                "bench", device=profile_text(bench.device), cloud=profile_text(bench.cloud),
                accuracy=None if accuracy is None else asdict(accuracy),
                rates=None if bench.rates is None else asdict(bench.rates),
            )  # fmt: skip
            self._bench = bench

    def _ask(self, cancelled: Callable[[], bool], command: str, **facts) -> dict | None:
        self._child.send(command, **facts)
        stopping = False
        while (reply := self._child.heard(NOTICE_S)) is None:
            if cancelled() and not stopping:
                self._child.send("stop")
                stopping = True
        if stopping:
            self._child.heard(START_S)  # the answer to that
        return None if cancelled() or "leg" not in reply else reply["leg"]


def _leg(found: dict, policy: str, trace: Trace, span_s: float) -> Leg:
    import pandas as pd

    table = pd.DataFrame(found["over_time"])
    table.attrs = found["attrs"]
    shares = {int(split): share for split, share in found["shares"]}
    return Leg(policy, trace, span_s, span_s == trace.duration_s, found["summary"], table, shares)


class Stopped(Exception):
    """Something else was asked for."""


class Replays:
    """The child's side."""

    def __init__(self):
        self._workbench: Workbench | None = None
        self._sizes: dict[str, SizeTable] = {}
        self._grid = lru_cache(maxsize=8)(self._build)
        self._trace = lru_cache(maxsize=4)(find_trace)

    def bench(self, device: str, cloud: str, accuracy: dict | None, rates: dict | None) -> None:
        """Machines, and what is known of the model's accuracy and of what it sends."""
        table = None
        if accuracy is not None:
            rows = tuple(AccuracyRow(**row) for row in accuracy["rows"])
            table = AccuracyTable(model=accuracy["model"], rows=rows)
        if rates is not None:
            rates |= {"rows": tuple(RateRow(**row) for row in rates["rows"]), "unmerged": tuple(rates["unmerged"])}
        self._sizes.clear()
        self._workbench = Workbench(
            parse_profile(device, "device"), parse_profile(cloud, "cloud"), table,
            None if rates is None else RateTable(**rates), sizes=self._sizes,
        )  # fmt: skip
        self._grid.cache_clear()

    def leg(
        self, question: dict, course: dict, policy: str, span_s: float, schedule: dict | None, sizes: dict | None
    ) -> dict:  # fmt: skip
        """One policy over the start of a trace; of what the model has of its own, only what is asked for came."""
        if schedule is not None:
            schedule |= {"removed": tuple(schedule["removed"]), "like": schedule["like"] and tuple(schedule["like"])}
            self._workbench.schedules[schedule["name"]] = SearchedSchedule(**schedule)
        if sizes is not None:
            times, rows = sizes["times_ms"], ((split, tuple(row)) for split, row in sizes["rows"])
            sizes |= {"rows": tuple(rows), "times_ms": times and tuple(times)}
            self._sizes[sizes["name"]] = SizeTable(**sizes)
        q, c = Question(**question), Course(**course)
        frames = 0

        def on_frame() -> None:
            nonlocal frames
            frames += 1
            if frames % FRAMES == 0 and select.select([sys.stdin], [], [], 0)[0]:
                raise Stopped

        trace = c.open(q) if c.trace == STEADY else self._trace(c.trace)
        try:
            found = run_leg(self._grid(q), q, c, trace, policy, span_s, on_frame)
        except Stopped:
            return {"stopped": True}
        table = found.over_time
        return {
            "leg": {
                "summary": found.summary, "over_time": table.to_dict("list"), "attrs": table.attrs,
                "shares": list(found.shares.items()),
            }
        }  # fmt: skip

    def _build(self, question: Question):
        return plans_for(self._workbench, question)


def main() -> None:
    """The child's life."""
    import pandas  # noqa: F401  # now, and not in the first leg

    replays = Replays()
    say(ready=True)
    obey({"bench": replays.bench, "leg": replays.leg, "stop": lambda: None})
    leave()
