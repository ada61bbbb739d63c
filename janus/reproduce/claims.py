"""The paper's two headlines, over every setting that the paper leaves open. All modelled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import joblib
import numpy as np
import pandas as pd

from janus.grid import PlanGrid
from janus.network import Trace
from janus.policy import make_policy
from janus.profile import MACHINES
from janus.progress import bar
from janus.reproduce.replays import RIVALS, SETTINGS, frames_of, rounded
from janus.reproduce.task import ENCODINGS, Bench, open_bench, short_name
from janus.simulate import ReplaySettings, replay, summarise
from janus.simulate.replay import ROUNDING_MS

# "Up to 5.15 times the throughput", "up to 98.7 % fewer latency violations", against Device-Only, Cloud-Only and Mixed.
PAPER = {"throughput": 5.15, "violations": 0.987}
# Mean uplink that the traces are scaled to, Mbit/s; 0 leaves them as they are. The paper's is not known.
MEANS_MBPS = (0.0, 5.0, 10.0, 20.0, 50.0)
# What a setting is.
KEYS = ("task", "device", "codec", "encoding", "scaled_to_mbps", "trace", "slo_ms")


def claim_sweep(
    benches: Sequence[Bench],
    *,
    means_mbps: Sequence[float] = MEANS_MBPS,
    encodings: Sequence[str] = ENCODINGS,
    settings: ReplaySettings = SETTINGS,
    jobs: int | None = -1,
    progress: bool = False,
) -> pd.DataFrame:
    """Janus as published and the paper's three rivals in every setting: one row per setting.

    Args:
        benches: Tasks on machines, with a codec and traces; their tasks' SLOs are swept.
        means_mbps: What the mean of every trace is scaled to; 0 for as it is.
        encodings: How the input travels.
        settings: Of the replays.
        jobs: Processes; -1 for all cores.
        progress: Show a bar.

    Returns:
        `KEYS`; ``kind`` of the trace; for Janus and each rival ``<policy>_violation_percent`` and ``<policy>_fps``;
        ``janus_tokens_kept_percent``.
    """
    runs = [
        (bench, encoding, mean, trace)
        for bench, encoding, mean in product(benches, encodings, means_mbps)
        for trace in bench.traces
    ]
    work = (joblib.delayed(_one_link)(*run, settings) for run in runs)
    done = joblib.Parallel(n_jobs=jobs, return_as="generator")(work)
    rows = list(bar(done, total=len(runs), unit="link", shown=progress))
    return rounded(pd.concat(rows, ignore_index=True))


def _one_link(bench: Bench, encoding: str, mean_mbps: float, trace: Trace, settings: ReplaySettings) -> pd.DataFrame:
    """All SLOs on one link."""
    grid = bench.grid(encoding)
    link = trace.scale(mean_mbps / trace.mean_mbps) if mean_mbps else trace
    rows, kept = [], {}
    for policy in RIVALS:
        rows += rival_summaries(link, policy, grid, bench.task.slos_ms, settings)
    for slo_ms in bench.task.slos_ms:
        frames = frames_of(bench, link, "janus", grid, slo_ms, settings)
        kept[slo_ms] = frames["tokens_kept_percent"].mean()
        rows.append(summarise(frames))
    summary = pd.concat(rows, ignore_index=True)
    wide = summary.pivot(index="slo_ms", columns="policy", values=["violation_ratio", "throughput_fps"])
    facts = {
        "task": bench.task.name, "device": bench.device.name, "codec": bench.codec, "encoding": encoding,
        "scaled_to_mbps": mean_mbps, "trace": short_name(trace.name), "kind": trace.kind,
    }  # fmt: skip
    columns = {}
    for policy in ("janus", *RIVALS):
        name = policy.replace("-", "_")
        columns[f"{name}_violation_percent"] = 100 * wide["violation_ratio"][policy]
        columns[f"{name}_fps"] = wide["throughput_fps"][policy]
    columns["janus_tokens_kept_percent"] = pd.Series(kept)
    table = pd.DataFrame(columns).rename_axis("slo_ms").reset_index().assign(**facts)
    return table[[*KEYS, "kind", *columns]]


def rival_summaries(
    trace: Trace, policy: str, grid: PlanGrid, slos_ms: Sequence[float], settings: ReplaySettings
) -> list[pd.DataFrame]:
    """A policy that asks for no SLO, replayed once and judged by several."""
    frames = replay(trace, make_policy(policy, grid), grid, slos_ms[0], settings)
    late = [(slo_ms, frames["modelled_ms"] > slo_ms + ROUNDING_MS) for slo_ms in slos_ms]
    return [summarise(frames.assign(slo_ms=slo_ms, violated=violated)) for slo_ms, violated in late]


def ratios_to(sweep: pd.DataFrame, claim: str, rival: str) -> np.ndarray:
    """Janus over one rival in every setting: a ratio of throughputs, or the relative reduction of late frames.

    A rival without a single late frame cannot be improved on: the reduction is then 0, or -∞ where Janus is late.
    """
    name = rival.replace("-", "_")
    if claim == "throughput":
        return (sweep["janus_fps"] / sweep[f"{name}_fps"]).to_numpy()
    ours, theirs = (sweep[f"{who}_violation_percent"].to_numpy() for who in ("janus", name))
    none_to_save = np.where(ours > 0, -np.inf, 0.0)
    return np.where(theirs > 0, 1 - ours / np.where(theirs > 0, theirs, 1.0), none_to_save)


def with_best(sweep: pd.DataFrame, claim: str) -> pd.DataFrame:
    """The sweep with ``weakest``, the ratio to the rival that Janus beats by most in that setting ("up to"),
    ``weakest_rival``, and ``strongest``, the ratio to the rival that it beats by least."""
    ratios = np.stack([ratios_to(sweep, claim, rival) for rival in RIVALS], axis=1)
    return sweep.assign(
        weakest=ratios.max(axis=1),
        weakest_rival=[RIVALS[at] for at in ratios.argmax(axis=1)],
        strongest=ratios.min(axis=1),
    )


def claim_table(sweep: pd.DataFrame) -> pd.DataFrame:
    """Paper says, this run gives: for each task, headline and input encoding.

    Returns:
        ``task``, ``claim``, ``encoding``, ``paper`` (the figure); ``settings`` (how many were tried); ``best`` against
        any rival, its ``rival``, ``where``, and Janus's own ``late_percent`` and ``kept_percent`` there;
        ``holds_percent`` of settings in which the paper's figure is reached against some rival; the same two against
        the strongest rival of each setting, ``best_vs_strongest`` and ``holds_vs_strongest_percent``.
    """
    rows = []
    for (task, encoding), part in sweep.groupby(["task", "encoding"], sort=False):
        for claim, paper in PAPER.items():
            known = with_best(part, claim)
            best = known.loc[known["weakest"].idxmax()]
            rows.append(
                {
                    "task": task,
                    "claim": claim,
                    "encoding": encoding,
                    "paper": paper,
                    "settings": len(known),
                    "best": best["weakest"],
                    "rival": best["weakest_rival"],
                    "where": where(best),
                    "late_percent": best["janus_violation_percent"],
                    "kept_percent": best["janus_tokens_kept_percent"],
                    "holds_percent": 100 * (known["weakest"] >= paper).mean(),
                    "best_vs_strongest": known["strongest"].max(),
                    "holds_vs_strongest_percent": 100 * (known["strongest"] >= paper).mean(),
                }
            )
    return rounded(pd.DataFrame(rows)).sort_values(["task", "claim"], ignore_index=True, kind="stable")


def where(row: pd.Series) -> str:
    """A setting in words."""
    scaled = f"scaled to {row['scaled_to_mbps']:g} Mbit/s" if row["scaled_to_mbps"] else "as it is"
    return f"{row['device']}, {row['codec']}, {row['trace']} {scaled}, SLO {row['slo_ms']:g} ms"


def map_table(sweep: pd.DataFrame, claim: str, against: str = "weakest") -> pd.DataFrame:
    """The best ratio over the traces, for every SLO and mean uplink: ``encoding``, ``scaled_to_mbps``, ``slo_ms``,
    ``ratio``.

    Args:
        sweep: From `claim_sweep`, of one task.
        claim: ``throughput`` or ``violations``.
        against: ``weakest`` rival of each setting, or ``strongest``.
    """
    known = with_best(sweep, claim)
    best = known.groupby(["encoding", "scaled_to_mbps", "slo_ms"], sort=False)[against].max()
    return rounded(best.rename("ratio").reset_index())


def recheck(sweep: pd.DataFrame, links: int = 2) -> pd.DataFrame:
    """Some links of a stored sweep over generated traces, replayed again now.

    Args:
        sweep: From `claim_sweep`, stored, over whole generated traces.
        links: How many, spread over the sweep.

    Returns:
        `KEYS`, ``stored`` and ``now`` (late frames of Janus in percent), ``same``: whether every column agrees.
    """
    each = ["task", "device", "codec", "encoding", "scaled_to_mbps", "trace"]
    known = sweep.drop_duplicates(each)
    found = []
    for at in np.linspace(0, len(known) - 1, links + 2).round().astype(int)[1:-1]:
        row = known.iloc[at]
        bench = open_bench(row["task"], row["trace"], device=machine_called(row["device"]), codec=row["codec"])
        now = claim_sweep([bench], means_mbps=(row["scaled_to_mbps"],), encodings=(row["encoding"],), jobs=1)
        before = sweep.merge(row[each].to_frame().T.astype(sweep[each].dtypes), on=each).reset_index(drop=True)
        values = [column for column in now if column not in (*KEYS, "kind")]
        same = np.isclose(before[values].to_numpy(float), now[values].to_numpy(float), rtol=1e-4).all(axis=1)
        late = "janus_violation_percent"
        found.append(now[list(KEYS)].assign(stored=before[late], now=now[late], same=same))
    return pd.concat(found, ignore_index=True)


def machine_called(title: str) -> str:
    """The name by which profiles are derived of a machine's title."""
    return next(name for name, machine in MACHINES.items() if machine.title == title)
