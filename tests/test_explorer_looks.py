"""Layouts and styles that widgets of the screen share."""

import ipywidgets
import pytest

from janus.explorer import Explorer
from janus.explorer.looks import looks


@pytest.fixture(scope="module")
def explorer():
    return Explorer(calibrate=False, live=False)


def widgets(box):
    """Every widget in a box, however deep."""
    yield box
    for child in getattr(box, "children", ()):
        yield from widgets(child)


def test_alike_is_the_same():
    """Equal wishes get one object, others another; a widget without a style gets none."""
    one, same = (looks(ipywidgets.HTML, width="auto", flex="1 1 0") for _ in range(2))

    assert one == looks(ipywidgets.HTML, flex="1 1 0", width="auto") == same
    assert one["layout"] is not looks(ipywidgets.HTML, width="40px", flex="1 1 0")["layout"]
    assert looks(ipywidgets.Text, {"description_width": "40px"})["style"].description_width == "40px"
    assert set(looks(ipywidgets.HBox)) == {"layout"}


def test_closed_it_is_made_again():
    """Whoever closes all widgets of a kernel can have a screen afterwards."""
    one = looks(ipywidgets.HTML, width="77px")["layout"]
    one.close()

    assert looks(ipywidgets.HTML, width="77px")["layout"].comm is not None


def test_what_is_shown_and_hidden_shares_no_layout(explorer):
    """Else hiding one would hide the others."""
    shown = [explorer.banner, explorer.shelf.table, explorer.bar.says, explorer.panel._levels, explorer.panel.own_level]
    shown.append(explorer.desk.course_view.trace.box)
    uses = [widget.layout for widget in widgets(explorer)]

    for widget in shown:
        assert sum(layout is widget.layout for layout in uses) == 1
    assert all(layout.display is None for layout in uses if sum(layout is other for other in uses) > 1)


def test_most_of_the_screen_shares(explorer):
    """Fewer layouts than widgets by far, or a page has as much to make of them as of the controls."""
    every = list(widgets(explorer))

    assert len({id(widget.layout) for widget in every}) < len(every) / 2
