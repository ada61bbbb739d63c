"""What comes in behind the screen for the present plan: accuracy, and the tokens on the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from janus.explorer.work import outlines

if TYPE_CHECKING:
    from collections.abc import Callable

    from janus.explorer.banner import Banner
    from janus.explorer.behind import Lane
    from janus.explorer.desk import Desk
    from janus.explorer.later import Later
    from janus.explorer.live import LiveAccuracy
    from janus.explorer.panel import Panel
    from janus.explorer.shelf import Shelf
    from janus.explorer.sources import ModelSource
    from janus.explorer.stage import Stage
    from janus.explorer.subject import Subject
    from janus.workbench import Answer


class Following:
    """The part of `janus.Explorer` that follows the plan with what takes longer."""

    panel: Panel
    stage: Stage
    desk: Desk
    shelf: Shelf
    banner: Banner
    live: LiveAccuracy
    source: ModelSource
    subject: Subject | None
    answer: Answer
    _doing: str
    _outlining: Lane
    _later: Later
    _show: Callable[[], None]

    @property
    def _measurable(self) -> bool:
        return self.subject is not None and self.subject.images is not None and not self._busy

    @property
    def _busy(self) -> str:
        """What has the processor and must not be disturbed, in words."""
        return self._doing or self.desk.measuring.doing

    def _follow(self) -> None:
        """Accuracy of the present plan, if it is to follow the controls."""
        if self._measurable and self.panel.live.value:
            self.live.measure(self.subject, self.answer, self.panel.images.value)
        else:
            self.live.cancel()

    def _live_changed(self) -> None:
        self._follow()
        self._show()

    def _measure(self) -> None:
        if self._measurable:
            self.live.measure(self.subject, self.answer, self.panel.images.value)
            self._show()

    def _outline(self) -> None:
        """The picture's merged tokens under the present plan."""
        subject = self.subject
        if subject is None:
            self._outlining.cancel()
            self._later.do(self.stage.draw)
            return
        if self.stage.outlined_as((self.stage.which.value, self.answer.merging.removed, subject.name)):
            return
        pixels, plan = self.stage.pixels, self.answer.merging
        self._outlining.submit(lambda cancel: outlines(subject, pixels, plan), self._outlined)
        self.shelf.refresh("picture")

    def _outlined(self, groups) -> None:
        self.stage.outline(groups)
        self.shelf.refresh("picture")

    def _failed(self, why: Exception) -> None:
        self._doing = ""
        self.live.cancel()
        self.banner.show(why)
        if self.subject is None:
            self.stage.outline(None, "No model is loaded: see the message above.")
        self._show()

    def _why_no_tokens(self) -> str:
        if self.source.weights == "none":
            return f"{self.source.title}: no weights are loaded, so there are no merged tokens to show."
        return "Merged tokens appear here when the model is loaded."
