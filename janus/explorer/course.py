"""The trace view: which trace, which policy, what became of it over time, and all policies in one table."""

from __future__ import annotations

import html
import os
from collections.abc import Callable

import ipywidgets

from janus.explorer.controls import Choice, Offered
from janus.explorer.looks import looks
from janus.explorer.plot import Plot
from janus.explorer.replaying import Replaying
from janus.figures import course_figures
from janus.figures.place import Place
from janus.network import Trace, find_trace, shipped_names
from janus.network.find import SHIPPED_PREFIX
from janus.policy import POLICIES, check_policy
from janus.workbench import STEADY, Course, Question
from janus.workbench.course import BOUND
from janus.workbench.words import ms, significant

# What the menu calls a trace that is named in the box beside it.
OWN = "own"
LABEL = {"description_width": "52px"}
MARGIN = {"l": 46, "r": 42, "t": 20, "b": 38}
# Bandwidth, split, level, latency, from above, on one axis of time.
PLACES = tuple(
    Place(x=(0.0, 1.0), y=ends) for ends in ((0.80, 1.0), (0.575, 0.725), (0.40, 0.50), (0.0, 0.325))
)  # fmt: skip
PACES = (("one after another", 0.0), ("camera, 10 a second", 10.0), ("camera, 30 a second", 30.0))
# Column of the table, its heading, its unit, what it means.
HEADINGS = (
    ("late_percent", "late", "%", "frames over the SLO: the violation ratio"),
    ("p50_ms", "p50", "ms", "half of all frames take no longer, modelled"),
    ("p95_ms", "p95", "ms", "95 of 100 frames take no longer, modelled"),
    ("p99_ms", "p99", "ms", "99 of 100 frames take no longer, modelled"),
    ("throughput_fps", "rate", "1/s", "answers in a second"),
    ("sent_mb", "sent", "MB", "bytes up the link, probes included"),
    ("top1", "top-1", "%", "expected accuracy, from stored results"),
)
BEST = "\N{BLACK STAR}"


class TraceField(ipywidgets.HBox):
    """A menu of traces, and a box for any other.

    Args:
        guard: Wraps handlers, so that their errors are shown.
        changed: Called when a person has named another trace; if it raises a `JanusError`, the trace stays as it was.
    """

    def __init__(self, *, guard: Callable, changed: Callable[[], None]):
        self._changed, self._syncing, self._value = changed, False, STEADY
        names = [name.removeprefix(SHIPPED_PREFIX) for name in shipped_names()]
        traces = [("steady, as on the left", STEADY), *((_title(name), name) for name in names), ("another …", OWN)]
        self.menu = Choice("Uplink", traces, STEADY, guard=guard, changed=self._chosen,
                           tooltip="Which bandwidth the frames meet.", style=LABEL, flex="1 1 190px")  # fmt: skip
        self.box = ipywidgets.Text(
            continuous_update=False, placeholder="a file, or 5g-driving@7",
            tooltip="A trace's file (CSV, Mahimahi, two columns), a folder's trace as FOLDER:NAME, or a class and a "
            "seed for a fresh one, such as 5g-driving@7. Press Enter.",
            layout={"flex": "1 1 110px", "width": "auto", "min_width": "80px"},
        )  # fmt: skip
        self.box.observe(guard(self._typed), names="value")
        super().__init__([self.menu, self.box], **looks(ipywidgets.HBox, flex="2 1 200px", min_width="0"))
        self._offer()

    @property
    def value(self) -> str:
        """What `janus.network.find_trace` understands; `STEADY` for a steady bandwidth."""
        return self._value

    @property
    def kept(self) -> str:
        """The value as it may stand in a state: never a path, which is of one machine only."""
        return STEADY if os.path.exists(self._value.rpartition(":")[0] or self._value) else self._value

    def read(self, text: str) -> str:
        """The trace of that name, taken by nobody yet.

        Raises:
            JanusError: If there is none.
        """
        if text != STEADY:
            find_trace(text)
        return text

    def put(self, value: str) -> None:
        """Name a trace without telling anyone."""
        self._syncing = True
        try:
            listed = value in [known for _, known in self.menu.options if known != OWN]
            self.menu.put(value if listed else OWN)
            self.box.value = "" if listed else value
            self.box.remove_class("janus-wrong")
            self._value = value
            self._offer()
        finally:
            self._syncing = False

    def _offer(self) -> None:
        """The box takes room only where it is needed."""
        self.box.layout.display = "" if self.menu.value == OWN else "none"

    def _chosen(self) -> None:
        self._offer()
        if self.menu.value == OWN:
            self._take(self.box.value.strip() or self._value)
        else:
            self._take(self.menu.value)

    def _typed(self, change) -> None:
        if not self._syncing and change["new"].strip():
            self.menu.put(OWN)
            self._offer()
            self._take(change["new"].strip())

    def _take(self, value: str) -> None:
        before, self._value = self._value, value
        self.box.add_class("janus-wrong")
        try:
            self._changed()
        except Exception:
            self._value = before
            raise
        self.box.remove_class("janus-wrong")


class Policies(Offered):
    """The menu of policies: those that choose a quality are there where rates of the model are stored."""

    def read(self, text: str) -> str:
        """A policy by its name, whether the present model has it or not.

        Raises:
            JanusError: If there is none.
        """
        return check_policy(text)


