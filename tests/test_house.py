"""The house: imports go downward only, and its upper half never brings torch."""

import ast
import importlib.metadata
import sys

import pytest
from conftest import CHECKOUT

import janus
from janus.bench.import_ import TORCH_FREE, bench, probe

# Bottom to top; a package is one room. A new module is put here, above what it imports and below what imports it.
ROOMS = (
    *TORCH_FREE,
    "mend",
    "hub",
    "picture",
    "pictures",
    "drawing",
    "merging",
    "openable",
    "opened",
    "layers",
    "detection",
    "video",
    "vit",
    "transform",
    "formats",
    "codec",
    "preprocess",
    "weights",
    "zoo",
    "models",
    "configuration",
    "data",
    "apart",
    "calibrate",
    "standing",
    "evaluate",
    "search",
    "coco",
    "clips",
    "training",
    "coding",
    "profiling",
    "runtime",
    "figures",
    "tubelets",
    "reproduce",
    "video_lesson",
    "lessons",
    "explorer",
    "cli",
    "bench",
)
PACKAGE = CHECKOUT / "janus"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported(path):
    """Names of the rooms that a file imports from, wherever in it the statement stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write `from janus…`, not a relative import"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("janus."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downward_only(path):
    """No module imports from a room above its own; `janus` itself offers only what is not a room."""
    imported = set(rooms_imported(path)) & set(ROOMS)

    assert room(path) in ROOMS, "this module has no place in ROOMS yet"
    assert [name for name in imported if ROOMS.index(name) > ROOMS.index(room(path))] == []


@pytest.mark.parametrize("name", ["janus", *(f"janus.{name}" for name in TORCH_FREE), "janus.cli"])
def test_the_upper_half_never_brings_torch(name):
    """Importing any of it in a fresh Python leaves torch, timm and torchvision alone."""
    assert probe((name,))["torch"] is False


@pytest.mark.parametrize("name", janus.__all__)
def test_every_public_name_loads(name):
    """What `__init__.pyi` lists is there."""
    assert getattr(janus, name) is not None


def test_the_version_has_one_place():
    """What pip installed says the same as the package: pyproject reads it from there."""
    assert importlib.metadata.version("janus-vit") == janus.__version__


def test_the_import_bench_sees_torch():
    """Its probe would notice torch if it came."""
    rows = bench(rounds=1)

    assert [row["torch"] for row in rows] == [False, False]
    assert probe(("torch",))["torch"] is True
    assert rows[0]["modules"] < rows[1]["modules"] < len(sys.modules)
