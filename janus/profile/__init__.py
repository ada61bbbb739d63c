"""Latency profiles: what a machine takes for a model, measured or derived. Torch-free."""

from __future__ import annotations

import os
from pathlib import Path

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.profile.derived import MACHINES, derive_profile, slower, write_derived
from janus.profile.fit import LINE_TOLERANCE, Curve, Line, Overhead, Quadratic, choose_fit
from janus.profile.record import SCHEMA_VERSION, BatchSample, BlockSample, CodecSample, LatencyProfile
from janus.profile.store import load_profile, parse_profile, profile_text, save_profile

__all__ = [
    "LINE_TOLERANCE",
    "MACHINES",
    "SCHEMA_VERSION",
    "BatchSample",
    "BlockSample",
    "CodecSample",
    "Curve",
    "LatencyProfile",
    "Line",
    "Overhead",
    "Quadratic",
    "choose_fit",
    "derive_profile",
    "find_profile",
    "load_profile",
    "parse_profile",
    "profile_text",
    "save_profile",
    "slower",
    "write_derived",
]


def find_profile(spec: Path | str, model: str, geometry: ModelGeometry | None = None) -> LatencyProfile:
    """A profile by file, or a derived one by the machine's name (``orin-nano``, ``v100``, …).

    Args:
        spec: The file or the name.
        model: Of this model.
        geometry: Its counts, for derived profiles of models that are not known by name.

    Raises:
        JanusError: If it is neither, or the file is of another model.
    """
    if str(spec) in MACHINES:
        return derive_profile(str(spec), geometry or model)
    if not os.path.exists(spec):
        raise JanusError(
            f"profile {str(spec)!r} is neither a file nor a machine that profiles are derived for: name a file that "
            f"`janus profile` wrote, or one of {', '.join(MACHINES)}."
        )
    return load_profile(spec, for_model=model)
