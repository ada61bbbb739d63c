"""What a search leaves: a file of named schedules and a front for each cut. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from janus.arithmetic import multiply_adds
from janus.files import write_text
from janus.geometry import ModelGeometry
from janus.schedule import MergeSchedule
from janus.schedules import read_document
from janus.search.hunt import Found
from janus.search.journal import Removed


def name_of(found: Found) -> str:
    """``cut4-0.5`` for what keeps to the cost of level 0.5 at cut 4; else its own cost, as `front_name`."""
    like, split = found.budget.like, found.budget.split
    if like is None:
        return front_name(found.plan.token_blocks, found.plan.tokens[split], split)
    # The paper's family goes without saying.
    return f"cut{split}-{'' if like.family == 'declining' else like.family}{like.level:g}"


def front_name(token_blocks: int, tokens_at_cut: int, split: int) -> str:
    """``cut4-1046b82t``: so many token-blocks, so many tokens at that cut."""
    return f"cut{split}-{token_blocks}b{tokens_at_cut}t"


def cost(removed: Removed, split: int, geometry: ModelGeometry) -> dict:
    """Counts of a schedule, and what they cost."""
    plan = geometry.plan(MergeSchedule.explicit(removed))
    return {
        "split": split,
        "removed": list(plan.removed),
        "tokens": list(plan.tokens),
        "token_blocks": plan.token_blocks,
        "multiply_adds": multiply_adds(geometry.arithmetic, plan),
        "tokens_at_cut": plan.tokens[split],
    }


def entry(found: Found, geometry: ModelGeometry, agreement: float, made: dict) -> dict:
    """One answer, in JSON's types.

    Args:
        found: The answer.
        geometry: The model.
        agreement: Share of the calibration pictures on which it guesses as the unmerged model, in percent.
        made: Command, date and calibration pictures.
    """
    budget, like = found.budget, found.budget.like

    def ends(interval):
        return None if interval is None else [round(end, 5) for end in interval]

    return {
        "name": name_of(found),
        "like": None if like is None else {"schedule": like.family, "level": like.level},
        **cost(found.plan.removed, budget.split, geometry),
        "better": found.better,
        "budget": {
            key: getattr(budget, key) for key in ("payload_tokens", "token_blocks", "multiply_adds", "latency_ms")
        },
        "shape": None if found.shape is None else {k: round(v, 4) for k, v in asdict(found.shape).items()},
        "divergence": round(found.divergence, 5),
        "divergence_ci95": ends(found.ci95),
        "difference": None if found.difference is None else round(found.difference, 5),
        "difference_ci95": ends(found.difference_ci95),
        "agreement_difference": None if found.agreement_difference is None else round(found.agreement_difference, 5),
        "agreement_difference_ci95": ends(found.agreement_difference_ci95),
        "agreement": round(agreement, 3),
        "made": made,
    }


def front(points: Iterable[dict]) -> list[dict]:
    """Of the points of one cut those that no other passes: in tokens at the cut, in token-blocks, in divergence."""
    axes = ("tokens_at_cut", "token_blocks", "divergence")
    known = {tuple(point["removed"]): point for point in points}

    def passes(one: dict, other: dict) -> bool:
        pairs = [(one[axis], other[axis]) for axis in axes]
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    left = [point for point in known.values() if not any(passes(other, point) for other in known.values())]
    return sorted(left, key=lambda point: (point["split"], point["token_blocks"], point["tokens_at_cut"]))


def merge_document(path: Path, new: dict) -> dict:
    """What a file holds with new answers in it.

    Answers of the same name give way. So do those of other weights, which say nothing about these, and a front that
    was judged by other pictures. Fingerprints of all pictures that anything was chosen by are kept.

    Args:
        path: The file, which may not be there yet.
        new: A document of its own: ``model``, ``weights``, ``calibration``, ``schedules`` and ``front``.
    """
    old = read_document(path) if path.is_file() else None
    if old is None or any(old.get(key) != new[key] for key in ("model", "weights")):
        return new | {"schedules": _sorted(new["schedules"]), "front": _fronts(new["front"])}
    names = {one["name"] for one in new["schedules"]}
    kept = [one for one in old["schedules"] if one["name"] not in names]
    before, now = old.get("calibration", {}), new["calibration"]
    alike = before.get("pixels_sha256") == now["pixels_sha256"]
    marks = sorted({*before.get("fingerprints", []), *now["fingerprints"]})
    return new | {
        "calibration": now | {"fingerprints": marks},
        "schedules": _sorted([*kept, *new["schedules"]]),
        "front": _fronts([*(old["front"] if alike else []), *new["front"]]),
    }


def _sorted(entries: Sequence[dict]) -> list[dict]:
    return sorted(entries, key=lambda one: (one["split"], -one["token_blocks"], one["name"]))


def _fronts(points: Sequence[dict]) -> list[dict]:
    splits = sorted({point["split"] for point in points})
    return [one for split in splits for one in front(point for point in points if point["split"] == split)]


def write_document(path: Path, doc: dict) -> None:
    """Write it in one piece, a schedule a line, so that a change can be read."""

    def block(value) -> str:
        if isinstance(value, list) and value:
            return "[\n" + ",\n".join("  " + json.dumps(one, allow_nan=False) for one in value) + "\n ]"
        return json.dumps(value, allow_nan=False)

    write_text(path, "{\n" + ",\n".join(f" {json.dumps(key)}: {block(value)}" for key, value in doc.items()) + "\n}\n")
