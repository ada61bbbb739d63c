"""A block's latency as a function of its tokens: the paper's line, and what replaces it where it does not fit.

Torch-free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from janus.profile.monotone import MonotoneCubic, isotonic, nonnegative_least_squares

# A line that misses no measurement by more than this is kept; issue 3 sets the figure.
LINE_TOLERANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Line:
    """The paper's model of a block: ms = intercept + slope · tokens, by ordinary least squares.

    Attributes:
        slope_ms: Milliseconds for each token.
        intercept_ms: Milliseconds at no tokens.
        r: Correlation of the medians with the token counts.
        residuals_ms: Measured minus line, one for each measurement.
        worst_relative_error: Largest miss as a share of what was measured.
    """

    slope_ms: float
    intercept_ms: float
    r: float
    residuals_ms: tuple[float, ...]
    worst_relative_error: float
    name: str = "line"

    @classmethod
    def fitted(cls, tokens: np.ndarray, ms: np.ndarray) -> Line:
        """Through measurements, shape [m] each, at two token counts or more."""
        slope, intercept = np.polyfit(tokens, ms, 1)
        residuals = ms - (intercept + slope * tokens)
        spread = np.std(tokens) * np.std(ms)
        covariance = np.mean((tokens - tokens.mean()) * (ms - ms.mean()))
        return cls(
            slope_ms=float(slope),
            intercept_ms=float(intercept),
            r=float(covariance / spread) if spread > 0 else 0.0,
            residuals_ms=tuple(residuals.tolist()),
            worst_relative_error=float(np.max(np.abs(residuals) / ms)),
        )

    def __call__(self, tokens) -> np.ndarray:
        """Milliseconds at token counts of any shape; never below 0."""
        return np.maximum(self.intercept_ms + self.slope_ms * np.asarray(tokens, dtype=np.float64), 0.0)


@dataclass(frozen=True, kw_only=True)
class Quadratic:
    """ms = a + b · n + c · n² with a, b, c ≥ 0, so monotone; least squares of the relative error.

    The form is the arithmetic of a block: b counts the projections and the MLP, c the attention, a what is launched.
    """

    coefficients: tuple[float, float, float]
    name: str = "quadratic"

    @classmethod
    def fitted(cls, tokens: np.ndarray, ms: np.ndarray) -> Quadratic:
        # Columns of a like size, so that the solver's tolerance means the same for each.
        scale = float(tokens.max())
        columns = np.stack([np.ones_like(tokens), tokens / scale, (tokens / scale) ** 2], axis=1)
        a, b, c = nonnegative_least_squares(columns / ms[:, None], np.ones_like(ms))
        return cls(coefficients=(float(a), float(b / scale), float(c / scale**2)))

    def __call__(self, tokens) -> np.ndarray:
        n = np.asarray(tokens, dtype=np.float64)
        a, b, c = self.coefficients
        return a + b * n + c * n * n


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A monotone cubic (PCHIP) through the isotonic medians.

    Below the smallest measured count it stays level (a block has a floor at few tokens); above the largest it goes on
    in the direction of the last two.
    """

    tokens: tuple[float, ...]
    ms: tuple[float, ...]
    name: str = "curve"

    @classmethod
    def fitted(cls, tokens: np.ndarray, ms: np.ndarray) -> Curve:
        counts = np.unique(tokens)
        medians = np.array([np.median(ms[tokens == count]) for count in counts])
        return cls(tokens=tuple(counts.tolist()), ms=tuple(isotonic(medians)))

    @cached_property
    def _inside(self) -> MonotoneCubic:
        return MonotoneCubic(self.tokens, self.ms)

    def __call__(self, tokens) -> np.ndarray:
        n = np.asarray(tokens, dtype=np.float64)
        first, last = self.tokens[0], self.tokens[-1]
        slope = (self.ms[-1] - self.ms[-2]) / (last - self.tokens[-2])
        return self._inside(np.clip(n, first, last)) + slope * np.maximum(n - last, 0.0)


BlockFit = Line | Quadratic | Curve


def choose_fit(tokens: np.ndarray, ms: np.ndarray) -> tuple[Line, BlockFit]:
    """The paper's line, and what predictions should use.

    The line, where it misses no measurement by more than 5 %. Else the monotone quadratic or the monotone curve,
    whichever predicts each inner measurement better from the others (mean relative error).

    Args:
        tokens: Token counts, shape [m], two different ones or more.
        ms: Medians, shape [m].
    """
    line = Line.fitted(tokens, ms)
    counts = np.unique(tokens)
    if line.worst_relative_error <= LINE_TOLERANCE and line.intercept_ms + line.slope_ms * counts[0] > 0:
        return line, line
    if len(counts) < 4:
        return line, Quadratic.fitted(tokens, ms) if len(counts) == 3 else line
    kinds: list[type[Quadratic] | type[Curve]] = [Quadratic, Curve]
    return line, min(kinds, key=lambda kind: _left_out_error(kind, tokens, ms)).fitted(tokens, ms)


def _left_out_error(kind: type[Quadratic] | type[Curve], tokens: np.ndarray, ms: np.ndarray) -> float:
    """Mean relative error at each inner count, predicted from all the others."""
    misses = []
    for count in np.unique(tokens)[1:-1]:
        rest = tokens != count
        predicted = kind.fitted(tokens[rest], ms[rest])(count)
        misses.extend(np.abs(predicted - ms[~rest]) / ms[~rest])
    return math.fsum(misses) / len(misses)


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """What merging costs a block beside its arithmetic: a + b · n, and c · n² where that is needed; n tokens enter.

    Matching compares half of the tokens with the other half, hence the square; the gather and the weighted mean are
    linear.
    """

    coefficients: tuple[float, ...] = ()

    @classmethod
    def fitted(cls, tokens: np.ndarray, extra_ms: np.ndarray, block_ms: np.ndarray) -> Overhead:
        """Least squares of the error relative to the block's own time.

        Args:
            tokens: Tokens that entered merging blocks, shape [m]; may be empty.
            extra_ms: Measured minus predicted without merging, shape [m].
            block_ms: Measured, shape [m].
        """
        counts = len(np.unique(tokens))
        if counts == 0:
            return cls()
        best: np.ndarray = np.zeros(0)
        for terms in range(1, min(counts - 1, 3) + 1) if counts > 1 else (1,):
            columns = np.stack([tokens**power for power in range(terms)], axis=1) / block_ms[:, None]
            best = np.linalg.lstsq(columns, extra_ms / block_ms, rcond=None)[0]
            if terms > 1 and np.max(np.abs(columns @ best - extra_ms / block_ms)) <= LINE_TOLERANCE:
                break
        return cls(coefficients=tuple(best.tolist()))

    def __call__(self, tokens) -> np.ndarray:
        n = np.asarray(tokens, dtype=np.float64)
        return sum((c * n**power for power, c in enumerate(self.coefficients)), np.zeros_like(n))
