"""What a person asks of the workbench: the controls as one value. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass

from janus.errors import JanusError
from janus.grid import check_slo, find_codec

# The choice of a practitioner, which is always shown beside the chosen encoding.
JPEG = "jpeg85"
# Codecs of this name have a step behind it and a size that depends on the content; see `Workbench.sizes`.
TRANSFORM = "transform"
# What the boxes accept; the sliders' ranges lie within.
UPLINK_MBPS = (0.01, 100_000.0)
RTT_MS = (0.0, 10_000.0)
SLO_MS = (0.1, 600_000.0)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A schedule, a cut, a network and a target.

    Attributes:
        family: Family of the merging schedule, or the name of a searched one.
        level: Its level; None lets Janus choose. A searched schedule has one level, its own, and takes None.
        split: Blocks on the device; None lets Janus choose.
        uplink_mbps: Steady goodput of the uplink.
        rtt_ms: Round trip.
        slo_ms: Latency target.
        codec: What tokens travel as.
        encoding: What the picture travels as, at split 0.
    """

    family: str = "declining"
    level: float | None = None
    split: int | None = None
    uplink_mbps: float = 10.0
    rtt_ms: float = 10.0
    slo_ms: float = 20.0
    codec: str = "int8"
    encoding: str = JPEG

    def __post_init__(self) -> None:
        _within("bandwidth", self.uplink_mbps, "Mbit/s", UPLINK_MBPS)
        _within("round trip", self.rtt_ms, "ms", RTT_MS)
        check_slo(self.slo_ms)
        _within("SLO", self.slo_ms, "ms", SLO_MS)
        if not self.codec.startswith(TRANSFORM):
            find_codec(self.codec)

    @property
    def janus_chooses(self) -> bool:
        """Whether nothing of the plan is fixed by the person."""
        return self.level is None and self.split is None


def _within(name: str, value: float, unit: str, bounds: tuple[float, float]) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not bounds[0] <= value <= bounds[1]:
        shown = f"{value:g}" if number else repr(value)
        raise JanusError(
            f"{name} {shown} {unit} is out of range: give a number from {bounds[0]:,g} to {bounds[1]:,.0f} {unit}."
        )
