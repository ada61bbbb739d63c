"""The workbench in JupyterLab, in Chromium, at a keyboard."""

import re

import nbformat
import pytest
from workbench_page import (
    BEYOND,
    CONTRAST,
    FITTED,
    KERNEL,
    NOT_BUSY,
    control,
    drawn,
    menu,
    redrawn,
    says,
    settled,
    shot,
    theme,
    type_into,
)


@pytest.fixture
def book(open_notebook):
    """The notebook of the repository, run, with nothing under way."""
    book = open_notebook("notebooks/explore.ipynb")
    book.run_all()
    settled(book)
    assert book.cell_errors() == []
    return book


def test_the_notebook_answers_at_a_keyboard(book):
    """Every number can be moved by keys, and sentence, box and figures follow; nothing fails, nothing leaves."""
    page = book.page
    # The device's times differ from machine to machine; these do not.
    page.locator(menu("Device")).select_option(label="2-core EPYC (stored)")
    page.wait_for_function("() => document.querySelector('.janus-sentence').textContent.includes('19.6')")
    for name, key in (("Bandwidth", "ArrowRight"), ("Round trip", "ArrowLeft"), ("SLO", "ArrowRight"),
                      ("Level", "ArrowRight"), ("Split", "ArrowRight")):  # fmt: skip
        sentence, figures = book.text(".janus-sentence"), drawn(book)
        box = page.locator(control(name, "input")).first.element_handle()
        value = box.input_value()
        book.press(control(name, ".noUi-handle"), key)
        book.changed(".janus-sentence", sentence)
        redrawn(book, figures)
        page.wait_for_function("([box, value]) => box.value !== value", arg=[box, value])
    assert "you cut after block 1 of 12" in book.text(".janus-sentence")

    book.press('.janus-picture .widget-slider:has(label:text-is("After block")) .noUi-handle', "Home")
    page.wait_for_selector('.janus-picture figcaption:text("none merged yet")')

    sentence = book.text(".janus-sentence")
    type_into(book, control("Bandwidth", "input"), "ten")
    page.wait_for_selector(".janus-banner [role=alert]")
    assert "'ten' is not a number" in book.text(".janus-banner")
    assert book.text(".janus-sentence") == sentence
    type_into(book, control("Bandwidth", "input"), "17")
    page.wait_for_selector(".janus-banner", state="hidden")
    says(book, ".janus-sentence", "Under 17 Mbit/s")

    page.locator('.janus-controls button:text-is("Reset")').press("Enter")
    page.wait_for_function("() => document.querySelector('.janus-sentence').textContent.includes('Under 10')")
    assert book.console_errors == []
    assert book.outside == []


def test_the_screen_fits_a_laptop_in_light_and_dark(book):
    """At 1440 x 900 with the file browser open all of it is seen at once, and texts of the figures can be read."""
    page = book.page
    screen = page.locator(".janus-explorer").first
    view = page.locator(".jp-WindowedPanel-outer").first.bounding_box()

    assert screen.bounding_box()["height"] < view["height"]
    page.wait_for_function(f"() => ({FITTED})() && ({BEYOND})().length === 0", timeout=20_000)
    for name in ("Dark", "Light"):
        theme(book, name)
        page.wait_for_function(f"() => ({CONTRAST})() > 7")
        shot(book, name.lower())


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
        page.wait_for_function(
            "(least) => Number((document.querySelector('.janus-sentence').textContent"
            ".match(/on (\\d+) of 650 images/) ?? [])[1]) >= least",
            arg=count,
            timeout=180_000,
        )
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


def test_keys_on_a_control_are_not_jupyterlabs(book):
    """Arrows walk through a menu instead of through the cells, and no letter adds, cuts or deletes a cell."""
    page = book.page
    schedule = page.locator(menu("Schedule"))
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    figures = drawn(book)
    schedule.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function(
        "(menu) => menu.selectedIndex === 1 && document.activeElement === menu", arg=schedule.element_handle()
    )
    redrawn(book, figures)

    page.locator(control("Bandwidth", ".noUi-handle")).first.focus()
    for letter in ("a", "b", "x", "d", "d"):
        page.keyboard.press(letter)
    page.keyboard.press("ArrowRight")
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert book.console_errors == []
