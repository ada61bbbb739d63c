"""Image sets that the `datasets` library reads: from the hub by name and pinned revision, or from disk.

A split of moderate size is fetched whole, since a fair sample needs all of it (sets are often sorted by class); a
larger one is streamed through a shuffle buffer, and what was seen is kept. Both are there the next time without a
network.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from janus.data.cache import Record, kept
from janus.data.pictures import SEED, Entry, ImageSet
from janus.data.records import image_column, label_column, label_reader, row_bytes, row_name, table_set
from janus.errors import JanusError
from janus.files import cache_folder, write_text
from janus.hub import DEFAULT_IMAGES, DEFAULT_REVISION, hub_reachable, out_of_reach

# Revision and split where only a name is given. mini-imagenet's own "validation" is cut from ImageNet's training set.
PINS: dict[str, tuple[str | None, str | None]] = {
    DEFAULT_IMAGES: (DEFAULT_REVISION, "test"),
    "ILSVRC/imagenet-1k": (None, "validation"),
    "detection-datasets/coco": (None, None),
}
COMMIT = re.compile(r"[0-9a-f]{40}")
SPLITS = ("validation", "valid", "val", "test", "train")
WHOLE_BYTES, WHOLE_FILES = 1_500_000_000, 32
BUFFER = 256
MODULES = {".parquet": "parquet", ".arrow": "arrow", ".tar": "webdataset"}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All that is needed to open a split of a set again without asking the hub.

    Attributes:
        name: On the hub.
        commit: Resolved.
        split: Chosen.
        module: The reader of `datasets` for its files.
        files: In the repository.
        features: Columns as the set's card declares them, or None where the files do and are fetched.
        whole: Whether to fetch the files, or to stream them.
    """

    name: str
    commit: str
    split: str
    module: str
    files: tuple[str, ...]
    features: dict | None
    whole: bool

    @property
    def facts(self) -> dict:
        """For provenance."""
        return {"images": self.name, "revision": self.commit, "split": self.split, "seed": SEED}


def open_local_set(path: Path, split: str | None, classes: int | None) -> ImageSet:
    """A folder or file of tables.

    Raises:
        JanusError: If `datasets` cannot read it, or its labels don't match the head.
    """
    table, facts = local_table(path, split)
    return table_set(table, classes, name=facts["images"], facts=facts)


def local_table(path: Path, split: str | None) -> tuple[Any, dict]:
    """The table of a split in a folder or file of tables, and its facts for provenance.

    Raises:
        JanusError: If `datasets` cannot read it.
    """
    datasets = _datasets()
    with _trouble(f"images {path}", "give a folder of images or of Parquet files"):
        if (path / "state.json").is_file():
            split, table = split or "data", datasets.load_from_disk(str(path))
        elif (path / "dataset_dict.json").is_file():
            tables = datasets.load_from_disk(str(path))
            split = choose_split(tables, split, f"images {path}")
            table = tables[split]
        else:
            module = MODULES.get(path.suffix) if path.is_file() else None
            options = {"path": module, "data_files": str(path)} if module else {"path": str(path)}
            builder = datasets.load_dataset_builder(**options)
            split = choose_split(builder.config.data_files, split, f"images {path}")
            files = list(builder.config.data_files[split])
            table = datasets.load_dataset(
                builder.name, data_files={split: files}, split=split, features=builder.info.features
            )
    return table, {"images": path.resolve().name, "split": str(split), "n_rows": len(table)}


def open_hub_set(name: str, revision: str | None, split: str | None, classes: int | None) -> ImageSet:
    """A set on the hub, or what an earlier run has kept of it.

    Raises:
        JanusError: If it does not exist, is out of reach, or its labels don't match the head.
    """
    manifest = find_manifest(name, revision, split)
    return _whole(manifest, classes) if manifest.whole else _streamed(manifest, classes)


def find_manifest(name: str, revision: str | None, split: str | None) -> Manifest:
    """What opens a set on the hub: remembered, or asked for.

    Raises:
        JanusError: If it does not exist or is out of reach.
    """
    pinned, usual = PINS.get(name, (None, None))
    revision, split = revision or pinned, split or usual
    path = _manifest_path(name, revision, split)
    manifest = _remembered(path)
    # A commit never changes; a branch may, and is asked for again where that is possible.
    if manifest is None or (not COMMIT.fullmatch(revision or "") and hub_reachable()):
        if not hub_reachable():
            what = f"images {name!r}: there is no such folder here, so they"
            raise out_of_reach(what, "give --images DIR with a folder of images")
        with _hub_trouble(name):
            manifest = ask_hub(name, revision, split)
        write_text(path, json.dumps(asdict(manifest)))
    return manifest


def ask_hub(name: str, revision: str | None, split: str | None) -> Manifest:
    """Resolve a revision to a commit, choose a split, and see how large it is."""
    from huggingface_hub import HfApi

    datasets, api = _datasets(), HfApi()
    commit = api.dataset_info(name, revision=revision, timeout=30).sha
    builder = datasets.load_dataset_builder(name, revision=commit)
    split = choose_split(builder.config.data_files, split, f"images {name}")
    root = f"@{commit}/"
    files = tuple(str(url).partition(root)[2] for url in builder.config.data_files[split])
    whole = all(files) and len(files) <= WHOLE_FILES
    if whole:
        sizes = api.get_paths_info(name, list(files), repo_type="dataset", revision=commit)
        whole = sum(file.size for file in sizes) <= WHOLE_BYTES
    features = builder.info.features
    if features is None and not whole:
        features = datasets.load_dataset(name, revision=commit, split=split, streaming=True).features
    return Manifest(
        name=name, commit=commit, split=split, module=builder.name, files=files,
        features=features.to_dict() if features else None, whole=whole,
    )  # fmt: skip


