"""Make notebooks/index.ipynb and its pictures anew, from the stored notebooks: `python tests/store_index.py`.

A notebook's picture is the first that it is stored with (`store_outputs.py` and `store_stills.py` put them there), so
no real photograph gets in that is not in a notebook already. Run it when a notebook was added or its outputs changed.
"""

import base64
import io
import re
from pathlib import Path

import nbformat
from PIL import Image, ImageOps

import janus

CHECKOUT = Path(__file__).resolve().parents[1]
NOTEBOOKS = CHECKOUT / "notebooks"
PICTURES = CHECKOUT / "data" / "pictures" / "notebooks"
WIDTH, HEIGHT, COLOURS = 400, 260, 48
# In the order in which one would read them, with what one learns.
LEARN = {
    "explore": "When a device should send the picture, when it should run the model itself, and what merging buys: the "
    "workbench, on one screen.",
    "token_merging": "Which tokens merge where in a picture, what a schedule is, and why the answer survives.",
    "splitting": "What crosses the cut at each block, in bytes, and why a plain ViT needs merging before a cut pays.",
    "bytes": "How tokens in a codec of their own come to need fewer bytes than a JPEG, what schedules made for a cut "
    "gain, and where a scheduler with both leads, and where not.",
    "scheduling": "How the scheduler picks level and split from a bandwidth estimate, second by second, and what a "
    "network that falls apart does to it.",
    "measured": "How near the model of latency comes to two real processes and a shaped link.",
    "paper_figures": "Which figures of the paper can be made again, with which machines, and how near they come.",
    "detection": "What merging and a cut do to boxes, which need their tokens back in place.",
    "video": "Merging over space and time: 1568 tokens, and what a video codec does to the case for cutting.",
    "your_model": "How to bring your own model, pictures, machine and network.",
}
INTRO = """# The notebooks

Each opens in this JupyterLab with a click on its name, runs offline in under a minute, says which of its numbers are \
modelled, measured, stored or demo, and ends with exercises whose answers are folded away. **explore** is the one to \
begin with.

The pictures are of the outputs that the notebooks are stored with."""
ABOUT = "import janus\n\nprint(janus.about(seed=0))"


def first_picture(path: Path) -> bytes:
    """The first picture among the stored outputs."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                return base64.b64decode(output.data["image/png"])
    raise SystemExit(f"{path.name} is stored without a picture: run tests/store_outputs.py on it first.")


def title(path: Path) -> str:
    """The heading that a notebook opens with."""
    return re.match(r"# (.+)", nbformat.read(path, as_version=4).cells[0].source)[1]


def thumbnail(png: bytes) -> bytes:
    """Small, on white, without its margins, in few colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture.getchannel("A"))
    paper = paper.crop(ImageOps.invert(paper).getbbox())
    paper.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    paper.quantize(COLOURS).save(out, "PNG", optimize=True)
    return out.getvalue()


def table(names: list[str]) -> str:
    """A row for each notebook: picture, name, title, what one learns."""
    rows = [
        f"| [![A figure of {name}](../data/pictures/notebooks/{name}.png)]({name}.ipynb) "
        f"| **[{name}]({name}.ipynb)**<br>{title(NOTEBOOKS / f'{name}.ipynb')} | {LEARN[name]} |"
        for name in names
    ]
    return "\n".join(["| | notebook | one learns |", "|---|:---|:---|", *rows])


def main() -> None:
    """Write the pictures, then the notebook."""
    there = {path.stem for path in NOTEBOOKS.glob("*.ipynb")} - {"index"}
    unknown = there - set(LEARN)
    if unknown:
        raise SystemExit(f"say in LEARN what one learns in {', '.join(sorted(unknown))}.")
    names = [name for name in LEARN if name in there]
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.png"):
        old.unlink()
    for name in names:
        (PICTURES / f"{name}.png").write_bytes(thumbnail(first_picture(NOTEBOOKS / f"{name}.ipynb")))
    said = nbformat.v4.new_output("stream", name="stdout", text=f"{janus.about(seed=0)}\n")
    cells = [
        nbformat.v4.new_markdown_cell(INTRO, id="title"),
        nbformat.v4.new_code_cell(
            ABOUT, id="where", execution_count=1, outputs=[said], metadata={"tags": ["nbval-ignore-output"]}
        ),
        nbformat.v4.new_markdown_cell(table(names), id="notebooks"),
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    nbformat.write(notebook, NOTEBOOKS / "index.ipynb")


if __name__ == "__main__":
    main()
