"""Where errors are shown, and the guard that brings them there: a notebook swallows what a callback raises."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps

import ipywidgets

from janus.errors import JanusError


class Banner(ipywidgets.HTML):
    """One line above the screen; takes no room while there is nothing to say.

    Args:
        lock: Held while a handler runs.
    """

    def __init__(self, lock: AbstractContextManager):
        super().__init__()
        self._lock = lock
        self.add_class("janus-banner")
        self.clear()

    def clear(self) -> None:
        """Say nothing."""
        self.value, self.layout.display = "", "none"

    def show(self, why: BaseException) -> None:
        """Say what went wrong: a `JanusError` as its sentence, anything else with the traceback folded behind it."""
        if isinstance(why, JanusError):
            text = html.escape(str(why))
        else:
            lines = html.escape("".join(traceback.format_exception(why)))
            text = (
                f"This should not have happened: {html.escape(type(why).__name__)}: {html.escape(str(why))} "
                f"<details><summary>Details for a report</summary><pre>{lines}</pre></details>"
            )
        self.value, self.layout.display = f'<div role="alert">{text}</div>', ""

    def guard(self, handler: Callable) -> Callable:
        """A handler whose errors are shown here, and which clears the banner when it succeeds."""

        @wraps(handler)
        def guarded(*args, **kwargs) -> None:
            with self._lock:
                try:
                    handler(*args, **kwargs)
                except Exception as why:
                    self.show(why)
                else:
                    self.clear()

        return guarded
