"""Many replays: traces × encodings × SLOs × policies, on all cores. Torch-free.

Work goes through joblib, so ``with joblib.parallel_config(backend="dask"):`` (or ``"ray"``, once registered) around
`sweep` runs it on a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from janus.errors import JanusError
from janus.grid import PlanGrid, check_slo
from janus.network import Trace
from janus.policy import PolicySettings, check_policy, make_policy
from janus.progress import bar
from janus.simulate.replay import ReplaySettings, replay
from janus.simulate.summary import compare, summarise

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """What a sweep gives.

    Attributes:
        summary: One row per trace, encoding, SLO and policy, with ratios to the baselines.
        frames: All frames, with ``trace`` and ``encoding`` in front; empty unless they were asked for.
    """

    summary: pd.DataFrame
    frames: pd.DataFrame


def sweep(
    traces: Sequence[Trace],
    policies: Sequence[str],
    grids: Sequence[PlanGrid],
    slos_ms: Sequence[float],
    settings: ReplaySettings | None = None,
    *,
    policy_settings: PolicySettings | None = None,
    keep_frames: bool = False,
    jobs: int | None = None,
    progress: bool = False,
) -> Sweep:
    """Replay every combination.

    The Oracle may use the plans of all policies in the sweep, so it bounds each of them.

    Args:
        traces: Uplinks, with names of their own.
        policies: Names of `POLICIES`.
        grids: One for each input encoding, of one pair of machines.
        slos_ms: Latency targets.
        jobs: Processes; -1 for all cores, None for what joblib's surroundings say (one, if nothing).
        progress: Show a bar.

    Raises:
        JanusError: If there is nothing to replay, something is named twice, or a policy or an SLO is out of range.
    """
    import joblib
    import pandas as pd

    for name, given in (("trace", traces), ("policy", policies), ("grid", grids), ("SLO", slos_ms)):
        if not given:
            raise JanusError(f"no {name} to replay: give one or more.")
    named: dict[str, Sequence] = {
        "trace": [trace.name for trace in traces], "policy": policies, "SLO": slos_ms,
        "input encoding": [grid.encoding.name for grid in grids],
    }  # fmt: skip
    for name, labels in named.items():
        twice = next((one for at, one in enumerate(labels) if one in labels[:at]), None)
        if twice is not None:
            # Rows that cannot be told apart cannot be compared.
            raise JanusError(f"{name} {twice!r} is there twice: name each once, or sweep them one by one.")
    policies, slos_ms = [check_policy(name) for name in policies], [check_slo(slo) for slo in slos_ms]
    runs = list(product(traces, grids, slos_ms, policies))
    work = (
        joblib.delayed(_one)(trace, grid, slo, name, policies, settings, policy_settings, keep_frames)
        for trace, grid, slo, name in runs
    )
    done = joblib.Parallel(n_jobs=jobs, return_as="generator")(work)
    rows, tables = zip(*bar(done, total=len(runs), unit="replay", shown=progress), strict=True)
    frames = pd.concat([table for table in tables if table is not None]) if keep_frames else pd.DataFrame()
    return Sweep(summary=compare(pd.concat(rows, ignore_index=True)), frames=frames.reset_index(drop=True))


def _one(
    trace: Trace,
    grid: PlanGrid,
    slo_ms: float,
    name: str,
    policies: Sequence[str],
    settings: ReplaySettings | None,
    policy_settings: PolicySettings | None,
    keep_frames: bool,
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """One run: its summary, and its frames where they are kept."""
    rivals = []
    if name == "oracle":
        rivals = [make_policy(other, grid, policy_settings).grid for other in policies if other != "oracle"]
    table = replay(trace, name, grid, slo_ms, settings, policy_settings=policy_settings, rivals=rivals)
    attrs = table.attrs
    table.insert(0, "trace", trace.name)
    table.insert(1, "encoding", grid.encoding.name)
    table.attrs = attrs
    return summarise(table), table if keep_frames else None
