"""Every plan of one model on one pair of machines, and what each takes. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from janus.accuracy import AccuracyTable
from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.grid.compute import compute
from janus.grid.envelope import Envelope, all_ms
from janus.grid.expected import Expected
from janus.grid.ladder import Ladder
from janus.grid.levels import default_levels, known_levels
from janus.grid.payload import InputEncoding, SizeTable, find_encoding, measured_encoding
from janus.grid.travel import travelling
from janus.profile import LatencyProfile
from janus.rates import RateTable
from janus.schedule import MergeSchedule
from janus.split import check_split, fine_to_coarse
from janus.units import mbps_to_bytes_per_ms, transfer_ms


@dataclass(frozen=True, kw_only=True)
class GridSettings:
    """Which plans there are and how things travel.

    Attributes:
        family: Family of the merging schedule.
        listed: The counts of the family ``list``, such as a searched schedule's. Its levels are 0, no merging, and 1.
        levels: Its levels, rising from 0; empty for `default_levels`, as far as accuracies are known.
        splits: Where the model may be cut, 0 and depth among them; empty for `fine_to_coarse`, or for where the codec
            has a size.
        codec: Codec of the tokens.
        sizes: Of a codec whose size depends on the content: how large it is, and where.
        encoding: How the input travels at split 0: a name of `ENCODINGS`, or figures of one's own.
        answer_bytes: Bytes of the answer: 1000 logits in fp32 unless said otherwise.
        downlink_mbps: Goodput of the way back, on which so little travels that no trace is kept for it.
        encode_factor: How many times slower the device encodes than the machine that measured the rate table.
    """

    family: str = "declining"
    listed: MergeSchedule | None = None
    levels: tuple[float, ...] = ()
    splits: tuple[int, ...] = ()
    codec: str = "int8"
    sizes: SizeTable | None = None
    encoding: str | InputEncoding = "jpeg85"
    answer_bytes: int = 4000
    downlink_mbps: float = 50.0
    encode_factor: float = 1.0

    def __post_init__(self) -> None:
        if list(self.levels) != sorted(set(self.levels)) or (self.levels and self.levels[0] < 0):
            raise JanusError(f"levels {list(self.levels)} must rise and be 0 or more.")
        if not 0 < self.encode_factor < math.inf:
            raise JanusError(f"encode_factor {self.encode_factor} must be finite and above 0.")
        if not 0 < self.downlink_mbps < math.inf or self.answer_bytes < 0:
            raise JanusError(
                f"downlink_mbps {self.downlink_mbps} must be finite and above 0, answer_bytes {self.answer_bytes} 0 or "
                "more."
            )
        if self.family == "list" and set(self.levels) - {0.0, 1.0}:
            raise JanusError(f"levels {list(self.levels)}: a list has 0, no merging, and 1, itself; give these.")

    @property
    def size_table(self) -> SizeTable | None:
        """Its sizes, if they are of its codec."""
        return self.sizes if self.sizes is not None and self.sizes.name == self.codec else None

    @property
    def label(self) -> str:
        """What the accuracies of its levels are looked up by: the name of what is listed, or the family."""
        return self.listed.label if self.family == "list" and self.listed else self.family

    def name(self, level: float) -> str:
        """What stored results call the schedule of one of its levels: no merging is the same in all."""
        return self.label if level else "none"

    def schedule(self, level: float) -> MergeSchedule:
        """The schedule of one of its levels.

        Raises:
            JanusError: If the family does not exist or its level is out of range.
        """
        if self.family == "list":
            return self.listed if level and self.listed else MergeSchedule(family="none")
        return MergeSchedule(family=self.family, level=level)


class PlanRow(NamedTuple):
    """One plan of a grid, as plain numbers; see `PlanGrid`."""

    tokens_at_split: int
    payload_bytes: int
    device_ms: float
    encode_ms: float
    cloud_ms: float
    downlink_ms: float
    finish_ms: float
    expected_accuracy: float


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanGrid:
    """What every plan takes, in arrays of shape [levels, splits]; build it with `PlanGrid.build`.

    ``modelled = device + encode + payload / bandwidth + rtt + cloud + downlink``; device-only is ``device`` alone.

    Attributes:
        geometry: The model.
        device, cloud: The profiles.
        settings: Families, codec, encoding.
        encoding: The input encoding in figures.
        levels: Levels, rising.
        splits: Splits, rising from 0 to depth.
        travels_as: Encoding or codec at each split; empty for device-only.
        tokens_at_split: Tokens after as many blocks as the split says.
        payload_bytes: What travels up; 0 for device-only.
        device_ms: Compute on the device before anything is sent.
        encode_ms: Encoding on the device.
        cloud_ms: Decoding and compute in the cloud.
        finish_ms: What the device would still compute, if it finished such a frame alone.
        block_ends_ms: Device compute from the first block's start to each block's end, shape [levels, depth + 1].
        expected_accuracy: Top-1 in percent where it was measured, else NaN.
        downlink_ms: The answer's way back, without the round trip.
        accuracy, rates: The tables that it was built with.
    """

    geometry: ModelGeometry
    device: LatencyProfile
    cloud: LatencyProfile
    settings: GridSettings
    encoding: InputEncoding
    levels: tuple[float, ...]
    splits: tuple[int, ...]
    travels_as: tuple[str, ...]
    tokens_at_split: np.ndarray
    payload_bytes: np.ndarray
    device_ms: np.ndarray
    encode_ms: np.ndarray
    cloud_ms: np.ndarray
    finish_ms: np.ndarray
    block_ends_ms: np.ndarray
    expected_accuracy: np.ndarray
    downlink_ms: float
    accuracy: AccuracyTable | None = None
    rates: RateTable | None = None

    @classmethod
    def build(
        cls,
        device: LatencyProfile,
        cloud: LatencyProfile,
        settings: GridSettings | None = None,
        *,
        accuracy: AccuracyTable | None = None,
        rates: RateTable | None = None,
    ) -> PlanGrid:
        """All plans for the model of ``device``.

        Args:
            device, cloud: Profiles of one model.
            settings: Which plans.
            accuracy: What was measured of its levels.
            rates: What was measured of pictures and tokens on the wire: where it has a plan, its figure counts.

        Raises:
            JanusError: If the profiles or the tables are of different models, or a setting does not fit.
        """
        settings = settings or GridSettings()
        geometry = device.geometry
        cloud.check_model(device.model).check_counts(geometry)
        for table in (accuracy, rates):
            if table is not None:
                table.check_model(device.model)
        listed = settings.family == "list" and settings.listed
        usual = (0.0, 1.0) if listed else default_levels(settings.family, geometry)
        levels = settings.levels or known_levels(usual, settings.label, accuracy)
        sizes = settings.size_table
        usual_splits = fine_to_coarse(geometry.depth) if sizes is None else (0, *sizes.splits, geometry.depth)
        splits = settings.splits or usual_splits
        splits = tuple(check_split(split, geometry.depth) for split in splits)
        if list(splits) != sorted(set(splits)) or splits[0] != 0 or splits[-1] != geometry.depth:
            raise JanusError(f"splits {list(splits)} must rise from 0 (cloud-only) to {geometry.depth} (device-only).")
        encoding = settings.encoding
        if not isinstance(encoding, InputEncoding):
            encoding = measured_encoding(encoding, rates, settings.encode_factor) or find_encoding(encoding, geometry)
        plans = [geometry.plan(settings.schedule(level)) for level in levels]
        done = compute(device, cloud, plans, splits)
        travel = travelling(settings, levels, splits, done, (device, cloud), encoding, rates)
        codecs = [encoding.name if split == 0 else settings.codec if split < geometry.depth else "" for split in splits]
        known = Expected(accuracy, rates)
        columns = {
            "tokens_at_split": done.tokens,
            "payload_bytes": travel.payload_bytes,
            "device_ms": done.device_ms,
            "encode_ms": travel.encode_ms,
            "cloud_ms": np.where(done.sends, done.cloud_ms + travel.decode_ms, 0.0),
            "finish_ms": done.finish_ms,
            "block_ends_ms": done.block_ends_ms,
            "expected_accuracy": np.array(
                [[known.top1(settings.name(x), x, *way) for way in zip(splits, codecs, strict=True)] for x in levels]
            ),
        }
        for column in columns.values():
            column.setflags(write=False)
        return cls(
            geometry=geometry, device=device, cloud=cloud, settings=settings, encoding=encoding,
            levels=tuple(levels), splits=splits, travels_as=tuple(codecs), accuracy=accuracy, rates=rates,
            downlink_ms=float(transfer_ms(settings.answer_bytes, settings.downlink_mbps)), **columns,
        )  # fmt: skip

    def schedule_at(self, level_index: int) -> MergeSchedule:
        """How tokens merge at one of its levels."""
        return self.settings.schedule(self.levels[level_index])

    def rebuilt(self, **settings) -> PlanGrid:
        """The same machines and accuracies under other settings."""
        return PlanGrid.build(
            self.device, self.cloud, replace(self.settings, **settings), accuracy=self.accuracy, rates=self.rates
        )

    @cached_property
    def rows(self) -> list[list[PlanRow]]:
        """The plans one by one, ``rows[level][split]``: for loops over frames, where arrays are slow."""
        sends = self.payload_bytes > 0
        columns = (
            self.tokens_at_split, self.payload_bytes, self.device_ms, self.encode_ms, self.cloud_ms,
            np.where(sends, self.downlink_ms, 0.0), self.finish_ms, self.expected_accuracy,
        )  # fmt: skip
        lists = [column.tolist() for column in columns]
        return [[PlanRow(*plan) for plan in zip(*level, strict=True)] for level in zip(*lists, strict=True)]

    @cached_property
    def offered(self) -> np.ndarray:
        """Which plans there are to choose from, shape [levels, splits]: here all."""
        return np.ones(self.payload_bytes.shape, dtype=bool)

    @cached_property
    def fixed_ms(self) -> np.ndarray:
        """All but transfer and round trip, shape [levels, splits]."""
        sends = np.array(self.splits) < self.geometry.depth
        return self.device_ms + self.encode_ms + self.cloud_ms + np.where(sends, self.downlink_ms, 0.0)

    @cached_property
    def preference(self) -> np.ndarray:
        """What plans are ordered by, higher is better, shape [levels, splits]: measured accuracy in percent.

        Plans of levels that were not measured stand behind all that were. Where nothing was measured it is NaN.
        """
        known = self.expected_accuracy
        if np.isnan(known).all():
            return known
        worst, strength = np.nanmin(known), np.array(self.levels)[:, None] / max(self.levels[-1], 1e-9)
        return np.where(np.isnan(known), np.maximum(worst - strength, 0.0), known)

    @cached_property
    def envelope(self) -> Envelope | Ladder:
        """Decisions in a few microseconds."""
        return Envelope(self.device_ms[:, -1], self.fixed_ms[:, :-1], self.payload_bytes[:, :-1])

    def modelled_ms(self, mbps: float, rtt_ms: float) -> np.ndarray:
        """Modelled milliseconds of every plan at a steady bandwidth, shape [levels, splits]."""
        # Not by the envelope, which takes longer to make than many such answers.
        payload = self.payload_bytes[:, :-1].astype(np.float64)
        return all_ms(self.device_ms[:, -1], self.fixed_ms[:, :-1], payload, ms_per_byte(mbps), rtt_ms)

    def decide(self, mbps: float, rtt_ms: float, slo_ms: float) -> tuple[int, int, float]:
        """The Janus paper's choice: the smallest level whose fastest split meets the SLO, else the fastest plan.

        Returns:
            Level index, split index, modelled milliseconds; exactly those of `decide_by_brute_force`.
        """
        return self.envelope.decide(ms_per_byte(mbps), rtt_ms, slo_ms)

    def decide_by_brute_force(self, mbps: float, rtt_ms: float, slo_ms: float) -> tuple[int, int, float]:
        """The same by trying every plan."""
        return self.envelope.brute_force(ms_per_byte(mbps), rtt_ms, slo_ms)


def ms_per_byte(mbps: float) -> float:
    """Milliseconds for one byte; infinite where nothing gets through."""
    return 1.0 / mbps_to_bytes_per_ms(mbps) if mbps > 0 else math.inf


def check_slo(slo_ms: float) -> float:
    """Return the SLO if it is one.

    Raises:
        JanusError: If it is not a finite number above 0.
    """
    if isinstance(slo_ms, bool) or not isinstance(slo_ms, (int, float)) or not 0 < slo_ms < math.inf:
        raise JanusError(f"SLO {slo_ms!r} ms is out of range: give a finite number above 0.")
    return float(slo_ms)
