"""Images with YOLO's text labels: a file for each image, a line for each object."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from janus.coco.categories import to_id
from janus.coco.truth import DetectionSet, Truth, make_truth
from janus.data import Entry, ImageSet
from janus.data.folders import SUFFIXES
from janus.data.pictures import SEED, spread
from janus.errors import JanusError

# A corner may leave the image by the rounding of six printed digits, no further.
SLACK = 1e-5


def is_yolo(root: Path) -> bool:
    """Whether a folder has images and YOLO labels in it."""
    return bool(_folders(root, "images") and _folders(root, "labels"))


def open_yolo(root: Path) -> DetectionSet:
    """A folder with ``images`` and ``labels`` in it, or one level further down, of the same layout inside.

    An image without a label file has no object on it, as YOLO has it. A label file without an image is named and
    counted as a skipped image. Classes count COCO's 80 from 0.

    Raises:
        JanusError: If there is no image or no label, one of the folders is there twice, or two images have one name.
    """
    where = f"images {root}"
    pictures, texts = (_only(root, kind) for kind in ("images", "labels"))
    files = {}
    for path in _below(pictures, SUFFIXES):
        key = path.relative_to(pictures).with_suffix("").as_posix()
        if key in files:
            raise JanusError(f"{where}: {files[key].name} and {path.name} would share one label file; rename one.")
        files[key] = path
    labels = {path.relative_to(texts).with_suffix("").as_posix(): path for path in _below(texts, (".txt",))}
    if not files or not labels:
        what = "image" if not files else "label file"
        raise JanusError(f"{where}: there is no {what} in it; give a folder with images and labels.")
    # Labels may cover one part of the images (train, val): the other parts are no part of the set.
    parts = {key.rpartition("/")[0] for key in labels}
    files = {key: path for key, path in files.items() if key.rpartition("/")[0] in parts}
    keys = sorted(files | labels)
    ids = _ids(keys, where)
    entries = []
    for key in (keys[i] for i in spread(keys)):
        name = files[key].relative_to(pictures).as_posix() if key in files else f"{key}.txt"
        label: Any = partial(_truth, ids[key], labels.get(key))
        entries.append(Entry(name, label, files[key].read_bytes if key in files else _no_image))
    name = root.resolve().name
    facts = {
        "images": name,
        "labels": "YOLO text",
        "n_files": len(files),
        "n_without_label_file": len(files.keys() - labels.keys()),
        "seed": SEED,
    }
    return DetectionSet(
        images=ImageSet(name=name, entries=lambda: entries, total=len(entries), classes=None, facts=facts)
    )


def parse_yolo(text: str, width: int, height: int, image_id: int) -> Truth:
    """The objects of a label file: lines of class, centre x, centre y, width and height, as shares of the image.

    Raises:
        JanusError: If a line is not that, or its box is not on the image; it says which line.
    """
    boxes, labels = [], []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 5:
            raise JanusError(f"line {number} of its labels has {len(fields)} fields where 5 are due")
        try:
            index, (x, y, w, h) = int(fields[0]), (float(field) for field in fields[1:])
        except ValueError as why:
            raise JanusError(f"line {number} of its labels is not a class and four numbers: {line[:60]!r}") from why
        if not all(math.isfinite(value) for value in (x, y, w, h)):
            raise JanusError(f"line {number} of its labels has a number that is not finite")
        if not all(0 <= value <= 1 for value in (x, y, w, h)):
            raise JanusError(f"line {number} of its labels has a number outside 0…1: {line[:60]!r}")
        edges = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        if min(edges) < -SLACK or max(edges) > 1 + SLACK:
            raise JanusError(f"line {number} of its labels has a box that reaches beyond the image")
        try:
            labels.append(to_id(index))
        except JanusError as why:
            raise JanusError(f"line {number} of its labels: {why}") from why
        boxes.append([edge * side for edge, side in zip(edges, (width, height, width, height), strict=True)])
    return make_truth(image_id, boxes, labels)


def _truth(image_id: int, path: Path | None, width: int, height: int) -> Truth:
    if path is None:
        return make_truth(image_id, [], [])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as why:
        raise JanusError(f"its label file {path.name} cannot be read ({why})") from why
    return parse_yolo(text, width, height, image_id)


def _no_image() -> bytes:
    raise JanusError("there are labels for it and no image")


def _ids(keys: list[str], where: str) -> dict[str, int]:
    """COCO's own ids where every file is named by one, else places in the order of names, from 1."""
    stems = [key.rpartition("/")[2] for key in keys]
    if not all(stem.isascii() and stem.isdigit() for stem in stems):
        return {key: i for i, key in enumerate(keys, 1)}
    ids: dict[int, str] = {}
    for key, stem in zip(keys, stems, strict=True):
        if int(stem) in ids:
            raise JanusError(f"{where}: {ids[int(stem)]} and {key} have the same image id {int(stem)}; rename one.")
        ids[int(stem)] = key
    return {key: i for i, key in ids.items()}


def _folders(root: Path, name: str) -> list[Path]:
    return sorted(path for pattern in (name, f"*/{name}") for path in root.glob(pattern) if path.is_dir())


def _only(root: Path, name: str) -> Path:
    found = {path.resolve(): path for path in reversed(_folders(root, name))}
    if len(found) != 1:
        many = f"{len(found)} folders" if found else "no folder"
        raise JanusError(f"images {root}: there is {many} named {name} in it; give a folder with one.")
    return next(iter(found.values()))


def _below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file():
            yield path
