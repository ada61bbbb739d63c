"""What the screen needs of a page, in a widget without looks: a word when figures are drawn, keys, what is typed."""

from __future__ import annotations

from collections.abc import Callable

import anywidget

WATCH = """
const { get, set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");

// What is being typed stays until it is entered or left: an answer that comes meanwhile writes into the box afterwards.
// Text that is all selected, to be typed over, is selected still when an answer has written its own.
function keep(box) {
  if (box.type !== "text" || Object.hasOwn(box, "value")) return;
  let typing = false, meanwhile;
  Object.defineProperty(box, "value", {
    configurable: true,
    get() { return get.call(this); },
    set(text) {
      if (typing) {
        meanwhile = text;
        return;
      }
      const { selectionStart, selectionEnd } = this;
      const all = selectionEnd > 0 && selectionEnd - selectionStart === get.call(this).length;
      set.call(this, text);
      if (all) this.select();
    },
  });
  const left = new AbortController();
  const hear = (type, heard) => box.addEventListener(type, heard, { signal: left.signal });
  hear("input", () => { typing = true; });
  hear("change", () => {
    typing = false;
    meanwhile = undefined;
  });
  // A text that was there before changes nothing by itself, but an answer may have brought another meanwhile.
  hear("keyup", ({ key }) => {
    if (key === "Enter" && typing) box.dispatchEvent(new Event("change", { bubbles: true }));
  });
  hear("blur", () => {
    left.abort();
    delete box.value;
    if (meanwhile !== undefined) box.value = meanwhile;
  });
}

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
      screen.addEventListener("focusin", ({ target }) => {
        target.dataset.lmSuppressShortcuts = "true";
        keep(target);
      });
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
