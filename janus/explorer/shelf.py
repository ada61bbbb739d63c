"""The line below the figures: the data of each as a table to read, and buttons that save them."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping

import ipywidgets

from janus.explorer.browser import Browser
from janus.explorer.controls import Choice
from janus.explorer.export import FORMATS, Sheet, file_name
from janus.explorer.looks import looks

TITLES = {
    "tokens": "tokens", "latency": "latency by split", "levels": "latency by level", "accuracy": "accuracy",
    "picture": "merged picture", "course": "policy over the trace", "policies": "table of policies",
    "frames": "frames measured over the trace",
}  # fmt: skip
HELP = {
    "csv": "The data as a table, for pandas.read_csv(…, comment='#') or a spreadsheet.",
    "svg": "The figure as a drawing that can be scaled and edited.",
    "png": "The figure as a picture.",
}
# More rows than anyone reads on a screen are in the file only.
ROWS = 60


class Shelf(ipywidgets.VBox):
    """Tables and files.

    Args:
        guard: Wraps handlers, so that their errors are shown.
        sheets: Gives what is on the screen, by name.
        facts: Gives where it comes from.
        browser: What hands a file to the browser.
    """

    def __init__(
        self, *, guard: Callable, sheets: Callable[[], Mapping[str, Sheet]], facts: Callable[[], dict[str, str]],
        browser: Browser,
    ):  # fmt: skip
        self._sheets, self._facts, self._browser = sheets, facts, browser
        self.which = Choice("Data of", [(title, name) for name, title in TITLES.items()], "tokens", guard=guard,
                            changed=self.refresh, width="230px",
                            tooltip="Which figure is shown as a table, or saved.")  # fmt: skip
        self.opened = ipywidgets.ToggleButton(value=False, description="Table", icon="table",
                                              tooltip="Show the figure's data as a table.",
                                              **looks(ipywidgets.ToggleButton, width="auto"))  # fmt: skip
        self.opened.observe(guard(lambda _change: self.refresh()), names="value")
        self.buttons = {}
        for format in FORMATS:
            button = ipywidgets.Button(description=format.upper(), icon="download",
                                       tooltip=f"{HELP[format]} The browser saves it, with provenance.",
                                       **looks(ipywidgets.Button, width="auto"))  # fmt: skip
            button.on_click(guard(lambda _button, format=format: self.save(format)))
            self.buttons[format] = button
        self.says, self.table = ipywidgets.HTML(**looks(ipywidgets.HTML)), ipywidgets.HTML()
        self.says.add_class("janus-note")
        self.table.add_class("janus-table")
        wrapped = looks(ipywidgets.HBox, flex_flow="wrap")
        row = ipywidgets.HBox([self.which, self.opened, *self.buttons.values(), self.says], **wrapped)
        super().__init__([row, self.table])
        self.add_class("janus-shelf")

    def refresh(self, changed: str = "") -> None:
        """Bring the table up to what is on the screen; no work while it is closed.

        Args:
            changed: The one sheet that has changed; by default any may have.
        """
        self.table.layout.display = "" if self.opened.value else "none"
        if not self.opened.value or changed not in ("", self.which.value):
            return
        sheet = self._sheet(self._sheets())
        if sheet is None:
            self.table.value = f"<p>{self._missing}</p>"
            return
        frame = sheet.table
        rest = f" The first {ROWS} of {len(frame)} rows; the CSV has all." if len(frame) > ROWS else ""
        body = frame.head(ROWS).to_html(index=False, border=0, float_format=lambda value: f"{value:.4g}", na_rep="–")
        self.table.value = f"<p><b>{html.escape(sheet.title)}</b>: {html.escape(sheet.kind)}.{rest}</p>{body}"

    def save(self, format: str) -> None:
        """Hand the chosen figure, or its data, to the browser."""
        sheet = self._sheet(self._sheets())
        if sheet is None:
            self.says.value = self._missing
            return
        name = file_name(sheet, format)
        self._browser.save(name, FORMATS[format], sheet.file(format, self._facts()))
        self.says.value = f"{name} went to the browser's downloads."

    @property
    def _missing(self) -> str:
        return NOT_YET[self.which.value]

    def _sheet(self, sheets: Mapping[str, Sheet]) -> Sheet | None:
        return sheets.get(self.which.value)


REPLAYED = "It is on the screen when the view Trace and policies is chosen and policies are replayed."
NOT_YET = {
    "picture": "No merged tokens yet: they come when a model is loaded.", "course": REPLAYED, "policies": REPLAYED,
    "frames": "Nothing was measured over the trace yet: choose the view Trace and policies, then Measure.",
}  # fmt: skip
