"""Accuracy that is measured behind the screen: what is running, and what has come of each plan so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from janus.explorer.behind import Lane
from janus.workbench import Answer

if TYPE_CHECKING:
    from janus.explorer.subject import Subject


class Key(NamedTuple):
    """What an accuracy depends on."""

    model: str
    family: str
    level: float
    split: int
    codec: str | None


class LiveAccuracy:
    """Results by plan, and the one run that may be under way.

    Args:
        lane: Where it runs.
        changed: Called when there is more to show.
    """

    def __init__(self, lane: Lane, changed: Callable[[], None]):
        self._lane, self._changed = lane, changed
        self._rows: dict[Key, dict] = {}
        self._finished: set[Key] = set()
        self._all: set[Key] = set()
        self.running: Key | None = None
        self.latest: Key | None = None
        self.wanted = 0

    @staticmethod
    def key(answer: Answer, model: str) -> Key:
        """What the accuracy of a plan depends on. Level 0 is the same in every family."""
        plan = answer.plan
        return Key(model, answer.merging_name, plan.level, plan.split, answer.travels_as or None)

    def row(self, key: Key | None) -> dict | None:
        """What is known of a plan."""
        return self._rows.get(key) if key else None

    def rows(self, answer: Answer, model: str) -> list[dict]:
        """What is known of this very plan (``now``), and of the model's plans that were measured to the end."""
        here = self.key(answer, model)
        return [
            row | {"now": key == here, "model": key.model}
            for key, row in self._rows.items()
            if key == here or (key.model == model and key in self._finished)
        ]

    def measure(self, subject: Subject, answer: Answer, limit: int) -> None:
        """Measure the accuracy of a plan, unless that is done or under way; whatever else ran is given up."""
        key = self.key(answer, subject.name)
        known = self._rows.get(key)
        if known is not None and (known["n"] >= limit or key in self._all):
            self.cancel()
            return
        if self.running == key and self.wanted == limit:
            return
        self.running, self.wanted = key, limit
        family, level, split, codec = key[1:]

        def show(row: dict) -> None:
            self._rows[key] = row
            self.latest = key
            self._changed()

        def done() -> None:
            self._finished.add(key)
            if self._rows[key]["n"] < limit:
                self._all.add(key)  # the set holds no more
            self.running = None
            self._changed()

        self._lane.submit(lambda cancel: subject.accuracy(family, level, split, codec, limit, cancel), show, done)

    def cancel(self) -> None:
        """Give up what runs; what was measured stays."""
        self._lane.cancel()
        self.running = None

    def clear(self) -> None:
        """Forget everything."""
        self.cancel()
        for known in (self._rows, self._finished, self._all):
            known.clear()
        self.latest = None
