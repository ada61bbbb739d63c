"""The controls of a screen, whatever they are, and one move away and back of each, timed without a page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import ipywidgets

from janus.errors import JanusError
from janus.explorer import Explorer
from janus.explorer.controls import Number
from janus.units import s_to_ms

SETTLE_S = 120.0
POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Control:
    """Something that a person moves.

    Attributes:
        name: Its label, and what it is.
        move: Moves it, away the first time and back the next, as the page would.
    """

    name: str
    move: Callable[[], None]


def controls_of(box: ipywidgets.Box) -> Iterator[Control]:
    """Sliders, number boxes, menus and ticks in ``box``, however deep; left out are those without a choice."""
    beside = ""
    for child in box.children:
        if isinstance(child, Number):
            beside = f"{child.name}, " if isinstance(box, ipywidgets.HBox) else ""
            yield from _number(child)
        elif isinstance(child, ipywidgets.Box):
            yield from controls_of(child)
        elif isinstance(child, ipywidgets.Dropdown | ipywidgets.ToggleButtons):
            if len(child.options) > 1:
                yield Control(
                    name=f"{child.description or child.tooltip or 'View'} (menu)",
                    move=_swap(child, "index", len(child.options)),
                )
        elif isinstance(child, ipywidgets.Checkbox | ipywidgets.ToggleButton):
            name = f"{beside}{child.description} (tick)"
            yield Control(name=name, move=partial(_flip, child))
        elif isinstance(child, ipywidgets.IntSlider):
            yield Control(name=f"{child.description} (slider)", move=_swap(child, "value", child.max + 1))


def _number(number: Number) -> Iterator[Control]:
    if len(number.slider.options) < 2:
        return
    yield Control(name=f"{number.name} (slider)", move=_swap(number.slider, "index", len(number.slider.options)))

    def type_it() -> None:
        at, steps = number.slider.index, number.slider.options
        number.box.value = f"{steps[at - 1 if at else at + 1][1]:g}"

    yield Control(name=f"{number.name} (box)", move=type_it)


def _flip(tick: ipywidgets.Checkbox) -> None:
    tick.value = not tick.value


def _swap(widget: ipywidgets.Widget, trait: str, count: int) -> Callable[[], None]:
    """One step up, and the next time down again; at the upper end the other way round."""
    up = True

    def move() -> None:
        nonlocal up
        now = getattr(widget, trait)
        up = now == 0 or (up and now < count - 1)
        setattr(widget, trait, now + 1 if up else now - 1)
        up = not up

    return move


def timed_moves(explorer: Explorer, name: str, before: Callable[[Explorer], None]) -> tuple[list[float], list[float]]:
    """Milliseconds of the clock and of the processor in a control's handlers, away and back.

    Args:
        explorer: The screen.
        name: Of the control.
        before: Called before each move: waits for what shall be going on meanwhile.

    Raises:
        JanusError: If a move ends in the banner.
    """
    control = next(one for one in controls_of(explorer) if one.name == name)
    clock, processor = [], []
    for _ in range(2):
        before(explorer)
        start, worked = time.perf_counter(), time.thread_time()
        control.move()
        clock.append(s_to_ms(time.perf_counter() - start))
        processor.append(s_to_ms(time.thread_time() - worked))
        if explorer.banner.value:
            raise JanusError(f"{name} ended in the banner: {explorer.banner.value}")
    return clock, processor


def idle(explorer: Explorer) -> None:
    """Wait until nothing goes on behind the screen."""
    if not explorer.settle(SETTLE_S):
        raise JanusError(f"the screen was still busy after {SETTLE_S:.0f} s: is the machine busy with other work?")


def streaming(explorer: Explorer) -> None:
    """Wait until accuracy comes in behind the screen, and is not about to end."""
    end = time.perf_counter() + SETTLE_S
    while time.perf_counter() < end:
        row = explorer.live.row(explorer.live.running)
        if row is not None and row["n"] < explorer.live.wanted / 2:
            return
        if not explorer.live.running and explorer.settle(POLL_S):
            if explorer.subject is None or explorer.subject.images is None:
                return  # a model without weights: nothing can come in
            explorer.live.clear()
            explorer.panel.evaluate.click()
        time.sleep(POLL_S)
    raise JanusError(f"no accuracy came in for {SETTLE_S:.0f} s: is the machine busy with other work?")
