"""What the page is told when it has drawn the figures, in a kernel, where a loop runs, and without one."""

import asyncio

import ipywidgets
import pytest

from janus.errors import JanusError
from janus.explorer.controls import Number
from janus.explorer.later import DRAWN_S, later, told_later


@pytest.fixture
def sent(monkeypatch):
    """Messages to the page: which widget, and what it says."""
    seen = []

    def send_state(self, key=None):
        state = self.get_state(key)
        if state:
            seen.append((self, state))

    monkeypatch.setattr(ipywidgets.Widget, "send_state", send_state)
    return seen


def in_a_kernel(steps) -> None:
    """Run an asynchronous function as a kernel does."""
    asyncio.run(steps())


async def drawn() -> None:
    """Until the page has been told."""
    await asyncio.sleep(2 * DRAWN_S)


def number(changed=lambda: None) -> Number:
    return Number("Split", "", (0, 6, 12), 0, whole=True, tooltip="", guard=lambda handler: handler, changed=changed)


def test_without_a_kernel_nothing_waits(sent):
    done, text = [], ipywidgets.Text()
    later(lambda: done.append(1))
    with told_later(text):
        text.value = "here"
    assert done == [1] and [state["value"] for widget, state in sent if widget is text] == ["here"]


def test_in_a_kernel_a_handler_reads_it_at_once_and_the_page_later_in_one_message(sent):
    async def steps():
        text = ipywidgets.Text()
        for value in ("a", "b"):  # two handlers before the page has drawn
            with told_later(text):
                text.value = value
                assert text.value == value
        assert not [one for one in sent if one[0] is text]
        await drawn()
        assert [state["value"] for widget, state in sent if widget is text] == ["b"]

    in_a_kernel(steps)


def test_a_handler_that_fails_leaves_nothing_untold(sent):
    async def steps():
        text = ipywidgets.Text()
        with pytest.raises(ValueError, match="half"), told_later(text):
            text.value = "half"
            raise ValueError("half")
        await drawn()
        assert [state["value"] for widget, state in sent if widget is text] == ["half"]
        text.value = "after"
        assert sent[-1][1]["value"] == "after"

    in_a_kernel(steps)


def test_what_a_person_does_meanwhile_stays(sent):
    """The page has it already, and is not told what it said before."""

    async def steps():
        text = ipywidgets.Text()
        with told_later(text):
            text.value = "Janus's"
        text.set_state({"value": "a person's"})
        await drawn()
        told = [state["value"] for widget, state in sent if widget is text and "value" in state]
        assert text.value == "a person's" and "Janus's" not in told

    in_a_kernel(steps)


def test_a_number_that_waits_has_its_value_and_shows_it_then():
    one = number()
    one.wait()
    one.put(12, (0, 12, 24))
    assert one.value == 12 and (one.slider.value, one.box.value) == (0, "0")
    one.show()
    assert (one.slider.value, one.box.value) == (12, "12") and one.slider.options[-1] == ("24", 24)
    one.put(24)
    assert one.slider.value == 24


def test_a_number_that_waits_can_be_moved():
    """A person gets hold of the slider before it has shown what Janus chose: the person's value counts."""
    asked = []
    one = number(lambda: asked.append(one.value))
    one.wait()
    one.put(12)
    one.slider.value = 6
    assert asked == [6]
    one.show()
    assert (one.value, one.slider.value, one.box.value) == (6, 6, "6")


def test_a_number_that_nobody_put_keeps_what_a_person_typed():
    """Wrong text stays to be mended when something else is answered meanwhile."""
    one = number()
    with pytest.raises(JanusError, match="'many' is not a number"):
        one.box.value = "many"
    one.wait()
    one.show()
    assert one.box.value == "many" and "janus-wrong" in one.box._dom_classes
