"""What one model has of its own, found without torch: the schedules searched for it, and sizes in its codec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from janus.errors import JanusError
from janus.explorer.sources import ModelSource, accuracy_of, rates_of
from janus.geometry import architecture
from janus.grid import SizeTable
from janus.profile import LatencyProfile
from janus.rates import RateTable, stored_rates
from janus.schedules import SearchedSchedule, searched
from janus.transform import read_codebook
from janus.transform.shelf import NAME, shipped_codebook, transform_step
from janus.transform.sizes import size_table
from janus.workbench import Workbench

# Offered beside those that were measured; a state may name any other.
STEPS = (0.5, 0.7, 1.0, 1.4, 2.0)
# Workbenches that are kept: each has up to 64 small tables.
BENCHES = 16


@lru_cache(maxsize=8)
def schedules_of(source: ModelSource) -> tuple[SearchedSchedule, ...]:
    """The schedules that were searched for a model.

    Raises:
        JanusError: If their file cannot be read.
    """
    try:
        return searched(source.name)
    except JanusError:
        if source.weights == "none":
            return ()
        raise


def finds(schedules: Mapping[str, SearchedSchedule]) -> list[str]:
    """Those to offer: better than the one that they keep to. The others are that one, or answer to no name."""
    return [one.name for one in schedules.values() if one.better and one.like is not None]


class Sizes(Mapping[str, SizeTable]):
    """Sizes of a model's tokens by codec, each made when it is first asked for.

    Args:
        codebook: The model's.
        rates: What was measured of it; or of its architecture, for the times.
        steps: What there is to choose from.
    """

    def __init__(self, codebook: Path, rates: RateTable | None, steps: tuple[float, ...]):
        self._codebook, self._names = codebook, tuple(f"{NAME}{step:g}" for step in steps)
        measured = [row for row in rates.rows if row.codec == NAME] if rates else []
        # The slowest that was measured, so that no plan looks quicker for not having been measured.
        slowest = (max(row.encode_ms for row in measured), max(row.decode_ms for row in measured)) if measured else None
        self._times_ms = slowest
        self._made: dict[str, SizeTable] = {}

    def __getitem__(self, codec: str) -> SizeTable:
        if codec not in self._made:
            if transform_step(codec) is None:
                raise KeyError(codec)
            self._made[codec] = replace(size_table(book_of(self._codebook), codec), times_ms=self._times_ms)
        return self._made[codec]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Benches:
    """Workbenches by model and machines; who comes back to one finds its plans worked out."""

    def __init__(self) -> None:
        self._made: dict[tuple[ModelSource, int, int], Workbench] = {}

    def of(self, source: ModelSource, device: LatencyProfile, cloud: LatencyProfile) -> Workbench:
        """The workbench of a model on two machines, with all that is stored of it.

        Raises:
            JanusError: If a stored file cannot be read.
        """
        # A workbench keeps its profiles, so nothing else can take their place in memory.
        key = (source, id(device), id(cloud))
        if key not in self._made:
            if len(self._made) >= BENCHES:
                del self._made[next(iter(self._made))]
            self._made[key] = Workbench(
                device, cloud, accuracy_of(source), rates_of(source), schedules=schedules_of(source),
                sizes=sizes_of(source),
            )  # fmt: skip
        return self._made[key]


book_of = lru_cache(maxsize=4)(read_codebook)


@lru_cache(maxsize=8)
def sizes_of(source: ModelSource) -> Mapping[str, SizeTable]:
    """Sizes in the codecs that need a codebook; none where the model has none.

    Raises:
        JanusError: If a stored file cannot be read.
    """
    path = shipped_codebook(source.name)
    if path is None:
        return {}
    rates = rates_of(source)
    measured = {row.quality for row in rates.rows if row.codec == NAME} if rates else set()
    return Sizes(path, rates or stored_rates(architecture(source.name)), tuple(sorted({*STEPS, *measured})))
