"""What can be taken away from the screen: figures and their data, as files that say where they are from.

A file holds versions, hardware, seed, data and the state that brings the screen back: a CSV in lines that begin with #
(`pandas.read_csv(…, comment="#")` skips them), an SVG and a PNG below the figure and in their description.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from janus.errors import JanusError
from janus.files import write_bytes
from janus.profile import LatencyProfile
from janus.provenance import hardware, versions

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {"csv": "text/csv", "svg": "image/svg+xml", "png": "image/png"}
PREFIX = "janus-"


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """One figure and what is in it.

    Attributes:
        name: In a file's name.
        title: In the menu.
        kind: Whether its numbers are modelled, measured, stored or counted, and from what.
        table: Its data.
        draw: Draws it in a format, with facts about it; None for a table that no figure is of.
    """

    name: str
    title: str
    kind: str
    table: pd.DataFrame
    draw: Callable[[str, dict[str, str]], bytes] | None

    @property
    def formats(self) -> tuple[str, ...]:
        """What it can be written as."""
        return tuple(FORMATS) if self.draw else ("csv",)

    def file(self, format: str, facts: dict[str, str]) -> bytes:
        """The figure or its data as a file.

        Args:
            format: One of `FORMATS`.
            facts: Where the numbers come from, see `facts_of`.

        Raises:
            JanusError: If there is no such format.
        """
        check_format(format)
        if format not in self.formats:
            raise JanusError(f"{self.title}: this is a table without a figure of its own; save it as CSV.")
        facts = {"figure": self.title, "numbers": self.kind} | facts
        if format != "csv":
            return self.draw(format, facts)
        # A # inside a cell or a fact would end the line for who skips comments.
        lines = [f"# {name}: {' '.join(text.split())}" for name, text in facts.items()]
        return ("\n".join(lines) + "\n" + self.table.to_csv(index=False, lineterminator="\n")).encode()


def check_format(format: str) -> None:
    """Raise a `JanusError` if there is no such format."""
    if format not in FORMATS:
        raise JanusError(f"format {format!r:.20} is unknown; choose one of {', '.join(FORMATS)}.")


def facts_of(*, model: str, device: LatencyProfile, cloud: LatencyProfile, images: str, seed: int, data: str,
             state: str) -> dict[str, str]:  # fmt: skip
    """Where the numbers on the screen come from, to be written into a file.

    Args:
        model: Its name.
        device, cloud: What the latencies are modelled from.
        images: What accuracy is measured on.
        seed: Of random weights and drawn pictures.
        data: Fingerprint of profiles, stored accuracies and images.
        state: What brings the screen back.
    """
    processor, cores, memory, system = hardware().values()
    return {
        "model": model,
        "device": profile_words(device),
        "cloud": profile_words(cloud),
        "images": images or "none",
        "seed": str(seed),
        "data": data,
        "state": state,
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "hardware": f"{processor}, {cores} cores, {memory} GiB, {system}",
        "date": datetime.date.today().isoformat(),
    }


def profile_words(profile: LatencyProfile) -> str:
    """A machine, and how its times are known."""
    how = {"derived": "derived from published figures", "measured": f"measured {profile.date}", "demo": "a demo"}
    return f"{profile.name}, {how[profile.kind]}"


def file_name(sheet: Sheet, format: str) -> str:
    """What a file is called, without a folder."""
    return f"{PREFIX}{sheet.name}.{format}"


def write_files(
    sheets: dict[str, Sheet], folder: Path | str, facts: dict[str, str], *, only: Iterable[str] | None,
    formats: Iterable[str],
) -> list[Path]:  # fmt: skip
    """Write figures and tables into a folder.

    Args:
        sheets: All there are, by name.
        folder: Must exist.
        facts: See `facts_of`.
        only: Names of those to write; all by default.
        formats: Of `FORMATS`.

    Raises:
        JanusError: If there is no such figure, format or folder.
    """
    formats = [formats] if isinstance(formats, str) else list(formats)
    for format in formats:
        check_format(format)
    names = list(sheets if only is None else [only] if isinstance(only, str) else only)
    for name in names:
        if name not in sheets:
            raise JanusError(f"figure {name!r:.40} is not on the screen; choose one of {', '.join(sheets)}.")
    written = []
    for name in names:
        for format in (format for format in formats if format in sheets[name].formats):
            path = Path(folder).expanduser() / file_name(sheets[name], format)
            write_bytes(path, sheets[name].file(format, facts))
            written.append(path)
    return written
