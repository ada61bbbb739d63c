"""The two machines of a pair: this one, measured or given, or others that it imitates."""

from __future__ import annotations

from functools import cached_property

import torch

from janus.errors import JanusError
from janus.profile import LatencyProfile
from janus.profiling import Effort, measure_profile, with_codec
from janus.runtime.half import Half
from janus.runtime.pace import ROOM, Pace, shortfall

HALVES = ("device", "cloud")


class Machines:
    """What device and cloud take, and how they are made to take it.

    Args:
        half: The model.
        threads: Of torch, by half.
        given: Profiles that need not be measured, by half.
        imitated: Profiles that compute is stretched to, by half.
        slowdown: Wall-clock seconds for one emulated second; None for the least that allows the profiles.
        effort: How much is measured.

    Raises:
        JanusError: If there is a slowdown but nothing to imitate.
    """

    def __init__(
        self,
        half: Half,
        *,
        threads: dict[str, int],
        given: dict[str, LatencyProfile | None],
        imitated: dict[str, LatencyProfile | None],
        slowdown: float | None,
        effort: Effort,
    ):
        self._half, self.threads, self._given, self._imitated = half, threads, given, imitated
        self._slowdown, self._effort = slowdown, effort
        self._measured: dict[int, LatencyProfile] = {}
        self._coded: dict[tuple[str, str], LatencyProfile] = {}
        if slowdown is not None and not self.emulated:
            raise JanusError("slowdown is for emulation: give emulate_device or emulate_cloud too, or leave it out.")

    @property
    def emulated(self) -> bool:
        """Whether compute is stretched to a profile anywhere."""
        return any(self._imitated.values())

    @cached_property
    def slowdown(self) -> float:
        """Wall-clock seconds for one emulated second."""
        if self._slowdown is not None or not self.emulated:
            return self._slowdown or 1.0
        short = [shortfall(self.measured(who), aim) for who, aim in self._imitated.items() if aim is not None]
        return max(1.0, ROOM * max(short))

    def profile(self, who: str) -> LatencyProfile:
        """What a half takes: imitated, given, or measured when first asked for."""
        return self._imitated[who] or self._given[who] or self.measured(who)

    def coded(self, who: str, codec: str) -> LatencyProfile:
        """The same with encoding and decoding in ``codec``, as this machine does them: no pace stretches these."""
        if (who, codec) not in self._coded:
            self._coded[who, codec] = with_codec(
                self.profile(who), self._half.vit, codec, self._half.book, slowdown=self.slowdown
            )  # fmt: skip
        return self._coded[who, codec]

    def pace(self, who: str) -> Pace | None:
        """How a half is stretched; None where it is not."""
        aim = self._imitated[who]
        return None if aim is None else Pace(profile=aim, slowdown=self.slowdown)

    def measured(self, who: str) -> LatencyProfile:
        """This machine with the threads of a half."""
        threads = self.threads[who]
        if threads not in self._measured:
            before = torch.get_num_threads()
            torch.set_num_threads(threads)
            try:
                self._measured[threads] = measure_profile(self._half.vit, effort=self._effort)
            finally:
                torch.set_num_threads(before)
        return self._measured[threads]

    def forget(self) -> None:
        """Measure anew when next asked."""
        self._measured.clear()
        self._coded.clear()
