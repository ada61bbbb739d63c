"""Profiles named after the paper's machines and their like, derived from published figures. Torch-free.

None of these machines is at hand. Each profile says where its figure comes from and how the rest follows; it is
labelled "derived" wherever it appears, and `janus profile` on the machine itself replaces it.

`write_derived("data/profiles")` writes them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from janus.arithmetic import block_multiply_adds, multiply_adds
from janus.errors import JanusError
from janus.geometry import ModelGeometry, find_geometry
from janus.profile.record import BlockSample, CodecSample, LatencyProfile
from janus.profile.store import save_profile
from janus.schedule import MergeSchedule
from janus.units import MS_PER_S

MODELS = (
    "vit_large_patch16_384",
    "vit_base_patch16_224",
    "vit_small_patch16_224",
    "vit_tiny_patch16_224",
    "videomae_large_patch16_224",
)
# The day on which design.md's table of published figures was taken over.
SOURCES_DATE = "2026-11-23"
# Share by which a frame's compute varies; facts.md has 1-4 % for the misfit of a block's line.
NOISE = 0.03
# Copying and quantising at 1 GB/s.
CODEC_BYTES, CODEC_MS = 1_000_000, 1.0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published latency of a whole model, or a scan of it over token counts.

    Attributes:
        model: The architecture that was timed.
        points: (tokens, milliseconds of the whole model); one point is scaled by multiply-adds, several are joined.
        source: Where it is published.
    """

    model: str
    points: tuple[tuple[int, float], ...]
    source: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine and what is published about it.

    Attributes:
        title: Its name in legends.
        figures: Published latencies; a model takes the figure nearest to its own architecture.
        dtype: Number format of the figures.
        backend: Software of the figures.
        floor_ms: No block takes less, where a floor is published.
        caveat: What a reader of the numbers must know.
    """

    title: str
    figures: tuple[Figure, ...]
    dtype: str
    backend: str
    floor_ms: float = 0.0
    caveat: str = "no floor at few tokens is published, so small models and strong merging look faster than they are"


def _rate(model: str, images_per_s: float, source: str) -> Figure:
    return _point(model, MS_PER_S / images_per_s, f"{source}: {images_per_s:g} images/s")


def _point(model: str, ms: float, source: str) -> Figure:
    return Figure(model=model, points=((find_geometry(model).tokens, ms),), source=source)


TOME = "ToMe README, V100, large batches"
NUWA = "NuWa, supplement, table 5, Orin NX, batch 1"
JETSON = "NVIDIA Jetson AI Lab benchmarks, Orin Nano, ViT-B/16@224"
# The README times a V-JEPA 2 ViT-L on an Orin Nano Super; NVIDIA's ViT-B runs 158/98 times slower on the Orin Nano.
NANO_FROM_SUPER = 158 / 98
NANO_SCAN = ((128, 213.0), (512, 224.0), (784, 242.0), (2048, 452.0))

MACHINES = {
    "orin-nano": Machine(
        title="Orin Nano",
        figures=(
            _rate("vit_base_patch16_224", 98, JETSON),
            Figure(
                model="vit_large_patch16_384",
                points=tuple((n, ms * NANO_FROM_SUPER) for n, ms in NANO_SCAN),
                source="vjepa2-robotics README, a ViT-L, fp16 eager, Orin Nano Super: 128-512 tokens 213-224 ms, 784 "
                "tokens 242, 2048 tokens 452; times 158/98, the Super's lead over the Orin Nano in " + JETSON,
            ),
        ),
        dtype="float16",
        backend="as published: TensorRT for ViT-B and smaller, eager for ViT-L",
        caveat="ViT-L has the floor of eager kernels below about 600 tokens, the smaller models (TensorRT) have none "
        "published and look faster than they are",
    ),
    "orin-nx": Machine(
        title="Orin NX",
        figures=(
            _point("deit_base_patch16_224", 45.5, NUWA),
            _point("deit_small_patch16_224", 15.6, NUWA),
            _point("deit_tiny_patch16_224", 14.5, NUWA),
        ),
        dtype="float32",
        backend="eager",
        # DeiT-T does a quarter of DeiT-S's work in nearly its time: 14.5 ms over 12 blocks is what launching takes.
        floor_ms=14.5 / 12,
        caveat="the floor of 14.5/12 ms a block is DeiT-T's time, taken for what launching a block takes",
    ),
    "v100": Machine(
        title="V100",
        figures=(
            _rate("vit_large_patch16_384", 28, TOME),
            _rate("vit_base_patch16_224", 309, TOME),
            _rate("vit_small_patch16_224", 953, TOME),
        ),
        dtype="float32",
        backend="eager",
        caveat="large batches: one picture alone takes longer, the more so the smaller the model",
    ),
    "a100": Machine(
        title="A100",
        figures=(_point("vit_large_patch16_384", 9.88, "AITemplate, FasterTransformer guides, A100, batch 1, eager"),),
        dtype="float16",
        backend="eager",
    ),
    "t4": Machine(
        title="T4",
        figures=(_point("vit_large_patch16_384", 23.45, "FasterTransformer guide, T4, batch 1, fp16"),),
        dtype="float16",
        backend="FasterTransformer",
    ),
}


def slower(profile: LatencyProfile, factor: float) -> LatencyProfile:
    """A machine that takes ``factor`` times as long for everything: a smaller one of the same kind.

    Raises:
        JanusError: If the factor is not a finite number above 0.
    """
    if not 0 < factor < math.inf:
        raise JanusError(f"factor {factor} must be a finite number above 0: how many times slower the machine is.")
    if factor == 1:
        return profile
    blocks = tuple(
        replace(
            sample, median_ms=sample.median_ms * factor, p10_ms=sample.p10_ms * factor, p90_ms=sample.p90_ms * factor
        )
        for sample in profile.blocks
    )
    encode, decode = (
        tuple(replace(sample, median_ms=sample.median_ms * factor) for sample in samples)
        for samples in (profile.encode, profile.decode)
    )
    batches = tuple(replace(sample, median_ms=sample.median_ms * factor) for sample in profile.batches)
    return replace(
        profile, name=f"{profile.name}, {factor:g} times slower", kind="derived", blocks=blocks, batches=batches,
        embed_ms=profile.embed_ms * factor, head_ms=profile.head_ms * factor, wake_ms=profile.wake_ms * factor,
        source=profile.source or f"{profile.name}, measured {profile.date}", assumed_noise=profile.noise,
        formula=f"{factor:g} times its milliseconds", encode=encode, decode=decode,
    )  # fmt: skip


def derive_profile(machine: str, model: str | ModelGeometry) -> LatencyProfile:
    """The profile of a machine in `MACHINES` for a model whose geometry is known, or given in its place.

    Block time is max(floor, multiply-adds(n) · T / M), T the published time of a model with M multiply-adds; or, where
    token counts were scanned, the published curve over tokens, shared equally among the blocks.

    Raises:
        JanusError: If the machine or the model is unknown.
    """
    if machine not in MACHINES:
        raise JanusError(f"machine {machine!r} is unknown: choose one of {', '.join(MACHINES)}.")
    about, geometry = MACHINES[machine], model if isinstance(model, ModelGeometry) else find_geometry(model)
    figure = _closest(about.figures, geometry)
    work = _multiply_adds(geometry)
    if len(figure.points) > 1:
        tokens = np.array([n for n, _ in figure.points], dtype=np.float64)
        whole_ms = np.array([ms for _, ms in figure.points])
        counts = [int(n) for n in tokens]
        total_ms = float(np.interp(geometry.tokens, tokens, whole_ms))
        formula = "block ms at n tokens = published ms at n tokens / 24 blocks, monotone cubic between the points"
        block_ms = whole_ms / geometry.depth
    else:
        published = find_geometry(figure.model)
        total_ms = figure.points[0][1] * work / _multiply_adds(published)
        counts = _token_grid(geometry.tokens)
        block_ms = np.array([block_multiply_adds(geometry.arithmetic, n, n) for n in counts]) * total_ms / work
        block_ms = np.maximum(block_ms, about.floor_ms)
        floor = f"max({about.floor_ms:.4g} ms, …)" if about.floor_ms else "…"
        formula = (
            f"block ms at n tokens = {floor} of multiply-adds(n) · {figure.points[0][1]:.4g} ms / "
            f"{_multiply_adds(published) / 1e9:.4g} G multiply-adds of {figure.model}"
        )
    return LatencyProfile(
        model=geometry.name,
        geometry=geometry,
        name=about.title,
        kind="derived",
        torch_device="cuda",
        dtype=about.dtype,
        backend=about.backend,
        date=SOURCES_DATE,
        embed_ms=total_ms * geometry.tokens * geometry.patch_inputs * geometry.width / work,
        head_ms=total_ms * geometry.width * geometry.classes / work,
        blocks=tuple(
            BlockSample(tokens=n, median_ms=float(ms), p10_ms=float(ms), p90_ms=float(ms), repeats=0)
            for n, ms in zip(counts, block_ms, strict=True)
        ),
        encode=(CodecSample(size_bytes=0, median_ms=0.0), CodecSample(size_bytes=CODEC_BYTES, median_ms=CODEC_MS)),
        decode=(CodecSample(size_bytes=0, median_ms=0.0), CodecSample(size_bytes=CODEC_BYTES, median_ms=CODEC_MS)),
        hardware={"processor": f"NVIDIA {about.title}"},
        source=figure.source,
        formula=formula,
        assumptions=(
            about.caveat,
            "merging costs nothing beside its arithmetic",
            "embedding and head take their share of the multiply-adds",
            f"tokens are encoded and decoded at {CODEC_BYTES / CODEC_MS / 1e6:g} GB/s",
            f"a frame's compute varies by {NOISE:.0%}",
        ),
        assumed_noise=NOISE,
    )


def write_derived(folder: Path | str) -> list[Path]:
    """Write every machine's profile of every model in `MODELS`; returns the files."""
    folder = Path(folder)
    written = []
    for machine in MACHINES:
        for model in MODELS:
            path = folder / f"{machine}__{model}.json"
            save_profile(derive_profile(machine, model), path)
            written.append(path)
    return written


def _closest(figures: tuple[Figure, ...], geometry: ModelGeometry) -> Figure:
    """The figure of this architecture, else of one of the same width and depth, else of the nearest multiply-adds."""

    def distance(figure: Figure) -> tuple[bool, bool, float]:
        other = find_geometry(figure.model)
        another_size = (other.width, other.depth) != (geometry.width, geometry.depth)
        if another_size and len(figure.points) > 1:
            return True, True, math.inf  # what was scanned holds for its own width only
        apart = abs(math.log(_multiply_adds(other) / _multiply_adds(geometry)))
        return other.name != geometry.name, another_size, apart

    return min(figures, key=distance)


def _multiply_adds(geometry: ModelGeometry) -> int:
    return multiply_adds(geometry.arithmetic, geometry.plan(MergeSchedule()))


def _token_grid(tokens: int) -> list[int]:
    """Counts from 8 to the model's own, about a factor of 1.3 apart."""
    return sorted({round(n) for n in np.geomspace(8, tokens, 16)})
