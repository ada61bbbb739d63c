"""Tables and pictures of the lesson on video: the notebook itself holds only prose."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from jaxtyping import UInt8
from torch import Tensor

from janus import demo
from janus.clips import ClipPreprocess, ClipSet, evaluate_clips
from janus.codec import decode, encode
from janus.figures.style import BLUE, GREEN, INK, VERMILLION
from janus.grid import PlanGrid
from janus.network import Trace
from janus.opened import OpenViT
from janus.reproduce.figures.look import panels
from janus.reproduce.replays import decision_table
from janus.reproduce.task import Bench
from janus.schedule import MergeSchedule
from janus.tubelets import Tubelets, clip_strip
from janus.units import BYTES_PER_KB, MS_PER_S
from janus.vit import open_vit

if TYPE_CHECKING:
    from IPython.display import Image as Shown

# Small enough for a lesson: VideoMAE's own blocks and tubelets, a fraction of its channels.
WIDTH, DEPTH, HEADS = 96, 12, 3
# Drawn wide, so that it is pixels that make tubelets alike; at the usual 0.02 their positions would outweigh them.
SPREAD = 0.1
# A palette keeps a strip under 200 kB.
PALETTE = 64


def random_video(*, size: int = 224, seed: int = 0) -> OpenViT:
    """A small VideoMAE with random weights for clips of 16 pictures, with a class for each motion of the demo set."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    config = VideoMAEConfig(
        hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, intermediate_size=4 * WIDTH,
        image_size=size, num_labels=len(demo.MOTIONS), initializer_range=SPREAD,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_vit(VideoMAEForVideoClassification(config).eval())


def prepared(vit: OpenViT, pixels: UInt8[np.ndarray, "t h w 3"]) -> Tensor:
    """A clip as a batch of one."""
    return ClipPreprocess(size=vit.input_size[0])(list(pixels))[None]


@torch.inference_mode()
def follow(vit: OpenViT, pixels: UInt8[np.ndarray, "t h w 3"], schedule: MergeSchedule) -> list[Tubelets]:
    """Which tubelets of a clip are one token, before the first block and after each."""
    removed = vit.plan(schedule).removed
    state = vit.embed(prepared(vit, pixels), source=True)
    found = []
    for block in range(vit.depth + 1):
        if block:
            state = vit.blocks(state, block - 1, block, removed)
        found.append(Tubelets.of(pixels.shape, state.source[0].numpy()))
    return found


def follow_table(found: Sequence[Tubelets]) -> pd.DataFrame:
    """What has merged after each block.

    Returns:
        ``block`` (0 is the embedding), ``tokens``; of those ``single`` (one tubelet), ``within_a_step`` (several
        tubelets of one step) and ``over_time`` (of several steps); ``tubelets_over_time_percent``: the share of all
        tubelets in the last; ``largest``: tubelets in the largest token.
    """
    rows = []
    for block, tubelets in enumerate(found):
        sizes, long = tubelets.sizes, tubelets.spans > 1
        rows.append(
            {
                "block": block,
                "tokens": len(sizes),
                "single": int((sizes == 1).sum()),
                "within_a_step": int(((sizes > 1) & ~long).sum()),
                "over_time": int(long.sum()),
                "tubelets_over_time_percent": 100 * float(sizes[long].sum()) / float(sizes.sum()),
                "largest": int(sizes.max()),
            }
        )
    return pd.DataFrame(rows)


def strip(pixels: UInt8[np.ndarray, "t h w 3"], tubelets: Tubelets, *, steps: Sequence[int]) -> Shown:
    """`clip_strip` as a picture of a notebook, with words for those who do not see it."""
    from IPython.display import Image as Shown

    file = io.BytesIO()
    clip_strip(pixels, tubelets, steps=steps).quantize(PALETTE).save(file, "PNG", optimize=True)
    largest = tubelets.table()
    said = "; ".join(f"token {row.number} of {row.tubelets} tubelets" for row in largest.itertuples())
    return Shown(
        data=file.getvalue(),
        alt=f"Frames of a clip; what has merged is outlined in its mean colour: {len(tubelets.sizes)} tokens. {said}",
    )


