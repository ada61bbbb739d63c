"""Rows of a `datasets` table as images with boxes: from the hub by name and revision, or from Parquet on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from janus.coco.categories import ID_OF
from janus.coco.truth import DetectionSet, Truth, check_inside, make_truth
from janus.data import Entry, ImageSet
from janus.data.pictures import SEED, spread
from janus.data.records import image_column, row_bytes, row_name
from janus.data.sets import (
    find_manifest,
    local_table,
    streamed_facts,
    streamed_features,
    streamed_records,
    whole_table,
)
from janus.errors import JanusError

# What boxes are where it is known; COCO's own way is left, top, width, height.
FORMATS = {"detection-datasets/coco": "xyxy"}
OBJECTS = ("objects", "annotations")
BOXES = ("bbox", "bboxes", "boxes")
CATEGORIES = ("category", "categories", "category_id", "label", "labels")
IMAGE_IDS = ("image_id", "id")


def open_hub_table(name: str, revision: str | None, split: str | None, box_format: str | None) -> DetectionSet:
    """A set on the hub, or what an earlier run has kept of it; a large one is streamed.

    Raises:
        JanusError: If it does not exist, is out of reach, or holds no boxes of COCO's categories.
    """
    manifest = find_manifest(name, revision, split)
    if manifest.whole:
        return table_detections(whole_table(manifest), name, manifest.facts, box_format)
    where = f"images {name}"
    features = streamed_features(manifest)
    column, reader = image_column(features, where), _Reader(features, name, box_format)

    def entries() -> Iterator[Entry]:
        rows = streamed_records(manifest, column, lambda row: json.dumps(reader.pick(row)), "-boxes")
        for i, record in enumerate(rows):
            label: Any = partial(reader.truth, json.loads(str(record.label)), i + 1)
            yield Entry(record.name, label, partial(_data, record.data))

    facts = manifest.facts | streamed_facts() | {"box_format": reader.format}
    return DetectionSet(images=ImageSet(name=name, entries=entries, total=None, classes=None, facts=facts))


def open_local_table(path: Path, split: str | None, box_format: str | None) -> DetectionSet:
    """A folder or file of tables.

    Raises:
        JanusError: If `datasets` cannot read it, or it holds no boxes of COCO's categories.
    """
    table, facts = local_table(path, split)
    return table_detections(table, facts["images"], facts, box_format)


def table_detections(table: Any, name: str, facts: dict, box_format: str | None) -> DetectionSet:
    """A table on disk as a set, in the order of `ImageSet`.

    Raises:
        JanusError: If it is empty, holds no boxes of COCO's categories, or an image id stands twice in it.
    """
    import datasets

    where = f"images {name}"
    if len(table) == 0:
        raise JanusError(f"{where}: it holds no image; give another set or split.")
    column, reader = image_column(table.features, where), _Reader(table.features, name, box_format)
    if reader.image_id:
        ids = list(table[reader.image_id])
        if len(set(ids)) < len(ids):
            twice = next(i for place, i in enumerate(ids) if i in ids[:place])
            raise JanusError(f"{where}: image id {twice} stands twice in it; give a table with each image once.")
    table = table.cast_column(column, datasets.Image(decode=False)).select_columns([column, *reader.columns])

    def entries() -> Iterator[Entry]:
        for i in spread([str(i) for i in range(len(table))]):
            row = table[i]
            label: Any = partial(reader.truth, reader.pick(row), i + 1)
            yield Entry(row_name(row[column], i), label, partial(row_bytes, row[column]))

    facts = facts | {"box_format": reader.format, "seed": SEED}
    return DetectionSet(images=ImageSet(name=name, entries=entries, total=len(table), classes=None, facts=facts))


class _Reader:
    """Makes a `Truth` of a row, whose objects stand as a list of dictionaries or as a dictionary of lists."""

    def __init__(self, features: Any, name: str, box_format: str | None) -> None:
        where = f"images {name}"
        self.format = box_format or FORMATS.get(name, "xywh")
        if self.format not in ("xywh", "xyxy"):
            raise JanusError(f"{where}: the box format {box_format!r} is unknown; choose xywh or xyxy.")
        objects = next((key for key in OBJECTS if key in features), None)
        inner = _inner(features[objects]) if objects else {}
        self.boxes = next((key for key in BOXES if key in inner), None)
        self.category = next((key for key in CATEGORIES if key in inner), None)
        if not (objects and self.boxes and self.category):
            raise JanusError(
                f"{where}: none of its columns ({', '.join(features)}) holds objects with boxes and categories; give a "
                "set for detection."
            )
        self.objects = objects
        self.extras = [key for key in ("area", "iscrowd") if key in inner]
        numbers = getattr(features.get(next((key for key in IMAGE_IDS if key in features), "")), "dtype", "")
        self.image_id = next((key for key in IMAGE_IDS if key in features), None) if "int" in numbers else None
        self.meaning = _meaning(_scalar(inner[self.category]), where)

    @property
    def columns(self) -> list[str]:
        return [self.objects, *([self.image_id] if self.image_id else [])]

    def pick(self, row: dict) -> dict:
        """What `truth` needs of a row, in JSON's types."""
        objects = row[self.objects] or []
        keys = [self.boxes, self.category, *self.extras]
        if isinstance(objects, dict):
            lists = {key: [_plain(value) for value in objects[key]] for key in keys}
        else:
            lists = {key: [_plain(one[key]) for one in objects] for key in keys}
        return {"image_id": int(row[self.image_id]) if self.image_id else None, **lists}

    def truth(self, picked: dict, place: int, width: int, height: int) -> Truth:
        image_id = place if picked["image_id"] is None else picked["image_id"]
        boxes = picked[self.boxes]
        if self.format == "xywh":
            try:
                boxes = [[x, y, x + w, y + h] for x, y, w, h in boxes]
            except (TypeError, ValueError) as why:
                raise JanusError("one of its boxes is not four numbers") from why
        labels = [self.meaning(category) for category in picked[self.category]]
        truth = make_truth(image_id, boxes, labels, crowd=picked.get("iscrowd"), areas=picked.get("area"))
        try:
            return check_inside(truth, width, height)
        except JanusError as why:
            raise JanusError(f"{why}, its boxes being taken for {self.format}") from why


def _meaning(feature: Any, where: str) -> Callable[[Any], int]:
    """From what stands for a category to COCO's id."""
    names = getattr(feature, "names", None)
    if names is None and "string" not in getattr(feature, "dtype", ""):
        raise JanusError(f"{where}: its categories are bare numbers, which nothing explains; give a set with names.")
    if names is not None and not set(names) & ID_OF.keys():
        raise JanusError(f"{where}: its categories ({', '.join(names[:3])}, …) are not COCO's; give a set of COCO's.")

    def meaning(category: Any) -> int:
        inside = names is None or (category is not None and 0 <= category < len(names))
        name = category if names is None else names[category] if inside else f"#{category}"
        if name not in ID_OF:
            raise JanusError(f"its category {name!r} is none of COCO's")
        return ID_OF[name]

    return meaning


def _inner(feature: Any) -> dict:
    """The fields of a column of objects, however `datasets` nests them."""
    while not isinstance(feature, dict):
        if isinstance(feature, list):
            feature = feature[0]
        elif hasattr(feature, "feature"):
            feature = feature.feature
        else:
            return {}
    return feature


def _scalar(feature: Any) -> Any:
    while hasattr(feature, "feature"):
        feature = feature.feature
    return feature


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _data(data: bytes) -> bytes:
    return data
