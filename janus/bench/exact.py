"""`janus bench exact`: whether the answer through the wire is the unsplit answer, bit for bit, at every split."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from janus.bench.pictures import noise_picture
from janus.bench.worker import unsplit
from janus.cli.common import check_out, document, emit
from janus.errors import JanusError
from janus.grid import GridSettings, PlanGrid
from janus.models import load_model
from janus.profile import derive_profile
from janus.progress import bar
from janus.runtime.agreement import NEVER_MS
from janus.runtime.device import Device
from janus.runtime.fixed import FixedPlan
from janus.runtime.local import LocalCompute
from janus.runtime.pair import LocalPair
from janus.runtime.runs import prepare
from janus.schedule import MergeSchedule
from janus.split import Plan

FAMILY = "declining"
# No bound on time here: what is asked is whether it is the same.
FAST_MBPS = 10_000.0


@click.command("exact")
@click.option("--model", "name", default="vit_tiny_patch16_224", show_default=True, help="timm tag.")
@click.option("--weights", type=click.Path(path_type=Path), help="A safetensors file.  [default: random weights]")
@click.option("--images", help="A folder, or NAME[@REVISION][:SPLIT].  [default: noise]")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Pictures.")
@click.option("--level", "levels", type=float, multiple=True, default=(0.0, 0.4), show_default=True)
@click.option("--codec", default="fp32", show_default=True, help="Of the tokens: fp32 is lossless.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of each half.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the JSON document here, too.")
def command(name, weights, images, limit, levels, codec, threads, as_json, out):
    """Whether the answer through the wire is the unsplit answer, bit for bit, at every split.

    The picture travels as raw pixels at split 0. Exits with 1 if an answer differs.
    """
    check_out(out)
    for level in levels:
        MergeSchedule(family=FAMILY, level=level)  # one that does not exist is refused before the pair is started
    model = load_model(name, weights=weights, pretrained=False).model
    rows = []
    with LocalPair(model, trace=FAST_MBPS, delay_ms=0.0, device_threads=threads, cloud_threads=threads) as pair:
        half = pair.half
        pictures = images or (noise_picture(seed, *half.vit.input_size) for seed in range(limit))
        shots = prepare(pictures, half, limit)
        # Any profile will do: the plans are given.
        profile = derive_profile("v100", half.vit.geometry)
        splits = tuple(range(half.vit.depth + 1))
        settings = GridSettings(
            levels=tuple(sorted({0.0, *levels})), splits=splits, codec=codec, encoding="raw", family=FAMILY
        )
        grid = PlanGrid.build(profile, profile, settings)
        device = Device(pair.line, LocalCompute(half))
        with bar(total=len(levels) * len(splits) * len(shots), unit="frame") as shown:
            for level in levels:
                whole = [unsplit(half, shot.pixels, FAMILY, level) for shot in shots]
                for split in splits:
                    policy = FixedPlan(grid, Plan(level=level, split=split))
                    same = answered = 0
                    for shot, expected in zip(shots, whole, strict=True):
                        result = device.run(policy.decide(0.0, NEVER_MS), shot.pixels, NEVER_MS)
                        same += np.array_equal(expected, result.logits)
                        answered += result.answered_by == ("device" if split == half.vit.depth else "cloud")
                        shown.update()
                    rows.append(
                        {"level": level, "split": split, "frames": len(shots), "exact": same, "as_planned": answered}
                    )
    frames, exact, planned = (sum(row[key] for row in rows) for key in ("frames", "exact", "as_planned"))
    words = (
        f"{half.name}: {exact} of {frames} answers are the unsplit one bit for bit ({len(splits)} splits, levels "
        f"{', '.join(f'{level:g}' for level in levels)}, {codec}); {planned} came from where the plan says."
    )
    click.echo(words, err=as_json)
    emit(document(rows, model=half.name, codec=codec, words=words), as_json=as_json, out=out)
    if exact < frames or planned < frames:
        raise JanusError("not every answer is the unsplit one, or came from where the plan says: see the rows.")
