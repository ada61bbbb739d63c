"""What the page is told when it has drawn the figures: each message takes it some milliseconds."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import ipywidgets

from janus.explorer.behind import Turn, in_kernel

# A page draws an answer's figures within this.
DRAWN_S = 0.08
# A loop may wake a little before its time.
EARLY_S = 0.005


class Later:
    """Puts off what figures need not wait for.

    Args:
        turn: Taken for what was put off; whoever puts it off has it.
    """

    def __init__(self, turn: Turn):
        self._turn = turn
        self._due: deque[tuple[float, Callable[[], None]]] = deque()

    def do(self, function: Callable[[], None]) -> None:
        """Run a function when the page has drawn what it was just sent; at once where there is no kernel."""
        if not in_kernel():
            function()
            return
        self._due.append((time.monotonic() + DRAWN_S, function))
        asyncio.get_running_loop().call_later(DRAWN_S, self._run)

    def _run(self) -> None:
        """Also what the loop of a page has left that is gone: each page may have a thread of its own."""
        with self._turn:
            while self._due and self._due[0][0] <= time.monotonic() + EARLY_S:
                self._due.popleft()[1]()

    @contextmanager
    def told(self, *widgets: ipywidgets.Widget) -> Iterator[ExitStack]:
        """Tell the page of changes to these widgets later, in one message for each.

        Yields:
            Where to add what else is to be done then.
        """
        held = ExitStack()
        for widget in widgets:
            held.enter_context(widget.hold_sync())
        try:
            yield held
        finally:
            self.do(held.close)
