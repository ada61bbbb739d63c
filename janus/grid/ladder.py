"""The most accurate plan that is in time, by binary search over accuracies instead of levels. Torch-free."""

from __future__ import annotations

import numpy as np

from janus.grid.envelope import Envelope

# Beyond these milliseconds per byte a link carries nothing; finite, so that payloads still compare.
NOTHING = 1e30


def undominated(fixed_ms: np.ndarray, payload_bytes: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Which plans no other plan beats: in time beside the transfer, bytes and accuracy at once.

    Such a plan is later than the other at every bandwidth, and answers no better. Of plans that are alike in all three
    the first stays.

    Args:
        fixed_ms, payload_bytes, accuracy: Shape [plans].
    """
    order = np.lexsort((np.arange(len(accuracy)), payload_bytes, fixed_ms, -accuracy))
    kept = np.zeros(len(accuracy), dtype=bool)
    # Whoever could beat a plan stands before it: it is as accurate, and then as quick.
    for plan in order:
        kept[plan] = not np.any((fixed_ms[kept] <= fixed_ms[plan]) & (payload_bytes[kept] <= payload_bytes[plan]))
    return kept


class Ladder:
    """`Envelope` for plans whose accuracy does not follow from their row: a rung for each accuracy, the best on top.

    Ties within a rung go to the lowest latency.

    Args:
        accuracy: Of every plan, in percent, shape [rows, columns + 1]; the last column is device-only.
        local_ms: Device-only latency of each row, shape [rows].
        fixed_ms: What a plan that sends takes beside transfer and round trip, shape [rows, columns].
        payload_bytes: What it sends, shape [rows, columns].
        offered: Which plans there are to choose from, shape of ``accuracy``; one at least.

    Attributes:
        local_ms: Device-only latency of each row, as a list, whether that is offered or not.
    """

    def __init__(
        self,
        accuracy: np.ndarray,
        local_ms: np.ndarray,
        fixed_ms: np.ndarray,
        payload_bytes: np.ndarray,
        offered: np.ndarray,
    ):
        self.local_ms: list[float] = local_ms.tolist()
        self._fixed, self._payload, self._local = fixed_ms, payload_bytes.astype(np.float64), local_ms
        self._fixed_list, self._payload_list = self._fixed.tolist(), self._payload.tolist()
        self._offered = offered
        last = fixed_ms.shape[1]
        rungs = [np.argwhere(offered & (accuracy == one)) for one in sorted(set(accuracy[offered]), reverse=True)]
        most = max(1, *(int((rung[:, 1] < last).sum()) for rung in rungs))
        local, fixed = np.full(len(rungs), np.inf), np.full((len(rungs), most), np.inf)
        payload = np.ones((len(rungs), most))
        # What stands where on the rungs; device-only behind all that send.
        self._places: list[list[tuple[int, int]]] = []
        for at, rung in enumerate(rungs):
            sent = [(int(row), int(column)) for row, column in rung if column < last]
            alone = [int(row) for row, column in rung if column == last]
            places = sent + [(-1, -1)] * (most - len(sent) + 1)
            if alone:
                quickest = min(alone, key=lambda row: self.local_ms[row])
                local[at], places[most] = local_ms[quickest], (quickest, last)
            for place, (row, column) in enumerate(sent):
                fixed[at, place], payload[at, place] = fixed_ms[row, column], payload_bytes[row, column]
            self._places.append(places)
        self._rungs = Envelope(local, fixed, payload)

    def decide(self, x: float, rtt_ms: float, slo_ms: float) -> tuple[int, int, float]:
        """The most accurate plan that meets the SLO, of its equals the fastest; the fastest of all where none does.

        Args:
            x: Milliseconds per byte; infinite where nothing gets through.

        Returns:
            Row, column, modelled milliseconds.
        """
        rung, place, ms = self._rungs.decide(x if x < NOTHING else NOTHING, rtt_ms, slo_ms)
        row, column = self._places[rung][place]
        return row, column, ms

    def fastest_split(self, row: int, x: float, rtt_ms: float) -> tuple[int, float]:
        """The fastest plan of one row and its modelled milliseconds."""
        ms = self.all_ms(x, rtt_ms)[row]
        return int(ms.argmin()), float(ms.min())

    def line(self, row: int, column: int) -> tuple[float, float]:
        """Milliseconds beside transfer and round trip, and payload bytes, of a plan that sends."""
        return self._fixed_list[row][column], self._payload_list[row][column]

    def all_ms(self, x: float, rtt_ms: float) -> np.ndarray:
        """Modelled milliseconds of every plan, shape [rows, columns + 1]; infinite where it is not offered."""
        sent = self._fixed + self._payload * min(x, NOTHING) + rtt_ms
        return np.where(self._offered, np.concatenate([sent, self._local[:, None]], axis=1), np.inf)

    def brute_force(self, x: float, rtt_ms: float, slo_ms: float) -> tuple[int, int, float]:
        """`decide` by trying every plan."""
        rung, place, ms = self._rungs.brute_force(x if x < NOTHING else NOTHING, rtt_ms, slo_ms)
        return (*self._places[rung][place], ms)
