"""Sets of clips: a folder of class folders, a heap, a single file, or a video set of `datasets` on disk."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from janus import demo
from janus.clips.frames import read_frames
from janus.clips.resize import ClipPreprocess
from janus.data import Skipped
from janus.data.pictures import SEED, spread
from janus.data.records import by_table, label_column
from janus.data.sets import find_manifest, local_table, whole_table
from janus.data.source import NAME, TABLES
from janus.errors import JanusError

# Clips of a split of the demo set: each motion so often.
DEMO_COUNT = 50 * len(demo.MOTIONS)
SUFFIXES = (".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".3gp")


class Clip(NamedTuple):
    """One clip of a set: its name, its prepared frames, and its class (None without labels)."""

    name: str
    frames: Any
    label: int | None


class ClipEntry(NamedTuple):
    """One clip before it is read: a file, or a function that gives its bytes or its frames."""

    name: str
    label: int | None
    source: Path | Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class ClipSet:
    """Clips in one fixed order: shuffled by the hashes of their names, so that the first n are a fair sample.

    Attributes:
        name: What to call it.
        entries: Gives the clips in order, anew at each call.
        total: How many there are.
        names: Of the classes, in the order of the model's head; empty for a set without labels.
        facts: Where it comes from, for provenance.
    """

    name: str
    entries: Callable[[], Iterator[ClipEntry]]
    total: int
    names: tuple[str, ...]
    facts: dict = field(default_factory=dict)

    def stream(
        self,
        preprocess: ClipPreprocess | None = None,
        *,
        pixels: bool = False,
        limit: int | None = None,
        workers: int = 2,
        ahead: int = 8,
    ) -> Iterator[Clip | Skipped]:
        """Read, decode and prepare clips beside the caller's own work, in order.

        Args:
            preprocess: Of the model; None for VideoMAE's.
            pixels: Stop at 8-bit pixels of the input's size, before they are normalised.
            limit: Take only the first so many; those that do not decode count too.
            workers: Threads.
            ahead: Clips in work at once.
        """
        prepare = preprocess or ClipPreprocess()
        finish = prepare.clip if pixels else prepare

        def work(entry: ClipEntry) -> Clip | Skipped:
            try:
                source = entry.source if isinstance(entry.source, Path) else entry.source()
                return Clip(entry.name, finish(read_frames(source, prepare.frames, prepare.stride)), entry.label)
            except JanusError as why:
                return Skipped(entry.name, str(why))
            except OSError as why:
                return Skipped(entry.name, f"cannot be read: {why.strerror or why}")

        entries = islice(self.entries(), limit)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="janus-clips")
        try:
            pending = deque(pool.submit(work, entry) for entry in islice(entries, ahead))
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(work, entry) for entry in islice(entries, 1))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def read_names(path: str | Path) -> tuple[str, ...]:
    """The names of a head's classes from a file with one a line, in order.

    Raises:
        JanusError: If it cannot be read, is empty, or a name stands twice in it.
    """
    try:
        names = tuple(line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as why:
        raise JanusError(f"names {path}: they cannot be read ({why}); give a file with one name a line.") from why
    if not names or len(set(map(plain, names))) < len(names):
        what = "a name stands twice in it" if names else "there is no name in it"
        raise JanusError(f"names {path}: {what}; give a file with one name a line.")
    return names


def open_clips(
    source: str | Path, *, names: Sequence[str] | str | Path = (), labels: Sequence[str] | None = None
) -> ClipSet:
    """Open clips by folder, file or name.

    Args:
        source: A folder of class folders, or of clips without labels; one video file; a Parquet file or a folder of
            them, with ``:SPLIT`` behind it if it has several; or the name of a video set on the hub,
            ``NAME[@REVISION][:SPLIT]``; or ``demo[:SPLIT]``, the clips that Janus renders itself.
        names: Of the classes in the order of the model's head, or a file with one a line; without, clips have no
            label. Folders mean them whatever their case, with ``_`` for a blank.
        labels: Class names of single clips, in the sorted order of the files of a heap.

    Raises:
        JanusError: If there is no such thing, it holds no clip, or a folder is none of the names.
    """
    known = read_names(names) if isinstance(names, (str, Path)) else tuple(names)
    path, split = Path(source).expanduser(), None
    demo_set, _, demo_split = str(source).partition(":")
    if demo_set == demo.NAME and not path.exists():
        return _demo_set(demo_split or "val", known)
    if not path.exists():
        before, _, behind = str(source).rpartition(":")
        if before and Path(before).expanduser().exists():
            path, split = Path(before).expanduser(), behind
    if path.suffix in TABLES or (
        path.is_dir() and any(f.suffix in TABLES for f in (*path.glob("*"), *path.glob("*/*")))
    ):
        table, facts = local_table(path, split)
        return _table_set(table, known, facts)
    if path.exists():
        return _folder_set(path, known, labels)
    match = NAME.fullmatch(str(source))
    if not match or str(source).startswith("."):
        raise JanusError(f"clips {source}: there is no such file or folder; give another.")
    manifest = find_manifest(match["name"], match["revision"], match["split"])
    if not manifest.whole:
        raise JanusError(f"clips {source}: the set is too large to fetch; download a part of it and give its folder.")
    return _table_set(whole_table(manifest), known, manifest.facts)


def plain(name: str) -> str:
    """A class name as folders and lists agree on it."""
    return " ".join(name.replace("_", " ").lower().split())


def _folder_set(root: Path, names: tuple[str, ...], labels: Sequence[str] | None) -> ClipSet:
    where = f"clips {root}"
    base = root.parent if root.is_file() else root
    heap = [root.name] if root.is_file() else [file.name for file in sorted(root.iterdir()) if _is_clip(file)]
    below = {} if root.is_file() else {
        folder.name: sorted(file.relative_to(root).as_posix() for file in folder.rglob("*") if _is_clip(file))
        for folder in sorted(root.iterdir()) if folder.is_dir() and not folder.name.startswith((".", "__"))
    }  # fmt: skip
    below = {folder: files for folder, files in below.items() if files}
    if not heap and not below:
        raise JanusError(f"{where}: there is no clip in it ({', '.join(SUFFIXES)}); give another.")
    if below and heap and names:
        raise JanusError(f"{where}: {heap[0]} lies outside the class folders; move it into one.")
    if labels is not None and len(labels) != len(heap):
        raise JanusError(f"{where}: {len(labels)} labels are given for {len(heap)} clips; give one for each.")
    index = {plain(name): i for i, name in enumerate(names)}
    files: list[tuple[str, int | None]] = []
    for file, label in zip(heap, labels or [None] * len(heap), strict=True):
        files.append((file, None if label is None else _index(label, index, where)))
    for folder, inside in below.items():
        files += [(file, _index(folder, index, where) if names else None) for file in inside]
    files = [files[i] for i in spread([file for file, _ in files])]
    labelled = all(label is not None for _, label in files)
    size = sum(os.stat(base / file).st_size for file, _ in files)
    return ClipSet(
        name=root.resolve().name,
        entries=lambda: iter([ClipEntry(file, label, base / file) for file, label in files]),
        total=len(files),
        names=names if labelled else (),
        facts={"clips": root.resolve().name, "n_files": len(files), "n_bytes": size, "seed": SEED},
    )


def _demo_set(split: str, names: tuple[str, ...]) -> ClipSet:
    """The demo set's clips, labelled by their motion; rendered when they are asked for."""
    if split not in demo.SPLITS:
        raise JanusError(f"clips {demo.NAME}:{split}: there is no such split; choose one of {', '.join(demo.SPLITS)}.")
    if names and tuple(map(plain, names)) != demo.MOTIONS:
        raise JanusError(
            f"clips {demo.NAME}: its {len(demo.MOTIONS)} classes are {', '.join(demo.MOTIONS)}, not the {len(names)} "
            "given; give no names, or these."
        )
    # Motions take turns in the set.
    clips = [(f"{split}/{index:06d}", index) for index in range(DEMO_COUNT)]
    clips = [clips[i] for i in spread([name for name, _ in clips])]
    return ClipSet(
        name=demo.NAME,
        entries=lambda: (
            ClipEntry(name, index % len(demo.MOTIONS), partial(demo_frames, split, index)) for name, index in clips
        ),
        total=DEMO_COUNT,
        names=demo.MOTIONS,
        facts={"clips": demo.NAME, "split": split, "seed": SEED, "demo_seed": demo.SEED, "label": demo.LABEL},
    )


