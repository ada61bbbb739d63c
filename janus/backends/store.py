"""Compiled parts on disk: found by all that they depend on, whole or not at all, and only so many."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from janus.backends.part import Part
from janus.errors import JanusError
from janus.files import cache_folder, write_bytes
from janus.provenance import hardware, versions

T = TypeVar("T")

log = logging.getLogger("janus")

MOST_BYTES = 4 << 30


class Store:
    """Blobs in Janus's cache. The first line of a file says what is in it and its SHA-256."""

    def __init__(self, about: dict):
        """
        Args:
            about: What the parts depend on, beside themselves, this machine and its versions.
        """
        self.about = {**about, "hardware": hardware(), "versions": versions()}
        self.folder = cache_folder("halves")

    def path(self, part: Part) -> Path:
        """Where a part is kept."""
        text = json.dumps(self._facts(part), sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.half"

    def load(self, part: Part, read: Callable[[bytes], T]) -> T | None:
        """What ``read`` makes of a part's blob; None if there is none, or it is broken, which is logged."""
        path = self.path(part)
        try:
            head, _, blob = path.read_bytes().partition(b"\n")
            os.utime(path)
        except OSError:
            return None
        try:
            facts = json.loads(head)
            if facts.pop("sha256") != hashlib.sha256(blob).hexdigest():
                raise ValueError("its bytes are not those that were written")
            return read(blob)
        except Exception as why:  # whatever it is, it can be compiled again
            reason = (str(why).strip().splitlines() or [type(why).__name__])[0]
            log.warning("%s: this compiled half is broken (%s); it is compiled again.", path, reason[:200])
            path.unlink(missing_ok=True)
            return None

    def save(self, part: Part, blob: bytes) -> None:
        """Keep a part's blob, if the disk lets us; the least recently used make room for it."""
        facts = self._facts(part) | {"sha256": hashlib.sha256(blob).hexdigest()}
        try:
            write_bytes(self.path(part), json.dumps(facts).encode() + b"\n" + blob)
            self._make_room()
        except (JanusError, OSError) as why:
            log.warning("A compiled half could not be kept on disk: %s", why)

    def _make_room(self) -> None:
        files = sorted(((path.stat(), path) for path in self.folder.glob("*.half")), key=lambda one: -one[0].st_mtime)
        total = 0
        for i, (stat, path) in enumerate(files):
            total += stat.st_size
            if i and total > MOST_BYTES:
                path.unlink(missing_ok=True)

    def _facts(self, part: Part) -> dict:
        return self.about | {"part": asdict(part)}
