"""A device, a cloud and a link on one machine: the device in this process, the others as its children."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch
from torch import nn

from janus.accuracy import AccuracyTable
from janus.data import Skipped
from janus.errors import JanusError
from janus.grid import GridSettings, PlanGrid
from janus.models import full_name, load_model
from janus.network import Trace, as_trace
from janus.policy import Policy, PolicySettings, make_policy
from janus.profile import LatencyProfile
from janus.profiling import QUICK, Effort
from janus.progress import bar
from janus.rates import RateTable
from janus.runtime.children import Child
from janus.runtime.device import Device
from janus.runtime.fixed import FixedPlan
from janus.runtime.half import Half, open_half
from janus.runtime.handed import Handed
from janus.runtime.line import Line
from janus.runtime.link import LinkSettings
from janus.runtime.local import LocalCompute
from janus.runtime.machines import HALVES, Machines
from janus.runtime.pace import as_profile
from janus.runtime.processes import START_S, Processes
from janus.runtime.runs import prepare, record
from janus.runtime.session import RunSettings, Session
from janus.runtime.ways import runnable, with_sizes
from janus.split import Plan

if TYPE_CHECKING:
    import pandas as pd

NOT_OPEN = "this pair is not open: use it in a with statement."
# The round trip that a replay assumes where a trace knows none.
DELAY_MS = 10.0


class LocalPair:
    """Cloud and link as child processes on loopback, a device here; to be used in a ``with``.

    Whatever happens, an exception, an interrupt, the end of this process by kill -9, no process, port or thread of it
    is left behind.

    Attributes:
        half: The device's model.
        machines: What both halves take, and how much slower than the wall clock they run.
        handed: The files that the cloud is started with.

    Args:
        model: Full timm tag, or a timm model of one's own.
        weights: A safetensors file for a model given by its tag.
        trace: The uplink: a `Trace`, what `janus.network.find_trace` understands, or Mbit/s.
        delay_ms: One-way delay; None for half the trace's round trip, 10 ms where it knows none.
        downlink_mbps: Rate of the way back.
        device_threads: Threads of torch in this process, until the pair is closed.
        cloud_threads: Threads of torch in the cloud.
        fit: How pictures are brought to the model's size.
        codebook: A file for the codec ``transform``; None for the one that Janus ships for these weights, if any.
        device_profile: What policies believe of the device; None for a quick measurement.
        cloud_profile: The same of the cloud.
        emulate_device: Stretch the device's compute to this profile: a file, a machine's name, or a profile.
        emulate_cloud: The same for the cloud's.
        slowdown: How much slower than emulated time everything runs, so that a faster machine can be imitated; None
            for the least that allows the profiles. Without emulation it must be left out.
        effort: How much a profile measures that has to be measured here.
    """

    def __init__(
        self,
        model: str | nn.Module,
        *,
        weights: Path | str | None = None,
        trace: Trace | Path | str | float = 50.0,
        delay_ms: float | None = None,
        downlink_mbps: float = 50.0,
        device_threads: int = 1,
        cloud_threads: int = 1,
        fit: str = "crop",
        codebook: Path | str | None = None,
        device_profile: LatencyProfile | None = None,
        cloud_profile: LatencyProfile | None = None,
        emulate_device: LatencyProfile | Path | str | None = None,
        emulate_cloud: LatencyProfile | Path | str | None = None,
        slowdown: float | None = None,
        effort: Effort = QUICK,
    ):
        if isinstance(model, nn.Module):
            if weights is not None:
                raise JanusError("weights are for a model given by its tag: a model of your own has its own.")
            opened, self._name = model, full_name(model)
        else:
            loaded = load_model(model, weights=None if weights is None else Path(weights))
            opened, self._name = loaded.model, loaded.name
        self.half: Half = open_half(opened, self._name, fit=fit, codebook=codebook)
        self.handed = Handed(opened, weights)
        self._delay_ms, self._downlink_mbps = delay_ms, downlink_mbps
        self._trace = as_trace(trace)
        name, geometry = self._name, self.half.vit.geometry
        self.machines = Machines(
            self.half,
            threads={"device": device_threads, "cloud": cloud_threads},
            given={"device": device_profile, "cloud": cloud_profile},
            imitated={
                "device": as_profile(emulate_device, name, geometry),
                "cloud": as_profile(emulate_cloud, name, geometry),
            },
            slowdown=slowdown,
            effort=effort,
        )  # fmt: skip
        self.link_settings().lanes()  # refused now rather than by a child
        self._processes: Processes | None = None
        self._line: Line | None = None
        self._threads_before = torch.get_num_threads()

    @property
    def device_profile(self) -> LatencyProfile:
        """What policies believe of the device."""
        return self.machines.profile("device")

    @property
    def cloud_profile(self) -> LatencyProfile:
        """The same of the cloud."""
        return self.machines.profile("cloud")

    @property
    def processes(self) -> Processes:
        """The link's and the cloud's."""
        if self._processes is None:
            raise JanusError(NOT_OPEN)
        return self._processes

    @property
    def cloud(self) -> Child:
        """The cloud's process."""
        return self.processes.cloud

    @property
    def line(self) -> Line:
        """The device's line to the cloud."""
        if self._line is None:
            raise JanusError(NOT_OPEN)
        return self._line

    def open(self) -> Self:
        """Start the children and connect; what ``with`` does. For a pair that is used over several notebook cells."""
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Hang up and end the children. Harmless the second time."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._processes is not None:
            self._processes.stop()
            self._processes = None
        self.handed.remove()
        torch.set_num_threads(self._threads_before)

    def run(
        self,
        images,
        *,
        policy: str | Policy | Plan = "janus",
        slo_ms: float = 200.0,
        settings: RunSettings | None = None,
        grid: GridSettings | None = None,
        policy_settings: PolicySettings | None = None,
        accuracy: AccuracyTable | None = None,
        rates: RateTable | None = None,
        trace: Trace | Path | str | float | None = None,
        limit: int = 0,
        progress: bool = True,
        on_row: Callable[[dict], None] = lambda row: None,
        on_skip: Callable[[Skipped], None] = lambda skipped: None,
    ) -> pd.DataFrame:
        """One run, the trace from its start.

        Args:
            images: See `janus.runtime.runs.prepare`.
            policy: A name of `janus.policy.POLICIES`, a fresh policy, or one plan for all frames.
            slo_ms: Latency target.
            settings: Pace and length.
            grid: Levels, splits, codec and encoding to choose from.
            policy_settings: For a policy given by name.
            accuracy: For ``expected_accuracy``.
            rates: What was measured of pictures and tokens on the wire, for policies that choose among them.
            trace: Another uplink for this run.
            limit: Use only so many pictures, again and again; 0 for as many as fit into memory.
            progress: Show a progress bar.
            on_row: Told of each frame as it is done.
            on_skip: Told of each picture that cannot be used.

        Returns:
            The columns of the replay and `RUN_COLUMNS`, one row a frame; see `janus.runtime.runs.record`.
        """
        session = self.session(
            images, policy=policy, slo_ms=slo_ms, settings=settings, grid=grid, policy_settings=policy_settings,
            accuracy=accuracy, rates=rates, trace=trace, limit=limit, on_skip=on_skip,
        )  # fmt: skip
        with bar(title=session.policy.name, total=session.frames, unit="frame", shown=progress) as shown:

            def told(row: dict) -> None:
                shown.update()
                on_row(row)

            return record(session, emulated=self.machines.emulated, on_row=told)

    def session(
        self,
        images,
        *,
        policy: str | Policy | Plan = "janus",
        slo_ms: float = 200.0,
        settings: RunSettings | None = None,
        grid: GridSettings | None = None,
        policy_settings: PolicySettings | None = None,
        accuracy: AccuracyTable | None = None,
        rates: RateTable | None = None,
        trace: Trace | Path | str | float | None = None,
        limit: int = 0,
        on_skip: Callable[[Skipped], None] = lambda skipped: None,
    ) -> Session:
        """A run that has not begun, for those who want its rows one by one; arguments as for `run`."""
        settings = settings or RunSettings()
        shots = prepare(images, self.half, limit or settings.frames, on_skip)
        begin = self._shape(trace)
        if not isinstance(policy, Policy):
            grid = with_sizes(grid or GridSettings(), self.half, policy if isinstance(policy, Plan) else None)
            if rates is not None:
                rates = runnable(rates, self.half, transform=self.line.shares_book)
            device, cloud = (self.machines.coded(who, grid.codec) for who in HALVES)
            plans = PlanGrid.build(device, cloud, grid, accuracy=accuracy, rates=rates)
            believed = policy_settings or PolicySettings(rtt_ms=self.line.rtt_ms / self.machines.slowdown)
            if isinstance(policy, Plan):
                policy = FixedPlan(plans, policy, believed)
            else:
                policy = make_policy(policy, plans, believed)
        runs = Device(
            self.line, LocalCompute(self.half, self.machines.pace("device")), slowdown=self.machines.slowdown
        )  # fmt: skip
        return Session(runs, policy, slo_ms, settings, shots, on_start=begin)

    def cut(self, refuse_s: float = 0.0) -> None:
        """Reset all connections through the link, and refuse new ones for a while."""
        self.processes.link.do("cut", refuse_s=refuse_s)

    def hold(self, seconds: float) -> None:
        """An outage of the link."""
        self.processes.link.do("hold", seconds=seconds)

    def restart_cloud(self) -> float:
        """Start the cloud anew where it was; returns the moment of `time.perf_counter` at which it was ready."""
        return self.processes.restart_cloud()

    def _open(self) -> None:
        if self._processes is not None:
            raise JanusError("this pair is open already: use one with statement for it.")
        torch.set_num_threads(self.machines.threads["device"])
        arguments = ["cloud", "--model", self._name, "--threads", str(self.machines.threads["cloud"])]
        arguments += self.handed.arguments(self.half, self.machines.pace("cloud"))
        self._processes = Processes(arguments, self.link_settings())
        self._line = Line(self.half, (self._processes.address,))
        self._line.connect(START_S)

    def link_settings(self, trace: Trace | Path | str | float | None = None) -> LinkSettings:
        """What the link is like with this uplink, or with the pair's own."""
        trace = self._trace if trace is None else as_trace(trace)
        delay_ms = self._delay_ms
        if delay_ms is None and trace.rtt_ms is None:
            delay_ms = DELAY_MS
        return LinkSettings(uplink=trace, downlink_mbps=self._downlink_mbps, delay_ms=delay_ms)

    def _shape(self, trace: Trace | Path | str | float | None) -> Callable[[], None]:
        """Make the link so, and measure the round trip; what is returned starts the trace."""
        settings = replace(self.link_settings(trace), slowdown=self.machines.slowdown)
        self.processes.shape(settings)
        self.line.measure()
        return lambda: self.processes.shape(settings)
