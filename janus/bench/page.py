"""The screen in Chromium: how long from a key to a repainted figure, and from nothing to the whole screen."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

from janus.bench.laboratory import FLAGS, RUN_ALL, Book, LabServer, find_chromium
from janus.errors import JanusError
from janus.explorer.lessons import LESSONS
from janus.progress import bar
from janus.units import ms_to_s

ALONE = "notebooks/alone.ipynb"
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
QUIET = "() => document.querySelector('.janus-sentence b') && !document.querySelector('.janus-busy')"
# A screen whose accuracy comes in again and again, while it is to follow the controls.
STREAM = """screen = janus.Explorer(calibrate=False, live=False)
import asyncio
async def stream():
    while True:
        await asyncio.sleep(0.1)
        if screen.panel.live.value and not screen.live.running and not screen.panel.evaluate.disabled:
            screen.live.clear()
            screen.panel.evaluate.click()
task = asyncio.get_running_loop().create_task(stream())
screen"""
STREAMS = "() => /on \\d+ of \\d+ images/.test(document.querySelector('.janus-sentence').textContent)"
WAIT_MS = 240_000
# Nothing on the screen changes within this: the control has no effect at this place.
NO_EFFECT_MS = 2000
# All figures are repainted when none has changed for so long.
REPAINTED_MS = 200
FIGURES = ".janus-figures"

# The whole screen: the sentence, the figures with their keys, the picture. Painted is what a frame came after.
WHOLE = """() => {
    const there = [".janus-sentence b", ".janus-figures .mark-text text", ".janus-picture img"];
    const from = performance.now();
    window.janusWhole = undefined;
    const look = () => there.every((one) => document.querySelector(one))
        ? setTimeout(() => { window.janusWhole = performance.now() - from; }) : requestAnimationFrame(look);
    requestAnimationFrame(look);
}"""
# What can be moved by a key, by number: its label and what it is.
FIND = """() => {
    const found = [...document.querySelectorAll(
        ".janus-explorer .noUi-handle, .janus-explorer select, .janus-explorer input[type=checkbox]")]
        .filter((one) => one.offsetParent && !one.disabled && (one.tagName !== "SELECT" || one.options.length > 1));
    return found.map((one, number) => {
        one.dataset.bench = number;
        const kind = one.tagName === "SELECT" ? "menu" : one.type === "checkbox" ? "tick" : "slider";
        const row = one.closest(".widget-slider, .widget-dropdown, .widget-checkbox, .widget-inline-hbox");
        const words = (it) => it?.textContent.replace(/[\\u200b\\s]+/g, " ").trim() ?? "";
        // A tick beside a slider belongs to it.
        const beside = kind === "tick" && row.parentElement.matches(".widget-hbox")
            && row.parentElement.querySelector(":scope > .widget-hbox .widget-slider label");
        const slider = beside ? words(beside) : "";
        const own = kind === "tick" ? words(row) : words(row?.querySelector("label"));
        return [`${slider ? slider + ", " : ""}${own} (${kind})`, kind];
    });
}"""
# Milliseconds from the next key to the last frame in which what ``selector`` holds was still changing. Looking at the
# figures in each frame would slow down what is measured, so the page tells.
WATCH = """([selector, limit, rest]) => {
    const headline = selector.endsWith(" b");
    const places = headline ? [document.querySelector(selector).closest(".janus-sentence")]
        : document.querySelectorAll(selector);
    const words = () => headline ? document.querySelector(selector)?.textContent : "";
    const was = words();
    let from, last = null, awaited = false;
    window.janusTaken = undefined;
    const seen = new MutationObserver(() => {
        if (from === undefined || awaited || (headline && words() === was)) return;
        awaited = true;
        requestAnimationFrame(() => {
            awaited = false;
            setTimeout(() => { last = performance.now() - from; });
        });
    });
    for (const place of places)
        seen.observe(place, { subtree: true, childList: true, attributes: true, characterData: true });
    const end = () => {
        const now = performance.now() - from;
        if (awaited || (now < limit && (last === null || now < last + rest))) return setTimeout(end, 20);
        seen.disconnect();
        window.janusTaken = last;
    };
    document.addEventListener("keydown", () => { from = performance.now(); end(); }, { capture: true, once: true });
}"""
# Nothing of it has changed for a while: what follows is of the next key.
REST = """(selector) => new Promise((rested) => {
    let since = performance.now();
    const seen = new MutationObserver(() => { since = performance.now(); });
    seen.observe(document.querySelector(selector),
        { subtree: true, childList: true, attributes: true, characterData: true });
    const end = () => {
        if (performance.now() - since < 400) return setTimeout(end, 50);
        seen.disconnect();
        rested();
    };
    end();
})"""
# What it changes in the figures is the accuracy that is measured from then on.
LATE = "follow the controls"
# A lesson is not taken back by the next key: all are walked through, down and up again.
WALKED = "Lesson"
KEYS = {"slider": ("ArrowRight", "ArrowLeft"), "menu": ("ArrowDown", "ArrowUp"), "tick": ("Space", "Space")}


@contextmanager
def chromium() -> Iterator:
    """Chromium of this system, driven by Playwright.

    Raises:
        JanusError: If either is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as why:
        raise JanusError("Playwright is not installed: pip install 'janus-vit[dev]', or leave --browser out.") from why
    path = find_chromium()
    if path is None:
        raise JanusError("there is no Chromium or Chrome on this machine: install one, or leave --browser out.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def first_paints(browser, checkout: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds to the whole screen: from `janus lab`, the notebook run as soon as it can be, and from a cell alone."""
    found: dict[str, list[float]] = {"janus lab to the whole screen": [], "cell to the whole screen": []}
    for _ in bar(range(rounds), unit="paint", title="first paints"):
        with tempfile.TemporaryDirectory() as home:
            start = time.perf_counter()
            # What `janus lab` does before it becomes JupyterLab.
            subprocess.run([sys.executable, "-c", "import janus.cli.lab"], check=True)
            server = LabServer(checkout, Path(home))
            try:
                book = Book(browser, server, "notebooks/explore.ipynb")
                _whole_screen(book)
                found["janus lab to the whole screen"].append(time.perf_counter() - start)
                book.close()
                book = open_alone(browser, server, "janus.Explorer()", run=False)
                found["cell to the whole screen"].append(ms_to_s(_whole_screen(book)))
                book.close()
            finally:
                server.close()
    return found


def open_alone(browser, server: LabServer, call: str, *, run: bool = True) -> Book:
    """A notebook with the screen and nothing else."""
    cell = nbformat.v4.new_code_cell(f"import janus\n{call}")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": KERNEL}), server.root / ALONE)
    book = Book(browser, server, ALONE)
    if run:
        _whole_screen(book)
        book.page.wait_for_function(QUIET, timeout=WAIT_MS)
    return book


def _whole_screen(book: Book) -> float:
    book.page.evaluate(WHOLE)
    book.page.evaluate(RUN_ALL)
    book.page.wait_for_function("() => window.janusWhole !== undefined", timeout=WAIT_MS, polling=20)
    return book.page.evaluate("window.janusWhole")


def keys_to_figures(book: Book, rounds: int) -> Iterator[tuple[str, list[float]]]:
    """Milliseconds from a key to the last repainted figure, for each control that a key moves; back and forth.

    A control that changes no figure at this place has no times.
    """
    controls = [
        (at, name, kind) for at, (name, kind) in enumerate(book.page.evaluate(FIND)) if not name.startswith(LATE)
    ]
    for number, name, kind in bar(controls, unit="control", title="keys"):
        times, (there, back) = [], KEYS[kind]
        walk = [there] * len(LESSONS) + [back] * len(LESSONS)
        for key in walk if name.startswith(WALKED) else (there, back) * rounds:
            book.page.wait_for_function(QUIET, timeout=WAIT_MS)
            book.page.evaluate(REST, ".janus-stage")
            taken = press(book, f'[data-bench="{number}"]', key, FIGURES)
            times += [] if taken is None else [taken]
        yield name, times


def press(book: Book, what: str, key: str, watched: str) -> float | None:
    """Milliseconds from a key on ``what`` to the last frame that changed ``watched``; None if none does."""
    book.page.locator(what).first.focus()
    book.page.evaluate(WATCH, [watched, NO_EFFECT_MS, REPAINTED_MS])
    book.page.keyboard.press(key)
    book.page.wait_for_function("() => window.janusTaken !== undefined", timeout=WAIT_MS, polling=20)
    return book.page.evaluate("window.janusTaken")


def bandwidth(book: Book, streaming: bool) -> list[float]:
    """Milliseconds from a key on the bandwidth to the headline that says so, there and back, on a page of `STREAM`.

    Args:
        book: The page.
        streaming: Whether each key comes while accuracy comes in, or while nothing goes on.
    """
    handle = '.janus-controls .widget-hbox:has(> .widget-slider label:text-is("Bandwidth")) .noUi-handle'
    book.page.locator('.janus-controls .widget-checkbox:has-text("follow the controls") input').set_checked(streaming)
    times = []
    for key in KEYS["slider"]:
        book.page.wait_for_function(STREAMS if streaming else QUIET, timeout=WAIT_MS, polling=20)
        times.append(press(book, handle, key, ".janus-sentence b"))
    return [NO_EFFECT_MS if taken is None else taken for taken in times]
