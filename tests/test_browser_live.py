"""The workbench in JupyterLab, in Chromium, on real weights and images."""

import re

import nbformat
from workbench_page import KERNEL, NOT_BUSY, control, shot, streamed, type_into


def test_accuracy_streams_in_on_real_images_and_can_be_cancelled(open_notebook, lab, shared):
    """With weights and images on disk the interval moves as images come in; Cancel stops it, controls still answer."""
    source = (
        f"import os\nos.environ['JANUS_SHARED'] = {str(shared)!r}\nimport janus\n"
        "janus.Explorer(device='orin-nx', calibrate=False)"
    )
    cells = [nbformat.v4.new_code_cell(source)]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), lab.root / "notebooks" / "live.ipynb"
    )
    book = open_notebook("notebooks/live.ipynb")
    book.run_all()
    page = book.page
    page.wait_for_selector(".janus-sentence b", timeout=60_000)
    type_into(book, control("Images", "input"), "650")
    for count in (32, 96):
        streamed(book, count, "650")
    sentence = book.text(".janus-sentence")
    type_into(book, control("Bandwidth", "input"), "9")
    assert "Under 9" in book.changed(".janus-sentence", sentence)
    shot(book, "live")
    page.locator('.janus-controls button:text-is("Cancel")').press("Enter")
    page.wait_for_function(NOT_BUSY)
    stopped = re.search(r"Live: ([\d.]+).%.* on (\d+) images", book.text(".janus-sentence"))

    assert float(stopped[1]) > 50 and int(stopped[2]) < 650
    assert "imagenet_val 1" in book.text(".janus-picture")
    page.wait_for_selector('.janus-controls button:text-is("Evaluate"):enabled')
    assert book.cell_errors() == [] and book.console_errors == [] and book.outside == []
