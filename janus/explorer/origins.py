"""What a notebook says of itself in its first cell."""

from __future__ import annotations

from janus.errors import JanusError
from janus.explorer.sources import image_folder, model_sources, stored_accuracy
from janus.provenance import hardware, versions


def about(seed: int = 0) -> str:
    """Versions, hardware, seed, and which models, images and stored results there are without a network."""
    processor, cores, memory, system = hardware().values()
    images = image_folder()
    lines = {
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "hardware": f"{processor}, {cores} cores, {memory} GiB, {system}",
        "seed": str(seed),
        "models": "; ".join(_origin(source) for source in model_sources()),
        "images": f"{images.name}, in $JANUS_SHARED" if images else "none on disk; the pictures are drawn",
        "stored accuracy": ", ".join(_stored()) or "none",
    }
    return "\n".join(f"{name + ':':<17}{text}" for name, text in lines.items())


def _origin(source) -> str:
    where = f", {source.name} in $JANUS_SHARED" if source.weights == "file" else ""
    return source.title + where


def _stored() -> list[str]:
    names = []
    for source in model_sources():
        try:
            table = stored_accuracy(source.name)
        except JanusError as why:
            return [str(why)]
        if table is not None:
            names.append(f"{table.model} ({table.rows[0].n} images)")
    return names
