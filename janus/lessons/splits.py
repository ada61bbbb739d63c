"""Where a network may be cut: what each place sends, and what each takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

from janus.codec import decode, encode
from janus.formats import FORMATS
from janus.geometry import GEOMETRIES, ModelGeometry
from janus.grid import PlanGrid, find_codec, find_encoding, ms_per_byte
from janus.lessons.subject import Subject
from janus.merging import TokenState
from janus.reproduce.crossing import CODECS
from janus.reproduce.lesson import BANDWIDTHS_MBPS
from janus.reproduce.replays import rounded
from janus.schedule import MergeSchedule
from janus.split import fine_to_coarse
from janus.units import BYTES_PER_KB

# What a picture model of the other kind is: the usual one. Its places are its residual blocks.
CNN = "resnet50"
STAGES = ("layer1", "layer2", "layer3", "layer4")


def activation_table(geometry: ModelGeometry, levels: tuple[float, ...]) -> pd.DataFrame:
    """Values that would cross a cut behind each block: a convolutional network beside a ViT.

    Args:
        geometry: The ViT.
        levels: Of its declining schedule; 0 among them is the plain model.

    Returns:
        ``network``, ``block``, ``done_percent`` (share of its blocks before the cut), ``values`` and ``kilobytes`` at
        one byte a value.
    """
    _, side, _ = geometry.input_shape
    curves = {"ResNet-50": convolutional_values(side)}
    for level in levels:
        plan = geometry.plan(MergeSchedule(level=level))
        name = "ViT, no merging" if level == 0 else f"ViT, α = {level:g}"
        curves[name] = [tokens * geometry.width for tokens in plan.tokens[1:]]
    rows = []
    for network, values in curves.items():
        for block, count in enumerate(values, start=1):
            rows.append(
                {
                    "network": network,
                    "block": block,
                    "done_percent": round(100 * block / len(values), 1),
                    "values": count,
                    "kilobytes": round(count / BYTES_PER_KB, 1),
                }
            )
    return pd.DataFrame(rows)


def convolutional_values(side: int) -> list[int]:
    """Values behind each residual block of `CNN`, by running it on shapes alone."""
    import timm

    found: list[int] = []
    with torch.device("meta"):  # shapes only: no memory, no arithmetic
        model = timm.create_model(CNN, pretrained=False).eval()
        blocks: list[nn.Module] = [block for stage in STAGES for block in model.get_submodule(stage).children()]
        for block in blocks:
            block.register_forward_hook(lambda module, given, made: found.append(made[0].numel()))
        model(torch.empty(1, 3, side, side))
    return found


def candidate_table(depth: int, growths: tuple[float, ...]) -> pd.DataFrame:
    """Split candidates by how fast they get sparse: ``growth``, ``candidates`` (how many), ``splits``."""
    found = {growth: fine_to_coarse(depth, growth) for growth in growths}
    return pd.DataFrame(
        {
            "growth": list(found),
            "candidates": [len(splits) for splits in found.values()],
            "splits": [" ".join(map(str, splits)) for splits in found.values()],
        }
    )


def packing_table(state: TokenState) -> pd.DataFrame:
    """What zstd takes off real tokens: ``codec``, ``plain_kb``, ``zstd_kb``, ``saved_percent``."""
    rows = []
    for codec in FORMATS:
        plain, packed = (len(encode(state, name)) for name in (codec, f"{codec}+zstd"))
        rows.append(
            {
                "codec": codec,
                "plain_kb": plain / BYTES_PER_KB,
                "zstd_kb": packed / BYTES_PER_KB,
                "saved_percent": 100 * (1 - packed / plain),
            }
        )
    return pd.DataFrame(rows)


def fitting_table(models: tuple[str, ...], encoding: str = "jpeg85") -> pd.DataFrame:
    """How many tokens fit into the bytes of the picture.

    Returns:
        ``model``, ``input_kb`` of the picture, ``tokens`` unmerged; for each codec how many tokens at most are no
        larger than the picture.
    """
    rows = []
    for name in models:
        geometry = GEOMETRIES[name]
        size = find_encoding(encoding, geometry).size_bytes
        counts = np.arange(geometry.tokens + 1)
        fits = {
            codec: int(
                (find_codec(codec).payload_bytes(counts, geometry.width, counts < geometry.tokens) <= size).sum()
            )
            - 1
            for codec in CODECS
        }
        rows.append({"model": name, "input_kb": size / BYTES_PER_KB, "tokens": geometry.tokens, **fits})
    return pd.DataFrame(rows)


def stack_table(grid: PlanGrid, level: float, bandwidths: tuple[float, ...], *, rtt_ms: float) -> pd.DataFrame:
    """Modelled latency of every split by part, under several bandwidths.

    Args:
        grid: Machines, codec and encoding; its level and splits are replaced.
        level: Of its schedule.
        bandwidths: Mbit/s.
        rtt_ms: Round trip.

    Returns:
        ``mbps``, ``split``, ``device_ms``, ``encode_ms``, ``uplink_ms``, ``round_trip_ms`` (with the answer's way
        back), ``cloud_ms``, their sum ``modelled_ms``, and ``best``.
    """
    every = grid.rebuilt(levels=(level,), splits=tuple(range(grid.geometry.depth + 1)))
    sends = every.payload_bytes[0] > 0
    parts = []
    for mbps in bandwidths:
        modelled = every.modelled_ms(mbps, rtt_ms)[0]
        parts.append(
            pd.DataFrame(
                {
                    "mbps": mbps,
                    "split": every.splits,
                    "device_ms": every.device_ms[0],
                    "encode_ms": every.encode_ms[0],
                    "uplink_ms": every.payload_bytes[0] * ms_per_byte(mbps),
                    "round_trip_ms": np.where(sends, rtt_ms + every.downlink_ms, 0.0),
                    "cloud_ms": every.cloud_ms[0],
                    "modelled_ms": modelled,
                    "best": np.arange(len(modelled)) == modelled.argmin(),
                }
            )
        )
    return rounded(pd.concat(parts, ignore_index=True))


def best_split_table(grids: dict[str, PlanGrid], levels: tuple[float, ...], *, rtt_ms: float) -> pd.DataFrame:
    """The fastest of all splits over bandwidth, for some levels.

    Args:
        grids: By how the input travels; levels and splits are replaced.
        levels: Of the schedule.
        rtt_ms: Round trip.

    Returns:
        ``input``, ``level``, ``mbps``, ``split``, ``modelled_ms``.
    """
    rows = []
    for name, grid in grids.items():
        every = grid.rebuilt(levels=levels, splits=tuple(range(grid.geometry.depth + 1)))
        for mbps in BANDWIDTHS_MBPS:
            modelled = every.modelled_ms(mbps, rtt_ms)
            for level, row in zip(levels, modelled, strict=True):
                split = int(row.argmin())
                rows.append({"input": name, "level": level, "mbps": mbps, "split": split, "modelled_ms": row[split]})
    return rounded(pd.DataFrame(rows))


def interval_table(table: pd.DataFrame) -> pd.DataFrame:
    """`best_split_table` in words: ``input``, ``level``, and the best splits from slow to fast links, with the
    bandwidths where they are; inner splits that follow each other step by step stand as one range.
    """  # fmt: skip
    depth, rows = int(table["split"].max()), []
    for (name, level), part in table.groupby(["input", "level"], sort=False):
        split = part["split"]
        inner = split.between(1, depth - 1)
        # A new run begins where the split changes, unless both sides lie inside and are neighbours.
        steps = split.diff().abs().fillna(0) <= 1
        runs = (~((split == split.shift()) | (inner & inner.shift(fill_value=False) & steps))).cumsum()
        said = []
        for _, run in part.groupby(runs):
            first, last = run["split"].iloc[[0, -1]]
            splits = f"{first}" if first == last else f"{first} to {last}"
            said.append(f"{splits} ({run['mbps'].iloc[0]:.3g}–{run['mbps'].iloc[-1]:.3g})")
        rows.append({"input": name, "level": level, "best split (at Mbit/s)": ", ".join(said)})
    return pd.DataFrame(rows)


@torch.inference_mode()
def exact_table(subject: Subject, schedule: MergeSchedule, codecs: tuple[str, ...], pictures: int) -> pd.DataFrame:
    """Every split against the unsplit model under the same schedule, through bytes.

    Returns:
        ``codec``, ``splits`` tried, ``equal`` (of those, how many give the very bits of the unsplit logits),
        ``same_answer`` (how many give the same classes).
    """
    vit, images = subject.vit, subject.inputs(pictures)
    removed, embedded = vit.plan(schedule).removed, vit.embed(images)
    whole = vit.head(vit.blocks(embedded, 0, vit.depth, removed))
    rows = []
    for codec in codecs:
        cuts = []
        for split in range(1, vit.depth):
            sent = decode(encode(vit.blocks(embedded, 0, split, removed), codec).data)
            cuts.append(vit.head(vit.blocks(sent, split, vit.depth, removed)))
        rows.append(
            {
                "codec": codec,
                "splits": len(cuts),
                "equal": sum(torch.equal(logits, whole) for logits in cuts),
                "same_answer": sum(torch.equal(logits.argmax(1), whole.argmax(1)) for logits in cuts),
            }
        )
    return pd.DataFrame(rows)
