"""The bench of the screen finds every control, moves it, and says what it could not measure."""

import ipywidgets
import pytest

from janus.bench import explorer, moves
from janus.errors import JanusError
from janus.explorer import Explorer
from janus.explorer.controls import Number


def plain(function):
    return function


def test_every_kind_of_control_goes_away_and_comes_back():
    """A slider, its box, a menu and a tick are found however deep; two moves of each change it and change it back."""
    seen = []
    number = Number(
        "Level", "", (0.0, 1.0, 2.0), 2.0, tooltip="", guard=plain, changed=lambda: seen.append(number.value)
    )
    menu = ipywidgets.Dropdown(options=["a", "b"], description="Kind")
    lone = ipywidgets.Dropdown(options=["a"], description="Lone")
    tick = ipywidgets.Checkbox(description="auto")
    box = ipywidgets.VBox([ipywidgets.HBox([number, tick]), ipywidgets.HBox([ipywidgets.VBox([menu, lone])])])
    found = {control.name: control for control in moves.controls_of(box)}

    assert list(found) == ["Level (slider)", "Level (box)", "Level, auto (tick)", "Kind (menu)"]
    for control in found.values():
        control.move()
        control.move()
    assert seen == [1.0, 2.0, 1.0, 0.0]
    assert (menu.value, tick.value) == ("a", False)


@pytest.fixture
def still():
    screen = Explorer(model="vit_tiny_patch16_224", calibrate=False, live=False)
    moves.idle(screen)
    yield screen
    screen.settle()


def test_a_move_is_timed_twice_and_an_error_in_the_banner_is_one_of_the_bench(still, monkeypatch):
    """Away and back; a bench of handlers that failed would be fast."""
    clock, processor = moves.timed_moves(still, "Bandwidth (slider)", moves.idle)
    assert len(clock) == len(processor) == 2
    assert min(clock) > 0

    monkeypatch.setattr(still._workbench, "ask", lambda question: 1 / 0)
    with pytest.raises(JanusError, match="SLO \\(slider\\) ended in the banner"):
        moves.timed_moves(still, "SLO (slider)", moves.idle)


def test_rows_say_what_they_are():
    """Median and 95th percentile with their unit; a control without effect has none; ratios are paired."""
    row = explorer.row_of(explorer.KEY, "SLO (slider)", [float(n) for n in range(1, 102)])
    assert (row["measured_ms"], row["measured_ms_p95"], row["n"]) == (51.0, 96.0, 101)
    assert "changes no figure" in explorer.line_of(explorer.row_of(explorer.KEY, "Images", []))

    ratio = explorer.ratio_row("all", {explorer.IDLE: [1.0, 2.0, 4.0], explorer.BEHIND: [1.5, 3.0, 6.0]})
    assert ratio["measured_ratio"] == 1.5
    assert "1.50 times" in explorer.line_of(ratio)


def test_without_a_browser_it_says_so(monkeypatch):
    """One sentence that names what to install, for Playwright and for Chromium."""
    monkeypatch.setattr(explorer.page, "find_chromium", lambda: None)
    with pytest.raises(JanusError, match="no Chromium or Chrome"), explorer.page.chromium():
        raise AssertionError("never reached")

    monkeypatch.setitem(__import__("sys").modules, "playwright.sync_api", None)
    with pytest.raises(JanusError, match="Playwright is not installed"), explorer.page.chromium():
        raise AssertionError("never reached")
