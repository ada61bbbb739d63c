"""What the screen needs of a page, in a widget without looks: a word when figures are drawn, and the keys."""

from __future__ import annotations

from collections.abc import Callable

import anywidget

WATCH = """
export default {
  render({ el, model }) {
    let waiting = true;
    const wait = () => {
      const screen = el.closest(".janus-explorer");
      if (!screen?.querySelector(".janus-figures .janus-headings > div")) {
        if (waiting) setTimeout(wait, 50);
        return;
      }
      // JupyterLab would take arrow keys from a menu to walk to the next cell, and letters to cut this one. It looks
      // for this mark on what has the focus.
      screen.addEventListener("focusin", ({ target }) => { target.dataset.lmSuppressShortcuts = "true"; });
      // After the frame that shows them; while a kernel restarts there is nobody to tell.
      requestAnimationFrame(() => setTimeout(() => { try { model.send("drawn"); } catch { } }));
    };
    wait();
    return () => { waiting = false; };
  },
};
"""


class Page(anywidget.AnyWidget):
    """Put it anywhere, it takes no room.

    Args:
        drawn: Called when a page has drawn the figures; again for each page.
    """

    _esm = WATCH

    def __init__(self, drawn: Callable[[], None]):
        super().__init__(layout={"display": "none"})
        self.on_msg(lambda *_message: drawn())
