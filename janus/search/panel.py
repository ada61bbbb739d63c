"""The pictures that schedules are judged by, and the judging: batch by batch, on all cores, kept in a journal."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool

import joblib
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from janus.opened import OpenViT
from janus.search.answers import answer
from janus.search.journal import Journal, Removed

BATCH = 25
# Schedules that one piece of work takes at once: enough to share their first blocks, few enough to end soon.
TOGETHER = 16


class Stopped(Exception):
    """The search was cancelled; what was answered is in the journal."""


class Panel:
    """Pictures, and what schedules answered to them.

    Attributes:
        size: Of a batch.
        batches: Of how many batches they are.
        pixels_sha256: Of all that they hold.
    """

    def __init__(
        self,
        opened: Callable[[], OpenViT],
        pixels: UInt8[np.ndarray, "n h w 3"],
        journal: Journal,
        *,
        size: int = BATCH,
        jobs: int = 1,
        cancel: threading.Event | None = None,
        tell: Callable[[int], None] = lambda passes: None,
    ):
        """Seat the panel.

        Args:
            opened: Gives the model, in whatever process it is called.
            pixels: The pictures.
            journal: Of answers of this model to these pictures.
            size: Pictures in a batch.
            jobs: Processes; -1 for all cores; 1 for this one.
            cancel: Set from another thread or a signal handler, it ends the work after the batch at hand.
            tell: Called with each batch's number of pictures times schedules.
        """
        self.size, self.batches = size, -(-len(pixels) // size)
        self.pixels_sha256 = pixels_hash(pixels)
        self._opened, self._pixels, self._journal = opened, pixels, journal
        self._jobs, self._cancel, self._tell = jobs, cancel, tell
        self._key = journal.key

    def ask(self, schedules: Iterable[Removed], batches: Sequence[int]) -> None:
        """Have every schedule answer to these batches, where it has not.

        Raises:
            Stopped: If it was cancelled on the way.
        """
        wanted = sorted(set(schedules))
        pieces = []
        for batch in batches:
            missing = [removed for removed in wanted if (removed, batch) not in self._journal]
            pieces += [(batch, missing[at : at + TOGETHER]) for at in range(0, len(missing), TOGETHER)]
        if not pieces:
            return
        work = (
            joblib.delayed(_piece)(self._opened, batch, self._of(batch), group, self._key) for batch, group in pieces
        )
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            done = joblib.Parallel(n_jobs=self._jobs, return_as="generator_unordered", batch_size=1, max_nbytes=None)(
                work
            )
            try:
                for batch, found in done:
                    fresh = {removed: said for removed, said in found.items() if (removed, batch) not in self._journal}
                    self._journal.put(batch, fresh)
                    self._tell(len(fresh) * len(self._of(batch)))
                    if self._stopped:
                        raise Stopped
            except BrokenProcessPool as why:
                if self._stopped:  # Ctrl-C reaches the processes too
                    raise Stopped from why
                raise

    @property
    def _stopped(self) -> bool:
        return self._cancel is not None and self._cancel.is_set()

    def _of(self, batch: int) -> UInt8[np.ndarray, "b h w 3"]:
        return self._pixels[batch * self.size : (batch + 1) * self.size]

    def divergence(self, removed: Removed, batches: Sequence[int]) -> Float[np.ndarray, " n"]:
        """Of one schedule from the unmerged model, in nats, for each picture of batches that were asked."""
        return np.concatenate([self._journal[removed, batch].divergence for batch in batches])

    def best(self, removed: Removed, batches: Sequence[int]) -> Int[np.ndarray, " n"]:
        """First guess of one schedule for each picture of batches that were asked."""
        return np.concatenate([self._journal[removed, batch].best for batch in batches])

    def agrees(self, removed: Removed, batches: Sequence[int]) -> Bool[np.ndarray, " n"]:
        """Whether one schedule's first guess is the unmerged model's, for each picture of batches that were asked."""
        none = (0,) * len(removed)
        self.ask([none], batches)
        return self.best(removed, batches) == self.best(none, batches)


def _piece(opened, batch: int, pixels: UInt8[np.ndarray, "b h w 3"], group: list[Removed], key: str):
    return batch, answer(opened, pixels, group, (key, batch))


def pixels_hash(pixels: UInt8[np.ndarray, "n h w 3"]) -> str:
    """SHA-256 of pictures as the model gets them."""
    return hashlib.sha256(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
