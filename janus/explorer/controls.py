"""Rows of controls: a slider with a number box, a menu, a tick for "let Janus choose"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import ipywidgets

from janus.errors import JanusError
from janus.explorer.looks import looks

LABEL = {"description_width": "74px"}
# From here on six digits would need an exponent.
PLAIN = 1e6


def number_in(text: str, name: str, unit: str) -> float:
    """The number that a person typed; a comma for the decimal point is understood.

    Raises:
        JanusError: If it is none.
    """
    plain = text.strip().replace("\N{NO-BREAK SPACE}", "").removesuffix(unit).strip()
    try:
        value = float(plain.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        shown = f"{text!r} is not a number" if text.strip() else "the box is empty"
        raise JanusError(f"{name}: {shown}; type one{f' in {unit}' if unit else ''}, such as 12.5.")
    return value


def round_steps(low: float, high: float) -> list[float]:
    """Round numbers over several powers of ten, about a fifth apart, for a slider that is nearly logarithmic."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [float(f"{mantissa}e{decade}") for decade in decades for mantissa in MANTISSAS]
    return [step for step in steps if low <= step <= high]


MANTISSAS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)


class Number(ipywidgets.HBox):
    """A slider over round numbers, and a box that takes any number, with its unit.

    Args:
        name: What stands before it.
        unit: What stands behind it.
        steps: Where the slider can stop, rising.
        value: At first.
        whole: Whether only integers make sense.
        bounds: What the box takes at all, where ``changed`` does not check it.
        tooltip: What it does.
        guard: Wraps handlers, so that their errors are shown.
        changed: Called without arguments when a person has changed the number; if it raises a `JanusError`, the number
            stays as it was.
        layout: How it is laid out.
    """

    def __init__(
        self, name: str, unit: str, steps: Sequence[float], value: float, *, tooltip: str, guard: Callable,
        changed: Callable[[], None], whole: bool = False, bounds: tuple[float, float] = (-math.inf, math.inf),
        **layout: str,
    ):  # fmt: skip
        self.name, self.unit, self._whole, self._bounds = name, unit, whole, bounds
        self._value, self._syncing, self._changed = value, False, changed
        self._waits = self._late = False
        self._steps, self._stops = list(steps), list(steps)
        self.slider = ipywidgets.SelectionSlider(
            options=self._options(), description=name, readout=False, tooltip=tooltip,
            **looks(ipywidgets.SelectionSlider, LABEL, flex="1 1 auto", width="auto", min_width="0"),
        )  # fmt: skip
        self.box = ipywidgets.Text(
            continuous_update=False, tooltip=f"{tooltip} Type a number and press Enter.",
            **looks(ipywidgets.Text, width="54px", flex="0 0 auto"),
        )  # fmt: skip
        self.box.add_class("janus-box")
        super().__init__([self.slider, self.box], **looks(ipywidgets.HBox, **layout))
        if unit:
            behind = ipywidgets.HTML(unit, **looks(ipywidgets.HTML, width="40px", flex="0 0 auto"))
            behind.add_class("janus-unit")
            self.children = (self.slider, self.box, behind)
        self.put(value)
        self.slider.observe(guard(self._slid), names="value")
        self.box.observe(guard(self._typed), names="value")

    @property
    def value(self) -> float:
        """The number, as exact as it was typed."""
        return self._value

    def put(self, value: float, steps: Sequence[float] | None = None) -> None:
        """Set the number, and where the slider can stop, without telling anyone."""
        self._value = int(value) if self._whole else value
        self._steps = self._steps if steps is None else list(steps)
        if self._waits:
            self._late = True
        else:
            self._say()

    def wait(self) -> None:
        """Leave slider and box as they are until `show`, whatever is put."""
        self._waits = True

    def show(self) -> None:
        """Let slider and box say what was put since `wait`; without that, they keep what a person typed."""
        late, self._waits, self._late = self._late, False, False
        if late:
            self._say()

    def _say(self) -> None:
        self._syncing, value = True, self._value
        try:
            if self._steps != self._stops:
                self._stops = self._steps
                # By way of the first stop, which old and new ones have: a page sets the handle before it knows the new
                # ones, moves it to the last of the old, and says that a person did.
                self.slider.index = 0
                self.slider.options = self._options()
            self.slider.index = min(range(len(self._stops)), key=lambda i: abs(self._stops[i] - value))
            self.box.value = f"{value:.6g}" if abs(value) < PLAIN else f"{value:.0f}"
            self.box.remove_class("janus-wrong")
        finally:
            self._syncing = False

    def _options(self) -> list[tuple[str, float]]:
        return [(f"{step:g} {self.unit}".strip(), step) for step in self._stops]

    def _slid(self, change) -> None:
        if not self._syncing:
            self._take(change["new"])

    def _typed(self, change) -> None:
        if self._syncing:
            return
        self.box.add_class("janus-wrong")
        self._take(self.read(change["new"]))

    def read(self, text: str) -> float:
        """The number in a text, taken by nobody yet.

        Raises:
            JanusError: If it is none, or none that this control takes.
        """
        value = number_in(text, self.name, self.unit)
        if self._whole and value != int(value):
            raise JanusError(f"{self.name}: {value:g} is not a whole number; type one, such as 3.")
        low, high = self._bounds
        if not low <= value <= high:
            raise JanusError(f"{self.name}: {value:g} is out of range: give a number from {low:,g} to {high:,.0f}.")
        return int(value) if self._whole else value

    def _take(self, value: float) -> None:
        before, self._value = self._value, int(value) if self._whole else value
        try:
            self._changed()
        except Exception:
            self._value = before
            raise
        self.put(self._value)


