"""Rows of a `datasets` table as images with labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from janus.data.labels import class_indices
from janus.data.pictures import SEED, Entry, ImageSet, spread
from janus.errors import JanusError, JanusWarning

# Names that a label column goes by, in order of preference where a table has several.
LABELS = ("label", "labels", "fine_label", "cls", "class", "target")


def image_column(features, where: str) -> str:
    """The column that holds the images.

    Raises:
        JanusError: If there is none.
    """
    import datasets

    for name, feature in (features or {}).items():
        if isinstance(feature, datasets.Image):
            return name
    raise JanusError(f"{where}: none of its columns ({', '.join(features or {})}) holds images; give an image set.")


def label_column(features) -> str | None:
    """The column that holds the labels; None if there is none that looks like it."""
    import datasets

    kinds = {name for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)}
    if len(kinds) == 1:
        return kinds.pop()
    values = {name for name, feature in features.items() if isinstance(feature, datasets.Value)}
    return next((name for among in (kinds, values) for name in LABELS if name in among), None)


def label_reader(features, column: str | None, classes: int, where: str) -> Callable[[Any], int]:
    """A function from what stands in the label column to the class of a head of ``classes``.

    Raises:
        JanusError: If the labels don't match the head; so does the function, for what only a row can show.
    """
    import datasets

    if column is None:
        raise JanusError(f"{where}: none of its columns ({', '.join(features)}) holds labels; give a labelled set.")
    feature = features[column]
    if isinstance(feature, datasets.ClassLabel):
        return partial(by_table, table=class_indices(feature.names, classes, where), where=where)
    if "int" in feature.dtype:
        warnings.warn(
            f"{where}: its labels are bare numbers; they are taken to count the model's {classes} classes.",
            JanusWarning,
            stacklevel=3,
        )
        return partial(by_table, table=list(range(classes)), where=where)
    return partial(_by_name, classes=classes, where=where)


def by_table(raw: int, *, table: list[int], where: str) -> int:
    if raw is None or raw < 0:
        raise JanusError(f"{where}: this split has no labels; choose another with NAME:SPLIT.")
    if raw >= len(table):
        raise JanusError(f"{where}: label {raw} doesn't match the head, which has {len(table)} classes.")
    return table[raw]


def _by_name(raw: str, *, classes: int, where: str) -> int:
    return class_indices([str(raw)], classes, where)[0]


def table_set(table, classes: int | None, *, name: str, facts: dict) -> ImageSet:
    """A table on disk as an image set, in the order of `ImageSet`."""
    import datasets

    where = f"images {name}"
    if len(table) == 0:
        raise JanusError(f"{where}: it holds no image; give another set or split.")
    column = image_column(table.features, where)
    labels = label_column(table.features)
    meaning = None if classes is None else label_reader(table.features, labels, classes, where)
    table = table.cast_column(column, datasets.Image(decode=False))
    keep = [column] if meaning is None else [column, labels]
    table = table.select_columns(keep)

    def entries():
        for i in spread([str(i) for i in range(len(table))]):
            row = table[i]
            label = None if meaning is None else meaning(row[labels])
            yield Entry(row_name(row[column], i), label, partial(row_bytes, row[column]))

    return ImageSet(name=name, entries=entries, total=len(table), classes=classes, facts=facts | {"seed": SEED})


def row_name(image: dict, index: int) -> str:
    """What to call an undecoded image: its file, or its place."""
    return Path(image["path"]).name if image.get("path") else f"#{index}"


def row_bytes(image: dict) -> bytes:
    """The bytes of an undecoded image."""
    data = image["bytes"]
    return data if data is not None else Path(image["path"]).read_bytes()
