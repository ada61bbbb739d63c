"""Fits the generator to recorded uplinks and writes what ``data/traces`` ships.

    python -m janus.network.fit ../shared/data/traces

reads the recordings, which stay where they are, and writes ``generator.json`` (models), ``statistics.json`` (recorded
and generated, side by side) and the generated traces. Needs scipy, for the search only.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import click
import numpy as np

from janus.errors import JanusWarning
from janus.files import data_folder, write_text
from janus.network.catalogue import PUBLIC_SETS
from janus.network.find import load_traces
from janus.network.generator import (
    LENGTH_GRID,
    NORMAL_GRID,
    TIME_CONSTANTS_S,
    VERSION,
    gaussian_layers,
    generate_trace,
    generator_models,
    mean_of_quantiles,
    rates,
)
from janus.network.shipped import shipped_traces
from janus.network.statistics import (
    GRID_S,
    LAGS_S,
    OUTAGE_MBPS,
    autocorrelation,
    outage_lengths_s,
    outage_summary,
    stretches,
    trace_statistics,
)
from janus.network.trace import Trace
from janus.network.writer import trace_csv

# What the search looks at, and what the comparison shows: ten minutes each, different seeds.
FIT_SEEDS, COMPARED_SEEDS = range(1000, 1016), range(1, 17)
COMPARED_S = 600.0


def fit_model(trace: Trace) -> dict:
    """Quantiles, outages and weights of one recorded class."""
    mbps = trace.resampled(GRID_S).uplink_mbps
    gone = mbps < OUTAGE_MBPS
    shares = normal_shares()
    model = {
        "quantiles_mbps": rounded(np.quantile(mbps[~gone], shares)),
        "rtt_quantiles_ms": rounded(np.quantile(trace.rtt_ms, shares)),
        "rtt_time_constant_s": round(time_constant(trace.rtt_ms), 3),
        "outages": fit_outages(mbps, gone) if gone.any() else None,
    }
    return model | {"weights": fit_weights(model, mbps)}


def fit_outages(mbps: np.ndarray, gone: np.ndarray) -> dict:
    """Quantiles of the lengths of outages, of the times between, and of the rates within."""
    during = np.quantile(stretches(gone)[1] * GRID_S, LENGTH_GRID)
    between = np.quantile(stretches(~gone)[1] * GRID_S, LENGTH_GRID)
    # The few quantiles kept do not have the mean of the many lengths: the share of time in outages decides.
    share = float(gone.mean())
    between *= mean_of_quantiles(during) * (1 - share) / share / mean_of_quantiles(between)
    return {
        "during_s": rounded(during),
        "between_s": rounded(between),
        "quantiles_mbps": rounded(np.quantile(mbps[gone], LENGTH_GRID)),
    }


def fit_weights(model: dict, mbps: np.ndarray) -> list[float]:
    """Weights of the autoregressions whose generated autocorrelations, spread included, come nearest the recorded."""
    from scipy.optimize import minimize

    steps = round(COMPARED_S / GRID_S)
    lags = [round(lag / GRID_S) for lag in LAGS_S]
    wanted = np.array([autocorrelation(mbps, lag) for lag in lags])
    layers = [gaussian_layers(np.random.default_rng(seed), steps) for seed in FIT_SEEDS]

    def weights(free: np.ndarray) -> np.ndarray:
        # The first is the reference; beyond ±12 a weight is 0 or 1 anyway.
        scores = np.exp(np.clip(np.append(0.0, free), -12, 12))
        return scores / scores.sum()

    def miss(free: np.ndarray) -> float:
        trial = model | {"weights": weights(free)}
        made = [rates(trial, layer, np.random.default_rng([s, 99])) for s, layer in zip(FIT_SEEDS, layers, strict=True)]
        got = np.mean([[autocorrelation(one, lag) for lag in lags] for one in made], axis=0)
        spread = np.mean([one.std() for one in made]) / mbps.std() - 1
        return float(np.sum((got - wanted) ** 2) + spread**2)

    found = minimize(miss, np.zeros(len(TIME_CONSTANTS_S) - 1), method="Nelder-Mead", options={"maxfev": 250})
    return [round(float(weight), 5) for weight in weights(found.x)]


def time_constant(values: np.ndarray) -> float:
    """Seconds over which the ranks of a series forget, from their autocorrelation at one step."""
    ranks = np.argsort(np.argsort(values)).astype(np.float64)
    return -GRID_S / float(np.log(np.clip(autocorrelation(ranks, 1), 0.01, 0.99)))


def normal_shares() -> np.ndarray:
    """Shares of a normal variable under `NORMAL_GRID`; the ends stand for the least and the greatest."""
    from scipy.special import ndtr

    shares = ndtr(np.array(NORMAL_GRID))
    shares[0], shares[-1] = 0.0, 1.0
    return shares


def rounded(values: np.ndarray) -> list[float]:
    """Four significant digits: facts, and no more of them than matter."""
    return [float(f"{value:.4g}") for value in values]


def significant(facts: dict[str, float]) -> dict[str, float]:
    """The same, to four significant digits."""
    return dict(zip(facts, rounded(np.array(list(facts.values()))), strict=True))


def compared(recorded: dict[str, Trace]) -> dict[str, dict]:
    """Statistics of every class, recorded beside generated (means over seeds, ten minutes each)."""
    table = {}
    for name, trace in recorded.items():
        network, mobility = name.split("-")
        traces = [generate_trace(network, mobility, COMPARED_S, seed) for seed in COMPARED_SEEDS]
        made = [trace_statistics(one) for one in traces]
        # One trace has too few outages for a mean or a quantile of their lengths: those are of all traces together.
        lengths = np.concatenate([outage_lengths_s(one.uplink_mbps) for one in traces])
        pooled = outage_summary(lengths)
        table[name] = {
            "recorded": significant(trace_statistics(trace)),
            "generated": significant({key: float(np.mean([one[key] for one in made])) for key in made[0]} | pooled),
        }
    return table


@click.command()
@click.argument("traces_root", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(traces_root: Path) -> None:
    """Fit to the recordings under TRACES_ROOT, write the models, then everything made with them."""
    target, known = data_folder("traces"), PUBLIC_SETS["nuwins"]
    with warnings.catch_warnings():
        # That a repeated run is left out is no news here.
        warnings.simplefilter("ignore", JanusWarning)
        recorded = {trace.name: trace for trace in load_traces("nuwins", traces_root=traces_root)}
        others = load_traces(["mahimahi", "zhuge"], traces_root=traces_root)
    fitted_to = {"paper": known.paper, "repository": known.repository, "commit": known.commit}
    models = {name: fit_model(trace) for name, trace in recorded.items()}
    held = {"version": VERSION, "command": "python -m janus.network.fit", "fitted_to": fitted_to, "models": models}
    write_text(target / "generator.json", json.dumps(held, indent=1) + "\n")
    generator_models.cache_clear()
    table = {
        "about": f"recorded: whole class; generated: mean of {len(COMPARED_SEEDS)} seeds, {COMPARED_S:g} s each",
        "fitted_to": fitted_to,
        "classes": compared(recorded),
        "other_recordings": {trace.name: significant(trace_statistics(trace)) for trace in others},
    }
    write_text(target / "statistics.json", json.dumps(table, indent=1) + "\n")
    for trace, comments in shipped_traces():
        write_text(target / f"{trace.name}.csv", trace_csv(trace, decimals=2, comments=comments))


if __name__ == "__main__":
    main()
