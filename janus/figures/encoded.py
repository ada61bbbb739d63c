"""What is drawn, as JSON that every language reads."""

from __future__ import annotations

import json
import math
from typing import Any


def as_json(value: Any) -> str:
    """JSON, with null for what that has no number for."""
    try:
        return json.dumps(value, allow_nan=False, default=_listed)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _listed(array: Any) -> Any:
    """An array or a number of numpy's as Python's own."""
    return array.tolist()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _finite(value.tolist()) if hasattr(value, "tolist") else value
