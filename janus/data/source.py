"""What ``--images`` means: a folder, or the name of a data set."""

from __future__ import annotations

import re
from pathlib import Path

from janus.data.demo import open_demo
from janus.data.folders import SUFFIXES, open_folder
from janus.data.pictures import ImageSet
from janus.data.sets import open_hub_set, open_local_set
from janus.demo import NAME as DEMO
from janus.errors import JanusError
from janus.hub import DEFAULT_IMAGES

NAME = re.compile(r"(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?(?::(?P<split>[\w.-]+))?")
TABLES = (".parquet", ".arrow", ".tar")


def open_images(source: str | Path = DEFAULT_IMAGES, *, classes: int | None = None) -> ImageSet:
    """Open images by folder or by name.

    Args:
        source: A folder of class subfolders or of pictures; a folder or a Parquet file that `datasets` understands,
            with ``:SPLIT`` behind it if it has several; the name of a data set on the hub,
            ``NAME[@REVISION][:SPLIT]``; or ``demo[:SPLIT]``, the pictures that Janus renders itself.
        classes: Classes of the head that the labels must match; None for pictures, whose labels don't matter.

    Raises:
        JanusError: If there is no such thing, it holds no images, or its labels don't match the head.
    """
    text = str(source)
    path, split = Path(text).expanduser(), None
    if not path.exists():
        before, _, behind = text.rpartition(":")
        if before and Path(before).expanduser().exists():
            path, split = Path(before).expanduser(), behind
    if path.is_dir():
        return open_local_set(path, split, classes) if _holds_tables(path) else open_folder(path, classes)
    if path.suffix in TABLES and path.is_file():
        return open_local_set(path, split, classes)
    if path.exists():
        raise JanusError(f"images {source}: this is a file; give its folder, or a Parquet file.")
    match = NAME.fullmatch(text)
    if not match or text.startswith("."):
        raise JanusError(
            f"images {source}: there is no such folder, and it is not the name of a data set either "
            "(NAME[@REVISION][:SPLIT]); give one of the two."
        )
    if match["name"] == DEMO and not match["revision"]:
        return open_demo(match["split"], classes)
    return open_hub_set(match["name"], match["revision"], match["split"], classes)


def _holds_tables(folder: Path) -> bool:
    """Whether `datasets` has to read this folder: it holds tables of images and no image files."""
    suffixes = {path.suffix.lower() for pattern in ("*", "*/*") for path in folder.glob(pattern)}
    return bool(suffixes & set(TABLES)) and not suffixes & set(SUFFIXES)
