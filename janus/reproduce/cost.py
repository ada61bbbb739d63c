"""What the scheduler itself costs: one decision, timed."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter_ns

import numpy as np
import pandas as pd

from janus.grid import PlanGrid
from janus.reproduce.task import Bench
from janus.units import MS_PER_S

# Decisions that are timed together, each for another network: one alone is too short for the clock.
BATCH = 400
ROUNDS = 7


def measure_cost(bench: Bench, *, batch: int = BATCH, rounds: int = ROUNDS) -> pd.DataFrame:
    """Measured microseconds of one decision, by binary search in the envelope and by trying every plan.

    Returns:
        ``case``, ``plans``, ``measured_us`` (median over rounds), ``p10_us``, ``p90_us``.
    """
    splits = tuple(range(bench.geometry.depth + 1))
    grids = {"fine to coarse": bench.grid("raw"), "every split": bench.grid("raw").rebuilt(splits=splits)}
    random = np.random.default_rng(0)
    asked = list(
        zip(
            (10 ** random.uniform(0, 2.5, batch)).tolist(),
            random.uniform(5, 80, batch).tolist(),
            random.uniform(60, 600, batch).tolist(),
            strict=True,
        )
    )
    cases: dict[str, tuple[Callable, PlanGrid]] = {}
    for name, grid in grids.items():
        cases[f"binary search, {name}"] = grid.decide, grid
        cases[f"every plan tried, as arrays, {name}"] = grid.decide_by_brute_force, grid
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds + 1):
        for name, (decide, _) in cases.items():
            start = perf_counter_ns()
            for question in asked:
                decide(*question)
            times[name].append((perf_counter_ns() - start) / MS_PER_S / batch)
    rows = []
    for name, (_, grid) in cases.items():
        # The first round warms up.
        cuts = statistics.quantiles(times[name][1:], n=10, method="inclusive")
        rows.append(
            {
                "case": f"{name}: {len(grid.levels) * len(grid.splits):,} plans",
                "plans": len(grid.levels) * len(grid.splits),
                "measured_us": round(statistics.median(times[name][1:]), 2),
                "p10_us": round(cuts[0], 2),
                "p90_us": round(cuts[-1], 2),
            }
        )
    return pd.DataFrame(rows)


def cost_table(measured: pd.DataFrame) -> pd.DataFrame:
    """What a figure needs beside the measurement: ``label``, and the arms ``below`` and ``above`` of the spread."""
    return measured.assign(
        label=[f"{us:.3g} µs" for us in measured["measured_us"]],
        below=measured["measured_us"] - measured["p10_us"],
        above=measured["p90_us"] - measured["measured_us"],
    )
