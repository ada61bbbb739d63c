"""Compute stretched to a profile: a slower device, or a faster cloud in a world that runs slower.

Nothing computes faster than it does. To imitate a faster machine, everything is slowed down by one factor (link, delay,
the other half, the latency target), and every time is divided by it at the end. What comes out is ``emulated_``.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.profile import LatencyProfile, find_profile
from janus.schedule import MergePlan
from janus.units import ms_to_s

# A pace that leaves no room would be missed by every disturbance.
ROOM = 1.25


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a part of a model shall take.

    Attributes:
        profile: The machine that is imitated.
        slowdown: Wall-clock seconds for one emulated second, 1 or more.
    """

    profile: LatencyProfile
    slowdown: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.slowdown <= 1e6:
            raise JanusError(f"slowdown {self.slowdown:g} is out of range: give a factor of 1 or more.")

    def part_s(self, plan: MergePlan, start: int, stop: int, *, embed: bool = False, head: bool = False) -> float:
        """Wall-clock seconds for blocks[start:stop] under ``plan``, with embedding and head where asked."""
        blocks = float(self.profile.predict_blocks_ms(plan)[start:stop].sum())
        ends = self.profile.embed_ms * embed + self.profile.head_ms * head
        return ms_to_s(blocks + ends) * self.slowdown


def sleep_until(moment: float, stopped=lambda: False) -> bool:
    """Sleep until a moment of `time.perf_counter`, looking every 20 ms whether it is still wanted.

    Returns:
        False if ``stopped`` came first.
    """
    while (left := moment - time.perf_counter()) > 0:
        if stopped():
            return False
        time.sleep(min(left, 0.02))
    return True


def shortfall(real: LatencyProfile, aim: LatencyProfile) -> float:
    """How many times slower a machine is, where it is worst, than the one that it shall imitate; below 1: faster."""
    blocks = [s.median_ms / max(float(aim.predict_block_ms(s.tokens, s.removed)), 1e-9) for s in real.blocks]
    ends = [(real.embed_ms, aim.embed_ms), (real.head_ms, aim.head_ms)]
    return max(*blocks, *(is_ / shall for is_, shall in ends if shall > 0))


def as_profile(
    profile: LatencyProfile | Path | str | None, model: str, geometry: ModelGeometry
) -> LatencyProfile | None:
    """A profile of ``model``, by file or, derived from its counts, by a machine's name.

    Without what waking up takes: stretched compute takes what the profile says of it, whenever it begins.
    """
    if profile is None:
        return None
    if isinstance(profile, LatencyProfile):
        found = profile.check_model(model)
    else:
        found = find_profile(profile, model, geometry)
    return replace(found, wake_ms=0.0)


def slower(profile: LatencyProfile, factor: float) -> LatencyProfile:
    """A machine like this one that takes ``factor`` times as long for everything.

    Raises:
        JanusError: If the factor is not a finite number above 0.
    """
    if not 0 < factor < math.inf:
        raise JanusError(f"factor {factor} must be a finite number above 0.")

    def stretched(sample):
        times = {name: getattr(sample, name) * factor for name in vars(sample) if name.endswith("_ms")}
        return replace(sample, **times)

    return replace(
        profile,
        name=f"{profile.name}, {factor:g} × slower",
        kind="demo",
        embed_ms=profile.embed_ms * factor,
        head_ms=profile.head_ms * factor,
        wake_ms=profile.wake_ms * factor,
        blocks=tuple(map(stretched, profile.blocks)),
        encode=tuple(map(stretched, profile.encode)),
        decode=tuple(map(stretched, profile.decode)),
        batches=tuple(map(stretched, profile.batches)),
        assumed_noise=profile.noise,
    )
