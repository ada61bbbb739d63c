"""Images in a folder: class subfolders, or a flat heap of pictures."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from janus.data.labels import WNID, class_indices
from janus.data.pictures import SEED, Entry, ImageSet, spread
from janus.errors import JanusError, JanusWarning

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def open_folder(root: Path, classes: int | None) -> ImageSet:
    """The images of a folder.

    With class subfolders, images are labelled by them (see `class_indices`); subfolders deeper down are searched too.
    Hidden files and files that are not named like images are none.

    Args:
        root: The folder.
        classes: Classes of the head that the labels must match; None for pictures without labels.

    Raises:
        JanusError: If there is no image, or the labels don't match the head.
    """
    heap = [name for name in sorted(os.listdir(root)) if _is_image(root / name)]
    folders = sorted(
        entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith((".", "__"))
    )
    by_folder = {folder: _images_below(root, folder) for folder in folders}
    inside = sum(map(len, by_folder.values()))
    if not heap and not inside:
        raise JanusError(f"images {root}: the folder holds no image ({', '.join(SUFFIXES)}); give another.")
    labels: dict[str, int] = {}
    if inside:
        if heap and classes is not None:
            warnings.warn(
                f"images {root}: {len(heap)} images outside the class subfolders have no label and are left out.",
                JanusWarning,
                stacklevel=3,
            )
            heap = []
        if classes is not None:
            used = [folder for folder in folders if by_folder[folder]]
            # An empty folder among wnids means nothing; elsewhere it still counts as a class.
            names = used if all(WNID.fullmatch(folder) for folder in used) else folders
            labels = dict(zip(names, class_indices(names, classes, f"images {root}"), strict=True))
    labelled = bool(labels)
    files: list[tuple[str, int | None]] = [(name, None) for name in heap]
    files += [(name, labels.get(folder)) for folder in folders for name in by_folder[folder]]
    files = [files[i] for i in spread([name for name, _ in files])]
    name = root.resolve().name
    return ImageSet(
        name=name,
        entries=lambda: [Entry(file, label, partial(_read, root / file)) for file, label in files],
        total=len(files),
        classes=classes if labelled else None,
        facts={"images": name, "n_files": len(files), "seed": SEED, "files_sha256": _fingerprint(root, files)},
    )


def _images_below(root: Path, folder: str) -> list[str]:
    """Images below a subfolder, as posix paths relative to ``root``, sorted."""
    return sorted(_walk(root, root / folder))


def _walk(root: Path, folder: Path) -> Iterator[str]:
    for here, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in files:
            path = Path(here) / name
            if _is_image(path):
                yield path.relative_to(root).as_posix()


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _fingerprint(root: Path, files: Iterable[tuple[str, int | None]]) -> str:
    """SHA-256 over names and sizes: tells one set of files from another without reading them."""
    digest = hashlib.sha256()
    for name, _ in files:
        digest.update(f"{name} {os.stat(root / name).st_size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