class Choice(ipywidgets.Dropdown):
    """A menu with its label; ``changed`` is called when a person has chosen."""

    def __init__(
        self, name: str, options: Sequence, value, *, tooltip: str, guard: Callable, changed: Callable,
        style: Mapping[str, str] = LABEL, **layout: str,
    ):  # fmt: skip
        super().__init__(
            options=options, value=value, description=name, tooltip=tooltip,
            **looks(ipywidgets.Dropdown, style, **{"width": "auto"} | layout),
        )  # fmt: skip
        self._syncing = False
        self._changed = changed
        self.name = name
        self.observe(guard(self._chosen), names="value")

    def read(self, text: str):
        """What there is to choose under that name, chosen by nobody yet.

        Raises:
            JanusError: If there is none.
        """
        known = {f"{value:g}" if isinstance(value, float) else str(value): value for value in self._options_values}
        if text not in known:
            raise JanusError(f"{self.name}: there is no {text!r:.60} here; choose one of {', '.join(known)}.")
        return known[text]

    def put(self, value, options: Sequence | None = None) -> None:
        """Set the choice, and what there is to choose from, without telling anyone."""
        self._syncing = True
        try:
            # In one message: a page that changes its model has enough of them.
            with self.hold_sync():
                if options is not None:
                    self.options = options
                self.value = value
        finally:
            self._syncing = False

    def _chosen(self, _change) -> None:
        if not self._syncing:
            self._changed()


class Offered(Choice):
    """A menu whose choices depend on the model: what is in it now is not all that a state may name."""

    def read(self, text: str) -> str:
        """A name, whether the present model has it or not; whoever asks with it says so where it does not."""
        return text

    def put(self, value: str, options: Sequence | None = None) -> None:
        """Set the choice; one that is not in the menu comes into it."""
        known = list(self.options)
        there = value in self._options_values
        super().put(value, options or (known if there else [*known, (value, value) if _paired(known) else value]))

    def offer(self, options: Sequence, otherwise: str) -> None:
        """What there is to choose from; ``otherwise`` is chosen where what was is there no more."""
        if list(self.options) != list(options):
            values = [one[1] for one in options] if _paired(options) else list(options)
            self.put(self.value if self.value in values else otherwise, list(options))


def _paired(options: Sequence) -> bool:
    return bool(options) and isinstance(options[0], tuple)


class Tick(ipywidgets.Checkbox):
    """A box to tick; ``changed`` is called when a person has."""

    def __init__(self, name: str, value: bool, *, tooltip: str, guard: Callable, changed: Callable, **layout: str):
        super().__init__(
            value=value, description=name, indent=False, tooltip=tooltip,
            **looks(ipywidgets.Checkbox, **{"width": "auto"} | layout),
        )  # fmt: skip
        self._syncing = False
        self._changed = changed
        self.name = name
        self.observe(guard(self._ticked), names="value")

    def read(self, text: str) -> bool:
        """Yes or no, ticked by nobody yet.

        Raises:
            JanusError: If it is neither.
        """
        if text not in ("yes", "no"):
            raise JanusError(f"{self.name}: {text!r:.60} is neither yes nor no; give one of the two.")
        return text == "yes"

    def put(self, value: bool) -> None:
        """Set it without telling anyone."""
        self._syncing = True
        try:
            self.value = value
        finally:
            self._syncing = False

    def _ticked(self, _change) -> None:
        if not self._syncing:
            self._changed()


def group(text: str, *controls: ipywidgets.Widget) -> ipywidgets.VBox:
    """Controls under a small title; where the screen is narrow, they stay together."""
    title = ipywidgets.HTML(text, **looks(ipywidgets.HTML))
    title.add_class("janus-heading")
    return ipywidgets.VBox([title, *controls], **looks(ipywidgets.VBox))
