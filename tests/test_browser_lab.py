"""JupyterLab as `janus lab` starts it, seen in Chromium with a notebook of a few lines."""

import sys

import nbformat
import pytest

CELLS = (
    "import sys\nimport ipywidgets\nimport plotly.graph_objects as go\nprint('python:', sys.executable)",
    "figure = go.FigureWidget(layout={'title': {'text': 'level 0'}})\n"
    "slider = ipywidgets.IntSlider(min=0, max=9)\n"
    "def show(change):\n"
    "    figure.layout.title.text = f\"level {change['new']}\"\n"
    "slider.observe(show, names='value')\n"
    "ipywidgets.VBox([slider, figure])",
)


@pytest.fixture
def book(open_notebook, lab):
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), lab.root / "notebooks" / "few.ipynb"
    )
    return open_notebook("notebooks/few.ipynb")


def test_a_moved_slider_changes_a_figure_without_a_word_to_the_outside(book):
    """Widgets and FigureWidget work, in this environment's Python, with no popup, no error and no foreign request."""
    book.run_all()
    book.page.wait_for_selector(".gtitle")

    assert book.cell_errors() == []
    assert book.text(".jp-OutputArea-output pre").strip() == f"python: {sys.executable}"
    assert book.text(".gtitle") == "level 0"

    book.press(".noUi-handle", "ArrowRight", times=3)
    book.page.wait_for_function("() => document.querySelector('.gtitle').textContent === 'level 3'")

    assert book.page.locator(".Toastify__toast").all_text_contents() == []
    assert book.console_errors == []
    assert book.outside == []


def test_a_cell_that_fails_is_seen(book, lab):
    """The harness reports an exception in a cell, so a test on `cell_errors` can fail."""
    book.page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.model.sharedModel"
        ".getCell(0).setSource(\"raise ValueError('on purpose')\")"
    )
    book.run_all()

    assert "cell 0: ValueError: on purpose" in book.cell_errors()
