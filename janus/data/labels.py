"""From the names of a set's classes to the classes of a model's head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from timm.data import ImageNetInfo, infer_imagenet_subset

from janus.errors import JanusError

WNID = re.compile(r"n\d{8}")


def class_indices(names: Sequence[str], classes: int, where: str) -> list[int]:
    """The class of the head that each name means.

    ImageNet ids (wnids) and ImageNet's names are understood for heads of ImageNet's sizes, also where only some of
    the classes occur. Otherwise there must be as many names as classes, and their order counts; names that are
    numbers count as such.

    Args:
        names: Class names in the set's own order.
        classes: Classes of the model's head.
        where: What to call the set in an error.

    Raises:
        JanusError: If the labels don't match the head.
    """
    known = imagenet_classes(classes)
    if names and all(WNID.fullmatch(name) for name in names) and (known or len(names) != classes):
        strangers = [name for name in names if name not in known]
        if strangers:
            why = f"where {strangers[0]} is no class" if known else "which is not an ImageNet head"
            raise _mismatch(where, names, classes, why)
        return [known[name] for name in names]
    meant = [known.get(_plain(name)) for name in names]
    if names and None not in meant and len(set(meant)) == len(meant):
        return [index for index in meant if index is not None]
    if len(names) != classes:
        why = "and the names are not ImageNet's" if known else "which needs a name for each class"
        raise _mismatch(where, names, classes, why)
    if set(names) == {str(i) for i in range(classes)}:
        return [int(name) for name in names]
    return list(range(classes))


def _mismatch(where: str, names: Sequence[str], classes: int, why: str) -> JanusError:
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return JanusError(
        f"{where}: the labels don't match the head: {len(names)} classes ({shown}) for a head of {classes}, {why}; "
        "give images of the model's classes, or a model of these classes."
    )


@lru_cache(maxsize=4)
def imagenet_classes(classes: int) -> dict[str, int]:
    """Index by wnid, by full name and by each unambiguous synonym; empty if no ImageNet has so many classes."""
    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        return {}
    info = ImageNetInfo(subset)
    wnids = info.label_names()
    found = {wnid: i for i, wnid in enumerate(wnids)}
    synonyms: dict[str, set[int]] = {}
    for i, wnid in enumerate(wnids):
        name = _plain(info.label_name_to_description(wnid, detailed=False))
        for word in {name, *name.split(", ")}:
            synonyms.setdefault(word, set()).add(i)
    found |= {word: min(indices) for word, indices in synonyms.items() if len(indices) == 1}
    return found


def _plain(name: str) -> str:
    return name.replace("_", " ").strip().lower()
