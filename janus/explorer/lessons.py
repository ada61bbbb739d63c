"""Six states to teach from, each with what there is to see in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A state with a name.

    Attributes:
        name: In the menu.
        state: What the controls say; the model is the one that the screen begins with, unless it names one.
        teaches: What there is to see, in a sentence.
    """

    name: str
    state: str
    teaches: str


LESSONS = ()
