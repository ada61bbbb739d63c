"""Every figure of the reproduction by name: its tables, its figures, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
import plotly.graph_objects as go

from janus.errors import JanusError
from janus.reproduce import figures
from janus.reproduce.accuracy import accuracy_table, published_table
from janus.reproduce.claims import MEANS_MBPS, PAPER, claim_sweep, claim_table, map_table
from janus.reproduce.compute import latency_table, schedule_summary, schedule_table
from janus.reproduce.cost import cost_table, measure_cost
from janus.reproduce.crossing import break_even_table, input_table, payload_table
from janus.reproduce.replays import SETTINGS, bandwidth_table, decision_table, lateness_table, policy_table, within
from janus.reproduce.robust import robust_sweep, robust_table, robust_words
from janus.reproduce.task import ENCODINGS, Bench
from janus.reproduce.words import claim_words, latency_words, paper_table, payload_words, policy_words, slo_words
from janus.simulate import ReplaySettings

# Policies over the SLO: those that differ.
SLO_POLICIES = ("device-only", "cloud-only", "mixed", "janus", "janus-robust", "oracle")
TIMELINE = ("mixed", "janus", "janus-robust", "oracle")
# Seconds of a trace that a timeline shows; from here on, where the trace is long enough.
WINDOW_S, FROM_S = 60.0, 180.0
AGAINST = {"weakest": "against the rival it beats by most", "strongest": "against the rival it beats by least"}


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A figure of the paper, made again.

    Attributes:
        name, title: For commands, and for people.
        kind: Whether its numbers are modelled, measured, stored or derived.
        tables: By name.
        figures: To look at.
        words: What the tables say.
    """

    name: str
    title: str
    kind: str
    tables: dict[str, pd.DataFrame]
    figures: list[go.Figure]
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """What exhibits are made from.

    Attributes:
        benches: One task on one or more machines and codecs; single figures take the first.
        settings: Of all replays.
        means_mbps: What the claims scale the uplinks to.
        jobs: Processes; -1 for all cores.
        progress: Show bars.
    """

    benches: Sequence[Bench]
    settings: ReplaySettings = SETTINGS
    means_mbps: Sequence[float] = MEANS_MBPS
    jobs: int = -1
    progress: bool = False

    @property
    def bench(self) -> Bench:
        return self.benches[0]

    @property
    def work(self) -> dict:
        return {"settings": self.settings, "jobs": self.jobs, "progress": self.progress}


def latency(context: Context) -> Exhibit:
    """A block's latency against its tokens, with the paper's line."""
    table = latency_table(context.bench.task.model)
    return Exhibit(
        name="latency", title="Latency against tokens", kind="derived, and measured where a profile is",
        tables={"latency": table}, figures=[figures.latency_figure(table)], words=latency_words(table),
    )  # fmt: skip


def schedules(context: Context) -> Exhibit:
    """Constant and declining schedules at equal multiply-adds."""
    geometry = context.bench.geometry
    table = schedule_table(geometry, context.bench.task.rs)
    return Exhibit(
        name="schedules", title="Constant against declining", kind="counted",
        tables={"schedules": table, "schedules-summary": schedule_summary(table, geometry.width)},
        figures=[figures.schedule_figure(table)],
    )  # fmt: skip


def payload(context: Context) -> Exhibit:
    """Bytes behind every block, beside the picture."""
    geometry = context.bench.geometry
    payloads, inputs, even = payload_table(geometry), input_table(geometry), break_even_table(geometry)
    return Exhibit(
        name="payload", title="Payload of every split", kind="counted; pictures measured (mean over 200)",
        tables={"payload": payloads, "inputs": inputs, "break-even": even},
        figures=[figures.payload_figure(payloads, inputs)], words=payload_words(even),
    )  # fmt: skip


def accuracy(context: Context) -> Exhibit:
    """Measured accuracies of small models and published ones of large models, against tokens kept."""
    table = accuracy_table()
    return Exhibit(
        name="accuracy", title="Accuracy against tokens kept", kind="stored (measured by `janus evaluate`), published",
        tables={"accuracy": table, "accuracy-published": published_table()}, figures=[figures.accuracy_figure(table)],
    )  # fmt: skip


def policies(context: Context) -> Exhibit:
    """Late frames, throughput and tokens kept of every policy on every network."""
    bench = context.bench
    table = policy_table(bench, **context.work)
    title = f"{bench.task.title}, SLO {bench.task.slo_ms:g} ms, {bench.traces_kind} uplinks: modelled"
    return Exhibit(
        name="policies", title="Policies on every network", kind="modelled", tables={"policies": table},
        figures=[figures.policy_figure(table, title=title)], words=policy_words(table),
    )  # fmt: skip


