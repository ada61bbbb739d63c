"""`janus bench schedule`: what a decision costs, and a whole replay."""

from __future__ import annotations

import time

import click
import numpy as np
from joblib import cpu_count

from janus.bench.timing import Spread, in_turn
from janus.cli.common import document, emit
from janus.grid import GridSettings, PlanGrid, default_levels
from janus.network import Trace
from janus.policy import make_policy
from janus.profile import derive_profile
from janus.progress import bar
from janus.simulate import ReplaySettings, replay, sweep
from janus.units import transfer_ms

MODEL = "vit_large_patch16_384"
LEVELS = 60
# Decisions timed together, each for another network and SLO: one alone is too short for the clock.
BATCH = 1000
POLICIES = ("device-only", "cloud-only", "mixed", "janus", "janus-robust", "oracle")
HOUR_S, FPS, SLO_MS = 3600.0, 10.0, 100.0
US_PER_MS = 1e3


def build_grid(encoding: str) -> PlanGrid:
    """ViT-L/16@384 at 60 levels and every split, on an Orin Nano and a V100 as derived."""
    device, cloud = derive_profile("orin-nano", MODEL), derive_profile("v100", MODEL)
    levels = default_levels("declining", device.geometry, LEVELS)
    splits = tuple(range(device.geometry.depth + 1))
    return PlanGrid.build(device, cloud, GridSettings(levels=levels, splits=splits, encoding=encoding))


def questions(count: int, seed: int = 0) -> list[tuple[float, float, float]]:
    """Bandwidth, round trip, SLO: spread over what can be asked, so that easy cases do not carry the median."""
    random = np.random.default_rng(seed)
    mbps = 10 ** random.uniform(-1, 3, count)
    return list(
        zip(mbps.tolist(), random.uniform(5, 80, count).tolist(), random.uniform(60, 600, count).tolist(), strict=True)
    )


def bench_decisions(grid: PlanGrid, *, rounds: int) -> list[dict]:
    """Microseconds a decision, by the envelope, by brute force over arrays, and by the paper's loop."""
    asked = questions(BATCH)
    janus = make_policy("janus", grid)

    def by(decide, some):
        return lambda: [decide(*question) for question in some]

    few = asked[: max(BATCH // 50, 1)]
    cases = {
        "binary search": (by(grid.decide, asked), BATCH),
        "binary search, with all that the policy does": (
            lambda: [janus.decide(0.0, slo) for _, _, slo in asked],
            BATCH,
        ),
        "brute force over arrays": (by(grid.decide_by_brute_force, asked), BATCH),
        "brute force plan by plan": (by(lambda *q: loop(grid, *q), few), len(few)),
    }
    times = in_turn({name: run for name, (run, _) in cases.items()}, rounds=rounds)
    rows = []
    for name, (_, count) in cases.items():
        spread = Spread.of([ms * US_PER_MS / count for ms in times[name]])
        rows.append(
            {
                "case": name,
                "measured_us": round(spread.median, 3),
                "measured_us_p10": round(spread.p10, 3),
                "measured_us_p90": round(spread.p90, 3),
            }
        )
    return rows


def loop(grid: PlanGrid, mbps: float, rtt_ms: float, slo_ms: float) -> tuple[int, int, float]:
    """The paper's algorithm as it is written down: level by level, split by split."""
    best: tuple[float, int, int] | None = None
    for level in range(len(grid.levels)):
        fastest = min((_modelled_ms(grid, level, split, mbps, rtt_ms), split) for split in range(len(grid.splits)))
        if fastest[0] <= slo_ms:
            return level, fastest[1], fastest[0]
        if best is None or fastest[0] < best[0]:
            best = (fastest[0], level, fastest[1])
    assert best is not None
    return best[1], best[2], best[0]


def _modelled_ms(grid: PlanGrid, level: int, split: int, mbps: float, rtt_ms: float) -> float:
    row = grid.rows[level][split]
    if row.payload_bytes == 0:
        return row.device_ms
    fixed_ms = row.device_ms + row.encode_ms + row.cloud_ms + row.downlink_ms
    return fixed_ms + transfer_ms(row.payload_bytes, mbps) + rtt_ms


def bench_replay(*, rounds: int) -> list[dict]:
    """Seconds for one hour of a rough link at 10 frames a second: six policies, one by one on one core, and swept."""
    steps = int(HOUR_S * FPS)
    random = np.random.default_rng(0)
    # A level that holds for a second, and a spread from step to step. A JPEG is mostly through before the next frame,
    # so that there is something to decide for every frame.
    mbps = np.repeat(random.gamma(2.0, 20.0, steps // 10), 10) * random.lognormal(0.0, 0.2, steps)
    trace = Trace(name="an hour", time_s=np.arange(steps) / FPS, uplink_mbps=mbps, duration_s=HOUR_S, kind="generated")
    grid = build_grid("jpeg85")
    settings = ReplaySettings(mode="camera", camera_fps=FPS, late="queue")
    taken: list[dict[str, float]] = []
    swept: list[float] = []
    for _ in bar(range(rounds), unit="round", title="replays"):
        taken.append({})
        for policy in POLICIES:
            start = time.perf_counter()
            table = replay(trace, policy, grid, SLO_MS, settings)
            taken[-1][policy] = time.perf_counter() - start
            assert len(table) == steps
        start = time.perf_counter()
        sweep([trace], POLICIES, [grid], [SLO_MS], settings, jobs=-1)
        swept.append(time.perf_counter() - start)
    rows = []
    for name, seconds in {
        f"all, on {cpu_count()} cores as `janus replay` does it": swept,
        "all, one after the other on one core": [sum(t.values()) for t in taken],
        **{p: [t[p] for t in taken] for p in POLICIES},
    }.items():
        spread = Spread.of(seconds)
        rows.append(
            {
                "case": f"replay of {steps} frames, {name}",
                "measured_s": round(spread.median, 3),
                "measured_s_p10": round(spread.p10, 3),
                "measured_s_p90": round(spread.p90, 3),
            }
        )
    return rows


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Rounds over the decisions.")
@click.option("--replays", type=click.IntRange(0), default=3, show_default=True, help="Rounds over the replay.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(rounds, replays, as_json):
    """One decision for ViT-L/16@384 (depth 24, 60 levels, 25 splits) beside brute force, and an hour's replay."""
    grid = build_grid("raw")
    rows = bench_decisions(grid, rounds=rounds) + (bench_replay(rounds=replays) if replays else [])
    for row in rows:
        unit = "us" if "measured_us" in row else "s"
        median, low, high = (row[f"measured_{unit}{end}"] for end in ("", "_p10", "_p90"))
        click.echo(f"{row['case']}: {median:.2f} {'µs' if unit == 'us' else 's'} [{low:.2f}–{high:.2f}]", err=as_json)
    emit(document(rows, levels=len(grid.levels), splits=len(grid.splits)), as_json=as_json)
