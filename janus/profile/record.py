"""The latency profile: what one machine takes for one model, measured or derived, and what follows for any plan.

Torch-free. The measuring sits with the models, in `janus profile`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from janus.errors import JanusError
from janus.geometry import ModelGeometry, architecture
from janus.profile.fit import BlockFit, Line, Overhead, choose_fit
from janus.schedule import MergePlan

SCHEMA_VERSION = 1
KINDS = ("measured", "derived", "demo")
# The central 80 % of a normal distribution spans this many standard deviations.
P10_TO_P90 = 2.563


@dataclass(frozen=True, kw_only=True)
class BlockSample:
    """One block, timed: ``tokens`` enter, ``removed`` of them merge between attention and MLP."""

    tokens: int
    removed: int = 0
    median_ms: float
    p10_ms: float
    p90_ms: float
    repeats: int


@dataclass(frozen=True, kw_only=True)
class CodecSample:
    """Encoding or decoding a payload of ``size_bytes``, timed."""

    size_bytes: int
    median_ms: float


@dataclass(frozen=True, kw_only=True)
class BatchSample:
    """A block on a batch, for clouds that batch: ``batch`` pictures of ``tokens`` each, milliseconds for all."""

    batch: int
    tokens: int
    median_ms: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LatencyProfile:
    """What one machine takes for one model at batch 1.

    Attributes:
        model: Full timm tag, or the architecture where weights do not matter.
        geometry: The model's counts.
        name: What legends call the machine.
        kind: ``measured``, ``derived`` (from published figures) or ``demo``.
        torch_device: ``cpu`` or ``cuda``.
        dtype: Number format of the arithmetic.
        threads: Threads of a CPU; 0 where that means nothing.
        backend: ``eager``, ``openvino``, … as the measurement calls it.
        codec: What tokens were encoded with for ``encode`` and ``decode``.
        date: ISO date of the measurement, or of the derivation's sources.
        embed_ms: Patch embedding, prefix tokens and positions.
        head_ms: Final norm, pooling and classifier.
        blocks: The raw table, with and without merging.
        encode: Tokens to bytes on this machine; empty where it was not measured, and then taken to cost nothing.
        decode: Bytes to tokens.
        batches: Optional: blocks on batches.
        hardware: Fingerprint of the machine.
        versions: Versions of the libraries.
        source: Where a derived profile's figures come from.
        formula: How it follows from them.
        assumptions: What a derived profile takes for granted, one sentence each.
        wake_ms: By how much a computation takes longer that begins after a wait, as a half's does that waited for the
            other: caches were taken over and clocks went down meanwhile. 0 where it was not measured.
        assumed_noise: Relative spread of a frame's compute, for profiles without measurements of their own.
        busy: Whether the machine was busy with other work while it was measured.
    """

    model: str
    geometry: ModelGeometry
    name: str
    kind: str
    torch_device: str
    dtype: str
    threads: int = 0
    backend: str = "eager"
    codec: str = "int8"
    date: str
    embed_ms: float
    head_ms: float
    blocks: tuple[BlockSample, ...]
    encode: tuple[CodecSample, ...] = ()
    decode: tuple[CodecSample, ...] = ()
    batches: tuple[BatchSample, ...] = ()
    hardware: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    source: str = ""
    formula: str = ""
    assumptions: tuple[str, ...] = ()
    wake_ms: float = 0.0
    assumed_noise: float = 0.0
    busy: bool = False

    def __post_init__(self) -> None:
        def refuse(what: str) -> JanusError:
            return JanusError(f"profile {self.name!r}: {what}; measure it again with `janus profile`.")

        if self.kind not in KINDS:
            raise refuse(f"kind {self.kind!r} must be one of {', '.join(KINDS)}")
        if architecture(self.geometry.name) != architecture(self.model):
            raise refuse(f"geometry.name {self.geometry.name!r} is not that of model {self.model!r}")
        if not 0 <= self.assumed_noise <= 1:
            raise refuse(f"assumed_noise {self.assumed_noise:g} must be from 0 to 1, a share of the time")
        if self.kind == "derived" and not (self.source and self.formula):
            raise refuse("source and formula must be given in a derived profile")
        for at, sample in enumerate(self.blocks):
            if not sample.p10_ms <= sample.median_ms <= sample.p90_ms:
                raise refuse(f"blocks[{at}] must have p10_ms <= median_ms <= p90_ms")
            if sample.median_ms <= 0 or not 0 <= sample.removed < sample.tokens:
                raise refuse(f"blocks[{at}] must have median_ms above 0 and removed below tokens")
        if len({sample.tokens for sample in self.blocks if sample.removed == 0}) < 2:
            raise refuse("blocks must hold two or more token counts with removed = 0, for a line needs two points")

    @property
    def label(self) -> str:
        """What legends show: the name, and that it is derived where it is."""
        return self.name if self.kind == "measured" else f"{self.name} ({self.kind})"

    def check_model(self, model: str) -> LatencyProfile:
        """Return this profile if it is one of ``model``; weights of one architecture take the same time.

        Raises:
            JanusError: If it is of another model.
        """
        if architecture(self.model) != architecture(model):
            raise JanusError(
                f"profile {self.name!r} is of {self.model}, not of {model}: choose a profile of that model or measure "
                f"one with `janus profile --model {model}`."
            )
        return self

    def check_counts(self, geometry: ModelGeometry) -> LatencyProfile:
        """Return this profile if its model has the same blocks and tokens; the weights, and the head, do not matter.

        Raises:
            JanusError: If one of the counts is another.
        """
        for count in ("depth", "width", "hidden", "tokens", "protected"):
            own, wanted = getattr(self.geometry, count), getattr(geometry, count)
            if own != wanted:
                raise JanusError(
                    f"profile {self.name!r} is of a {self.model} with {count} {own}, the other profile of one with "
                    f"{wanted}: measure both for the same model."
                )
        return self

    @cached_property
    def _fits(self) -> tuple[Line, BlockFit]:
        return choose_fit(*self._unmerged)

    @property
    def _unmerged(self) -> tuple[np.ndarray, np.ndarray]:
        rows = [(s.tokens, s.median_ms) for s in self.blocks if s.removed == 0]
        tokens, ms = np.array(sorted(rows), dtype=np.float64).T
        return tokens, ms

    @property
    def line(self) -> Line:
        """The paper's line through the unmerged medians, with its r and residuals."""
        return self._fits[0]

    @property
    def fit(self) -> BlockFit:
        """What predictions use."""
        return self._fits[1]

    @property
    def fit_used(self) -> str:
        """``line``, ``quadratic`` or ``curve``."""
        return self.fit.name

    @cached_property
    def overhead(self) -> Overhead:
        """What merging costs a block beside its arithmetic."""
        merged = [s for s in self.blocks if s.removed > 0]
        tokens = np.array([s.tokens for s in merged], dtype=np.float64)
        removed = np.array([s.removed for s in merged], dtype=np.float64)
        ms = np.array([s.median_ms for s in merged], dtype=np.float64)
        return Overhead.fitted(tokens, ms - self.fit(self._effective(tokens, removed)), ms)

    def _effective(self, tokens, removed) -> np.ndarray:
        """Tokens of the unmerged block with the same multiply-adds.

        A merging block's attention sees all tokens and its MLP fewer. With a = 4w² + 2wh for the projections and the
        MLP, and b = 2w for the attention, an unmerged block of m tokens takes am + bm².
        """
        w, h = self.geometry.width, self.geometry.hidden
        n, r = np.asarray(tokens, dtype=np.float64), np.asarray(removed, dtype=np.float64)
        a, b = 4.0 * w * w + 2.0 * w * h, 2.0 * w
        work = a * n + b * n * n - 2.0 * w * h * r
        # Without merging exactly n, not n give or take a rounding.
        return np.where(r == 0, n, (np.sqrt(a * a + 4 * b * work) - a) / (2 * b))

    def predict_block_ms(self, tokens, removed=0, *, line: bool = False) -> np.ndarray:
        """Modelled milliseconds of one block.

        Args:
            tokens: Tokens that enter, any shape.
            removed: Tokens that merge in it, same shape or a number.
            line: Use the paper's line even where it misfits.
        """
        fit = self.line if line else self.fit
        merging = np.asarray(removed) > 0
        extra = np.where(merging, self.overhead(tokens), 0.0)
        return np.maximum(fit(self._effective(tokens, removed)) + extra, 0.0)

    def predict_blocks_ms(self, plan: MergePlan, *, line: bool = False) -> np.ndarray:
        """Modelled milliseconds of each block under ``plan``, shape [depth]."""
        return self.predict_block_ms(plan.tokens[:-1], plan.removed, line=line)

    def predict_ms(self, plan: MergePlan, *, line: bool = False) -> float:
        """Modelled milliseconds of the unsplit model under ``plan``: embed, blocks, head."""
        return self.embed_ms + float(self.predict_blocks_ms(plan, line=line).sum()) + self.head_ms

    def encode_ms(self, size_bytes) -> np.ndarray:
        """Modelled milliseconds to encode payloads of any shape."""
        return _codec_ms(self.encode, size_bytes)

    def decode_ms(self, size_bytes) -> np.ndarray:
        """Modelled milliseconds to decode payloads of any shape."""
        return _codec_ms(self.decode, size_bytes)

    @cached_property
    def noise(self) -> float:
        """Relative standard deviation of a block about its prediction: misfit and spread of the measurement together.

        A derived or demo profile has no measurements; it says what it assumes.
        """
        if self.kind != "measured":
            return self.assumed_noise
        rows = np.array([(s.tokens, s.removed, s.median_ms, s.p90_ms - s.p10_ms) for s in self.blocks])
        tokens, removed, median, spread = rows.T
        modelled = self.predict_block_ms(tokens, removed)
        # A busy machine can bend a fit down to 0, which misses all there is.
        misfit = np.divide(median, modelled, out=np.full_like(median, 2.0), where=modelled > 0) - 1
        return math.sqrt(float(np.mean(misfit**2 + (spread / P10_TO_P90 / median) ** 2)))


def _codec_ms(samples: Sequence[CodecSample], size_bytes) -> np.ndarray:
    """A line through the samples, level where there is one only, nothing where there is none."""
    size = np.asarray(size_bytes, dtype=np.float64)
    if not samples:
        return np.zeros_like(size)
    x = np.array([s.size_bytes for s in samples], dtype=np.float64)
    y = np.array([s.median_ms for s in samples], dtype=np.float64)
    slope, intercept = np.polyfit(x, y, 1) if len(np.unique(x)) > 1 else (0.0, y.mean())
    return np.maximum(intercept + slope * size, 0.0)
