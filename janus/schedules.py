"""Schedules that were searched for, by name: what `janus search` has left in ``data/schedules``. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from janus.errors import JanusError
from janus.files import data_folder, read_json
from janus.schedule import FAMILIES, MergeSchedule

FOLDER = "schedules"
# No model has more blocks, and none more tokens.
MOST_BLOCKS, MOST_TOKENS = 1_000, 100_000


@dataclass(frozen=True, kw_only=True)
class SearchedSchedule:
    """One schedule that a search has left.

    Attributes:
        name: What it is called wherever a schedule is named.
        split: The cut that it was made for.
        removed: Tokens that each block removes.
        token_blocks: Tokens that enter each block, summed over the blocks.
        tokens_at_cut: Tokens at its cut, prefix tokens included.
        like: Family and level of the schedule whose compute and payload it keeps to; None where it keeps to numbers.
        better: Whether it is a find. If not, nothing was surely better than ``like``, and it is that one.
        top1: Measured on pictures that it was not searched on, in percent; NaN where it was not.
        low, high: Ends of the 95 % interval of `top1`.
        n: Pictures that `top1` was measured on.
    """

    name: str
    split: int
    removed: tuple[int, ...]
    token_blocks: int
    tokens_at_cut: int
    like: tuple[str, float] | None = None
    better: bool = True
    top1: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0

    @property
    def level(self) -> float:
        """Level of the schedule that it is compared with; NaN without one."""
        return math.nan if self.like is None else self.like[1]

    @property
    def schedule(self) -> MergeSchedule:
        """Its counts as a schedule, which bears its name."""
        return MergeSchedule.explicit(self.removed, name=self.name)


def schedules_file(model: str) -> Path:
    """Where the schedules of a model are, or would be.

    Raises:
        JanusError: If there is no folder of shipped data.
    """
    return data_folder() / FOLDER / f"{model.replace('/', '--')}.json"


def searched(model: str) -> tuple[SearchedSchedule, ...]:
    """The schedules that were searched for a model, by its full tag; none where nobody has.

    Raises:
        JanusError: If their file is not what `janus search` writes.
    """
    try:
        path = schedules_file(model)
    except JanusError:
        return ()  # installed without the checkout's data
    return load_schedules(path, model) if path.is_file() else ()


def tested(model: str) -> dict[str, SearchedSchedule]:
    """By name the finds whose accuracy was measured, on pictures that they were not searched on.

    Raises:
        JanusError: If their file is not what `janus search` writes.
    """
    return {one.name: one for one in searched(model) if one.better and not math.isnan(one.top1)}


def find_schedule(name: str, model: str) -> MergeSchedule:
    """The schedule of that name.

    Args:
        name: As `searched` gives it.
        model: Full tag.

    Raises:
        JanusError: If there is none.
    """
    known = searched(model)
    for one in known:
        if one.name == name:
            return one.schedule
    families = ", ".join(FAMILIES)
    if known:
        raise JanusError(
            f"schedule {name!r} is unknown: choose one of {families}, or for {model} "
            f"{', '.join(one.name for one in known)}."
        )
    raise JanusError(
        f"schedule {name!r} is unknown: choose one of {families}; none was searched for {model} yet, which `janus "
        "search` does."
    )


def family_of(name: str, model: str) -> tuple[str, MergeSchedule | None]:
    """A family and what it lists: for the name of a family that and None, for a searched schedule's ``list`` and it.

    Raises:
        JanusError: If it is neither.
    """
    if name == "list":
        raise JanusError("schedule list: it has no name to be found by; give a family, or a searched schedule's name.")
    return (name, None) if name in FAMILIES else ("list", find_schedule(name, model))


def load_schedules(path: Path | str, model: str | None = None) -> tuple[SearchedSchedule, ...]:
    """Read what `janus search` wrote.

    Args:
        path: The file.
        model: That it must be of; None for any.

    Raises:
        JanusError: If it is not such a file, or of another model; the sentence names the entry.
    """
    doc = read_document(path)
    if model is not None and doc["model"] != model:
        raise JanusError(f"{path}: these schedules are of {doc['model']}, not of {model}; search for that model first.")
    found: dict[str, SearchedSchedule] = {}
    for one in _entries(path, doc):
        # What was searched within numbers was once written twice, on the front again; the first has more to tell.
        if one.name in FAMILIES or found.setdefault(one.name, one).removed != one.removed:
            raise JanusError(f"{path}: {one.name!r} cannot be the name of a schedule, or of two; {AGAIN}.")
    return tuple(found.values())


AGAIN = "write it again with `janus search`"
# `janus search` itself keeps what is there, so it cannot be told to write over what it cannot read.
AFRESH = f"remove it and {AGAIN}"


def read_document(path: Path | str) -> dict:
    """The whole file: ``model``, ``schedules``, ``front``.

    Raises:
        JanusError: If it is not there or not such a document; the sentence names the entry.
    """
    doc = read_json(path, by="janus search", again="janus search")
    if (
        not isinstance(doc, dict)
        or not isinstance(doc.get("model"), str)
        or not all(isinstance(doc.get(key), list) for key in ("schedules", "front"))
    ):
        raise JanusError(f"{path}: needs a model, schedules and a front; {AFRESH}.")
    calibration = doc.get("calibration", {})
    marks = calibration.get("fingerprints", []) if isinstance(calibration, dict) else None
    if not isinstance(marks, list) or not all(isinstance(mark, str) for mark in marks):
        raise JanusError(f"{path}: has {calibration!r:.40} where pictures for calibration belong; {AFRESH}.")
    _entries(path, doc)
    return doc


def _entries(path: Path | str, doc: dict) -> list[SearchedSchedule]:
    return [_entry(path, at, entry) for at, entry in enumerate([*doc["schedules"], *doc["front"]])]


def _entry(path: Path | str, at: int, entry) -> SearchedSchedule:
    def refuse(what: str) -> JanusError:
        return JanusError(f"{path}: schedule {at + 1} {what}; {AFRESH}.")

    def whole(value, what: str, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise refuse(f"has {value!r:.40} where {what} belongs")
        return value

    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"].strip():
        raise refuse("has no name")
    removed = entry.get("removed")
    if not isinstance(removed, list) or not 1 <= len(removed) <= MOST_BLOCKS:
        raise refuse(f"has removed {removed!r:.40} where a count for each block belongs")
    like = entry.get("like")
    if like is not None and (
        not isinstance(like, dict)
        or like.get("schedule") not in FAMILIES
        or not isinstance(like.get("level"), (int, float))
    ):
        raise refuse(f"has like {like!r:.40} where a schedule and a level belong")
    measured = entry.get("measured") or {}
    if not isinstance(measured, dict):
        raise refuse(f"has measured {measured!r:.40} where top1, low and high belong")
    figures = [measured.get(key) for key in ("top1", "low", "high")] if measured else [math.nan] * 3
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in figures):
        raise refuse(f"has measured {measured!r:.40} where top1, low and high belong")
    return SearchedSchedule(
        name=entry["name"],
        split=whole(entry.get("split"), "a split", len(removed)),
        removed=tuple(whole(r, "a count of tokens", MOST_TOKENS) for r in removed),
        token_blocks=whole(entry.get("token_blocks"), "a count of token-blocks", MOST_BLOCKS * MOST_TOKENS),
        tokens_at_cut=whole(entry.get("tokens_at_cut"), "a count of tokens", MOST_TOKENS),
        like=None if like is None else (like["schedule"], float(like["level"])),
        better=entry.get("better") is not False,
        top1=float(figures[0]),
        low=float(figures[1]),
        high=float(figures[2]),
        n=whole(measured.get("n", 0), "a count of pictures", 10**9),
    )
