"""What a notebook says of itself in its first cell."""

from __future__ import annotations

from janus.errors import JanusError
from janus.explorer.sources import image_folder, model_sources, stored_accuracies
from janus.provenance import hardware, versions


def about(seed: int = 0) -> str:
    """Versions, hardware, seed, and which models, images and stored results there are without a network."""
    processor, cores, memory, system = hardware().values()
    images, sources = image_folder(), model_sources()
    real = f"{images.name}, in $JANUS_SHARED" if images else ""
    drawn = "demo, rendered from a seed" if any(source.weights == "demo" for source in sources) else ""
    lines = {
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "hardware": f"{processor}, {cores} cores, {memory} GiB, {system}",
        "seed": str(seed),
        "models": "; ".join(_origin(source) for source in sources),
        "images": "; ".join(filter(None, (real, drawn))) or "none on disk; the pictures are drawn",
        "stored accuracy": ", ".join(_stored()) or "none",
    }
    return "\n".join(f"{name + ':':<17}{text}" for name, text in lines.items())


def _origin(source) -> str:
    where = {"file": f", {source.name} in $JANUS_SHARED", "demo": f" ({source.label}), in data/models"}
    return source.title + where.get(source.weights, "")


def _stored() -> list[str]:
    try:
        tables = stored_accuracies()
    except JanusError as why:
        return [str(why)]
    return [f"{table.model} ({table.rows[0].n} {'procedural ' if table.label else ''}images)" for table in tables]
