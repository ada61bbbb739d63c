"""A widget without looks that keeps the figures as wide as their place."""

import anywidget

# plotly's FigureWidget draws itself before it is in the page, and so at 700 pixels; with `responsive` it listens to the
# window's resize event only, which a sidebar that opens does not cause.
RESIZE = """
export default {
  render({ el }) {
    const resize = () => window.dispatchEvent(new Event("resize"));
    let width = 0, waiting = true;
    const watch = new ResizeObserver((entries) => {
      const now = Math.round(entries[0].contentRect.width);
      if (now && now !== width) { width = now; resize(); }
    });
    const find = () => {
      const figures = el.closest(".janus-explorer")?.querySelector(".janus-figures");
      if (figures) watch.observe(figures); else if (waiting) requestAnimationFrame(find);
    };
    find();
    // Which of the two is drawn first is not known.
    document.addEventListener("plotlywidget-after-render", resize);
    return () => {
      waiting = false;
      watch.disconnect();
      document.removeEventListener("plotlywidget-after-render", resize);
    };
  },
};
"""


class KeepWidth(anywidget.AnyWidget):
    """Put it anywhere in the screen; it takes no room."""

    _esm = RESIZE

    def __init__(self):
        super().__init__(layout={"display": "none"})
