"""The index shows the notebooks that there are, and no others."""

import re

import nbformat
import pytest
from PIL import Image
from store_index import NOTEBOOKS, PICTURES, title

NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb") if path.stem != "index")
TEXT = "\n".join(cell.source for cell in nbformat.read(NOTEBOOKS / "index.ipynb", as_version=4).cells)
LIMIT_BYTES = 600_000


def test_it_links_to_exactly_the_notebooks_that_there_are():
    """If this fails, `python tests/store_index.py` mends it."""
    assert sorted(set(re.findall(r"\]\((\w+)\.ipynb\)", TEXT))) == NAMES


def test_each_has_a_picture_and_all_are_small():
    """One each, shown, that opens and is not blank; none is left from a notebook that is gone."""
    assert sorted(path.stem for path in PICTURES.glob("*.png")) == NAMES
    assert sorted(re.findall(r"\.\./data/pictures/notebooks/(\w+)\.png", TEXT)) == NAMES
    for name in NAMES:
        with Image.open(PICTURES / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(1_000_000)) > 4
    assert sum(path.stat().st_size for path in PICTURES.glob("*.png")) < LIMIT_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_the_title_is_the_notebooks_own(name):
    """The row says what the notebook's first heading says."""
    (row,) = (line for line in TEXT.splitlines() if f"**[{name}]" in line)

    assert title(NOTEBOOKS / f"{name}.ipynb") in row
