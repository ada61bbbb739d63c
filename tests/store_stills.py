"""Add a still picture to every plotly figure that a notebook is stored with: `python tests/store_stills.py FILE…`.

GitHub and most viewers on the web draw no plotly. JupyterLab prefers the live figure, and nbval compares no pictures.
`store_outputs.py` does it too.
"""

import base64
import io
import json
import sys
from pathlib import Path

import nbformat
import plotly.offline
from lab_harness import FLAGS, find_chromium
from PIL import Image
from playwright.sync_api import sync_playwright

PLOTLY = "application/vnd.plotly.v1+json"
WIDTH = 1000
# Flat colours: a palette keeps a picture under 30 kB.
COLOURS = 64
PAGE = '<body style="margin:0;background:#fff"><div id="figure"></div><script>%s</script></body>'
DRAW = "([data, layout]) => Plotly.newPlot('figure', data, layout, {displayModeBar: false, staticPlot: true})"


def still(page, figure: dict) -> str:
    """The figure as PNG, base64."""
    page.evaluate(DRAW, [figure["data"], figure["layout"] | {"width": WIDTH}])
    page.wait_for_function("() => document.querySelector('#figure .main-svg') !== null")
    height = figure["layout"].get("height", 450)
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": height}, full_page=True)
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS)
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def add_stills(browser, paths: list[Path]) -> None:
    """Draw the figures of notebooks in Chromium, and write them back."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
    page.set_content(PAGE % plotly.offline.get_plotlyjs())
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
        for data in (output.data for output in outputs if PLOTLY in output.get("data", {})):
            data["image/png"] = still(page, json.loads(json.dumps(data[PLOTLY])))
        nbformat.write(notebook, path)


def main() -> None:
    """Add stills to the notebooks named on the command line."""
    with sync_playwright() as playwright:
        add_stills(
            playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS)), list(map(Path, sys.argv[1:]))
        )


if __name__ == "__main__":
    main()
