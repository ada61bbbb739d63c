"""Replays behind the screen: every policy over the chosen trace, for the question that is asked now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from janus.explorer.behind import Lane
from janus.network import Trace
from janus.policy import POLICIES
from janus.workbench import STEADY, Course, Leg, Question, Workbench, replays


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
        done = f"the whole trace, {self.whole}" if known == len(POLICIES) else f"a clip, {known}"
        return f"replaying {done} of {len(POLICIES)} policies"

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
        if subject == self._wanted and (self.running or self.whole == len(POLICIES)):
            return
        self._wanted, self.running = subject, True

        def show(leg: Leg) -> None:
            if self.stale:
                self._legs, self._subject = {}, subject
            self._legs[leg.policy] = leg
            self._changed()

        def done() -> None:
            self.running = False
            self._changed()

        self._lane.submit(lambda cancel: _until(cancel, bench, question, course, trace), show, done)

    def cancel(self) -> None:
        """Give up what runs; what was replayed stays."""
        self._lane.cancel()
        self.running = False

    def clear(self) -> None:
        """Forget everything."""
        self.cancel()
        self._legs, self._subject, self._wanted = {}, (), ()


def _until(cancel: threading.Event, bench: Workbench, question: Question, course: Course, trace: Trace) -> Iterator:
    """Replays that end with the frame at hand when they are cancelled."""

    def on_frame() -> None:
        if cancel.is_set():
            raise Stopped

    try:
        yield from replays(bench, question, course, trace, on_frame)
    except Stopped:
        return
