"""A widget without looks that keeps the figures as wide as their place, as they are now in a page that opens, and keys
with the controls that they were meant for."""

from __future__ import annotations

from collections.abc import Iterator

import anywidget
import ipywidgets

from janus.figures import tell_again

# plotly's FigureWidget draws itself before it is in the page, and so at 700 pixels; with `responsive` it listens to the
# window's resize event only, which a sidebar that opens does not cause.
RESIZE = """
export default {
  render({ el, model }) {
    const resize = () => window.dispatchEvent(new Event("resize"));
    const seen = new Map();
    const watch = new ResizeObserver((entries) => {
      let other = false;
      for (const { target, contentRect } of entries) {
        const now = Math.round(contentRect.width);
        // A view that was hidden may have missed a change.
        other ||= now > 0 && now !== seen.get(target);
        seen.set(target, now);
      }
      // Once more when it has settled: plotly drops a resize that comes while it still draws.
      if (other) { resize(); setTimeout(resize, 400); }
    });
    const find = () => {
      const screen = el.closest(".janus-explorer");
      const figures = screen?.querySelectorAll(".janus-figures") ?? [];
      figures.forEach((figure) => watch.observe(figure));
      // JupyterLab would take arrow keys from a menu to walk to the next cell, and letters to cut this one. It looks
      // for this mark on what has the focus.
      screen?.querySelectorAll("select, button, input, .noUi-handle").forEach((one) => {
        one.dataset.lmSuppressShortcuts = "true";
      });
      return figures.length;
    };
    let waiting = true;
    // Another figure may come later.
    const grown = new MutationObserver(find);
    const wait = () => {
      if (find()) {
        grown.observe(el.closest(".janus-explorer"), { childList: true, subtree: true });
        model.send("drawn");
      } else if (waiting) requestAnimationFrame(wait);
    };
    wait();
    // Which of the two is drawn first is not known.
    const drawn = () => { find(); resize(); model.send("drawn"); };
    document.addEventListener("plotlywidget-after-render", drawn);
    return () => {
      waiting = false;
      watch.disconnect();
      grown.disconnect();
      document.removeEventListener("plotlywidget-after-render", drawn);
    };
  },
};
"""


class KeepWidth(anywidget.AnyWidget):
    """Put it anywhere in the screen; it takes no room.

    Args:
        screen: What the figures are in.
    """

    _esm = RESIZE

    def __init__(self, screen: ipywidgets.Box):
        super().__init__(layout={"display": "none"})

        def drawn(*_message) -> None:
            for figure in figures_in(screen):
                tell_again(figure)

        self.on_msg(drawn)


def figures_in(box: ipywidgets.Box) -> Iterator[ipywidgets.Widget]:
    """The plotly figures in a box, however deep."""
    for child in box.children:
        if isinstance(child, ipywidgets.Box):
            yield from figures_in(child)
        elif hasattr(child, "_py2js_update"):
            yield child
