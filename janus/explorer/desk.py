"""The right side of the screen: the plan's figures or the trace view, and the button that measures with real processes.

It passes on what was asked and shows what was answered; it computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import ipywidgets

from janus.errors import JanusError
from janus.explorer.controls import Choice
from janus.explorer.course import CourseView
from janus.explorer.looks import looks
from janus.explorer.measuring import Measuring
from janus.explorer.pairwork import HERE, IMITATED, WORDS, PairJob
from janus.explorer.panel import Setting
from janus.explorer.prose import sentence_html
from janus.explorer.replaying import Replaying
from janus.explorer.sheets import course_sheets
from janus.policy import policies_for
from janus.provenance import hardware
from janus.workbench import (
    STEADY,
    Answer,
    Workbench,
    explain,
    explain_course,
    measured_over_time,
    measured_run_words,
    measured_table,
    measured_words,
    on_time,
    pair_words,
)

if TYPE_CHECKING:
    from janus.explorer.banner import Banner
    from janus.explorer.export import Sheet
    from janus.explorer.stage import Stage
    from janus.explorer.subject import Subject

PLAN, TRACE = "plan", "trace"
POLICY = "janus"


class Views(ipywidgets.ToggleButtons):
    """Which of the two views is seen."""

    def __init__(self, *, guard: Callable, changed: Callable[[], None]):
        super().__init__(
            options=[("One plan", PLAN), ("Trace and policies", TRACE)], value=PLAN,
            tooltips=["Steady bandwidth: every split, every level", "Bandwidth over time: every policy"],
            **looks(ipywidgets.ToggleButtons, {"button_width": "auto"}),
        )  # fmt: skip
        self.add_class("janus-views")
        self._syncing = False
        self.observe(guard(lambda _change: None if self._syncing else changed()), names="value")

    def read(self, text: str) -> str:
        """The view of that name, chosen by nobody yet.

        Raises:
            JanusError: If there is none.
        """
        if text not in (PLAN, TRACE):
            raise JanusError(f"View: there is no {text!r:.60} here; choose {PLAN} or {TRACE}.")
        return text

    def put(self, value: str) -> None:
        """Show a view without telling anyone."""
        self._syncing = True
        try:
            self.value = value
        finally:
            self._syncing = False


class Desk(ipywidgets.VBox):
    """Two views of which one is seen, and the measured half.

    Args:
        stage: The plan's figures.
        banner: Where errors are shown.
        lane: Makes a lane from a name and what to call when a job fails.
        asked: Called when the view, the trace or the policy was chosen.
        more: Called when there is more to show.
        before: Called when a pair starts, for what must not run beside it.
        after: Called when it has ended.

    Attributes:
        settings: For the state of the screen, as those of the panel.
    """

    def __init__(
        self, stage: Stage, *, banner: Banner, lane: Callable, asked: Callable[[], None], more: Callable[[], None],
        before: Callable[[], None], after: Callable[[], None],
    ):  # fmt: skip
        self._banner, self._more, self._before, self._after = banner, more, before, after
        guard = banner.guard
        self.replaying: Replaying
        self.measuring: Measuring
        self.lanes = (
            lane("replays", failed=lambda why: self._failed(self.replaying, why)),
            lane("pair", failed=lambda why: self._failed(self.measuring, why)),
        )  # fmt: skip
        self.replaying = Replaying(self.lanes[0], more)
        self.measuring = Measuring(self.lanes[1], more, self._ended)
        self._said = ""
        self.course_view = CourseView(self.replaying, guard=guard, changed=asked)
        self._stage = stage
        self.view = Views(guard=guard, changed=asked)
        self.where = Choice(
            "on", [("this machine, twice", HERE), ("the chosen machines, imitated", IMITATED)], HERE, guard=guard,
            changed=more, tooltip="Which machines the two processes are: this one both times, or this one slowed down "
            "to the profiles of the bars.", style={"description_width": "20px"}, flex="1 1 110px", min_width="0",
        )  # fmt: skip
        self.measure = ipywidgets.Button(**looks(ipywidgets.Button, width="auto", flex="0 0 auto"))
        self.measure.on_click(guard(lambda _button: self._pressed()))
        narrow = looks(ipywidgets.HBox, flex="0 1 330px", min_width="230px")
        apart = looks(ipywidgets.HBox, justify_content="space-between", flex_flow="row wrap", flex="0 0 auto")
        row = ipywidgets.HBox([self.view, ipywidgets.HBox([self.measure, self.where], **narrow)], **apart)
        row.add_class("janus-tabs")
        view = self.course_view
        self.settings = {
            "view": Setting(self.view, PLAN), "trace": Setting(view.trace, STEADY),
            "policy": Setting(view.policy, POLICY), "camera_fps": Setting(view.pace, 0.0),
            "measure_on": Setting(self.where, HERE),
        }  # fmt: skip
        whole = looks(ipywidgets.VBox, flex="1 1 auto", min_width="0")
        super().__init__([row, stage, self.course_view], **whole)
        self.add_class("janus-desk")

    @property
    def planned(self) -> bool:
        """Whether the plan is what is seen."""
        return self.view.value == PLAN

    # -- what is asked -----------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget what was replayed and measured."""
        self.replaying.clear()
        self.measuring.clear()
        self._said = ""

    def follow(self, bench: Workbench, answer: Answer) -> None:
        """Replay the present question over the trace, if that is what is seen.

        Raises:
            JanusError: If the trace is not to be found.
        """
        self._bench = bench
        self.course_view.policy.offer(policies_for(bench.rates), POLICY)
        if not self.planned:
            question = answer.question
            self.replaying.follow(bench, question, self.course_view.course, self.course_view.opened(question))
        else:
            self.replaying.cancel()

    def meet(self, subject: Subject | None, answer: Answer, fit: str, *, busy: bool) -> None:
        """Who is to be measured, and whether that can begin."""
        self._job = (subject, answer, fit)
        running = self.measuring.running
        self.measure.disabled = not running and (subject is None or busy)
        self.measure.description, self.measure.icon = ("Stop", "stop") if running else ("Measure", "exchange")
        what = "this plan" if self.planned else "this policy over the trace"
        self.measure.tooltip = (
            "Stop measuring; what was measured stays." if running
            else f"Run {what} with two real processes and a shaped link, and put the measured points beside."
        )  # fmt: skip

    def _pressed(self) -> None:
        if self.measuring.running:
            self.measuring.cancel()
            self._ended()
            return
        subject, answer, fit = self._job
        if subject is None:
            return
        q, view = answer.question, self.course_view
        alone, stage = self.planned, self._stage
        job = PairJob(
            subject=subject, pictures=[stage.picture_of(name) for name in stage.names], fit=fit, bench=self._bench,
            question=q, where=self.where.value, plan=answer.plan if alone else None, course=view.course,
            trace=view.opened(q),
        )  # fmt: skip
        if alone:
            self.measuring.plan(job, self.measuring.link(answer, subject.name, self._bench, self.where.value))
        else:
            self.measuring.policy(job)
        self._before()
        self._more()

    def _ended(self) -> None:
        """No pair runs any more: whatever gave way to it goes on."""
        self._after()
        self._more()

    def _failed(self, part: Replaying | Measuring, why: Exception) -> None:
        part.cancel()
        self._banner.show(why)
        self._ended()

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def doing(self) -> str:
        """What is under way here, in words."""
        return self.measuring.doing or self.replaying.doing

    def measured(self, answer: Answer, model: str):
        """Measured points for the bars; None where there are none."""
        spots = self._spots(answer, model)
        return measured_table(answer, spots) if spots else None

    def _spots(self, answer: Answer, model: str) -> dict[int, dict]:
        return self.measuring.spots(self.measuring.link(answer, model, self._bench, self.where.value))

    def show(self, answer: Answer) -> None:
        """The view that was chosen."""
        for view, seen in ((self._stage, self.planned), (self.course_view, not self.planned)):
            (view.remove_class if seen else view.add_class)("janus-hidden")
        if not self.planned:
            course, question = self.course_view.course, answer.question
            leg = self.replaying.leg(course.policy)
            top = leg.over_time.attrs["top_ms"] if leg else None
            self.course_view.show(question, measured_over_time(self._rows(answer), top))

    def _rows(self, answer: Answer) -> list[dict]:
        return self.measuring.rows(self._bench, answer.question, self.course_view.course, self.where.value)

    def sheets(self, answer: Answer) -> dict[str, Sheet]:
        """What the trace view shows, if it is what is seen."""
        if self.planned:
            return {}
        return course_sheets(self.course_view, answer, self._rows(answer), WORDS[self.where.value])

    def sentence(self, answer: Answer, stored, real, model: str, live: str) -> str:
        """What stands on top, as HTML, for the view that is seen."""
        if self.planned:
            spot = self._spots(answer, model).get(answer.plan.split)
            tail = " ".join(part for part in (live, measured_words(spot) if spot else "") if part)
            return sentence_html(explain(answer, stored, real), met=answer.met, live=tail)
        course, question = self.course_view.course, answer.question
        leg, rows = self.replaying.leg(course.policy), self._rows(answer)
        tail = measured_run_words(rows, WORDS[self.where.value]) if rows else ""
        if leg is None or self.replaying.stale:
            return f'<div class="stale" role="status">{self._said or "Policies are being replayed …"}</div>'
        words = explain_course(leg, self.replaying.table(course), question, course, answer.depth)
        self._said = sentence_html(words, met=on_time(leg, question), live=tail)
        return self._said

    def note(self, answer: Answer, model: str) -> str:
        """Where measured points come from; empty where there are none."""
        seen = self._spots(answer, model) if self.planned else self._rows(answer)
        facts = hardware()
        machine = f"{facts['processor']}, {facts['cores']} cores"
        return pair_words(WORDS[self.where.value], machine, "one thread each") if seen else ""
