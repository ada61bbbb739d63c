"""What merges, and why the answer survives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8
from torch import Tensor

from janus.codec import decode, encode
from janus.evaluate import Running
from janus.formats import FORMATS
from janus.lessons.subject import Subject
from janus.merging import TokenState, attention_bias
from janus.pictures import count_groups
from janus.schedule import MergeSchedule
from janus.units import BYTES_PER_KB


def group_table(subject: Subject, pixels: UInt8[np.ndarray, "h w 3"], schedule: MergeSchedule) -> pd.DataFrame:
    """Tokens of one picture, block by block.

    Returns:
        ``block`` (0 is the embedding), ``removed`` in it, ``tokens`` after it, and of those that carry patches
        ``single`` (stand for one patch), ``largest`` (patches in the largest) and ``patches`` in all.
    """
    plan = subject.vit.plan(schedule)
    rows = []
    for block, groups in enumerate(subject.groups(pixels, schedule)):
        sizes = np.unique(groups, return_counts=True)[1]
        rows.append(
            {
                "block": block,
                "removed": plan.removed[block - 1] if block else 0,
                "tokens": plan.tokens[block],
                "single": int((sizes == 1).sum()),
                "largest": count_groups(groups)[1],
                "patches": int(sizes.sum()),
            }
        )
    return pd.DataFrame(rows)


def share_table(scores: dict[str, tuple[float, int]]) -> pd.DataFrame:
    """How one query's attention divides, before and after all equal tokens have merged.

    Args:
        scores: For each kind of patch the query's score (scaled dot product), and how many patches of it there are.

    Returns:
        ``patch`` (the kind), ``patches``, and the attention it gets in percent: ``unmerged_percent`` (summed),
        ``merged_percent`` (one token, with proportional attention) and ``forgotten_percent`` (without).
    """
    values = torch.tensor([score for score, _ in scores.values()], dtype=torch.float64)
    sizes = torch.tensor([float(count) for _, count in scores.values()], dtype=torch.float64)
    merged = TokenState(x=values[None, :, None], sizes=sizes[None], protected=())
    bias = attention_bias(merged)
    assert bias is not None  # there are sizes
    one_by_one = torch.repeat_interleave(values, sizes.long()).softmax(0)
    table = {
        "patch": list(scores),
        "patches": sizes.long().tolist(),
        "unmerged_percent": [part.sum().item() for part in one_by_one.split(sizes.long().tolist())],
        "merged_percent": (values + bias.flatten()).softmax(0).tolist(),
        "forgotten_percent": values.softmax(0).tolist(),
    }
    percent = {name: [100 * share for share in table[name]] for name in table if name.endswith("_percent")}
    return pd.DataFrame(table | percent)


@torch.inference_mode()
def memory_table(subject: Subject, schedules: list[MergeSchedule], pictures: int) -> pd.DataFrame:
    """How far the class token's features move by merging, with the sizes remembered and with sizes forgotten.

    Forgotten: every merge is a plain average, and attention takes a token of many patches for one.

    Returns:
        ``schedule``, ``level``, ``tokens_left``, ``remembered_percent`` and ``forgotten_percent``: mean distance of
        the final features from the unmerged ones, as a share of their own length.
    """
    images = subject.inputs(pictures)
    whole = _features(subject, images, MergeSchedule(family="none"), forget=False)
    rows = []
    for schedule in schedules:
        moved = []
        for forget in (False, True):
            features = _features(subject, images, schedule, forget=forget)
            moved.append(100 * ((features - whole).norm(dim=1) / whole.norm(dim=1)).mean().item())
        rows.append(
            {
                "schedule": schedule.family,
                "level": float(schedule.level),
                "tokens_left": subject.vit.plan(schedule).tokens[-1],
                "remembered_percent": moved[0],
                "forgotten_percent": moved[1],
            }
        )
    return pd.DataFrame(rows)


def _features(subject: Subject, images: Tensor, schedule: MergeSchedule, *, forget: bool) -> Tensor:
    """The class token behind the final norm."""
    vit = subject.vit
    removed, state = vit.plan(schedule).removed, vit.embed(images)
    for i in range(vit.depth):
        state = vit.blocks(state, i, i + 1, removed)
        if forget and state.sizes is not None:
            state = replace(state, sizes=torch.ones_like(state.sizes))
    return vit.model.norm(state.x)[:, 0]


def answer_table(subject: Subject, schedules: list[MergeSchedule], pictures: int) -> pd.DataFrame:
    """Live accuracy on demo pictures, every schedule on the same ones: `running_table` with ``label``, what the numbers
    come from.
    """  # fmt: skip
    table = running_table(subject.answers(schedules, pictures))
    return table.drop(columns=["split", "codec", "payload_kb"]).assign(label=subject.label)


def running_table(runs: Sequence[Running]) -> pd.DataFrame:
    """An evaluation as people read it.

    Returns:
        ``schedule``, ``level``, ``split``, ``codec``, ``tokens_kept_percent``, ``payload_kb``, ``top1_percent``,
        ``low_percent`` and ``high_percent`` (95 %), ``n``.
    """
    rows = []
    for running in runs:
        configuration, (low, high) = running.configuration, running.ci95
        rows.append(
            {
                "schedule": configuration.schedule.family,
                "level": float(configuration.schedule.level),
                "split": configuration.split,
                "codec": configuration.codec,
                "tokens_kept_percent": 100 * running.plan.mean_kept,
                "payload_kb": running.payload_bytes / BYTES_PER_KB,
                "top1_percent": running.top1,
                "low_percent": low,
                "high_percent": high,
                "n": running.n,
            }
        )
    return pd.DataFrame(rows)


@torch.inference_mode()
def state_behind(subject: Subject, schedule: MergeSchedule, split: int) -> TokenState:
    """The tokens of one demo picture behind ``split`` blocks: all that a device would send."""
    vit = subject.vit
    return vit.blocks(vit.embed(subject.inputs(1)), 0, split, vit.plan(schedule).removed)


def crossing_table(state: TokenState) -> pd.DataFrame:
    """What crosses a cut, by part, in every number format.

    Returns:
        ``codec``; bytes of ``header``, ``tokens``, ``scales``, ``sizes`` and ``all``; ``exact``: whether the other
        side gets the tokens to the last bit.
    """
    rows = []
    for codec in FORMATS:
        payload = encode(state, codec)
        rows.append(
            {
                "codec": codec,
                **payload.items,
                "all": len(payload),
                "exact": torch.equal(decode(payload.data).x, state.x),
            }
        )
    return pd.DataFrame(rows)
