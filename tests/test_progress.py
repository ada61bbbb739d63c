"""Bars are for people who wait, and for nobody else."""

import io
import sys

import pytest

from janus import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A function that puts a terminal in place of stderr, with nothing that says it is a test."""

    def put():
        # pytest sets its own again between the fixture and the test.
        for name in ("CI", "PYTEST_CURRENT_TEST"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    return put


def test_the_items_are_what_they_were(terminal):
    """A bar changes nothing about what it goes around, seen or not."""
    terminal()

    assert list(progress.bar(range(5), unit="round")) == list(range(5))
    assert list(progress.bar(iter("abc"), unit="letter", shown=False)) == ["a", "b", "c"]


def test_a_terminal_sees_title_and_unit(terminal):
    """What is counted, and how many there are."""
    screen = terminal()
    list(progress.bar(range(5), unit="round", title="measuring"))

    assert "measuring" in screen.getvalue() and "round" in screen.getvalue()


@pytest.mark.parametrize("name", ["CI", "PYTEST_CURRENT_TEST"])
def test_quiet_in_ci_and_in_tests(terminal, monkeypatch, name):
    """Not one byte, even at a terminal."""
    screen = terminal()
    monkeypatch.setenv(name, "true")
    list(progress.bar(range(5), unit="round"))

    assert screen.getvalue() == ""


def test_quiet_in_a_file_and_when_not_wanted(terminal, monkeypatch):
    """A log is not full of bars, and who asks for none gets none."""
    screen = terminal()
    list(progress.bar(range(5), unit="round", shown=False))
    assert screen.getvalue() == ""

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    list(progress.bar(range(5), unit="round"))
    assert sys.stderr.getvalue() == ""
