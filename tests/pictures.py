"""Pictures for tests, and folders of them."""

import io

import numpy as np
from PIL import Image


def noise(seed=0, height=40, width=50):
    """A picture that no other seed gives."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def packed(image, form="PNG", **options):
    """An image as the bytes of a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def fill(root, folders, each=3):
    """A folder with ``each`` pictures in each of ``folders``."""
    for i, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for j in range(each):
            (root / folder / f"{j}.png").write_bytes(packed(noise(100 * i + j)))
    return root
