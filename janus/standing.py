"""How a configuration stands after some images: its figure with an interval, and its difference from another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool
from scipy.stats import binomtest

from janus.configuration import Configuration
from janus.paired import paired_difference
from janus.schedule import MergePlan


class Standing(Protocol):
    """How a configuration stands after some images, whatever the task's figure is."""

    @property
    def configuration(self) -> Configuration:
        """What was run."""
        ...

    @property
    def n(self) -> int:
        """Images so far."""
        ...

    def row(self) -> dict:
        """As one row of a table, in JSON's types."""
        ...

    def against(self, other: Any) -> dict:
        """The task's figure less that of another configuration on the same images, with its interval."""
        ...


@dataclass(frozen=True, kw_only=True)
class Guesses:
    """Which of some images or clips were recognised.

    Attributes:
        hits1: For each in order, whether its class was the first guess.
        hits5: The same among the first five guesses, or all if there are fewer classes.
    """

    hits1: Bool[np.ndarray, " n"]
    hits5: Bool[np.ndarray, " n"]

    @property
    def n(self) -> int:
        """How many so far."""
        return len(self.hits1)

    @property
    def top1(self) -> float:
        """Share of first guesses that are right, in percent."""
        return 100 * float(self.hits1.mean())

    @property
    def top5(self) -> float:
        """Share whose class is among the first five guesses, in percent."""
        return 100 * float(self.hits5.mean())

    @cached_property
    def ci95(self) -> tuple[float, float]:
        """95 % interval of `top1` in percent (Wilson, JASA 22, 1927)."""
        return interval95(self.hits1)


@dataclass(frozen=True, kw_only=True)
class Running(Guesses):
    """The state of one configuration after some images. Never changes: every batch makes a new one.

    Its guesses are paired with those of the other configurations.

    Attributes:
        configuration: What was run.
        plan: What its schedule comes to.
        payload_total_bytes: Encoded bytes over all images.
        busy_s: Seconds spent in the model and the codec. Reading and resizing images is not in it.
        unit: What is counted: ``images`` or ``clips``.
    """

    configuration: Configuration
    plan: MergePlan
    payload_total_bytes: int
    busy_s: float
    unit: str = "images"

    @classmethod
    def start(cls, configuration: Configuration, plan: MergePlan, unit: str = "images") -> Running:
        """Before the first image."""
        none = np.zeros(0, bool)
        return cls(
            configuration=configuration, plan=plan, hits1=none, hits5=none, payload_total_bytes=0, busy_s=0.0, unit=unit
        )

    @property
    def payload_bytes(self) -> float:
        """Mean encoded bytes of an image."""
        return self.payload_total_bytes / self.n

    @property
    def images_per_s(self) -> float:
        """Images through the model and the codec in a second, in batches."""
        return self.n / self.busy_s

    @property
    def headline(self) -> float:
        """The task's figure: `top1`."""
        return self.top1

    def against(self, other: Running) -> dict:
        """See `Standing.against`: the fields of `PairedDifference` for `top1`."""
        return paired_difference(self.hits1, other.hits1).row()

    def row(self) -> dict:
        """As one row of a table, in JSON's types."""
        return {
            **self.configuration.row(),
            "n": self.n,
            "top1": round(self.top1, 4),
            "top5": round(self.top5, 4),
            "ci95": [round(bound, 4) for bound in self.ci95],
            "tokens": list(self.plan.tokens),
            "tokens_at_split": self.plan.tokens[self.configuration.split],
            "mean_tokens_kept": round(self.plan.mean_kept, 4),
            "payload_bytes": round(self.payload_bytes, 1),
            f"{self.unit}_per_s": round(self.images_per_s, 2),
            "notes": list(self.plan.notes),
        }


def interval95(hits: Bool[np.ndarray, " n"]) -> tuple[float, float]:
    """95 % interval of a share of hits in percent (Wilson, JASA 22, 1927)."""
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    return 100 * interval.low, 100 * interval.high


def reference(rows: Sequence[Configuration]) -> int:
    """The place of the row to compare the others with: the unmerged, unsplit one where there is one, else the first."""
    return next((i for i, row in enumerate(rows) if row.untouched), 0)


def paired_rows(state: Sequence[Standing], against: int | None = None) -> list[dict]:
    """One row for each configuration, with its difference from one of them on the same images under ``paired``.

    Args:
        state: From one evaluation.
        against: Place of the row to compare with, which has None there itself; None for that of `reference`.
    """
    at = reference([standing.configuration for standing in state]) if against is None else against
    base = state[at]
    return [
        standing.row() | {"paired": None if i == at else {"against": base.configuration.row()} | standing.against(base)}
        for i, standing in enumerate(state)
    ]
