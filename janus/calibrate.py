"""A codebook from unlabelled pictures: what tokens look like at each split, and what errors in them do to the answer.

For each picture and each of a few schedules one forward pass, and three backward passes that tell, by random
projections of the answer, how much each token weighs and in which directions (a Gauss-Newton matrix). Source of the
idea: transform coding with a weighted error, as in Gersho and Gray, Vector Quantization and Signal Compression, 1992,
chapter 8; the weighting by the answer's gradient is ours.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from janus.apart import marked_pixels
from janus.configuration import embed_pixels
from janus.data import ImageSet, Skipped
from janus.errors import JanusError
from janus.preprocess import Normaliser, Preprocess
from janus.schedule import MergeSchedule
from janus.split import check_split
from janus.transform import Codebook, Cut
from janus.transform.codebook import FINENESS, OCTAVE, SIZE_KINDS
from janus.transform.fineness import MIDDLE, features, fineness_of
from janus.transform.tables import count_magnitudes, count_sizes, table_of
from janus.vit import OpenViT
from janus.weights import tensors_hash

# Step 1 is where the first-order change of the answer comes to about this much Kullback-Leibler divergence, in nats.
UNIT_NATS = 0.03
PROBES = 2
BATCH = 8
# Tokens of one picture that the regression and the tables see; the covariance sees all.
SAMPLE = 48
# Share of the isotropic part in the weighting by direction, in that of the prefix tokens' covariance, and the ridge.
ISOTROPIC, PREFIX_ISOTROPIC, RIDGE = 0.3, 0.2, 0.03
# Components with less than this share of the deviation of the greatest are never worth a bit.
NEGLIGIBLE = 2.0**-12
FEWEST_IMAGES = 8
FP16_MOST = 6e4


def calibration_schedules(vit: OpenViT) -> list[MergeSchedule]:
    """From no merging to as much as is sensible, by both families: one codebook serves them all."""
    found = [MergeSchedule(family="none")]
    for family, shares in (("declining", (0.65, 0.85)), ("constant", (0.08, 0.13))):
        highest = MergeSchedule(family=family).max_level(vit.depth, vit.tokens, len(vit.protected))
        for share in shares:
            level = round(highest * share, 3) if family == "declining" else float(int(highest * share))
            if level:
                found.append(MergeSchedule(family=family, level=level))
    return found


@dataclass
class Seen:
    """What calibration gathers at one split."""

    count: float = 0.0
    total: np.ndarray = field(default_factory=lambda: np.zeros(()))
    outer: np.ndarray = field(default_factory=lambda: np.zeros(()))
    bend: np.ndarray = field(default_factory=lambda: np.zeros(()))
    prefix_bend: np.ndarray = field(default_factory=lambda: np.zeros(()))
    prefix_weight: float = 0.0
    prefix: list[np.ndarray] = field(default_factory=list)
    # Of the sample: tokens, sizes, weights, gradients of the likelihood, the first prefix token, tokens left.
    x: list[np.ndarray] = field(default_factory=list)
    sizes: list[np.ndarray] = field(default_factory=list)
    weight: list[np.ndarray] = field(default_factory=list)
    slope: list[np.ndarray] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    all_sizes: list[np.ndarray] = field(default_factory=list)


def calibrate(
    vit: OpenViT,
    pixels: Iterator[np.ndarray],
    *,
    name: str,
    preprocess: Normaliser,
    splits: Sequence[int],
    schedules: Sequence[MergeSchedule] | None = None,
    facts: dict | None = None,
) -> Codebook:
    """Make a codebook.

    Args:
        vit: The model, whose answer must be one tensor.
        pixels: Pictures at the model's size, labels not needed.
        name: Full timm tag.
        preprocess: The model's own.
        splits: Blocks on the device, 1…depth-1.
        schedules: How tokens merge; None for `calibration_schedules`.
        facts: To be stored with it.

    Raises:
        JanusError: If a split is out of range, there are too few pictures, or the model's answer is no tensor.
    """
    splits = sorted(set(splits))
    for split in splits:
        check_split(split, vit.depth)
    if not splits or splits[0] == 0 or splits[-1] == vit.depth:
        raise JanusError(f"splits {splits}: tokens travel at splits 1 to {vit.depth - 1}; give some of these.")
    schedules = list(schedules or calibration_schedules(vit))
    seen = {split: Seen() for split in splits}
    chance, images = torch.Generator().manual_seed(0), 0
    for batch in _batches(pixels):
        images += len(batch)
        with torch.no_grad():
            embedded = embed_pixels(vit, batch, preprocess)
        for schedule in schedules:
            _look(vit, embedded, vit.plan(schedule).removed, seen, chance)
    if images < FEWEST_IMAGES:
        raise JanusError(f"calibration: {images} pictures are too few; give {FEWEST_IMAGES} or more, better 160.")
    parts = {split: _fit(one, len(vit.protected)) for split, one in seen.items()}
    return Codebook(
        model=name,
        key=tensors_hash(vit.model),
        tokens=vit.tokens,
        magnitudes=table_of(np.sum([count_magnitudes(cut, samples) for cut, samples in parts.values()], axis=0)),
        sizes=count_sizes(((n, left) for one in seen.values() for n, left in zip(one.all_sizes, one.left, strict=True)),
                          vit.tokens, len(vit.protected)),
        cuts={split: cut for split, (cut, _) in parts.items()},
        facts={
            "images": images, "schedules": [f"{s.family} {s.level:g}" for s in schedules],
            "date": datetime.date.today().isoformat(), **(facts or {}),
        },
    )  # fmt: skip


def calibration_pixels(
    images: ImageSet, preprocess: Preprocess, limit: int, seen: dict,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Pictures at the model's size; what cannot be read is left out, and told.

    Args:
        images: Labels are not looked at.
        preprocess: The model's own.
        limit: At most so many.
        seen: What knows them again is put here, for the codebook's ``facts``.
        on_skip: Called with what cannot be read.
    """
    for one in marked_pixels(images, preprocess, limit):
        if isinstance(one, Skipped):
            on_skip(one)
        else:
            pixels, mark, looks = one.image
            seen.setdefault("pictures", []).append(mark)
            seen.setdefault("fingerprints", []).append(looks)
            yield pixels


