"""plotly.js for all figures of a page. Importing this sends it to the page of a notebook.

So import it first: the page takes as long to understand plotly.js as the kernel takes for everything else until there
is something to draw, and both can be at it at once.
"""

from __future__ import annotations

import gzip
import sys

import anywidget
import traitlets
from plotly.offline import get_plotlyjs

# The quickest: what it saves counts where the kernel is far away, and the rest is not worth waiting for.
GZIP_LEVEL = 1
# plotly.js comes in a function that hands it to whatever loads modules in a page. As a module of its own it needs none,
# and without it the page reads the code once and not twice.
OPENING, CLOSING, NAME = '() => {\n"use strict";', "return Plotly;\n}));", "Plotly"
WRAPPED = "const module = {{ exports: {{}} }}, define = undefined;{}\n;export default module.exports;"
# One copy for all figures of a page, and a promise of it for those that are there before.
PLOTLY = """
const page = (globalThis.janusPlotly ??= {});
page.here ??= new Promise((ready, failed) => Object.assign(page, { ready, failed }));
"""
BRING = f"""{PLOTLY}
async function unpack(code) {{
  const unpacked = new Blob([code]).stream().pipeThrough(new DecompressionStream("gzip"));
  const url = URL.createObjectURL(new Blob([await new Response(unpacked).blob()], {{ type: "text/javascript" }}));
  return (await import(url)).default;
}}

export default {{
  initialize({{ model }}) {{
    if (!page.asked) unpack(model.get("plotly")).then(page.ready, page.failed);
    page.asked = true;
  }},
}};
"""


class Library(anywidget.AnyWidget):
    """Brings plotly.js to the page; nothing to look at."""

    _esm = BRING
    plotly = traitlets.Bytes().tag(sync=True)


class _Brought:
    library: Library | None = None


def bring() -> Library:
    """Send plotly.js to the pages of this kernel, once; again if the widget was closed."""
    if _Brought.library is None or _Brought.library.comm is None:
        _Brought.library = Library(plotly=gzip.compress(as_module(get_plotlyjs()).encode(), GZIP_LEVEL, mtime=0))
    return _Brought.library


def as_module(code: str) -> str:
    """plotly.js, as the Python package plotly brings it, as an ECMAScript module that exports it."""
    start, end = code.find(OPENING), code.rfind(CLOSING)
    if not 0 <= start < end or code[end:].strip() != CLOSING:
        # Another release, packed in another way. Whatever else in the page calls itself `define` is out of sight.
        return WRAPPED.format(code)
    comments = code[: code.index("*/") + 2]
    return f"{comments}\n{code[start + len(OPENING) : end]}export default {NAME};"


def in_notebook() -> bool:
    """Whether this is a kernel that a page may listen to."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and kernel.IPKernelApp.initialized()


if in_notebook():
    bring()