class CourseView(ipywidgets.VBox):
    """Menus in a row, below them the figures and the table.

    Args:
        replaying: What has been replayed.
        guard: Wraps handlers, so that their errors are shown.
        changed: Called when a person has chosen another trace, pace or policy.
    """

    def __init__(self, replaying: Replaying, *, guard: Callable, changed: Callable[[], None]):
        self._replaying = replaying
        self.plot: Plot | None = None
        self._opened: tuple[str, Trace] | None = None
        self._drawn: tuple | None = None
        self.trace = TraceField(guard=guard, changed=changed)
        usual, ask = Course(), {"guard": guard, "changed": changed, "style": LABEL, "flex": "1 1 170px"}
        self.pace = Choice("Frames", list(PACES), usual.camera_fps, **ask,
                           tooltip="When the next frame begins; a camera drops what comes too early.")  # fmt: skip
        self.policy = Policies("Policy", list(POLICIES), usual.policy, **ask,
                               tooltip="Which policy is shown over time; the table has all.")  # fmt: skip
        wrapped = looks(ipywidgets.HBox, flex_flow="row wrap")
        row = ipywidgets.HBox([self.trace, self.pace, self.policy], **wrapped)
        row.add_class("janus-course-menus")
        self._plots = ipywidgets.Box(**looks(ipywidgets.Box, flex="1 1 280px", min_width="0"))
        self.table = ipywidgets.HTML(**looks(ipywidgets.HTML, flex="0 0 auto", min_width="0"))
        self.table.add_class("janus-policies")
        body = ipywidgets.HBox([self._plots, self.table], **wrapped)
        super().__init__([row, body], layout={"flex": "1 1 auto", "min_width": "0"})
        self.add_class("janus-course")

    @property
    def course(self) -> Course:
        """What the menus say."""
        return Course(trace=self.trace.value, policy=self.policy.value, camera_fps=self.pace.value)

    def opened(self, question: Question) -> Trace:
        """The trace; a file is read once.

        Raises:
            JanusError: If it is not to be found.
        """
        name = self.trace.value
        if name == STEADY:
            return self.course.open(question)
        if self._opened is None or self._opened[0] != name:
            self._opened = (name, self.course.open(question))
        return self._opened[1]

    def show(self, question: Question, measured) -> None:
        """Bring figures and table up to what has been replayed.

        Args:
            question: What was asked.
            measured: From `janus.workbench.measured_over_time`.
        """
        for widget in (self._plots, self.table):
            (widget.add_class if self._replaying.stale else widget.remove_class)("stale")
        leg = self._replaying.leg(self.course.policy)
        if leg is not None and not self._replaying.stale:
            slo = f"SLO<br>{ms(question.slo_ms)}"
            parts = course_figures(leg.over_time, measured, slo_ms=question.slo_ms, slo=slo)
            self._drawn = leg, parts
            if self.plot is None:
                self.plot = Plot(parts, margin=MARGIN, places=PLACES)
                self._plots.children = (self.plot,)
            else:
                self.plot.show(parts)
        table = self._replaying.table(self.course)
        self.table.value = table_html(table, camera=bool(self.course.camera_fps))

    @property
    def shown(self) -> tuple | None:
        """The chosen policy's leg, its figures, and the table of all policies; None while they are not known."""
        if (
            self._drawn is None
            or self._replaying.stale
            or self._drawn[0] is not self._replaying.leg(self.course.policy)
        ):
            return None
        return (*self._drawn, self._replaying.table(self.course))


def table_html(table, *, camera: bool) -> str:
    """The table of policies: the best of each column starred, what covers the clip only in grey and in italics."""
    if not len(table):
        return "<p>Policies are being replayed …</p>"
    span = table["span_s"].max()
    head = "".join(
        f'<th scope="col" title="{meaning}">{name}<br><small>{unit}</small></th>' for _, name, unit, meaning in HEADINGS
    )
    body = "".join(_row(row) for row in table.to_dict("records"))
    waiting = not (table["span_s"] == span).all() or not table["whole"].all()
    shortest = table["span_s"].min()
    notes = [f"{BEST} the best of its column, the {BOUND} aside: it knows the trace."]
    notes += [f"<i>In grey: over the first {shortest:g} s only.</i>"] if waiting else []
    notes += ["Frames that the camera dropped count as late, and as never answered."] if camera else []
    return (
        f"<table><caption>All policies, modelled over {span:g} s</caption>"
        f'<thead><tr><th scope="col">policy</th>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"<p>{' '.join(notes)}</p>"
    )


def _row(row: dict) -> str:
    cells = []
    for column, *_ in HEADINGS:
        text = _number(row[column])
        cells.append(f"<td><b>{BEST}{text}</b></td>" if row[f"best_{column}"] else f"<td>{text}</td>")
    classes = [name for name, on in (("chosen", row["chosen"]), ("stale", not row["whole"])) if on]
    mark = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE} " if row["chosen"] else ""
    name = html.escape(row["policy"])
    return f'<tr class="{" ".join(classes)}"><th scope="row">{mark}{name}</th>{"".join(cells)}</tr>'


def _number(value: float) -> str:
    if value != value:
        return "–"
    return "never" if value == float("inf") else significant(value)


def _title(name: str) -> str:
    """A shipped trace in the menu."""
    network, _, mobility = name.partition("-")
    words = f"{network.upper()}, {mobility}" if mobility else f"{network}, LTE"
    return f"{words} (generated)"
