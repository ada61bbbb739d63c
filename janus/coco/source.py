"""What a set of images with boxes may be given as: a folder, a file, or the name of a data set."""

from __future__ import annotations

from pathlib import Path

from janus.coco.instances import open_instances
from janus.coco.tables import open_hub_table, open_local_table
from janus.coco.truth import DetectionSet
from janus.coco.yolo import is_yolo, open_yolo
from janus.data.source import NAME, TABLES
from janus.errors import JanusError


def open_detection(
    source: str | Path, *, images: str | Path | None = None, box_format: str | None = None
) -> DetectionSet:
    """Open images with boxes by folder, file or name.

    Args:
        source: A folder with ``images`` and ``labels`` (YOLO's text); a COCO annotation file ``*.json``, or a folder
            with one in it or in its ``annotations``; a Parquet file or a folder of them, with ``:SPLIT`` behind it if
            it has several; or the name of a data set on the hub, ``NAME[@REVISION][:SPLIT]``.
        images: The folder of the images, where an annotation file does not stand beside it.
        box_format: Of tables: ``xywh`` (left, top, width, height, as COCO has it) or ``xyxy``; None for what is known
            of the set, else ``xywh``.

    Raises:
        JanusError: If there is no such thing, or it holds no images with boxes.
    """
    text = str(source)
    path, split = Path(text).expanduser(), None
    if not path.exists():
        before, _, behind = text.rpartition(":")
        if before and Path(before).expanduser().exists():
            path, split = Path(before).expanduser(), behind
    if path.suffix == ".json" and path.is_file():
        return open_instances(path, None if images is None else Path(images))
    if path.is_dir() and is_yolo(path):
        return open_yolo(path)
    if path.is_dir() and (found := sorted({*path.glob("instances*.json"), *path.glob("annotations/instances*.json")})):
        if len(found) > 1:
            names = ", ".join(file.name for file in found)
            raise JanusError(f"images {source}: there are {len(found)} annotation files ({names}); give one of them.")
        return open_instances(found[0], None if images is None else Path(images))
    if path.is_dir() and any(file.suffix in TABLES for file in (*path.glob("*"), *path.glob("*/*"))):
        return open_local_table(path, split, box_format)
    if path.suffix in TABLES and path.is_file():
        return open_local_table(path, split, box_format)
    if path.exists():
        raise JanusError(
            f"images {source}: there are no boxes with it; give a folder with images and labels, a COCO annotation "
            "file (*.json), or Parquet files."
        )
    match = NAME.fullmatch(text)
    if not match or text.startswith("."):
        raise JanusError(
            f"images {source}: there is no such file or folder, and it is not the name of a data set either "
            "(NAME[@REVISION][:SPLIT]); give one of them."
        )
    return open_hub_table(match["name"], match["revision"], match["split"], box_format)
