"""Texts of figures in pieces of one look each: what plotly has in tags, for whoever draws without it."""

from __future__ import annotations

import html.parser
from collections.abc import Mapping, Sequence
from functools import lru_cache

KNOWN = ("b", "span")


class _Runs(html.parser.HTMLParser):
    """Text between tags, with what the tags say of it: ``b`` and ``span`` are known, others are text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[dict[str, str]] = []
        self._open: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in KNOWN:
            self.handle_data(self.get_starttag_text() or "")
            return
        style = dict(part.split(":", 1) for part in (dict(attrs).get("style") or "").split(";") if ":" in part)
        known = {name: style[name] for name in ("color", "font-size", "font-weight") if name in style}
        self._open.append((tag, known | ({"font-weight": "bold"} if tag == "b" else {})))

    def handle_endtag(self, tag: str) -> None:
        if any(tag == name for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass
        elif tag not in KNOWN:
            self.handle_data(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        look: dict[str, str] = {}
        for _, style in self._open:
            look |= style
        self.found.append({"text": data} | look)


def runs(text: str) -> Sequence[Mapping[str, str]]:
    """A text in pieces of one look each: ``text``, and ``color``, ``font-size``, ``font-weight`` where it has one."""
    if not text:
        return ()
    return _parsed(text) if "<" in text or "&" in text else ({"text": text},)


# Titles and keys hardly change.
@lru_cache(maxsize=1024)
def _parsed(text: str) -> Sequence[Mapping[str, str]]:
    parser = _Runs()
    parser.feed(text)
    parser.close()
    return tuple(parser.found)


def lines_of(text: str) -> list[str]:
    """The lines of a text without its tags."""
    return ["".join(run["text"] for run in runs(line)) for line in text.split("<br>")]
