"""One figure in the page, drawn by plotly.js and redrawn when its figure changes.

plotly's own FigureWidget carries five megabytes of code in every figure, which a busy page gives up waiting for; it
checks each value again, and answers each change with the whole figure. Here the code crosses once a page, and a change
is one message.
"""

from __future__ import annotations

import gzip
import math
from functools import cache
from typing import Any

import anywidget
import traitlets
from plotly.offline import get_plotlyjs

from janus.figures.style import Figure

CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]], "doubleClick": False}
# The quickest: what it saves counts where the kernel is far away, and the rest is not worth waiting for.
GZIP_LEVEL = 1
LIBRARY, WANTED = "library", "library wanted"
DRAW = """
// One copy of plotly.js for all figures of the page.
const page = (globalThis.janusPlotly ??= {});
const PATIENCE_MS = 5000;

function library(model) {
  if (page.plotly) return Promise.resolve(page.plotly);
  // A kernel that died while it was asked must not leave the next one waiting.
  if (page.loading && performance.now() - page.asked < PATIENCE_MS) return page.loading;
  page.asked = performance.now();
  return (page.loading = new Promise((ready, failed) => {
    const answered = async (message, buffers) => {
      if (message !== "library") return;
      model.off("msg:custom", answered);
      try {
        const unpacked = new Blob(buffers).stream().pipeThrough(new DecompressionStream("gzip"));
        const code = await new Response(unpacked).text();
        // As a module of its own: whatever else in the page calls itself `define` or `module` is out of sight.
        const parts = ["const module = { exports: {} }, define = undefined;", code, ";export default module.exports;"];
        const url = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
        page.plotly ??= (await import(url)).default;
        URL.revokeObjectURL(url);
        ready(page.plotly);
      } catch (why) { page.loading = undefined; failed(why); }
    };
    model.on("msg:custom", answered);
    model.send("library wanted");
  }));
}

export default {
  initialize({ model }) {
    library(model).catch(() => {});
  },
  async render({ model, el }) {
    let gone = false, drawn;
    const draw = async () => {
      const plotly = await library(model);
      const figure = model.get("figure");
      // Not before it has a place: a figure without one is drawn at plotly's 700 pixels.
      if (gone || figure === drawn || !el.clientWidth) return;
      drawn = figure;
      // plotly.js keeps and changes what it is given.
      const { data, layout } = structuredClone(figure);
      await plotly.react(el, data, { ...layout, width: el.clientWidth }, model.get("config"));
    };
    const fit = () => {
      if (page.plotly && drawn && el.clientWidth) page.plotly.relayout(el, { width: el.clientWidth });
      else draw();
    };
    let width = 0;
    const watch = new ResizeObserver(() => {
      if (el.clientWidth && el.clientWidth !== width) fit();
      width = el.clientWidth;
    });
    watch.observe(el);
    model.on("change:figure", draw);
    draw();
    return () => {
      gone = true;
      watch.disconnect();
      model.off("change:figure", draw);
      page.plotly?.purge(el);
    };
  },
};
"""


class Plot(anywidget.AnyWidget):
    """A figure of `janus.figures` in the page.

    Args:
        figure: What to draw.

    Attributes:
        figure: The same; set it to draw another.
    """

    _esm = DRAW
    figure = traitlets.Dict().tag(sync=True)
    config = traitlets.Dict(CONFIG).tag(sync=True)

    def __init__(self, figure: Figure):
        super().__init__(figure=plain(figure))
        self.add_class("janus-figures")
        self.on_msg(self._asked)

    def show(self, figure: Figure) -> None:
        """Draw another figure; nothing is sent if it is the same."""
        self.figure = plain(figure)

    def trace(self, name: str) -> dict:
        """The trace of that name, as it is drawn."""
        return next(trace for trace in self.figure["data"] if trace.get("name") == name)

    def _asked(self, _widget, message, _buffers) -> None:
        if message == WANTED:
            self.send(LIBRARY, [library()])


@cache
def library() -> bytes:
    """plotly.js, gzipped: the file that the Python package plotly brings."""
    return gzip.compress(get_plotlyjs().encode(), GZIP_LEVEL, mtime=0)


def plain(value: Any) -> Any:
    """``value`` with lists for tuples and arrays, and None for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return plain(value.tolist()) if hasattr(value, "tolist") else value
