"""What crosses the cut: bytes of the tokens behind each block, beside the picture itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

from janus.geometry import ModelGeometry
from janus.grid import find_codec, find_encoding
from janus.schedule import MergeSchedule
from janus.units import BYTES_PER_KB

# From the float32 of an eager model over half floats to one byte a channel.
CODECS = ("fp32", "fp16", "int8")
INPUTS = ("raw", "png", "jpeg85")
# Shares of the highest level.
LEVEL_SHARES = (0.0, 0.7, 0.9, 1.0)


def shown_levels(geometry: ModelGeometry, shares: tuple[float, ...] = LEVEL_SHARES) -> tuple[float, ...]:
    """Levels of the declining schedule: shares of the highest, rounded down to three places."""
    highest = MergeSchedule().max_level(geometry.depth, geometry.tokens, geometry.protected)
    return tuple(float(np.floor(share * highest * 1000) / 1000) for share in shares)


def payload_table(geometry: ModelGeometry, levels: tuple[float, ...] = ()) -> pd.DataFrame:
    """Kilobytes of the tokens behind every block, for some levels of the declining schedule and every codec.

    Returns:
        ``level``, ``split``, ``tokens``, ``codec``, ``payload_kb``.
    """
    rows = []
    for level in levels or shown_levels(geometry):
        tokens = np.array(geometry.plan(MergeSchedule(level=level)).tokens)[1:-1]
        for name in CODECS:
            size = find_codec(name).payload_bytes(tokens, geometry.width, tokens < geometry.tokens)
            rows.append(
                pd.DataFrame(
                    {
                        "level": level,
                        "split": range(1, geometry.depth),
                        "tokens": tokens,
                        "codec": name,
                        "payload_kb": np.round(size / BYTES_PER_KB, 2),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def input_table(geometry: ModelGeometry) -> pd.DataFrame:
    """Kilobytes of the input in each encoding, and whence the figure: ``encoding``, ``input_kb``, ``source``."""
    encodings = [find_encoding(name, geometry) for name in INPUTS]
    return pd.DataFrame(
        {
            "encoding": [one.name for one in encodings],
            "input_kb": [round(one.size_bytes / BYTES_PER_KB, 1) for one in encodings],
            "source": [one.source for one in encodings],
        }
    )


def break_even_table(geometry: ModelGeometry, levels: tuple[float, ...] = ()) -> pd.DataFrame:
    """The first split from which on the tokens are smaller than the input, or none.

    Returns:
        One row per level and codec; a column for each encoding, NaN where no split is.
    """
    payloads, inputs = payload_table(geometry, levels), input_table(geometry)
    rows = []
    for (level, codec), cuts in payloads.groupby(["level", "codec"], sort=False):
        row = {"level": level, "codec": codec}
        for encoding, size in zip(inputs["encoding"], inputs["input_kb"], strict=True):
            smaller = cuts.loc[cuts["payload_kb"] < size, "split"]
            row[encoding] = smaller.min() if len(smaller) else np.nan
        rows.append(row)
    return pd.DataFrame(rows).astype(dict.fromkeys(inputs["encoding"], "Int64"))
