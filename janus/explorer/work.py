"""What runs behind the screen, in a thread of its own. torch comes here, and not before."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from janus.explorer.sources import ModelSource

if TYPE_CHECKING:
    from janus.explorer.subject import Subject


def load(
    source: ModelSource, images: Path | str | None, fit: str, seed: int, cancel: threading.Event, *,
    give_way: Callable[[], None], then_calibrate: bool,
) -> Iterator:  # fmt: skip
    """A `Subject`, then perhaps a `LatencyProfile` of it on this machine; pandas comes in between."""
    from janus.explorer.subject import load_subject

    subject = load_subject(source, None if images is None else str(images), fit, seed, give_way)
    yield subject
    # The trace view's tables are of it; who opens that first need not wait for half a second.
    importlib.import_module("pandas")
    if then_calibrate and not cancel.is_set():
        yield subject.calibrate()


def calibrate(subject: Subject) -> Iterator:
    """A `LatencyProfile` of this machine."""
    yield subject.calibrate()


def outlines(subject: Subject, pixels, plan) -> Iterator[list]:
    """Which token each patch of a picture is in, after each block."""
    yield subject.groups(pixels, plan)


def ask_hub(cancel: threading.Event) -> Iterator[bool]:
    """Whether the hub can be reached; known within two seconds."""
    from janus.hub import hub_reachable

    yield hub_reachable()
