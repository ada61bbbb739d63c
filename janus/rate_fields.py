"""Fields of a rate table's file, each checked as it is taken. Torch-free."""

from __future__ import annotations

import re

from janus.errors import JanusError

REMEDY = "write it again with `janus bench codec`"
# No payload, time, level or number of pictures is beyond this.
MOST = 1e9
NAME = re.compile(r"[A-Za-z][\w.+-]{0,39}")
SCHEDULE = re.compile(r"[\w.,+=@-]{1,80}")


class Fields:
    """One object of the file; what is asked of it raises a `JanusError` that names the place and the field."""

    def __init__(self, where: str, fields: dict):
        self.where, self.fields = where, fields

    def refuse(self, name: str, what: str) -> JanusError:
        return JanusError(f"{self.where} has {name} {self.fields.get(name)!r:.40} where {what} belongs; {REMEDY}.")

    def number(self, name: str, most: float = MOST, least: float = 0.0) -> float:
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise self.refuse(name, f"a number from {least:g} to {most:g}")
        return float(value)

    def count(self, name: str, least: int) -> int:
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
            raise self.refuse(name, f"a whole number from {least} to {MOST:g}")
        return value

    def counts(self, name: str) -> tuple[int, ...] | None:
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(type(one) is int and 0 <= one <= MOST for one in value):
            raise self.refuse(name, "a list of counts, one for each block,")
        return tuple(value)

    def text(self, name: str, pattern: re.Pattern = re.compile(r".{1,400}")) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.refuse(name, "a name" if pattern is not SCHEDULE else "the name of a schedule")
        return value

    def accuracy(self) -> tuple[float, float, float]:
        top1, low, high = (self.number(name, 100.0) for name in ("top1", "low", "high"))
        if not low <= top1 <= high:
            raise JanusError(f"{self.where} has top1 {top1:g} outside of its interval {low:g} to {high:g}; {REMEDY}.")
        return top1, low, high
