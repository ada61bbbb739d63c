"""Policies side by side, and one of them in words. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from janus.policy import POLICIES, RATED
from janus.schedule import FAMILIES
from janus.workbench.course import BOUND, Course, Leg
from janus.workbench.question import TRANSFORM, Question
from janus.workbench.sentence import Sentence, spoken
from janus.workbench.words import NBSP, mbps, ms, percent

if TYPE_CHECKING:
    import pandas as pd

# Column, which way is better, and how its best is found among policies that see only what has happened.
RANKED = {
    "late_percent": min, "p50_ms": min, "p95_ms": min, "p99_ms": min, "throughput_fps": max, "sent_mb": min,
    "top1": max,
}  # fmt: skip
# Why a policy chooses what it does.
BECAUSE = {
    "device-only": "it never asks the network",
    "cloud-only": "it sends the picture whatever the network is like",
    "cloud-only-adaptive": "it sends the picture in the best format and quality that should meet the SLO by its "
    "estimate of the bandwidth",
    "mixed": "it takes the device or the cloud, whichever is faster by its estimate of the bandwidth, and never merges",
    "neurosurgeon": "it takes the split that is fastest by its estimate of the bandwidth, and never merges",
    "tome": "it merges equally many tokens in each block, whatever the target, and takes the split that is fastest by "
    "its estimate of the bandwidth",
    "janus": "it takes the smallest level whose fastest split meets the SLO by its estimate of the bandwidth, and the "
    "fastest plan where none does",
    "janus-robust": "it weighs the chance of a late answer against accuracy, and finishes on the device when the link "
    "stalls",
    "janus-codec": "it weighs the chance of a late answer against accuracy over pictures and tokens of every quality "
    "that was measured, and finishes on the device when the link stalls",
    "oracle": "it knows the trace",
}  # fmt: skip
ORDER = (*POLICIES[:-1], *RATED, POLICIES[-1])
# Shares that are not worth a word.
LEAST_SHARE = 0.02


def policy_table(legs: Iterable[Leg], course: Course) -> pd.DataFrame:
    """One row for each policy that has been replayed, in the order of the registry.

    Columns: ``policy``, ``chosen``, ``whole`` (over the whole trace, not only the clip), ``span_s``, ``frames``, those
    of `RANKED` (``late_percent``: the violation ratio; ``top1``: expected, in percent), and for each of them
    ``best_…``: whether no other policy of the same span has a better one, the Oracle aside.
    """
    import pandas as pd

    known = sorted(legs, key=lambda leg: ORDER.index(leg.policy))
    rows = [
        {
            "policy": leg.policy, "chosen": leg.policy == course.policy, "whole": leg.whole, "span_s": leg.span_s,
            "frames": leg.summary["frames"], "late_percent": 100 * leg.summary["violation_ratio"],
            "p50_ms": leg.summary["p50_ms"], "p95_ms": leg.summary["p95_ms"], "p99_ms": leg.summary["p99_ms"],
            "throughput_fps": leg.summary["throughput_fps"], "sent_mb": leg.summary["sent_bytes"] / 1e6,
            "top1": leg.summary["expected_accuracy"],
        }
        for leg in known
    ]  # fmt: skip
    names = ["policy", "chosen", "whole", "span_s", "frames", *RANKED]
    table = pd.DataFrame(rows, columns=names)
    longest = table["span_s"].max()
    rivals = (table["policy"] != BOUND) & (table["span_s"] == longest)
    for column, better in RANKED.items():
        finite = table[rivals & table[column].abs().lt(math.inf)][column]
        # What is written alike is alike.
        best = better(finite.round(2), default=math.nan)
        table[f"best_{column}"] = rivals & (table[column].round(2) == best)
    return table


def explain_course(leg: Leg, table: pd.DataFrame, question: Question, course: Course, depth: int) -> Sentence:
    """How the chosen policy fared, and why it chose what it did.

    Args:
        leg: The chosen policy's.
        table: From `policy_table`.
        question: What was asked.
        course: Over what.
        depth: Blocks of the model.
    """
    own = leg.summary
    name = spoken_policy(leg.policy)
    late, p95 = 100 * own["violation_ratio"], own["p95_ms"]
    over = "the first " if not leg.whole else ""
    pace = f", {course.camera_fps:g}{NBSP}frames/s" if course.camera_fps else ""
    lost = "frames are dropped" if course.camera_fps else "answers never come"
    p50 = own["p50_ms"]
    middle = "no median" if math.isinf(p50) else f"p50 {ms(p50)}"
    tail = f"p95 none, for so many {lost}" if math.isinf(p95) else f"p95 {ms(p95)}"
    choice = (
        f"Over {over}{leg.span_s:g}{NBSP}s of {spoken_trace(leg)}{pace}, {name} is late in {percent(late)} of "
        f"{own['frames']:,} frames (SLO {ms(question.slo_ms)}): modelled {middle}, {tail}."
    )
    return Sentence(
        choice=choice, reason=_reason(leg, name, question, depth), rivals=_rivals(leg, table),
        accuracy=_accuracy(own, question),
    )  # fmt: skip


def on_time(leg: Leg, question: Question) -> bool:
    """Whether 95 of 100 frames are: what a service would be held to."""
    return leg.summary["p95_ms"] <= question.slo_ms


def spoken_policy(name: str) -> str:
    """A policy's name as prose has it."""
    return name.capitalize() if name.startswith(("janus", "oracle")) else name


