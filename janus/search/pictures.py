"""Pictures to judge schedules by, and whether two sets of them have any in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from janus.apart import alike, bits_of, fingerprint
from janus.data import ImageSet, Skipped
from janus.errors import JanusError
from janus.evaluate import usable
from janus.preprocess import Preprocess


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """Pictures in memory.

    Attributes:
        names: Within their set.
        pixels: As the model's preprocessing makes them.
        labels: Their classes; None for each where the set has none.
        fingerprints: See `janus.apart.fingerprint`.
        facts: Where they come from.
    """

    names: tuple[str, ...]
    pixels: UInt8[np.ndarray, "n h w 3"]
    labels: tuple[int | None, ...]
    fingerprints: tuple[str, ...]
    facts: dict

    def __len__(self) -> int:
        return len(self.names)


def read_pictures(
    images: ImageSet,
    preprocess: Preprocess,
    *,
    limit: int | None = None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Pictures:
    """The first pictures of a set.

    Raises:
        JanusError: If none can be used.
    """

    def prepare(image: Image.Image):
        return preprocess.pixels(image), fingerprint(image)

    stream = images.stream(prepare, limit=limit)
    batches = usable(stream, 64, where=f"images {images.name}", cancel=None, on_skip=on_skip)
    found = [one for batch in batches for one in batch]
    return Pictures(
        names=tuple(one.name for one in found),
        pixels=np.stack([one.image[0] for one in found]),
        labels=tuple(one.label for one in found),
        fingerprints=tuple(one.image[1] for one in found),
        facts=images.facts,
    )


def check_disjoint(calibration: Sequence[str], test: Pictures) -> None:
    """Refuse pictures to test on that schedules were chosen by.

    Args:
        calibration: Fingerprints.
        test: The pictures.

    Raises:
        JanusError: If one occurs among both.
    """
    if not calibration:
        return
    ours, theirs = bits_of(calibration), bits_of(test.fingerprints)
    common = [name for name, mark in zip(test.names, theirs, strict=True) if alike(ours, mark).any()]
    if common:
        raise JanusError(
            f"{len(common)} of {len(test)} pictures to test on are among those for calibration, {common[0]} for one: "
            "what was chosen by a picture cannot be tested on it; give other images."
        )
