"""The workbench as an app, as `janus lab --app` starts it, in Chromium."""

import nbformat
import pytest
from conftest import CHECKOUT
from lab_harness import AppServer, Watched
from workbench_page import FIGURES, KERNEL, NOT_BUSY, SHOTS, control, drawn, menu, redrawn, says

PROSE = "The mean is $\\bar{x}$, and the code below is nobody's business."
CODE = "import ipywidgets\nprint('said')\nipywidgets.Button(description='push', icon='play')"


@pytest.fixture
def open_app(browser, tmp_path):
    """A function that serves a notebook as an app and opens its page."""
    opened = []

    def open_one(notebook, theme):
        server = AppServer(notebook, tmp_path, theme=theme)
        opened.append(server)
        app = Watched(browser, server.url)
        app.page.goto(server.url, timeout=120_000)
        return app

    yield open_one
    for server in opened:
        server.close()


def test_the_workbench_is_alone_on_its_page_and_answers(open_app):
    """No code, no prose, no prompt: the screen, up to date, dark as asked, with no word to the outside."""
    app = open_app(CHECKOUT / "notebooks" / "explore.ipynb", "dark")
    page = app.page
    page.wait_for_selector(f"{FIGURES} .mark-text text", timeout=180_000)
    page.wait_for_function(NOT_BUSY, timeout=240_000)

    words = page.locator("body").inner_text()
    assert "Where should a Vision Transformer run?" not in words and "import janus" not in words
    assert page.locator(".jp-InputArea-editor:visible").count() == 0
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"
    screen = page.locator(".janus-explorer").bounding_box()
    assert screen["y"] < 60 and screen["height"] < 900

    # The figure comes to the plan of the controls, although the kernel began before the page was there.
    level = page.locator(control("Level", "input")).first.input_value()
    says(app, FIGURES, f"level {level}")

    page.locator(menu("Device")).select_option(label="2-core EPYC (stored)")
    page.wait_for_function("() => document.querySelector('.janus-sentence').textContent.includes('19.6')")
    sentence, figures = app.text(".janus-sentence"), drawn(app)
    app.press(control("Split", ".noUi-handle"), "ArrowLeft")
    assert "with the split you chose" in app.changed(".janus-sentence", sentence)
    redrawn(app, figures)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / "app-dark.png")

    # Who opens the page anew gets a kernel of his own.
    page.reload(timeout=120_000)
    page.wait_for_selector(f"{FIGURES} .mark-text text", timeout=180_000)
    assert "you chose" not in app.text(".janus-sentence")
    assert app.console_errors == []
    assert app.outside == []


def test_any_other_notebook_is_prose_and_results_without_code(open_app, tmp_path):
    """Text with a formula, what is printed, and a widget with its icon; light; nothing from the internet for any."""
    cells = [nbformat.v4.new_markdown_cell(PROSE), nbformat.v4.new_code_cell(CODE)]
    path = tmp_path / "few.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    app = open_app(path, "light")
    page = app.page
    page.wait_for_selector(".jupyter-button:text('push')", timeout=120_000)
    page.wait_for_selector("mjx-container")

    words = page.locator("body").inner_text()
    assert "The mean is" in words and "said" in words
    assert "import ipywidgets" not in words
    assert page.evaluate("document.body.dataset.jpThemeLight") == "true"
    icon = page.evaluate("getComputedStyle(document.querySelector('.fa-play'), '::before').fontFamily")
    assert "Font Awesome" in icon
    assert app.console_errors == []
    assert app.outside == []