@torch.inference_mode()
def exact_table(
    vit: OpenViT, pixels: UInt8[np.ndarray, "t h w 3"], schedule: MergeSchedule, splits: Sequence[int]
) -> pd.DataFrame:
    """How far answers are apart: unmerged from transformers' own, and each split from the unsplit run.

    Returns:
        ``what``, ``tokens`` that cross, ``difference``: the largest, over the largest magnitude.
    """
    clip, plan = prepared(vit, pixels), vit.plan(schedule)

    def row(what: str, tokens: int, actual: Tensor, expected: Tensor) -> dict:
        apart = float((actual - expected).abs().max() / expected.abs().max())
        return {"what": what, "tokens": tokens, "difference": apart}

    rows = [row("level 0, beside transformers", vit.tokens, vit(clip), vit.model(clip).logits)]
    whole = vit(clip, schedule)
    for split in splits:
        state = vit.blocks(vit.embed(clip), 0, split, plan.removed)
        rest = vit.blocks(decode(encode(state).data), split, vit.depth, plan.removed)
        rows.append(row(f"split {split}, beside unsplit", state.n_tokens, vit.head(rest), whole))
    return pd.DataFrame(rows)


def top1_table(
    vit: OpenViT, clips: ClipSet, schedules: Sequence[MergeSchedule], *, limit: int, batch_size: int = 4
) -> pd.DataFrame:
    """Top-1 as it streams in, batch by batch, every schedule over the same clips.

    Returns:
        ``schedule``, ``level``, ``n`` clips so far, ``top1_percent``, ``low_percent`` and ``high_percent`` (95 %),
        ``moved_percent``: how far the logits are from those without merging, over their own length (mean).
    """
    preprocess = ClipPreprocess(size=vit.input_size[0])
    unmerged: list[Tensor] = []
    rows = []
    for schedule in (MergeSchedule(family="none"), *schedules):
        answers: list[Tensor] = []
        predict = _noting(vit, schedule, answers)
        for so_far in evaluate_clips(predict, clips, preprocess=preprocess, limit=limit, batch_size=batch_size):
            if schedule.family == "none":
                unmerged = answers
            low, high = so_far.ci95
            moved = [float((a - b).norm() / b.norm()) for a, b in zip(answers, unmerged, strict=False)]
            rows.append(
                {
                    "schedule": schedule.family,
                    "level": float(schedule.level),
                    "n": so_far.n,
                    "top1_percent": so_far.top1,
                    "low_percent": low,
                    "high_percent": high,
                    "moved_percent": 100 * float(np.mean(moved)),
                }
            )
    return pd.DataFrame(rows)


