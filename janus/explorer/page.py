"""What the screen needs of a page, in a widget without looks: plotly.js, a word when figures are drawn, the keys."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache

import anywidget
import traitlets
from plotly.offline import get_plotlyjs

# The quickest: what it saves counts where the kernel is far away, and the rest is not worth waiting for.
GZIP_LEVEL = 1
# One copy of plotly.js for all figures of a page, and a promise of it for those that are there before.
PLOTLY = """
const page = (globalThis.janusPlotly ??= {});
page.here ??= new Promise((ready, failed) => Object.assign(page, { ready, failed }));
"""
BRING = f"""{PLOTLY}
async function unpack(code) {{
  const unpacked = new Blob([code]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(unpacked).text();
  // As a module of its own: whatever else in the page calls itself `define` or `module` is out of sight.
  const parts = ["const module = {{ exports: {{}} }}, define = undefined;", text, ";export default module.exports;"];
  const url = URL.createObjectURL(new Blob(parts, {{ type: "text/javascript" }}));
  return (await import(url)).default;
}}

export default {{
  initialize({{ model }}) {{
    if (!page.asked) unpack(model.get("plotly")).then(page.ready, page.failed);
    page.asked = true;
  }},
  render({{ el, model }}) {{
    let waiting = true;
    const wait = () => {{
      const screen = el.closest(".janus-explorer");
      if (!screen?.querySelector(".janus-figures .main-svg")) {{
        if (waiting) setTimeout(wait, 50);
        return;
      }}
      // JupyterLab would take arrow keys from a menu to walk to the next cell, and letters to cut this one. It looks
      // for this mark on what has the focus.
      screen.addEventListener("focusin", ({{ target }}) => {{ target.dataset.lmSuppressShortcuts = "true"; }});
      // After the frame that shows them.
      requestAnimationFrame(() => setTimeout(() => model.send("drawn")));
    }};
    wait();
    return () => {{ waiting = false; }};
  }},
}};
"""


class Page(anywidget.AnyWidget):
    """Make it first, since a page takes a second to understand plotly.js; put it anywhere, it takes no room.

    Args:
        drawn: Called when a page has drawn the figures; again for each page.
    """

    _esm = BRING
    plotly = traitlets.Bytes().tag(sync=True)

    def __init__(self, drawn: Callable[[], None]):
        super().__init__(plotly=library(), layout={"display": "none"})
        self.on_msg(lambda *_message: drawn())


@cache
def library() -> bytes:
    """plotly.js, gzipped: the file that the Python package plotly brings."""
    return gzip.compress(get_plotlyjs().encode(), GZIP_LEVEL, mtime=0)
