"""What was answered already, line by line on disk, so that a search goes on where it was ended. Torch-free."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from janus.errors import JanusError
from janus.files import parse_json, write_text

VERSION = 1
Removed = tuple[int, ...]


class Answers(NamedTuple):
    """What one schedule said to some pictures.

    Attributes:
        divergence: For each, the Kullback–Leibler divergence in nats from the unmerged model's probabilities to its.
        best: For each, its first guess.
    """

    divergence: list[float]
    best: list[int]


class Journal:
    """Answers by schedule and batch of pictures, kept in a file of one JSON object a line, or in memory alone.

    Attributes:
        key: What its answers depend on, as text.

    A line is written in one piece once its batch is answered. What a killed run has torn off at the end is cut away.
    """

    def __init__(self, path: Path | None, about: dict, *, resume: bool = False, size: int | None = None):
        """Open a journal.

        Args:
            path: Its file; None to keep it in memory.
            about: What its answers depend on: model, weights, pictures. A journal of something else is refused.
            resume: Go on with what is in the file; without, it must not be there.
            size: Pictures in each batch, so that a line in the file has an answer for each; None where they vary.

        Raises:
            JanusError: If the file cannot be used so.
        """
        self.path = path
        self._answers: dict[tuple[Removed, int], Answers] = {}
        head = {"journal": VERSION, **about}
        self.key = json.dumps(head)
        if path is None:
            return
        if not path.exists():
            write_text(path, json.dumps(head) + "\n")
        elif not resume:
            raise JanusError(f"{path}: a journal is there already; go on from it with --resume, or name another.")
        else:
            self._read(head, size)

    def _read(self, head: dict, size: int | None) -> None:
        whole, newline, torn = self.path.read_bytes().rpartition(b"\n")
        for at, line in enumerate(whole.decode("utf-8", errors="replace").split("\n"), start=1):
            try:
                entry = parse_json(line)
                if at == 1:
                    self._check_head(entry, head)
                    continue
                removed = tuple(int(r) for r in entry["removed"])
                answers = Answers([float(d) for d in entry["divergence"]], [int(b) for b in entry["best"]])
                for said in answers:
                    if len(said) != (len(answers.best) if size is None else size):
                        raise JanusError(
                            f"{self.path}: line {at} has not an answer for each picture of a batch; remove this line, "
                            "or name another --journal."
                        )
                self._answers[removed, int(entry["batch"])] = answers
            except JanusError:
                raise  # a ValueError itself, with its own sentence
            except (ValueError, TypeError, KeyError) as why:
                raise JanusError(
                    f"{self.path}: line {at} is not one of a journal ({why!r}); name another --journal."
                ) from why
        # Only now: a file that is no journal stays as it is.
        if torn:
            os.truncate(self.path, len(whole) + len(newline))

    def _check_head(self, found: dict, wanted: dict) -> None:
        other = [key for key in wanted if not isinstance(found, dict) or found.get(key) != wanted[key]]
        if other:
            raise JanusError(
                f"{self.path}: this journal is of another search ({', '.join(other)} differ); name another --journal."
            )

    def __contains__(self, key: tuple[Removed, int]) -> bool:
        return key in self._answers

    def __getitem__(self, key: tuple[Removed, int]) -> Answers:
        return self._answers[key]

    def put(self, batch: int, found: dict[Removed, Answers]) -> None:
        """Keep what some schedules said to one batch."""
        self._answers |= {(removed, batch): answers for removed, answers in found.items()}
        if self.path is None:
            return
        lines = [
            json.dumps({"removed": removed, "batch": batch, **answers._asdict()}) for removed, answers in found.items()
        ]
        with open(self.path, "ab", buffering=0) as file:
            file.write("".join(line + "\n" for line in lines).encode())
            os.fsync(file.fileno())