def _batches(pixels: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for one in pixels:
        batch.append(one)
        if len(batch) == BATCH:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def _look(vit: OpenViT, state, removed, seen: dict[int, Seen], chance: torch.Generator) -> None:
    """One forward pass over a batch with one schedule, and the gradients at every split."""
    at, cuts = 0, []
    with torch.enable_grad():
        for split in seen:
            state = vit.blocks(state, at, split, removed)
            if not cuts:  # nothing before the first cut needs a gradient
                state.x.requires_grad_(True)
            cuts.append(state)
            at = split
        answer = vit.head(vit.blocks(state, at, vit.depth, removed))
        if not isinstance(answer, Tensor):
            raise JanusError(
                f"model {type(vit.model).__name__}: its answer is not one tensor, so it cannot be calibrated; use int8."
            )
        answer = answer.flatten(1)
        likely = answer.log_softmax(-1)
        drawn = torch.multinomial(likely.detach().exp(), 1, generator=chance)
        goals = [likely.gather(1, drawn).sum()]
        for _ in range(PROBES):
            probe = torch.randn(answer.shape, generator=chance)
            goals.append((answer * (probe - probe.mean(1, keepdim=True))).sum())
        inputs = [cut.x for cut in cuts]
        slopes = [torch.autograd.grad(goal, inputs, retain_graph=True) for goal in goals]
    for i, (one, cut) in enumerate(zip(seen.values(), cuts, strict=True)):
        grads = np.stack([slope[i].numpy() for slope in slopes], axis=1)
        sizes = np.ones(cut.x.shape[:2]) if cut.sizes is None else cut.sizes.numpy()
        _gather(one, cut.x.detach().numpy(), sizes.astype(np.int32), grads, len(vit.protected), cut.sizes is not None)


def _gather(one: Seen, x, sizes, grads, p: int, merged: bool) -> None:
    """Add a batch: tokens [B, n, C], sizes [B, n], gradients [B, 1 + PROBES, n, C]."""
    free, width = x[:, p:].reshape(-1, x.shape[2]).astype(np.float64), x.shape[2]
    one.count += len(free)
    one.total = one.total + free.sum(0)
    one.outer = one.outer + free.T @ free
    weight = (grads[:, 1:, p:].astype(np.float64) ** 2).sum(-1).mean(1)  # [B, n]
    # Each token's directions count alike: how much it weighs as a whole is what its fineness is for.
    unit = grads[:, 1:, p:] / np.sqrt(weight + 1e-3 * weight.mean() + 1e-30)[:, None, :, None]
    rows = unit.reshape(-1, width).astype(np.float64)
    one.bend = one.bend + rows.T @ rows
    if p:
        rows = grads[:, 1:, :p].reshape(-1, width).astype(np.float64)
        one.prefix_bend = one.prefix_bend + rows.T @ rows
        one.prefix_weight += float((rows**2).sum()) / PROBES
        one.prefix.append(x[:, :p].copy())
    if merged:
        one.all_sizes += list(sizes[:, p:])
        one.left += [x.shape[1]] * len(x)
    # Evenly over the tokens, so over the sizes too.
    chosen = p + np.unique(np.linspace(0, x.shape[1] - p - 1, min(SAMPLE, x.shape[1] - p)).astype(int))
    for b in range(len(x)):
        one.x.append(x[b, chosen])
        one.sizes.append(sizes[b, chosen])
        one.weight.append(weight[b, chosen - p])
        # Likelihood's gradient, so scaled that the sample stands for all tokens.
        one.slope.append(grads[b, 0, chosen] * np.sqrt((x.shape[1] - p) / len(chosen)))


def _fit(one: Seen, p: int) -> tuple[Cut, list]:
    """The codebook's part for a split, and the sample in its components: (steps' exponents, components)."""
    mean = one.total / one.count
    basis, analysis, deviation = _basis(one.outer / one.count - np.outer(mean, mean), one.bend, ISOTROPIC)
    width = len(mean)
    if p:
        prefix = np.stack([token for batch in one.prefix for token in batch]).astype(np.float64)  # [images, p, C]
        prefix_mean = prefix.mean(0)
        rows = (prefix - prefix_mean).reshape(-1, width)
        spread = rows.T @ rows / len(rows)
        spread = (1 - PREFIX_ISOTROPIC) * spread + PREFIX_ISOTROPIC * np.trace(spread) / width * np.eye(width)
        prefix_basis, prefix_analysis, _ = _basis(spread, one.prefix_bend, ISOTROPIC)
        c = rows @ prefix_analysis
        prefix_deviation = np.maximum(c.std(0), 1e-9)
        first = c.reshape(len(prefix), p, -1)[:, 0]
    else:
        prefix_mean, prefix_basis = np.zeros((0, width)), np.zeros((0, width))
        prefix_deviation, first = np.zeros(0), np.zeros((len(one.x), 0))
    image = np.repeat(np.arange(len(one.x)), [len(x) for x in one.x])
    x, sizes, weight = np.concatenate(one.x), np.concatenate(one.sizes), np.concatenate(one.weight)
    y = (x - mean) @ analysis
    scales, prefix_scales = _exponents(deviation), _exponents(prefix_deviation)
    f = features(y[:, None], first[image], sizes[:, None], scales, prefix_scales)[:, 0]
    aim = np.log(weight + 0.02 * weight.mean() + 1e-30)
    flat = np.diag([1.0] * (f.shape[1] - 1) + [0.0])  # the constant is not shrunk
    weights = np.linalg.solve(f.T @ f + RIDGE * len(f) * flat, f.T @ aim)
    weights[-1] -= (f @ weights).mean()
    fine = fineness_of(f @ weights)
    stretch = 2.0 ** ((fine - MIDDLE) / 2)
    # The unit: half the mean squared first-order change of the log-likelihood, with errors of step^2 / 12.
    slopes = np.concatenate(one.slope) @ basis.T * stretch[:, None]
    nats = float((slopes**2).sum()) / len(one.x) / 24
    unit = min(np.sqrt(UNIT_NATS / max(nats, 1e-12)), _largest(basis))
    # The prefix tokens' step, too, goes with the root of their weight.
    own = np.sqrt(np.exp(aim).mean() * max(p, 1) * len(one.x) / max(one.prefix_weight, 1e-30)) if p else 1.0
    own = min(own, _largest(prefix_basis) / unit)
    table = np.ones((SIZE_KINDS, FINENESS))
    np.add.at(table, (np.minimum(sizes, SIZE_KINDS) - 1, fine), 1)
    cut = Cut(
        mean=mean.astype(np.float32),
        basis=(basis * unit).astype(np.float16).astype(np.float32),
        scales=_exponents(deviation / unit),
        prefix_mean=prefix_mean.astype(np.float32),
        prefix_basis=(prefix_basis * unit * own).astype(np.float16).astype(np.float32),
        prefix_scales=_exponents(prefix_deviation / (unit * own)),
        weights=weights.astype(np.float32),
        fineness=table_of(table),
    )
    return cut, [(fine, y / unit), (np.full(len(first) * bool(p), MIDDLE), first / (unit * own))]


def _basis(spread: np.ndarray, bend: np.ndarray, isotropic: float):
    """Principal components in the metric of the answer's curvature: synthesis [m, C], analysis [C, m], deviations."""
    w, u = np.linalg.eigh(bend / max(np.trace(bend), 1e-30) * len(bend))
    root = (u * np.sqrt((np.maximum(w, 0) + isotropic) / (1 + isotropic))) @ u.T
    power, v = np.linalg.eigh(root @ spread @ root)
    power, v = np.maximum(power[::-1], 0), v[:, ::-1]
    kept = np.sqrt(power) > NEGLIGIBLE * np.sqrt(power[0]) + 1e-9
    kept[0] = True
    v = v[:, kept]
    return v.T @ np.linalg.inv(root), root @ v, np.sqrt(power[kept])


def _largest(basis: np.ndarray) -> float:
    """What a basis may be multiplied by and still fit fp16, in which it is stored."""
    return FP16_MOST / float(np.abs(basis).max(initial=1e-30))


def _exponents(deviation: np.ndarray) -> np.ndarray:
    return np.clip(np.round(OCTAVE * np.log2(np.maximum(deviation, 1e-9))), -(1 << 14), 1 << 14).astype(np.int16)
