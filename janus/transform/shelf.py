"""Codebooks that are at hand: those that Janus ships, by model, or one's own file."""

from __future__ import annotations

import re
from pathlib import Path

from janus.errors import JanusError
from janus.files import data_folder
from janus.transform.codebook import Codebook, read_codebook, step_index

NAME = "transform"
GRAMMAR = re.compile(rf"{NAME}(\d+(?:\.\d+)?)?")


def transform_step(codec: str) -> int | None:
    """The step of a codec such as ``transform1.4``, in eighths of an octave; None if it is another codec.

    Raises:
        JanusError: If the step is out of range.
    """
    match = GRAMMAR.fullmatch(codec)
    return None if match is None else step_index(float(match[1] or 1))


def shipped_codebook(model: str) -> Path | None:
    """The file of the codebook that Janus ships for a model; None where it ships none."""
    try:
        path = data_folder("codebooks") / f"{model}.safetensors"
    except JanusError:
        return None
    return path if re.fullmatch(r"[\w.-]+", model) and path.is_file() else None


def stored_codebook(model: str, key: str) -> Codebook | None:
    """The codebook that Janus ships for these very weights; None where it ships none.

    Args:
        model: Full timm tag.
        key: SHA-256 of its tensors, in hex.

    Raises:
        JanusError: If its file is broken.
    """
    path = shipped_codebook(model)
    book = None if path is None else read_codebook(path)
    return book if book is not None and book.key == key else None


def find_codebook(model: str, key: str | None, path: Path | None = None) -> Codebook:
    """The codebook for a model.

    Args:
        model: Full timm tag.
        key: SHA-256 of its tensors, in hex; None where weights do not matter, as to the time that coding takes.
        path: One's own file; None for the one that Janus ships.

    Raises:
        JanusError: If there is none, or it was calibrated on other weights.
    """
    path = path or shipped_codebook(model)
    if path is None:
        raise JanusError(
            f"codec {NAME}: there is no codebook for {model}; make one with `janus calibrate --model {model} --images "
            "DIR --out FILE` and give it with --codebook FILE."
        )
    book = read_codebook(path)
    if key is not None and book.key != key:
        raise JanusError(
            f"{path}: calibrated on {book.model} with SHA-256 {book.key[:12]}…, the weights of {model} here have "
            f"{key[:12]}…; calibrate these with `janus calibrate`."
        )
    return book
