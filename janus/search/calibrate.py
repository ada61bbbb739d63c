"""`janus search` in one call: pictures, a panel, one hunt for each budget, and the document that comes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.models import LoadedModel
from janus.search.answers import opener
from janus.search.document import cost, entry, front_name
from janus.search.hunt import Effort, Found, hunts
from janus.search.journal import Journal, Removed
from janus.search.panel import BATCH, Panel, pixels_hash
from janus.search.pictures import Pictures
from janus.search.shape import Budget
from janus.vit import open_vit

SCORE = "mean Kullback-Leibler divergence of the answers from the unmerged model's, in nats; without labels"


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """A search for one model on one set of pictures.

    Attributes:
        geometry: The model.
        panel: That judges.
        originals: Batches of the panel that are the pictures as they are; those behind are in the mirror.
    """

    geometry: ModelGeometry
    panel: Panel
    originals: int

    @classmethod
    def open(
        cls,
        loaded: LoadedModel,
        weights: Path | None,
        pictures: Pictures,
        *,
        journal: Path | None = None,
        resume: bool = False,
        jobs: int = 1,
        cancel: threading.Event | None = None,
        tell: Callable[[int], None] = lambda passes: None,
    ) -> Search:
        """Seat a panel before these pictures.

        Args:
            loaded: The model.
            weights: The file that it came from, for other processes; None where its name is enough.
            pictures: To judge by.
            journal: File of what was answered; None to keep it in memory.
            resume: Whether to go on with what the file holds.
            jobs: Processes; -1 for all cores.
            cancel: Ends it, once set, after the batch at hand.
            tell: Called with each batch's number of pictures times schedules.

        Raises:
            JanusError: If they are too few, or the journal is of something else, or is there and is not to be gone on
                with.
        """
        if len(pictures) < 2:
            raise JanusError("one picture is too few to search by: nothing is sure from it; give two or more.")
        # Whole batches of each view, so that the views of a picture stand at the same place in theirs.
        whole = max(len(pictures) // BATCH, 1) * BATCH if len(pictures) >= BATCH else len(pictures)
        pixels = np.concatenate([pictures.pixels[:whole], pictures.pixels[:whole, :, ::-1]])
        about = {"model": loaded.name, "weights": loaded.weights.sha256, "pixels": pixels_hash(pixels), "batch": BATCH}
        size = min(BATCH, whole)
        kept = Journal(journal, about, resume=resume, size=size)
        panel = Panel(
            opener(loaded, weights, jobs), pixels, kept, size=size, jobs=jobs, cancel=cancel, tell=tell
        )  # fmt: skip
        return cls(geometry=open_vit(loaded.model).geometry, panel=panel, originals=panel.batches // 2)

    def run(self, budgets: Sequence[Budget], effort: Effort | None = None) -> Iterator[Found]:
        """One answer for each budget."""
        yield from hunts(budgets, self.geometry, self.panel, self.originals, self.panel.batches, effort=effort)

    def agreement(self, removed: Removed) -> float:
        """Share of pictures, in both views, on which a schedule guesses as the unmerged model does, in percent."""
        return 100 * float(self.panel.agrees(removed, range(self.panel.batches)).mean())

    def entry(self, found: Found, made: dict) -> dict:
        """An answer as the document holds it."""
        return entry(found, self.geometry, self.agreement(found.plan.removed), made)

    def points(self, found: Found) -> list[dict]:
        """All that saw every picture, as candidates for the front of their cut."""
        everything, split = range(self.panel.batches), found.budget.split
        like = [] if found.budget.like is None else [self.geometry.plan(found.budget.like).removed]
        rows = []
        for removed in dict.fromkeys([*found.finalists, *like]):
            spent = cost(removed, split, self.geometry)
            rows.append(
                {
                    "name": front_name(spent["token_blocks"], spent["tokens_at_cut"], split),
                    **spent,
                    "divergence": round(float(self.panel.divergence(removed, everything).mean()), 5),
                    "agreement": round(self.agreement(removed), 3),
                }
            )
        return rows

    def facts(self, pictures: Pictures, fit: str) -> dict:
        """What the answers were chosen by, for provenance."""
        return {
            **pictures.facts,
            "n": self.originals * self.panel.size,
            "views": 2,
            "fit": fit,
            "score": SCORE,
            "pixels_sha256": self.panel.pixels_sha256,
            "fingerprints": sorted(set(pictures.fingerprints)),
        }
