"""The screen's figures as `Sheet`s: titles, tables, and which of their numbers is modelled, counted, stored or live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from janus.explorer.export import Sheet, profile_words
from janus.explorer.stage import Stage
from janus.grid import CODECS
from janus.pictures import outline_groups
from janus.workbench import Answer

if TYPE_CHECKING:
    import pandas as pd


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
    counted = "counted: tokens and bytes follow exactly from schedule and codec"
    if answer.question.codec not in CODECS:
        counted = "counted: tokens follow exactly from the schedule; how bytes are known, the latencies' table says"
        modelled += "; bytes_are says how bytes are known: counted, measured, or estimated from the codebook's tables"
    own = f" ({label})" if label else ""
    measured = (
        f"measured, as `kind` says: stored from data/accuracy or live on this machine{own}; modelled_ms is modelled"
    )
    tables = {
        "tokens": ("Tokens left after each block", counted, answer.tokens, stage.figures[0]),
        "latency": ("Modelled latency by split", modelled, answer.latency.drop(columns=UNWANTED), stage.figures[1]),
        "accuracy": ("Accuracy over the levels", measured, accuracy, stage.figures[2]),
        "levels": ("Modelled latency by level", modelled, answer.levels, None),
    }
    found = {
        name: Sheet(name=name, title=title, kind=kind, table=table, draw=figure and _drawing(figure))
        for name, (title, kind, table, figure) in tables.items()
    }
    if stage.groups is not None:
        found["picture"] = _picture(stage, own)
    return found


def _drawing(figure: dict):
    def draw(format: str, facts: dict[str, str]) -> bytes:
        from janus.figures.still import still

        return still(figure, format, facts)

    return draw


def _picture(stage: Stage, own: str) -> Sheet:
    import pandas as pd

    block, groups = stage.block.value, stage.groups
    side = int(len(groups[0]) ** 0.5)
    rows, columns = np.divmod(np.arange(len(groups[0])), side)
    table = pd.DataFrame({"row": rows, "column": columns} | {f"block_{i}": tokens for i, tokens in enumerate(groups)})
    name, pixels = stage.which.value, stage.pixels

    def draw(format: str, facts: dict[str, str]) -> bytes:
        from janus.figures.still import pictures_still

        shown = [(name, pixels), (f"merged tokens after block {block}", outline_groups(pixels, groups[block]))]
        return pictures_still(shown, format, f"Merged tokens on a picture: {name}", facts)

    kind = f"computed by the loaded model{own}: the token that each patch of {name} is in, after each block"
    return Sheet(name="picture", title="Merged tokens on a picture", kind=kind, table=table, draw=draw)
