"""COCO's own annotation files: ``instances_*.json`` beside a folder of images."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from janus.coco.categories import ID_OF, NAME_OF
from janus.coco.truth import DetectionSet, Truth, check_inside, make_truth
from janus.data import Entry, ImageSet
from janus.data.pictures import SEED, spread
from janus.errors import JanusError
from janus.files import parse_json


def open_instances(path: Path, images: Path | None = None) -> DetectionSet:
    """A COCO annotation file and its images.

    The file as a whole must fit together: ids are unique, and each annotation has its image and its category.
    Categories that go by COCO's names get COCO's ids, whatever theirs are. What is wrong with one annotation's box
    leaves out its image, by name.

    Args:
        path: ``…/instances_val2017.json``, say.
        images: The folder of the images; None to look for ``images`` or ``val2017`` beside the file or one level up.

    Raises:
        JanusError: If it is no such file, does not fit together, or the folder of images is not found.
    """
    where = f"annotations {path}"
    try:
        raw = parse_json(path.read_text(encoding="utf-8"))
        listed = {int(image["id"]): image for image in raw["images"]}
        categories = {int(category["id"]): str(category["name"]) for category in raw["categories"]}
        counts = {"image": len(raw["images"]), "category": len(raw["categories"]), "annotation": 0}
        annotations, seen = defaultdict(list), set()
        for annotation in raw["annotations"]:
            counts["annotation"] += 1
            seen.add(int(annotation["id"]))
            annotations[int(annotation["image_id"])].append(annotation)
        names = {i: _safe(image["file_name"], where) for i, image in listed.items()}
        used = {int(annotation["category_id"]) for annotation in raw["annotations"]}
    except JanusError:
        raise
    except OSError as why:
        raise JanusError(f"{where}: it cannot be read ({why.strerror or why}); give another file.") from why
    except (ValueError, TypeError, KeyError, OverflowError) as why:
        kind = f"{type(why).__name__}: {why}"
        raise JanusError(f"{where}: it is not a COCO annotation file ({kind}); give an instances_*.json.") from why
    for kind, ids in (("image", listed), ("category", categories), ("annotation", seen)):
        if len(ids) < counts[kind]:
            raise JanusError(f"{where}: an {kind} id stands twice in it; mend the file.".replace("an cat", "a cat"))
    if strangers := annotations.keys() - listed.keys():
        raise JanusError(f"{where}: it annotates image {min(strangers)}, which it does not list; mend the file.")
    if strangers := used - categories.keys():
        raise JanusError(f"{where}: category {min(strangers)} is used and not listed in it; mend the file.")
    if len(set(names.values())) < len(names) or not names:
        what = "two images have the same file" if names else "it lists no image"
        raise JanusError(f"{where}: {what}; mend the file or give another.")
    folder = images or _find_images(path, next(iter(names.values())))
    meaning = _meaning(categories, where)
    entries = []
    order = sorted(names)
    for i in (order[place] for place in spread([names[i] for i in order])):
        label: Any = partial(_truth, listed[i], annotations.get(i, []), meaning)
        entries.append(Entry(names[i], label, (folder / names[i]).read_bytes))
    facts = {"images": folder.resolve().name, "annotations": path.name, "n_files": len(names), "seed": SEED}
    return DetectionSet(
        images=ImageSet(name=path.stem, entries=lambda: entries, total=len(entries), classes=None, facts=facts)
    )


def _meaning(categories: dict[int, str], where: str) -> dict[int, int]:
    """From the file's category ids to COCO's, by name.

    A file of other things than COCO's keeps its own ids: its figures are right for a detector that counts likewise.
    """
    known = {i: ID_OF[name] for i, name in categories.items() if name in ID_OF}
    if known and len(known) < len(categories):
        stranger = next(name for i, name in categories.items() if i not in known)
        raise JanusError(f"{where}: of its categories {stranger!r} is none of COCO's, while others are; give one kind.")
    if len(set(known.values())) < len(known):
        raise JanusError(f"{where}: two of its categories have the same name; mend the file.")
    return known or {i: i for i in categories}


def _truth(image: dict, annotations: list[dict], meaning: dict[int, int], width: int, height: int) -> Truth:
    said = (image.get("width", width), image.get("height", height))
    if said != (width, height):
        raise JanusError(f"it has {width} x {height} pixels, and its annotations are for {said[0]} x {said[1]}")
    boxes, areas, labels, crowd = [], [], [], []
    for annotation in annotations:
        try:
            x, y, w, h = (float(side) for side in annotation["bbox"])
            areas.append(float(annotation["area"]) if "area" in annotation else w * h)
        except (KeyError, TypeError, ValueError, OverflowError) as why:
            raise JanusError(f"annotation {annotation['id']} has no box of four numbers") from why
        boxes.append([x, y, x + w, y + h])
        labels.append(meaning[int(annotation["category_id"])])
        crowd.append(annotation.get("iscrowd", 0) not in (0, False, None))
    return check_inside(make_truth(int(image["id"]), boxes, labels, crowd=crowd, areas=areas), width, height)


def _safe(name: Any, where: str) -> str:
    parts = PurePosixPath(name).parts if isinstance(name, str) and "\0" not in name else ()
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise JanusError(f"{where}: {str(name)[:60]!r} is no file below the folder of images; mend the file.")
    return name


def _find_images(path: Path, first: str) -> Path:
    split = path.stem.removeprefix("instances_")
    for root in (path.parent, path.parent.parent):
        for folder in (root / "images" / split, root / split, root / "images", root):
            if (folder / first).is_file():
                return folder
    raise JanusError(f"annotations {path}: the folder of its images is not found beside it; name it.")


def to_instances(truths: dict[str, tuple[tuple[int, int], Truth]]) -> dict:
    """Images with their truths as a COCO annotation document.

    Args:
        truths: Width and height, and what stands on it, for each file.
    """
    annotations = [
        {
            "image_id": truth.image_id,
            "category_id": int(label),
            "bbox": [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])],
            "area": float(area),
            "iscrowd": int(crowd),
        }
        for _, truth in truths.values()
        for box, label, area, crowd in zip(truth.boxes, truth.labels, truth.areas, truth.crowd, strict=True)
    ]
    return {
        "images": [
            {"id": truth.image_id, "file_name": name, "width": size[0], "height": size[1]}
            for name, (size, truth) in truths.items()
        ],
        "annotations": [{"id": i} | annotation for i, annotation in enumerate(annotations, 1)],
        "categories": [{"id": i, "name": name} for i, name in NAME_OF.items()],
    }
