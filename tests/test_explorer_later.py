"""What the page is told when it has drawn the figures, in a kernel, where a loop runs, and without one."""

import asyncio
import threading

import ipywidgets
import pytest

from janus.errors import JanusError
from janus.explorer.behind import Turn, kernel_post
from janus.explorer.controls import Number
from janus.explorer.later import DRAWN_S, Later


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
    done, text, later = [], ipywidgets.Text(), Later(Turn())
    later.do(lambda: done.append(1))
    with later.told(text):
        text.value = "here"
    assert done == [1] and [state["value"] for widget, state in sent if widget is text] == ["here"]


def test_in_a_kernel_a_handler_reads_it_at_once_and_the_page_later_in_one_message(sent):
    async def steps():
        text, later = ipywidgets.Text(), Later(Turn())
        for value in ("a", "b"):  # two handlers before the page has drawn
            with later.told(text):
                text.value = value
                assert text.value == value
        assert not [one for one in sent if one[0] is text]
        await drawn()
        assert [state["value"] for widget, state in sent if widget is text] == ["b"]

    in_a_kernel(steps)


def test_a_handler_that_fails_leaves_nothing_untold(sent):
    async def steps():
        text, later = ipywidgets.Text(), Later(Turn())
        with pytest.raises(ValueError, match="half"), later.told(text):
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
        text, later = ipywidgets.Text(), Later(Turn())
        with later.told(text):
            text.value = "Janus's"
        text.set_state({"value": "a person's"})
        await drawn()
        told = [state["value"] for widget, state in sent if widget is text and "value" in state]
        assert text.value == "a person's" and "Janus's" not in told

    in_a_kernel(steps)


def test_what_is_put_off_waits_for_a_handler_in_another_thread():
    """JupyterLab's messages come in a subshell, a thread with a loop of its own; results come on the kernel's."""
    turn, seen = Turn(), []
    later = Later(turn)
    began, answered = threading.Event(), threading.Event()

    def handler() -> None:
        with turn:
            began.set()
            answered.wait(10)
            seen.append("handler")

    async def steps():
        post = kernel_post(turn)
        with turn:
            later.do(lambda: seen.append("later"))
        subshell = threading.Thread(target=handler)
        subshell.start()
        began.wait(10)
        post(lambda: seen.append("result"))
        threading.Timer(3 * DRAWN_S, answered.set).start()
        await drawn()
        subshell.join()
        await drawn()

    in_a_kernel(steps)
    assert seen[0] == "handler" and sorted(seen[1:]) == ["later", "result"]


def test_what_a_page_leaves_is_told_with_the_next(sent):
    """Its thread ends with it, and what was put off there with that; the widgets must not stay silent for ever."""
    text, later = ipywidgets.Text(), Later(Turn())

    async def a_page_that_goes():
        with later.told(text):
            text.value = "left"

    async def the_next_page():
        await asyncio.sleep(DRAWN_S)
        later.do(lambda: None)
        await drawn()

    asyncio.run(a_page_that_goes())
    assert not [one for one in sent if one[0] is text]
    asyncio.run(the_next_page())
    assert [state["value"] for widget, state in sent if widget is text] == ["left"]


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