def spoken_trace(leg: Leg) -> str:
    """A trace as prose has it, and what kind it is."""
    trace = leg.trace
    if trace.kind == "constant":
        return f"a steady {mbps(trace.mean_mbps)}"
    return f"{trace.name.removeprefix('generated-')} ({trace.kind}, {mbps(trace.mean_mbps)} on average)"


def _reason(leg: Leg, name: str, question: Question, depth: int) -> str:
    most = [(split, share) for split, share in leg.shares.items() if share >= LEAST_SHARE][:2]
    if not most:
        return "No frame was ever answered."
    parts = [f"{_plan(split, question, depth)} in {100 * share:.0f}{NBSP}% of the frames" for split, share in most]
    because = BECAUSE[next(known for known in sorted(BECAUSE, reverse=True) if leg.policy.startswith(known))]
    level = leg.over_time["level"].median()
    family = "constant" if leg.policy.startswith("tome") else question.family
    unit = "r =" if family == "constant" else "level"
    at = f"at {unit} {level:g}" if family in FAMILIES else f"with {family}"
    merged = "without merging" if level == 0 else f"{at} in the median"
    return f"{name} chose to {' and to '.join(parts)}, {merged}, because {because}."


def _plan(split: int, question: Question, depth: int) -> str:
    if split == 0:
        return "send the picture"
    return f"run all {depth} blocks on the device" if split == depth else f"cut after block {split}"


def _rivals(leg: Leg, table: pd.DataFrame) -> str:
    same = table[(table["span_s"] == leg.span_s) & (table["policy"] != BOUND)]
    if len(same) < 2:
        return ""
    least = same.loc[same["late_percent"].idxmin()]
    parts = [
        "No other policy is late less often" if least["late_percent"] >= 100 * leg.summary["violation_ratio"]
        else f"Late least often: {spoken_policy(least['policy'])}, {percent(least['late_percent'])}"
    ]  # fmt: skip
    bound = table[(table["span_s"] == leg.span_s) & (table["policy"] == BOUND)]
    if len(bound) and leg.policy != BOUND:
        parts.append(f"the Oracle, which knows the trace, {percent(bound['late_percent'].iloc[0])}")
    return f"{'; '.join(parts)}."


def _accuracy(own: dict, question: Question) -> str:
    known = own["expected_accuracy"]
    if math.isnan(known):
        return "Expected accuracy: none is stored for these plans."
    # A plan whose tokens were not measured in this codec counts as uncut.
    uncut = f"; uncut where {spoken(question.codec)} was not measured" if question.codec.startswith(TRANSFORM) else ""
    return f"Expected accuracy {percent(known)} (stored{uncut})."
