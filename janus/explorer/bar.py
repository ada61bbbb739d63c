"""The line above the sentence: lessons, and the state of the screen as text to copy and to paste."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets

from janus.explorer.browser import Browser
from janus.explorer.controls import Choice
from janus.explorer.later import Later
from janus.explorer.lessons import LESSONS
from janus.explorer.looks import looks

NONE = "choose one …"


class Bar(ipywidgets.VBox):
    """Lessons and the state.

    Args:
        guard: Wraps handlers, so that their errors are shown.
        later: Puts off what figures need not wait for.
        restore: Called with a state; if it raises, the screen stays as it was.
    """

    def __init__(self, *, guard: Callable, later: Later, restore: Callable[[str], None]):
        self._later = later
        self._restore, self._shown, self._taught, self._syncing = restore, "", "", False
        self._known = {lesson.name: lesson for lesson in LESSONS}
        self.lesson = Choice("Lesson", [NONE, *self._known], NONE, guard=guard, changed=self._teach,
                             tooltip="A state to teach from, and what there is to see in it.",
                             flex="1 1 150px", max_width="280px")  # fmt: skip
        self.text = ipywidgets.Text(
            description="State", continuous_update=False,
            tooltip="All of this screen in one line. Copy it; paste one here and press Enter to have it back.",
            **looks(ipywidgets.Text, {"description_width": "40px"}, flex="3 1 190px", width="auto", min_width="0"),
        )  # fmt: skip
        self.text.add_class("janus-state")
        self.text.observe(guard(self._pasted), names="value")
        self.browser = Browser()
        self.says = ipywidgets.HTML()
        self.says.add_class("janus-lesson")
        row = ipywidgets.HBox([self.lesson, self.text, self.browser], **looks(ipywidgets.HBox, flex_flow="row wrap"))
        super().__init__([row, self.says])
        self.add_class("janus-bar")
        self.forget()

    def show(self, state: str) -> None:
        """Show the state of the screen; a lesson whose controls were moved is no longer the chosen one."""
        if state == self._shown:
            return
        self._shown = self.browser.text = state
        self._put(state)
        if self._taught and state != self._taught:
            self._taught = ""
            self.lesson.put(NONE)

    def forget(self) -> None:
        """No lesson is chosen, and nothing is said of one."""
        self._taught = ""
        self.lesson.put(NONE)
        self._put(self._shown)
        self._say("")

    def made_with(self, data: str | None, here: str) -> None:
        """Say whether a state was made with the data that are here."""
        if data not in (None, here):
            self._say(
                f"This state was made with other profiles, stored results or images (its data are {html.escape(data)}, "
                f"here they are {here}): its controls are back, its numbers may differ."
            )

    def _teach(self) -> None:
        name, self._taught = self.lesson.value, ""
        if name == NONE:
            return
        try:
            self._restore(self._known[name].state)
        except Exception:
            self.lesson.put(NONE)
            raise
        # It moves the figures down, which takes the page as long as to draw them.
        with self._later.told(self.says, self.says.layout):
            self._say(f"<b>{html.escape(name)}.</b> {html.escape(self._known[name].teaches)}")
        self._taught = self._shown

    def _pasted(self, change) -> None:
        if self._syncing:
            return
        self.text.add_class("janus-wrong")
        self._say("")
        self._restore(change["new"])
        self._put(self._shown)

    def _put(self, state: str) -> None:
        self._syncing = True
        try:
            self.text.value = state
            self.text.remove_class("janus-wrong")
        finally:
            self._syncing = False

    def _say(self, text: str) -> None:
        self.says.value = text
        self.says.layout.display = "" if text else "none"
