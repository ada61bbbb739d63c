"""Accuracy: measured tables of small models, and the few published points of the large one. Never a formula."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from janus.accuracy import load_accuracy
from janus.errors import JanusError
from janus.files import data_folder
from janus.geometry import find_geometry
from janus.network import load_traces
from janus.profile import find_profile
from janus.reproduce.compute import measured_profiles
from janus.reproduce.task import SEED, Bench, Task, kept_share
from janus.simulate import ReplaySettings

# Bolya et al., ToMe README, ImageNet-1k validation (50,000 pictures), AugReg weights, off the shelf: top-1 in percent.
PUBLISHED = (
    ("ViT-L/16@384", "vit_large_patch16_384", 0, 86.92),
    ("ViT-L/16@384", "vit_large_patch16_384", 23, 86.14),
    ("ViT-L/16", "vit_large_patch16_224", 0, 85.82),
    ("ViT-L/16", "vit_large_patch16_224", 7, 84.26),
    ("ViT-B/16", "vit_base_patch16_224", 0, 84.57),
    ("ViT-B/16", "vit_base_patch16_224", 13, 82.60),
    ("ViT-S/16", "vit_small_patch16_224", 0, 81.41),
    ("ViT-S/16", "vit_small_patch16_224", 13, 79.30),
)
# No weights of the large model are at hand, so accuracy is replayed with a small one: DeiT-Ti, whose device profile and
# accuracy were both measured here. It is so quick that only a cloud nearby can compete: a round trip of 5 ms, where
# the cellular ones take some 30.
SMALL = Task(
    name="small",
    title="image classification, DeiT-Ti",
    model="deit_tiny_patch16_224",
    device="measured",
    cloud="v100",
    slo_ms=20.0,
    slos_ms=(15.0, 20.0, 25.0, 30.0),
    rs=(4, 8, 13),
)
SMALL_SETTINGS = ReplaySettings(rtt_ms=5.0, seed=SEED, duration_s=60.0)
PUBLISHED_SOURCE = "published: ToMe README, constant r, ImageNet-1k validation"


def accuracy_table() -> pd.DataFrame:
    """Everything that ``data/accuracy`` holds of unsplit models on undistorted pictures.

    Returns:
        ``model``, ``kind`` (stored: measured by `janus evaluate`), ``schedule``, ``level``, ``tokens_kept_percent``,
        ``top1_percent``, ``below`` and ``above`` (arms of the 95 % interval), ``n``. The unmerged point stands with
        every schedule.
    """
    rows = []
    for file in sorted(data_folder("accuracy").glob("*.json")):
        table = load_accuracy(file)
        try:
            geometry = find_geometry(table.model)
        except JanusError:
            continue  # a detector or a video model: its measure is another one
        known = [row for row in table.rows if not row.codec]
        schedules = dict.fromkeys(row.schedule for row in known if row.level > 0)
        for schedule in schedules:
            curve = {row.level: row for row in known if row.schedule == schedule or row.level == 0}
            for level, row in sorted(curve.items()):
                rows.append(
                    {
                        "model": table.model,
                        "kind": "stored",
                        "schedule": schedule,
                        "level": level,
                        "tokens_kept_percent": round(kept_share(geometry, schedule, level), 2),
                        "top1_percent": round(row.top1, 2),
                        "below": round(row.top1 - row.low, 2),
                        "above": round(row.high - row.top1, 2),
                        "n": row.n,
                    }
                )
    if not rows:
        raise JanusError(f"{data_folder('accuracy')}: holds no accuracy tables; make one with `janus evaluate --out`.")
    return pd.DataFrame(rows)


def published_table() -> pd.DataFrame:
    """The published points: ``model``, ``r``, ``tokens_kept_percent``, ``top1_percent``, ``kind``."""
    return pd.DataFrame(
        [
            {
                "model": title,
                "r": r,
                "tokens_kept_percent": round(kept_share(find_geometry(model), "constant", float(r)), 1),
                "top1_percent": top1,
                "kind": PUBLISHED_SOURCE,
            }
            for title, model, r, top1 in PUBLISHED
        ]
    )


def open_small_bench(traces: tuple[str, ...] = ("5g-driving", "lte-driving")) -> Bench:
    """DeiT-Ti with measured accuracy on the measured CPU profile, a derived cloud nearby, and generated uplinks.

    The traces' own round trips are left out: `SMALL_SETTINGS` has that of a cloud nearby.

    Raises:
        JanusError: If the profile or the accuracies are not among the shipped data.
    """
    profiles = measured_profiles(SMALL.model)
    files = [file for file in data_folder("accuracy").glob("*.json") if file.name.startswith(SMALL.model)]
    if not profiles or not files:
        raise JanusError(
            f"{data_folder('profiles').parent}: holds no measured profile, or no accuracies, of {SMALL.model}; take "
            "them from a fresh checkout, or make them with `janus profile` and `janus evaluate`."
        )
    return Bench(
        task=SMALL,
        device=profiles[0],
        cloud=find_profile(SMALL.cloud, SMALL.model),
        traces=tuple(replace(trace, rtt_ms=None) for trace in load_traces(traces)),
        accuracy=load_accuracy(files[0]),
    )
