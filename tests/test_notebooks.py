"""Notebooks are kept with their outputs: nbval compares nothing in a cell that was never run."""

import ast

import nbformat
import pytest
from conftest import CHECKOUT

NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
LIMIT_BYTES = 1_500_000


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def prints(source):
    """Whether a statement of the cell itself (not of a function in it) calls print."""
    python = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    return any(ast.unparse(statement).startswith("print(") for statement in ast.parse(python).body)


def test_there_are_notebooks():
    """The tests below are about at least one file."""
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_was_run(path):
    """Each code cell has a count, in order from 1, and none ended in an exception."""
    cells = code_cells(path)

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [out.ename for cell in cells for out in cell.outputs if out.output_type == "error"] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_prints_has_its_output(path):
    """A cell that prints has kept its output, and some cell has: they were not stripped."""
    bare = [cell.source for cell in code_cells(path) if prints(cell.source) and not cell.outputs]

    assert bare == []
    assert any(cell.outputs for cell in code_cells(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_file_is_small(path):
    """A clone stays quick, and the file opens in a browser: no widget code stored inside."""
    assert path.stat().st_size < LIMIT_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_asks_for_the_kernel_that_every_environment_has(path):
    """The kernel is `python3`; any other name would ask a reader to choose one."""
    assert nbformat.read(path, as_version=4).metadata.kernelspec.name == "python3"
