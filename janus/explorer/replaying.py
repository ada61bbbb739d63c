"""Replays behind the screen: every policy over the chosen trace, for the question that is asked now."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from janus.explorer.behind import Lane
from janus.policy import policies_for
from janus.workbench import STEADY, Course, Leg, Question, Workbench, plans_for, policy_table, run_leg, stretches

if TYPE_CHECKING:
    from janus.network import Trace
    from janus.runtime.replays import Replayer


class Stopped(Exception):
    """Nobody wants this replay any more."""


class Replaying:
    """What has been replayed for one question and one trace, and what is under way.

    Args:
        lane: Where it runs.
        changed: Called when there is more to show.
    """

    def __init__(self, lane: Lane, changed: Callable[[], None]):
        self._lane, self._changed = lane, changed
        self._legs: dict[str, Leg] = {}
        self._subject: tuple = ()
        self._wanted: tuple = ()
        self._table: tuple | None = None
        self._policies = policies_for(None)
        self.running = False

    @property
    def legs(self) -> list[Leg]:
        """The longest replay of each policy so far."""
        return list(self._legs.values())

    @property
    def stale(self) -> bool:
        """Whether `legs` are still those of an earlier question."""
        return self._subject != self._wanted

    @property
    def whole(self) -> int:
        """How many policies have been replayed to the end."""
        return 0 if self.stale else sum(leg.whole for leg in self._legs.values())

    @property
    def doing(self) -> str:
        """What is under way, in words."""
        if not self.running:
            return ""
        known = 0 if self.stale else len(self._legs)
        done = f"the whole trace, {self.whole}" if known == len(self._policies) else f"a clip, {known}"
        return f"replaying {done} of {len(self._policies)} policies"

    def table(self, course: Course):
        """What `janus.workbench.policy_table` makes of it."""
        if self._table is None or self._table[0] != course:
            self._table = course, policy_table(self.legs, course)
        return self._table[1]

    def leg(self, policy: str) -> Leg | None:
        """How a policy fared; None if that is not known yet."""
        return self._legs.get(policy)

    def follow(self, bench: Workbench, question: Question, course: Course, trace: Trace) -> None:
        """Replay what is asked now, unless that is done or under way; whatever else ran is given up.

        Args:
            bench: Model and machines.
            question: Schedule, target, how things travel.
            course: Pace, and which policy comes first.
            trace: What ``course`` opens.
        """
        # A replay does not depend on what the question fixes of the plan, nor on the bandwidth where a trace has one.
        steady = question.uplink_mbps if course.trace == STEADY else None
        subject = (
            bench, question.family, question.codec, question.encoding, question.slo_ms, question.rtt_ms, steady,
            course.trace, course.camera_fps,
        )  # fmt: skip
        self._policies = policies_for(bench.rates)
        if subject == self._wanted and (self.running or self.whole == len(self._policies)):
            return
        known = {leg.policy: leg for leg in self._legs.values()} if subject == self._subject else {}
        self._wanted, self.running = subject, True

        def show(leg: Leg) -> None:
            if self.stale:
                self._legs, self._subject = {}, subject
            self._legs[leg.policy], self._table = leg, None
            self._changed()

        def done() -> None:
            self.running = False
            self._changed()

        self._lane.submit(lambda cancel: all_legs(bench, question, course, trace, known, cancel), show, done)

    def cancel(self) -> None:
        """Give up what runs; what was replayed stays."""
        self._lane.cancel()
        self.running = False

    def clear(self) -> None:
        """Forget everything."""
        self.cancel()
        self._legs, self._table, self._subject, self._wanted = {}, None, (), ()


@cache
def replayer() -> Replayer:
    """The one process that replays for all screens of this kernel; it ends with it."""
    from janus.runtime.replays import Replayer

    one = Replayer()
    atexit.register(one.stop)
    return one


def all_legs(
    bench: Workbench, question: Question, course: Course, trace: Trace, known: dict[str, Leg], cancel: threading.Event
) -> Iterator[Leg]:
    """Every policy, over a clip and over the whole trace, but for what is known. Ends early when it is cancelled."""

    def on_frame() -> None:
        if cancel.is_set():
            raise Stopped

    worker = replayer()
    worker.start()
    for span_s, policy in stretches(course, trace, policies_for(bench.rates)):
        before = known.get(policy)
        if before is not None and before.span_s >= span_s:
            continue
        if worker.ready or policy != course.policy:
            leg = worker.leg(bench, question, course, trace, policy, span_s, cancel.is_set)
        else:
            # Until the process is there, something to see: the chosen policy over the clip takes no time.
            try:
                leg = run_leg(plans_for(bench, question), question, course, trace, policy, span_s, on_frame)
            except Stopped:
                leg = None
        if leg is None:
            return
        yield leg