def _noting(vit: OpenViT, schedule: MergeSchedule, answers: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """A classifier that keeps its answers."""

    def predict(batch: Tensor) -> Tensor:
        logits = vit(batch, schedule)
        answers.extend(logits)
        return logits

    return predict


def split_trace_table(grids: Sequence[PlanGrid], trace: Trace, *, rtt_ms: float, every_s: float = 0.5) -> pd.DataFrame:
    """Modelled latency of every split for clips that start one after the other along a trace, which then repeats.

    The transfer is the integral of the trace from the moment on at which the device has something to send.

    Args:
        grids: One for each encoding of the input, with the same levels; of all but the first only split 0 differs.
        trace: The uplink.
        rtt_ms: Round trip.
        every_s: From one start to the next.

    Returns:
        ``level``, ``split``, ``travels_as`` (empty for device-only), ``payload_kb``, ``p50_ms`` and ``p90_ms``.
    """
    starts_s, endless = np.arange(0.0, trace.duration_s, every_s), trace.repeat(2 * trace.duration_s)
    rows = []
    for at, grid in enumerate(grids):
        for level, plans in zip(grid.levels, grid.rows, strict=True):
            for split, plan, form in zip(grid.splits, plans, grid.travels_as, strict=True):
                if at and split:
                    continue
                before_ms = plan.device_ms + plan.encode_ms
                behind_ms = plan.cloud_ms + plan.downlink_ms + (rtt_ms if form else 0.0)
                sent_s = starts_s + before_ms / MS_PER_S
                took = before_ms + behind_ms + np.asarray(endless.transfer_ms(sent_s, float(plan.payload_bytes)))
                p50, p90 = np.percentile(took, (50, 90)).tolist()
                rows.append(
                    {
                        "level": level,
                        "split": split,
                        "travels_as": form,
                        "payload_kb": plan.payload_bytes / BYTES_PER_KB,
                        "p50_ms": p50,
                        "p90_ms": p90,
                    }
                )
    return pd.DataFrame(rows).sort_values(["level", "split"], kind="stable", ignore_index=True)


def chosen_table(bench: Bench, trace: Trace, encodings: Sequence[str], *, slo_ms: float) -> pd.DataFrame:
    """What Janus as published does with the input in some encodings, over a trace in a closed loop. Modelled.

    Returns:
        ``encoding``, ``frames`` (clips), ``late_percent``, ``tokens_kept_percent``; the shares of clips that
        ``travel_percent``, are ``cut_percent`` or ``stay_percent`` on the device; ``sent_kb`` a clip.
    """
    rows = []
    for encoding in encodings:
        clips = decision_table(bench, trace, ("janus",), slo_ms=slo_ms, encoding=encoding)
        travels, stays = clips["split"] == 0, clips["split"] == bench.geometry.depth
        rows.append(
            {
                "encoding": encoding,
                "frames": len(clips),
                "late_percent": 100 * clips["violated"].mean(),
                "tokens_kept_percent": clips["tokens_kept_percent"].mean(),
                "travel_percent": 100 * travels.mean(),
                "cut_percent": 100 * (~travels & ~stays).mean(),
                "stay_percent": 100 * stays.mean(),
                "sent_kb": clips["payload_bytes"].mean() / BYTES_PER_KB,
            }
        )
    return pd.DataFrame(rows)


def split_trace_figure(table: pd.DataFrame, *, title: str, slo_ms: float) -> go.Figure:
    """Median and 90th percentile of every split, one panel a level.

    Args:
        table: From `split_trace_table`.
        title: Of the whole.
        slo_ms: Drawn across.
    """
    levels = list(dict.fromkeys(table["level"]))
    figure = panels(
        title, 1, len(levels), height=420, x=["input as, or split"] * len(levels), y=["modelled latency, ms"],
        titles=[f"α = {level:g}" if level else "no merging" for level in levels], shared_y=True, gap_x=0.02,
    )  # fmt: skip
    for at, level in enumerate(levels, start=1):
        rows = table[table["level"] == level]
        kinds = np.where(
            rows["split"] == 0, "the clip travels", np.where(rows["travels_as"] == "", ALONE, "tokens travel")
        )
        for kind, (colour, symbol) in LOOK.items():
            part = rows[kinds == kind]
            names = [SHORT.get(row.travels_as, str(row.split)) for row in part.itertuples()]
            figure.add_scatter(
                x=names, y=part["p50_ms"].tolist(), name=kind, legendgroup=kind, showlegend=at == 1, mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 8}, row=1, col=at,
                error_y={"type": "data", "symmetric": False, "color": colour, "thickness": 1.3, "width": 3,
                         "array": (part["p90_ms"] - part["p50_ms"]).tolist(), "arrayminus": [0.0] * len(part)},
                customdata=part["p90_ms"].tolist(),
                hovertemplate="%{x}: median %{y:.0f} ms, p90 %{customdata:.0f} ms<extra></extra>",
            )  # fmt: skip
        figure.add_hline(y=slo_ms, line={"dash": "dash", "width": 1.3, "color": INK}, row=1, col=at)
    figure.update_yaxes(type="log", tickvals=[100, 200, 500, 1000, 2000, 4000])
    figure.update_xaxes(type="category", tickangle=-90)
    figure.update_layout(margin={"b": 70})
    return figure


ALONE = "device alone"
LOOK = {"the clip travels": (VERMILLION, "diamond"), "tokens travel": (BLUE, "circle"), ALONE: (GREEN, "square")}
SHORT = {"raw": "raw", "jpeg85": "JPEG", "h264-23": "H.264"}