def slo(context: Context) -> Exhibit:
    """The effect of the SLO, on the last two networks."""
    bench = replace(context.bench, traces=context.bench.traces[-2:])
    table = policy_table(bench, slos_ms=bench.task.slos_ms, policies=SLO_POLICIES, **context.work)
    title = f"The effect of the SLO: {bench.task.title}, {bench.traces_kind} uplinks, modelled"
    return Exhibit(
        name="slo", title="The effect of the SLO", kind="modelled", tables={"slo": table},
        figures=[figures.slo_figure(table, title=title)], words=slo_words(table),
    )  # fmt: skip


def decisions(context: Context) -> Exhibit:
    """What policies decide over time, on the last network but one (5G driving of the generated ones)."""
    bench = context.bench
    trace = bench.traces[-2:][0]
    shown, kinds = [], {}
    for encoding in ENCODINGS:
        table = decision_table(
            bench, trace, TIMELINE, slo_ms=bench.task.slo_ms, encoding=encoding, settings=context.settings
        )
        start_s = min(FROM_S, max(trace.duration_s - WINDOW_S, 0.0))
        window = start_s, start_s + WINDOW_S
        kinds[f"decisions-{encoding}"] = table
        kinds[f"lateness-{encoding}"] = lateness_table(table)
        title = f"Decisions over time: {trace.name}, input as {encoding}, modelled"
        shown.append(
            figures.timeline_figure(within(bandwidth_table(trace), *window), within(table, *window), title=title)
        )
    return Exhibit(name="decisions", title="Decisions over time", kind="modelled", tables=kinds, figures=shown)


def robust(context: Context) -> Exhibit:
    """Janus-robust against Janus as published on every network, SLO, device and encoding."""
    # How tokens travel is no matter here: the benches of the first codec are enough.
    benches = [bench for bench in context.benches if bench.codec == context.bench.codec]
    return robust_exhibit(robust_sweep(benches, **context.work))


def robust_exhibit(sweep: pd.DataFrame) -> Exhibit:
    """The exhibit of a sweep that is there already."""
    table = robust_table(sweep)
    title = f"{sweep['task'].iloc[0]}: Janus-robust against Janus, one mark an SLO; dotted: 30 %; modelled"
    return Exhibit(
        name="robust", title="Janus-robust against Janus as published", kind="modelled",
        tables={"robust-sweep": sweep, "robust": table}, figures=[figures.robust_figure(table, title=title)],
        words=robust_words(sweep),
    )  # fmt: skip


def cost(context: Context) -> Exhibit:
    """What one decision takes on this machine."""
    table = measure_cost(context.bench)
    words = [f"{row.case}: {row.measured_us:.3g} µs." for row in table.itertuples()]
    return Exhibit(
        name="cost", title="The scheduler's own cost", kind="measured", tables={"cost": table},
        figures=[figures.cost_figure(cost_table(table))], words=words,
    )  # fmt: skip


def claims(context: Context) -> Exhibit:
    """The paper's headlines over all that it leaves open."""
    sweep = claim_sweep(context.benches, means_mbps=context.means_mbps, **context.work)
    return claim_exhibit(sweep)


def claim_exhibit(sweep: pd.DataFrame) -> Exhibit:
    """The exhibit of a sweep that is there already."""
    table = claim_table(sweep)
    return Exhibit(
        name="claims", title="The paper says, this run gives", kind="modelled",
        tables={"claims-sweep": sweep, "claims": table, "claims-table": paper_table(table)},
        figures=claim_maps(sweep), words=claim_words(sweep),
    )  # fmt: skip


def claim_maps(sweep: pd.DataFrame) -> list[go.Figure]:
    """A map of each headline: best over networks, devices and codecs of the sweep."""
    found, task = [], sweep["task"].iloc[0]
    for claim, title in (
        ("throughput", f"{task}: throughput of Janus over a rival's, best of the networks; framed: 5.15× or more"),
        ("violations", f"{task}: fewer late frames than a rival, best of the networks; framed: 98.7 % or more"),
    ):
        tables = {words: map_table(sweep, claim, against) for against, words in AGAINST.items()}
        found.append(figures.map_figure(tables, title=title, paper=PAPER[claim], percent=claim == "violations"))
    return found


EXHIBITS: dict[str, Callable[[Context], Exhibit]] = {
    "latency": latency,
    "schedules": schedules,
    "payload": payload,
    "accuracy": accuracy,
    "policies": policies,
    "decisions": decisions,
    "slo": slo,
    "robust": robust,
    "cost": cost,
    "claims": claims,
}


def make_exhibit(name: str, context: Context) -> Exhibit:
    """A figure by name.

    Raises:
        JanusError: If there is none of that name.
    """
    if name not in EXHIBITS:
        raise JanusError(f"figure {name!r} is unknown: choose one of {', '.join(EXHIBITS)}.")
    return EXHIBITS[name](context)
