"""Run notebooks in JupyterLab and keep their outputs: `python tests/store_outputs.py notebooks/explore.ipynb`.

JupyterLab does the saving, which keeps widgets as a reference and not as megabytes of code. A reader on the web has no
kernel for that reference: where the screen of the workbench would be, its picture is put. Each plotly figure gets a
still beside it (`store_stills.py`), for viewers that draw no plotly.
"""

import base64
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from lab_harness import FLAGS, Book, LabServer, find_chromium
from playwright.sync_api import sync_playwright
from store_stills import add_stills

CHECKOUT = Path(__file__).resolve().parents[1]
PICTURE = CHECKOUT / "data" / "pictures" / "workbench.png"
WIDGET = "application/vnd.jupyter.widget-view+json"
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"


def store(server: LabServer, browser, path: str) -> None:
    """Run one notebook and write it back to the checkout, given its path there."""
    book = Book(browser, server, path)
    book.run_all()
    failed = book.cell_errors()
    if failed:
        raise SystemExit("\n".join([path, *failed]))
    book.page.evaluate(SAVE)
    book.close()
    notebook = nbformat.read(server.root / path, as_version=4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if data.pop(WIDGET, None) is not None:
                data["image/png"] = base64.b64encode(PICTURE.read_bytes()).decode()
    nbformat.write(notebook, CHECKOUT / path)


def main() -> None:
    """Run the notebooks named on the command line as a bare clone would: without the shared data."""
    os.environ.pop("JANUS_SHARED", None)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        server = LabServer(CHECKOUT, Path(home))
        try:
            for path in sys.argv[1:]:
                store(server, browser, Path(path).resolve().relative_to(CHECKOUT).as_posix())
        finally:
            server.close()
        add_stills(browser, [Path(path) for path in sys.argv[1:]])


if __name__ == "__main__":
    main()
