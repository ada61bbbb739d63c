"""Small machines, grids and traces for tests of the scheduler's half."""

import numpy as np

from janus.accuracy import AccuracyRow, AccuracyTable
from janus.geometry import ModelGeometry
from janus.grid import GridSettings, PlanGrid
from janus.network import Trace
from janus.profile import BlockSample, LatencyProfile
from janus.rates import PICTURE, TOKENS, RateRow, RateTable

TINY = ModelGeometry(
    name="tiny", depth=6, width=64, hidden=256, tokens=50, patch_inputs=192, classes=10, input_shape=(3, 56, 56)
)


def machine(ms_per_token=0.1, *, name="box", geometry=TINY, noise=0.0, floor_ms=0.2, **changes):
    """A machine whose blocks take a floor and so much a token, with no overhead of merging."""
    counts = (2, 10, 20, 30, 40, geometry.tokens)
    ms = [floor_ms + ms_per_token * n for n in counts]
    given = {
        "model": geometry.name,
        "geometry": geometry,
        "name": name,
        "kind": "demo",
        "torch_device": "cpu",
        "dtype": "float32",
        "date": "2026-01-01",
        "embed_ms": 0.5,
        "head_ms": 0.1,
        "blocks": tuple(
            BlockSample(tokens=n, median_ms=t, p10_ms=t, p90_ms=t, repeats=1) for n, t in zip(counts, ms, strict=True)
        ),
        "assumed_noise": noise,
    }
    return LatencyProfile(**given | changes)


def accuracy_table(geometry=TINY):
    """Made-up accuracies that fall with the level."""
    rows = [
        AccuracyRow(schedule="declining", level=level, top1=top1, low=top1 - 2, high=top1 + 2, n=500)
        for level, top1 in ((0.0, 80.0), (0.2, 79.0), (0.5, 75.0), (0.8, 60.0))
    ]
    return AccuracyTable(model=geometry.name, rows=tuple(rows))


def rate_row(carrier, size, top1, *, schedule="none", level=0.0, split=0, ms=0.5):
    """A made-up point: a codec and its quality, as ``jpeg85``, bytes and percent."""
    codec = carrier.rstrip("0123456789.")
    return RateRow(
        kind=TOKENS if split else PICTURE, codec=codec, quality=float(carrier.removeprefix(codec) or 0) or None,
        schedule=schedule, level=level, split=split, bytes_mean=size, bytes_p90=1.3 * size, encode_ms=ms,
        decode_ms=ms / 2, top1=top1, low=top1 - 2, high=top1 + 2,
    )  # fmt: skip


def rate_table(geometry=TINY, rows=None):
    """Made-up pictures, and tokens of two schedules in a codec with two steps; one picture is of no use."""
    usual = (
        rate_row("jpeg85", 1500, 79.8),
        rate_row("jpeg50", 800, 78.0),
        rate_row("jpeg20", 500, 70.0),
        rate_row("webp40", 900, 77.0),
        rate_row("transform0.5", 600, 79.0, schedule="declining", level=0.2, split=2),
        rate_row("transform1", 300, 77.5, schedule="declining", level=0.2, split=2),
        rate_row("transform1", 200, 76.0, schedule="constant", level=4, split=4),
        rate_row("int8+zstd", 2000, 79.0, schedule="declining", level=0.2, split=2),
    )
    rows = usual if rows is None else rows
    return RateTable(model=geometry.name, images="made up", n=500, unmerged=(80.0, 78.0, 82.0), rows=tuple(rows))


def small_grid(*, device=0.4, cloud=0.02, noise=0.0, accuracy=None, rates=None, **settings):
    """Every split of `TINY`, seven levels unless told otherwise."""
    given = {"levels": (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9), "splits": tuple(range(7)), "encoding": "raw"} | settings
    return PlanGrid.build(
        machine(device, name="device", noise=noise),
        machine(cloud, name="cloud", noise=noise),
        GridSettings(**given),
        accuracy=accuracy,
        rates=rates,
    )


def steps(mbps, step_s=0.1, name="steps", rtt_ms=None):
    """A trace from rates, one a step."""
    mbps = np.asarray(mbps, dtype=float)
    return Trace(
        name=name,
        time_s=np.arange(len(mbps)) * step_s,
        uplink_mbps=mbps,
        rtt_ms=None if rtt_ms is None else np.full(len(mbps), rtt_ms),
        duration_s=len(mbps) * step_s,
        kind="generated",
    )


def rough(seconds=30.0, seed=0, mean=3.0):
    """A link that changes every second or so, with outages."""
    random = np.random.default_rng(seed)
    count = int(seconds)
    mbps = random.gamma(1.0, mean, count) * (random.random(count) > 0.1)
    return steps(np.repeat(mbps, 10) * random.lognormal(0, 0.2, count * 10), name=f"rough-{seed}")
