"""Pictures for benches that need none in particular: noise with the spectrum of photographs, so that a JPEG of it has a
photograph's size (about 14 kB at 224 pixels and quality 85)."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

# Photographs fall off about like 1/f; this exponent gives their JPEG size rather than their look.
EXPONENT = 1.5
MEAN, SPREAD = 120.0, 55.0
SHARED, OWN = 0.8, 0.6  # how much the colours of a pixel have in common, and each for itself


def noise_picture(seed: int, height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """One picture; the same seed gives the same."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)
    shared = random.standard_normal((height, width))
    colours = []
    for _ in range(3):
        mixed = SHARED * shared + OWN * random.standard_normal((height, width))
        plane = np.fft.ifft2(np.fft.fft2(mixed) * frequency**-EXPONENT).real
        colours.append((plane - plane.mean()) / plane.std())
    return np.clip(np.stack(colours, axis=-1) * SPREAD + MEAN, 0, 255).astype(np.uint8)
