"""Files that are either whole or not there."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from janus.errors import JanusError


def data_folder(*parts: str) -> Path:
    """A folder of what Janus ships (``traces``, ``profiles``, …): in ``$JANUS_DATA``, or ``data/`` of the checkout.

    Raises:
        JanusError: If it is not there.
    """
    root = os.environ.get("JANUS_DATA")
    base = Path(root) if root else Path(__file__).resolve().parent.parent / "data"
    folder = base.joinpath(*parts)
    if not folder.is_dir():
        remedy = "let JANUS_DATA name a folder that has it" if root else "run from a checkout or let JANUS_DATA name it"
        raise JanusError(f"{folder}: this folder of shipped data does not exist; {remedy}.")
    return folder


def cache_folder(*parts: str) -> Path:
    """A folder below ``$JANUS_CACHE``, or ``janus`` in the user's cache. Made if it is not there."""
    root = os.environ.get("JANUS_CACHE")
    base = Path(root) if root else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "janus"
    folder = base.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def parse_json(text: str):
    """A JSON document; a key that stands twice in one object is refused, where Python would take the last.

    Raises:
        ValueError: If it is no JSON, or not to be understood in one way only; the message says where or what.
    """

    def once(pairs: list[tuple]) -> dict:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key in found if sum(key == other for other, _ in pairs) > 1)
            raise ValueError(f"{twice[:40]!r} stands twice in one object")
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except RecursionError as why:
        raise ValueError("it is nested too deeply") from why


def read_json(path: Path | str, *, by: str, again: str):
    """What a file holds that a command wrote, as `parse_json` reads it.

    Args:
        path: The file.
        by: The command.
        again: The command with what makes it write the file.

    Raises:
        JanusError: If it is not there or no JSON.
    """
    try:
        return parse_json(Path(path).read_text(encoding="utf-8"))
    except OSError as why:
        raise JanusError(f"{path}: cannot be read ({why.strerror}); name a file that `{by}` wrote.") from why
    except ValueError as why:
        raise JanusError(f"{path}: is not JSON ({why}); write it again with `{again}`.") from why


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write beside the target, then rename: no half-written file is ever left.

    Raises:
        JanusError: If the folder does not exist or cannot be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise JanusError(f"{path}: the folder {path.parent} does not exist; make it first or choose another.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            # mkstemp makes files private; what a user writes should have the usual permissions.
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as why:
        raise JanusError(f"{path}: cannot be written ({why.strerror}); choose another place.") from why


def write_text(path: Path | str, text: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, text.encode())
