"""Fixtures that need something of the machine: a browser, the shared data. Absent, a test skips; in CI it fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Machines are shared and wobble: no test may depend on how long an example takes.
settings.register_profile("janus", deadline=None, max_examples=60)
settings.load_profile("janus")

CHECKOUT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


def pytest_collection_modifyitems(items):
    """Who asks for the shared data or the browser is marked so."""
    for item in items:
        for fixture, mark in (("shared", "shared"), ("browser", "browser")):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)


def absent(what: str):
    """Skip on a user's machine; fail in CI, where nothing may be missing."""
    if IN_CI:
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real weights, images and traces: $JANUS_SHARED, or shared/data beside the checkout."""
    folder = Path(os.environ.get("JANUS_SHARED") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        absent(f"no shared data in {folder}: set JANUS_SHARED to the folder that holds it.")
    return folder


@pytest.fixture(scope="session")
def browser():
    """Chromium of this system, driven by Playwright."""
    from lab_harness import FLAGS, find_chromium
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    if path is None:
        absent("no Chromium or Chrome on this machine: install one (Debian's package is chromium).")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab as `janus lab` starts it, on a copy of the notebooks."""
    from lab_harness import LabServer

    server = LabServer(CHECKOUT, tmp_path_factory.mktemp("home"))
    yield server
    server.close()


@pytest.fixture
def open_notebook(browser, lab):
    """A function that opens a notebook of the served copy, by its path in the checkout, with a fresh kernel."""
    from lab_harness import Book

    books = []

    def open_one(path: str, **options) -> Book:
        books.append(Book(browser, lab, path, **options))
        return books[-1]

    yield open_one
    for book in books:
        book.close()
