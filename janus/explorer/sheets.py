"""The screen's figures as `Sheet`s: titles, tables, and which of their numbers is modelled, counted, stored or live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from janus.explorer.export import Sheet, profile_words
from janus.explorer.stage import Stage
from janus.grid import CODECS
from janus.grid.rated import RAW
from janus.pictures import outline_groups
from janus.workbench import Answer
from janus.workbench.ranking import spoken_trace

if TYPE_CHECKING:
    import pandas as pd

    from janus.explorer.course import CourseView

# What only the figure needs.
UNWANTED = ["label", "over", "position"]


def sheets_of(stage: Stage, answer: Answer, accuracy: pd.DataFrame, *, label: str) -> dict[str, Sheet]:
    """What is on the screen, by name. The picture is among it once its tokens are known.

    Args:
        stage: The figures as they are drawn.
        answer: What they show.
        accuracy: From `janus.workbench.accuracy_table`.
        label: What has to stand beside the numbers of the model, if anything has to.
    """
    device, cloud = answer.grid.device, answer.grid.cloud
    modelled = f"modelled, from {profile_words(device)}, as device and {profile_words(cloud)}, as cloud"
    counted = "counted: tokens and their bytes follow exactly from schedule and codec"
    if answer.question.codec not in CODECS:
        counted = "counted: tokens follow exactly from the schedule; how bytes are known, the latencies' table says"
    if answer.question.encoding != RAW:
        counted += "; the bytes of block 0 are those of the picture, a mean of measured ones"
    if answer.question.codec not in CODECS:
        modelled += "; bytes_are says how bytes are known: counted, measured, or estimated from the codebook's tables"
    own = f" ({label})" if label else ""
    measured = (
        f"measured, as `kind` says: stored from data/accuracy or live on this machine{own}; modelled_ms is modelled"
    )
    latency, by_split = answer.latency.drop(columns=UNWANTED), modelled
    if stage.measured is not None:
        beside = _beside(stage.measured).set_index("split")
        latency = latency.join(beside, on="split")
        # The picture as JPEG beside one in another encoding was not what ran.
        latency.loc[answer.latency["position"] < 0, beside.columns] = np.nan
        by_split += f"; pair_…: {stage.measured['word'].iloc[0]} with two processes over a shaped link, tenths and "
        by_split += "median, and what the model says of that pair"
    tables = {
        "tokens": ("Tokens left after each block", counted, answer.tokens, stage.figures[0]),
        "latency": ("Modelled latency by split", by_split, latency, stage.figures[1]),
        "accuracy": ("Accuracy over the levels", measured, accuracy, stage.figures[2]),
        "levels": ("Modelled latency by level", modelled, answer.levels, None),
    }
    found = {
        name: Sheet(name=name, title=title, kind=kind, table=table, draw=figure and _drawing([figure]))
        for name, (title, kind, table, figure) in tables.items()
    }
    if stage.pictured is not None:
        found["picture"] = _picture(*stage.pictured, stage.block.value, own)
    return found


def course_sheets(view: CourseView, answer: Answer, run: Sequence[Mapping], word: str) -> dict[str, Sheet]:
    """What the trace view shows, by name; nothing while policies are being replayed.

    Args:
        view: As it is drawn.
        answer: What it shows.
        run: Frames that were measured over the trace.
        word: How.
    """
    import pandas as pd

    if view.shown is None:
        return {}
    leg, parts, policies = view.shown
    device, cloud = (profile_words(one) for one in (answer.grid.device, answer.grid.cloud))
    pace = f", {view.course.camera_fps:g} frames/s" if view.course.camera_fps else ""
    kind = (
        f"modelled, from {device}, as device and {cloud}, as cloud, over {leg.span_s:g} s of {spoken_trace(leg)}{pace}"
    )
    title = f"{leg.policy} over time"
    found = {
        "course": Sheet(name="course", title=title, kind=kind, table=leg.over_time, draw=_drawing(parts)),
        "policies": Sheet(name="policies", title="Policies side by side", kind=kind, table=policies, draw=None),
    }
    if run:
        kind = f"{word} with two processes over a shaped link, frame by frame, over {spoken_trace(leg)}{pace}"
        found["frames"] = Sheet(name="frames", title=f"{leg.policy}, frames {word}", kind=kind,
                                table=pd.DataFrame([dict(row) for row in run]), draw=None)  # fmt: skip
    return found


def _beside(measured: pd.DataFrame) -> pd.DataFrame:
    """What was measured, under names that stand beside modelled ones."""
    return measured[["split", "n"]].rename(columns={"n": "pair_frames"}).assign(
        pair_p10_ms=measured["median_ms"] - measured["below_ms"], pair_median_ms=measured["median_ms"],
        pair_p90_ms=measured["median_ms"] + measured["above_ms"], pair_modelled_ms=measured["modelled_ms"],
    )  # fmt: skip


def _drawing(figures: Sequence[dict]):
    def draw(format: str, facts: dict[str, str]) -> bytes:
        from janus.figures.still import still

        return still(figures, format, facts)

    return draw


def _picture(name: str, pixels: np.ndarray, groups: list[np.ndarray], block: int, own: str) -> Sheet:
    import pandas as pd

    side = int(len(groups[0]) ** 0.5)
    rows, columns = np.divmod(np.arange(len(groups[0])), side)
    table = pd.DataFrame({"row": rows, "column": columns} | {f"block_{i}": tokens for i, tokens in enumerate(groups)})

    def draw(format: str, facts: dict[str, str]) -> bytes:
        from janus.figures.still import pictures_still

        shown = [(name, pixels), (f"merged tokens after block {block}", outline_groups(pixels, groups[block]))]
        return pictures_still(shown, format, f"Merged tokens on a picture: {name}", facts)

    kind = f"computed by the loaded model{own}: the token that each patch of {name} is in, after each block"
    return Sheet(name="picture", title="Merged tokens on a picture", kind=kind, table=table, draw=draw)
