"""Tables of the detection lesson: a detector that knows its pictures by heart, under every level, split and codec."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from janus.errors import JanusError
from janus.files import data_folder

if TYPE_CHECKING:
    from janus.coco import ComparedDetector

STORED = "measured-overfit.json"
NOTHING = "–"  # travels at the last split


def detection_table(scored: Sequence[ComparedDetector]) -> pd.DataFrame:
    """One row a configuration: ``r, split, codec, map_percent, tokens_left, kilobytes, pictures``."""
    return _table([one.row() for one in scored])


def _table(rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "r": int(row["level"]),
            "split": row["split"],
            "codec": row["codec"] or NOTHING,
            "map_percent": float(row["ap"]),
            "tokens_left": row["tokens"][-1],
            "kilobytes": row["payload_bytes"] / 1000,
            "pictures": row["n"],
        }
        for row in rows
    )


def stored_overfit() -> pd.DataFrame:
    """What `janus bench overfit --out` left in ``data/results`` of the handful of pictures, like `detection_table`.

    ``attrs``: ``about`` says in words where it comes from; ``blank`` is the mAP of blank pictures in their place, and
    ``all`` that of all ``all_n`` images with their ``all_objects`` objects, unsplit.

    Raises:
        JanusError: If it is not there.
    """
    path = data_folder("results") / STORED
    try:
        doc = json.loads(path.read_text(encoding="utf-8"))
        rows, facts = doc["results"], doc["provenance"]
        table = _table([row for row in rows if row["images"] == "handful"])
        whole = next(row for row in rows if row["images"] == "all" and row["codec"] is None)
        hardware, training = facts["hardware"], facts["training"]
        table.attrs |= {
            "about": f"stored: {facts['model']}, {training['steps']} steps on {len(facts['chosen'])} photographs, by "
            f"`{facts['command']}` on {facts['date']}, {hardware['processor']}, {hardware['cores']} cores",
            "blank": next(row["ap"] for row in rows if row["images"] == "blank"),
            "all": whole["ap"], "all_n": whole["n"], "all_objects": whole["objects"],
        }  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as why:
        raise JanusError(f"{path}: is not what `janus bench overfit --out` writes; make it again.") from why
    return table


def byte_table(table: pd.DataFrame) -> pd.DataFrame:
    """What crosses the cut as int8 tokens at each split between first and last block, and the picture as a JPEG.

    The JPEG is the same under every level and stands once.
    """
    tokens = table[table["codec"] == "int8"]
    jpeg = table[table["codec"].str.startswith("jpeg")].drop_duplicates("codec")
    return pd.concat([tokens, jpeg], ignore_index=True)
