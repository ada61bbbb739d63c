"""Progress bars on long work: a widget in a notebook, text in a terminal; nothing in files, in CI and in tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable


def bar(
    items: Iterable | None = None, *, unit: str, title: str | None = None, total: int | None = None, shown: bool = True
):
    """A tqdm bar, which goes away when the work is done. With ``items`` it is iterated over.

    Args:
        items: What the work goes through.
        unit: What one of it is called.
        title: Stands before the bar.
        total: How many there are, where ``items`` does not say.
        shown: False for none at all.
    """
    from tqdm.auto import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # tqdm's own thread would outlive the work

    return Bar(items, desc=title, total=total, unit=unit, disable=not (shown and seen()), leave=False)


def seen() -> bool:
    """Whether anybody would see a bar, and no log or stored output would be full of it."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false") or "PYTEST_CURRENT_TEST" in os.environ:
        return False
    return in_notebook() or sys.stderr.isatty()


def in_notebook() -> bool:
    """Whether this Python is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config