def choose_split(splits: Mapping | None, split: str | None, where: str) -> str:
    """The split that was asked for, or the one that is usually meant.

    Raises:
        JanusError: If there is none of that name.
    """
    names = [str(name) for name in splits or {}]
    if split is None:
        split = next((name for name in SPLITS if name in names), names[0] if names else None)
    if split not in names:
        raise JanusError(f"{where}: there is no split {split!r}; choose one of {', '.join(names)}.")
    return split


def _whole(manifest: Manifest, classes: int | None) -> ImageSet:
    return table_set(whole_table(manifest), classes, name=manifest.name, facts=manifest.facts)


def whole_table(manifest: Manifest) -> Any:
    """The table of a split whose files are fetched, or were."""
    from huggingface_hub import hf_hub_download

    datasets = _datasets()
    features = datasets.Features.from_dict(manifest.features) if manifest.features else None
    with _hub_trouble(manifest.name):
        # At a commit this looks into the cache first, and asks the hub only for what is not there.
        files = [
            hf_hub_download(manifest.name, file, repo_type="dataset", revision=manifest.commit)
            for file in manifest.files
        ]
        return datasets.load_dataset(
            manifest.module, data_files={manifest.split: files}, split=manifest.split, features=features
        )


def _streamed(manifest: Manifest, classes: int | None) -> ImageSet:
    where = f"images {manifest.name}"
    features = streamed_features(manifest)
    column, labels = image_column(features, where), label_column(features)
    meaning = None if classes is None else label_reader(features, labels, classes, where)

    def entries() -> Iterator[Entry]:
        for record in streamed_records(manifest, column, lambda row: row[labels] if labels else None):
            label = None if meaning is None else meaning(record.label)
            yield Entry(record.name, label, partial(_data, record))

    facts = manifest.facts | streamed_facts()
    return ImageSet(name=manifest.name, entries=entries, total=None, classes=classes, facts=facts)


def streamed_facts() -> dict:
    """What decides the order of a streamed set, for provenance."""
    return {"order": f"shuffle buffer of {BUFFER}, datasets {_datasets().__version__}"}


def streamed_features(manifest: Manifest) -> Any:
    """The columns of a set that is streamed.

    Raises:
        JanusError: If it does not declare them.
    """
    if manifest.features is None:
        raise JanusError(f"images {manifest.name}: it declares no columns and is too large to fetch; download a part.")
    return _datasets().Features.from_dict(manifest.features)


def streamed_records(
    manifest: Manifest, column: str, label: Callable[[dict], int | str | None], kind: str = ""
) -> Iterator[Record]:
    """The rows of a streamed set, those first that are kept from earlier; the new ones are kept too.

    Args:
        manifest: Of the set.
        column: That holds the images.
        label: Makes of a row what is kept as its label.
        kind: Tells apart what different readers keep of one set.
    """
    datasets = _datasets()
    where = f"images {manifest.name}"
    # The order of a shuffle buffer may change with the library, and half of one order must not meet half of another.
    order = f"{manifest.split}{kind}-seed{SEED}-datasets{datasets.__version__}"
    folder = cache_folder("sets", *manifest.name.split("/"), manifest.commit, order)
    features = streamed_features(manifest)

    def fetch(start: int) -> Iterator[Record]:
        if not hub_reachable():
            raise out_of_reach(f"{where}: images beyond the {start} that are kept here", f"use --limit {start}")
        with _hub_trouble(manifest.name):
            rows = datasets.load_dataset(
                manifest.name, revision=manifest.commit, split=manifest.split, streaming=True, features=features
            )
            rows = rows.cast_column(column, datasets.Image(decode=False)).shuffle(seed=SEED, buffer_size=BUFFER)
            for i, row in enumerate(rows.skip(start), start):
                image = row[column]
                yield Record(name=row_name(image, i), label=label(row), data=row_bytes(image))

    return kept(folder, fetch)


def _data(record: Record) -> bytes:
    return record.data


def _manifest_path(name: str, revision: str | None, split: str | None) -> Path:
    """Where the answer of `ask_hub` to a question is kept."""
    folder = cache_folder("sets", *name.split("/"), quote(revision or "default", safe=""))
    return folder / f"{split or 'default'}.json"


def _remembered(path: Path) -> Manifest | None:
    if not path.is_file():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Manifest(**raw | {"files": tuple(raw["files"])})


def _datasets():
    import datasets

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # else each table, even one on disk, waits for a counter at S3
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    return datasets


def _hub_trouble(name: str):
    return _trouble(
        f"images {name!r}: the data set cannot be read from the hub",
        "check NAME[@REVISION][:SPLIT], log in with `hf auth login` if it is gated, or give --images DIR",
    )


@contextmanager
def _trouble(where: str, remedy: str):
    """Turn whatever the libraries raise into one sentence."""
    try:
        yield
    except JanusError:
        raise
    except Exception as why:  # datasets, huggingface_hub, fsspec and pyarrow each have exceptions of their own
        reason = (str(why).strip().splitlines() or [""])[0]
        raise JanusError(f"{where} ({type(why).__name__}: {reason}); {remedy}.") from why
