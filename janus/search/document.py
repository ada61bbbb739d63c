"""What a search leaves: a file of named schedules and a front for each cut. Torch-free."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from janus.arithmetic import multiply_adds
from janus.errors import JanusError
from janus.files import write_text
from janus.geometry import ModelGeometry
from janus.schedule import MergeSchedule
from janus.schedules import AFRESH, read_document
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
    """Of the points of one cut those that no other passes: in tokens at the cut, in token-blocks, in divergence.

    Of several that are equal in all three, one stays.
    """
    axes = ("tokens_at_cut", "token_blocks", "divergence")
    known = {tuple(point["removed"]): point for point in points}

    def passes(one: dict, other: dict) -> bool:
        pairs = [(one[axis], other[axis]) for axis in axes]
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    left = [point for point in known.values() if not any(passes(other, point) for other in known.values())]

    def place(point: dict) -> tuple:
        return point["split"], point["token_blocks"], point["tokens_at_cut"]

    # Points of one place would bear one name.
    places: dict[tuple, dict] = {}
    for point in sorted(left, key=lambda point: (*place(point), point["removed"])):
        places.setdefault(place(point), point)
    return list(places.values())


def held_document(path: Path, model: str) -> dict | None:
    """What a file holds that new answers for a model are to join; None where it is not there yet.

    Raises:
        JanusError: If it is of another model, or not what `janus search` writes.
    """
    if not path.is_file():
        return None
    held = read_document(path)
    if held["model"] != model:
        raise JanusError(
            f"--out {path}: it holds schedules of {held['model']}, which those of {model} would replace; name another "
            "file with --out."
        )
    for one in [*held["schedules"], *held["front"]]:
        nats = one.get("divergence")
        if isinstance(nats, bool) or not isinstance(nats, (int, float)) or not math.isfinite(nats):
            raise JanusError(f"{path}: {one['name']!r} has {nats!r:.40} where a divergence belongs; {AFRESH}.")
        if not isinstance(one.get("made", {}), dict):
            raise JanusError(f"{path}: {one['name']!r} has no command and date where it was made; {AFRESH}.")
    return held


def merge_document(path: Path, new: dict) -> dict:
    """What a file holds with new answers in it.

    Answers of the same name give way. So do those of other weights, which say nothing about these, and a front that
    was judged by other pictures. Fingerprints of all pictures that anything was chosen by are kept. No point of the
    front has the name of a schedule.

    Args:
        path: The file, which may not be there yet.
        new: A document of its own: ``model``, ``weights``, ``calibration``, ``schedules`` and ``front``.

    Raises:
        JanusError: As `held_document`.
    """
    old = held_document(path, new["model"])
    if old is None or old.get("weights") != new["weights"]:
        return new | _named(new["schedules"], new["front"])
    names = {one["name"] for one in new["schedules"]}
    kept = [one for one in old["schedules"] if one["name"] not in names]
    before, now = old.get("calibration", {}), new["calibration"]
    alike = before.get("pixels_sha256") == now["pixels_sha256"]
    # A schedule that is called by its cost stands for itself on the front, and passes other points there.
    own = [
        one
        for one in kept
        if one.get("like") is None and one.get("made", {}).get("pixels") == now["pixels_sha256"][:16]
    ]
    points = [*own, *(old["front"] if alike else []), *new["front"]]
    marks = sorted({*before.get("fingerprints", []), *now["fingerprints"]})
    return new | {"calibration": now | {"fingerprints": marks}} | _named([*kept, *new["schedules"]], points)


def _named(schedules: Sequence[dict], points: Sequence[dict]) -> dict:
    """Schedules and a front in which every name stands once."""
    names = {one["name"] for one in schedules}
    return {
        "schedules": _sorted(schedules),
        "front": [point for point in _fronts(points) if point["name"] not in names],
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
