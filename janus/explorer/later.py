"""What the page is told when it has drawn the figures: each message takes it some milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import ipywidgets

from janus.explorer.behind import in_kernel

# A page draws an answer's figures within this.
DRAWN_S = 0.08


def later(function: Callable[[], None]) -> None:
    """Run a function on the kernel's own loop when the page has drawn what it was just sent; at once without one."""
    if in_kernel():
        asyncio.get_running_loop().call_later(DRAWN_S, function)
    else:
        function()


@contextmanager
def told_later(*widgets: ipywidgets.Widget) -> Iterator[ExitStack]:
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
        later(held.close)
