"""What is reproduced: the two tasks of the paper, and the machines and networks that stand for its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from janus.accuracy import AccuracyTable
from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.grid import GridSettings, PlanGrid
from janus.network import Trace, load_traces
from janus.profile import LatencyProfile, find_profile
from janus.schedule import MergeSchedule

# Network and mobility as the paper crosses them.
CLASSES = tuple(f"{network}-{mobility}" for mobility in ("static", "walking", "driving") for network in ("5g", "lte"))
# The paper does not say how the input of Cloud-Only travels; a practitioner sends a JPEG.
ENCODINGS = ("raw", "jpeg85")
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task of the paper.

    Attributes:
        name, title: For commands, and for people.
        model: Architecture.
        device, cloud: Machines of the paper's evaluation.
        slo_ms: The SLO that single figures use; the paper's is not known.
        slos_ms: The SLOs of a sweep.
        rs: Constant schedules that are compared, tokens per block; the last is what the fixed ToMe policy uses.
    """

    name: str
    title: str
    model: str
    device: str
    cloud: str
    slo_ms: float
    slos_ms: tuple[float, ...]
    rs: tuple[int, ...]


TASKS = {
    task.name: task
    for task in (
        Task(
            name="image",
            title="image classification, ViT-L/16@384",
            model="vit_large_patch16_384",
            device="orin-nano",
            cloud="v100",
            slo_ms=300.0,
            slos_ms=(100.0, 150.0, 200.0, 250.0, 300.0, 350.0, 400.0, 500.0),
            # 23 as in the ToMe README for this model.
            rs=(8, 16, 23),
        ),
        Task(
            name="video",
            title="video, ViT-L of 1568 tokens",
            model="videomae_large_patch16_224",
            device="orin-nano",
            cloud="v100",
            slo_ms=400.0,
            slos_ms=(150.0, 200.0, 300.0, 400.0, 500.0, 600.0, 800.0, 1200.0),
            # 62 is 1568 tokens over 25, as 23 is 577 over 25.
            rs=(20, 40, 62),
        ),
    )
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """A task on a pair of machines, over some networks.

    Attributes:
        task: The task.
        device, cloud: Their profiles.
        traces: The uplinks.
        codec: How tokens travel.
        accuracy: What was measured of the model, where there is anything.
    """

    task: Task
    device: LatencyProfile
    cloud: LatencyProfile
    traces: tuple[Trace, ...]
    codec: str = "int8"
    accuracy: AccuracyTable | None = None

    def grid(self, encoding: str) -> PlanGrid:
        """Every plan, with the input in one encoding."""
        settings = GridSettings(encoding=encoding, codec=self.codec)
        return PlanGrid.build(self.device, self.cloud, settings, accuracy=self.accuracy)

    @property
    def geometry(self) -> ModelGeometry:
        """The model in counts."""
        return self.device.geometry

    @property
    def traces_kind(self) -> str:
        """``generated``, ``recorded``, or both with "and" between."""
        return " and ".join(sorted({trace.kind for trace in self.traces}))

    @property
    def about(self) -> str:
        """Model, machines and networks in one sentence, each with its kind."""
        return (
            f"{self.task.title}; device {self.device.label}, cloud {self.cloud.label}; "
            f"{len(self.traces)} {self.traces_kind} uplinks; all latencies are modelled."
        )


def find_task(name: str) -> Task:
    """A task by name.

    Raises:
        JanusError: If there is none.
    """
    if name not in TASKS:
        raise JanusError(f"task {name!r} is unknown: choose one of {', '.join(TASKS)}.")
    return TASKS[name]


def open_bench(
    name: str,
    traces: str | Sequence[str] = CLASSES,
    *,
    device: str | None = None,
    cloud: str | None = None,
    codec: str = "int8",
) -> Bench:
    """A task with its profiles and traces.

    Args:
        name: ``image`` or ``video``.
        traces: What `janus.network.load_traces` takes; by default the six generated classes.
        device, cloud: Other machines, or files of profiles, than the paper's.
        codec: How tokens travel.

    Raises:
        JanusError: If a name or a file is wrong.
    """
    task = find_task(name)
    return Bench(
        task=task,
        device=find_profile(device or task.device, task.model),
        cloud=find_profile(cloud or task.cloud, task.model),
        traces=tuple(load_traces(traces)),
        codec=codec,
    )


def short_name(trace: str) -> str:
    """A trace's name without the word that says how it came to be, which titles say already."""
    return trace.removeprefix("generated-")


@cache
def kept_share(geometry: ModelGeometry, family: str, level: float) -> float:
    """Mean over the blocks of the share of tokens that enters, in percent."""
    return 100 * geometry.plan(MergeSchedule(family=family, level=level)).mean_kept
