"""What only the browser can do: put text on the clipboard, and save a file where it saves files."""

import anywidget
import traitlets

SCRIPT = """
function save(message, buffers) {
  const url = URL.createObjectURL(new Blob(buffers, { type: message.type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = message.name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
export default {
  initialize({ model }) {
    model.on("msg:custom", save);
    return () => model.off("msg:custom", save);
  },
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-widgets jupyter-button widget-button janus-copy";
    button.title = "Copy the state to the clipboard.";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(model.get("text"));
        button.textContent = "Copied";
      } catch {  // the page is not trusted with the clipboard: leave the text selected for Ctrl+C
        el.closest(".janus-explorer")?.querySelector(".janus-state input")?.select();
        button.textContent = "Press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    el.append(button);
  },
};
"""


class Browser(anywidget.AnyWidget):
    """A button that copies ``text``; and `save` hands a file to the browser's downloads."""

    _esm = SCRIPT
    text = traitlets.Unicode("").tag(sync=True)

    def save(self, name: str, media: str, data: bytes) -> None:
        """Let the browser save a file.

        Args:
            name: Of the file, without a folder.
            media: Its media type.
            data: Its content.
        """
        self.send({"name": name, "type": media}, buffers=[data])
