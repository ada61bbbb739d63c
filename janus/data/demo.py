"""The demo set as an image set: rendered when it is asked for, so that nothing has to be fetched."""

from __future__ import annotations

import io
from functools import partial

from PIL import Image

from janus.data.pictures import SEED, Entry, ImageSet, spread
from janus.demo import CLASSES, LABEL, NAME, SPLITS, sample, scene
from janus.demo import SEED as DEMO_SEED
from janus.errors import JanusError

# Pictures of a split as an image set; as rendered while training, the training split has no end.
COUNT = 100 * len(CLASSES)


def open_demo(split: str | None, classes: int | None) -> ImageSet:
    """The pictures of a split, labelled by their main object.

    Args:
        split: One of `SPLITS`; None for ``val``.
        classes: Classes of the head that the labels must match; None for pictures, whose labels don't matter.

    Raises:
        JanusError: If there is no such split, or the head has other classes.
    """
    split = split or "val"
    if split not in SPLITS:
        raise JanusError(f"images {NAME}:{split}: there is no such split; choose one of {', '.join(SPLITS)}.")
    if classes not in (None, len(CLASSES)):
        raise JanusError(
            f"images {NAME}: the labels don't match the head: {len(CLASSES)} classes ({', '.join(CLASSES[:3])}, …) for "
            f"a head of {classes}; give images of the model's classes, or --model {NAME}."
        )
    names = [f"{split}/{index:06d}" for index in range(COUNT)]

    def entries():
        for index in spread(names):
            label = None if classes is None else scene(split, index).label
            yield Entry(names[index], label, partial(_packed, split, index))

    return ImageSet(
        name=NAME,
        entries=entries,
        total=COUNT,
        classes=classes,
        facts={"images": NAME, "split": split, "seed": SEED, "demo_seed": DEMO_SEED, "label": LABEL},
    )


def _packed(split: str, index: int) -> bytes:
    """A picture as a PPM file: no compression, so no time lost and not a bit changed."""
    buffer = io.BytesIO()
    Image.fromarray(sample(split, index).pixels).save(buffer, "PPM")
    return buffer.getvalue()