# Whoever compares schedules asks for the same few clips again and again; each has 2.4 MB.
@lru_cache(maxsize=16)
def demo_frames(split: str, index: int) -> Any:
    """All frames of a clip of the demo set."""
    return demo.clip(split, index).pixels


def _table_set(table: Any, names: tuple[str, ...], facts: dict) -> ClipSet:
    import datasets

    where = f"clips {facts['images']}"
    column = next((key for key, kind in table.features.items() if isinstance(kind, datasets.Video)), None)
    if column is None or not len(table):
        raise JanusError(f"{where}: none of its columns ({', '.join(table.features)}) holds videos; give a video set.")
    labels = label_column(table.features) if names else None
    if names and not isinstance(table.features.get(labels), datasets.ClassLabel):
        raise JanusError(f"{where}: its labels have no names; give a set with a column of class labels.")
    index = {plain(name): i for i, name in enumerate(names)}
    meaning = [_index(name, index, where) for name in table.features[labels].names] if labels else []
    table = table.cast_column(column, datasets.Video(decode=False))
    order = spread([str(i) for i in range(len(table))])

    def entries() -> Iterator[ClipEntry]:
        for i in order:
            row = table[i]
            video = row[column]
            name = Path(video["path"]).name if video.get("path") else f"#{i}"
            source = Path(video["path"]) if video.get("bytes") is None else partial(_bytes, video["bytes"])
            yield ClipEntry(name, by_table(row[labels], table=meaning, where=where) if labels else None, source)

    return ClipSet(
        name=facts["images"],
        entries=entries,
        total=len(table),
        names=names if labels else (),
        facts=facts | {"seed": SEED},
    )


def _bytes(data: bytes) -> bytes:
    return data


def _index(name: str, index: dict[str, int], where: str) -> int:
    if plain(name) not in index:
        raise JanusError(f"{where}: {name!r} is none of the {len(index)} class names; rename it or give other names.")
    return index[plain(name)]


def _is_clip(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
