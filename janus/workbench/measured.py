"""Measured latencies beside modelled ones: tables for the figures, and the error in words. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from janus.workbench.words import NBSP, ms

if TYPE_CHECKING:
    import pandas as pd

    from janus.workbench.answer import Answer

HEADROOM = 1.1
# A frame that took longer than the axis is tall is marked just below its end.
EDGE = 0.97
# An axis makes room for measured points, but not for so many times what it showed.
TALLEST = 2.5


def measured_table(answer: Answer, spots: Mapping[int, Mapping]) -> pd.DataFrame:
    """What was measured of plans of the answer's level.

    Columns: ``split``, ``n``, ``median_ms``, ``above_ms`` and ``below_ms`` (to the slowest and the fastest tenth),
    ``modelled_ms`` (of the pair that ran, not of the profiles in the bars), ``word`` (measured or emulated); and for
    the figure ``shown_ms`` and ``shown_modelled_ms`` (within the axis) and ``over`` (whether the median is beyond it).
    ``attrs["top_ms"]`` is a top of the axis that holds the bars and, if they are not far off, the points.

    Args:
        answer: What it stands beside.
        spots: By split: the fields of `janus.runtime.spot.Spot`, and ``word``.
    """
    import pandas as pd

    names = ["split", "n", "median_ms", "above_ms", "below_ms", "modelled_ms", "word"]
    rows = [
        (split, spot["n"], spot["median_ms"], spot["p90_ms"] - spot["median_ms"], spot["median_ms"] - spot["p10_ms"],
         spot["modelled_ms"], spot["word"])
        for split, spot in sorted(spots.items())
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=names)
    bars = answer.columns["latency"].attrs["top_ms"]
    highest = max([bars, *(HEADROOM * max(spot["p90_ms"], spot["modelled_ms"]) for spot in spots.values())])
    top = min(highest, TALLEST * bars)
    table["shown_ms"] = table["median_ms"].clip(upper=EDGE * top)
    table["shown_modelled_ms"] = table["modelled_ms"].clip(upper=EDGE * top)
    table["over"] = table["median_ms"] > EDGE * top
    table.attrs = {"top_ms": top}
    return table


def measured_over_time(rows: Iterable[Mapping], top_ms: float | None) -> pd.DataFrame:
    """Frames of a run over a trace.

    Columns: ``time_s``, ``measured_ms``, ``shown_ms`` (the same, but within the axis). ``attrs["top_ms"]`` is a top of
    the axis that holds the model's latencies and most of these.

    Args:
        rows: From `janus.runtime.spot.measure_policy`.
        top_ms: Top of the axis without them; None where nothing was modelled yet.
    """
    import pandas as pd

    table = pd.DataFrame([dict(row) for row in rows], columns=["time_s", "measured_ms"]).astype(float)
    highest = HEADROOM * float(table["measured_ms"].quantile(0.95)) if len(table) else 0.0
    top = min(max(top_ms or 0.0, highest), TALLEST * (top_ms or highest))
    table["shown_ms"] = table["measured_ms"].clip(upper=EDGE * top)
    table.attrs = {"top_ms": top} if top else {}
    return table


def measured_words(spot: Mapping) -> str:
    """One plan's measurement against the model of the same two processes."""
    error = 100 * (spot["modelled_ms"] / spot["median_ms"] - 1)
    off = f"{abs(error):.1f}{NBSP}% too {'much' if error > 0 else 'little'}"
    return (
        f"{spot['word'].capitalize()}: median {ms(spot['median_ms'])} (p10 {ms(spot['p10_ms'])}, "
        f"p90 {ms(spot['p90_ms'])}, {spot['n']} frames between two processes); the model of that pair says "
        f"{ms(spot['modelled_ms'])}, {off}."
    )


def measured_run_words(rows: Iterable[Mapping], word: str) -> str:
    """A run over a trace, so far."""
    import pandas as pd

    table = pd.DataFrame([dict(row) for row in rows])
    p50, p95 = table["measured_ms"].quantile([0.5, 0.95], interpolation="higher")
    late = 100 * table["violated"].mean()
    # What a policy expects of a frame is its model of that frame.
    expected = float(table["modelled_ms"].median())
    return (
        f"{word.capitalize()} over the first {table['time_s'].max():.0f}{NBSP}s: {late:.1f}{NBSP}% of {len(table)} "
        f"frames late, p50 {ms(p50)}, p95 {ms(p95)}; the policy's own model expected {ms(expected)} in the median."
    )


def pair_words(word: str, machine: str, threads: str) -> str:
    """Where measured points come from."""
    how = (
        f"both halves on {machine}, {threads}" if word == "measured"
        else f"{machine}, compute stretched to the profiles above"
    )  # fmt: skip
    return f"{word.capitalize()}: latencies between two processes over a shaped link, {how}."
