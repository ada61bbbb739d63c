"""What is on disk for the workbench: weights, images, stored accuracies, profiles. Found without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

from janus import demo
from janus.accuracy import AccuracyTable, load_accuracy
from janus.errors import JanusError
from janus.files import data_folder
from janus.geometry import GEOMETRIES, architecture, find_geometry
from janus.profile import MACHINES, LatencyProfile, derive_profile, load_profile
from janus.rates import RateTable, stored_rates

# Weights: of a file, from the hub, the demo's, random; or none at all, and then there is latency only.
WEIGHTS = ("file", "hub", "demo", "random", "none")
RANDOM = "vit_tiny_patch16_224"
# Offered where the hub answers.
HUB_MODELS = (
    "deit_tiny_patch16_224.fb_in1k",
    "deit_small_patch16_224.fb_in1k",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "vit_small_patch16_224.augreg_in21k_ft_in1k",
    "vit_base_patch16_224.augreg_in21k_ft_in1k",
)
LATENCY_ONLY = ("vit_small_patch16_224", "vit_base_patch16_224", "vit_large_patch16_384")
TITLES = {
    "vit_tiny_patch16_224": "ViT-Ti/16",
    "vit_small_patch16_224": "ViT-S/16",
    "vit_base_patch16_224": "ViT-B/16",
    "vit_large_patch16_224": "ViT-L/16",
    "vit_large_patch16_384": "ViT-L/16@384",
    "deit_tiny_patch16_224": "DeiT-Ti/16",
    "deit_small_patch16_224": "DeiT-S/16",
    "deit_base_patch16_224": "DeiT-B/16",
}


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model that can be chosen, before it is loaded.

    Attributes:
        name: Full timm tag, or an architecture where the weights are random or absent.
        weights: One of `WEIGHTS`.
        file: The safetensors file, where it is one.
    """

    name: str
    weights: str
    file: Path | None = None

    @property
    def title(self) -> str:
        """Its name in the menu."""
        short = TITLES.get(architecture(self.name), architecture(self.name))
        behind = {
            "file": "", "hub": ", from the hub", "demo": ", demo model", "random": ", random weights",
            "none": ", latency only",
        }  # fmt: skip
        return short + behind[self.weights]

    @property
    def trained(self) -> bool:
        """Whether its accuracy means anything."""
        return self.weights in ("file", "hub", "demo")

    @property
    def anyone(self) -> bool:
        """Whether it stands for any model of its architecture, since it has no weights of its own."""
        return self.weights in ("none", "random")

    @property
    def label(self) -> str:
        """What has to stand beside its numbers, if anything has to."""
        return demo.LABEL if self.weights == "demo" else ""


def shared_folder(*parts: str) -> Path | None:
    """A folder of real weights and images that ``$JANUS_SHARED`` names, if it is there."""
    root = os.environ.get("JANUS_SHARED")
    folder = Path(root).expanduser().joinpath(*parts) if root else None
    return folder if folder is not None and folder.is_dir() else None


def model_sources() -> list[ModelSource]:
    """Models that can be chosen without a network: the real ones that are on disk first, then the demo model."""
    folder = shared_folder("weights")
    files = (
        sorted(folder.glob("*.safetensors"), key=lambda file: (RANDOM not in file.stem, file.stem)) if folder else []
    )
    real = [
        ModelSource(name=file.stem, weights="file", file=file)
        for file in files
        if architecture(file.stem) in GEOMETRIES
    ]
    found = real + demo_sources()
    return [
        *(found or [ModelSource(name=RANDOM, weights="random")]),
        *(ModelSource(name=name, weights="none") for name in LATENCY_ONLY),
    ]


def one_of_each(*sources: list[ModelSource]) -> list[ModelSource]:
    """The first of each name, for a state knows a model by its name."""
    found: dict[str, ModelSource] = {}
    for source in chain(*sources):
        found.setdefault(source.name, source)
    return list(found.values())


def demo_sources() -> list[ModelSource]:
    """The model that `janus train-demo` made, if it is there."""
    try:
        file = data_folder("models") / f"{demo.MODEL}.safetensors"
    except JanusError:
        return []
    return [ModelSource(name=demo.MODEL, weights="demo")] if file.is_file() else []


def hub_sources(known: list[ModelSource]) -> list[ModelSource]:
    """Real models of the hub, but for those whose weights are at hand."""
    names = {source.name for source in known}
    return [ModelSource(name=name, weights="hub") for name in HUB_MODELS if name not in names]


def find_source(model: str, weights: Path | str | None) -> ModelSource:
    """The model that a person asks for by name, with a file of weights or those of the hub.

    Raises:
        JanusError: If its geometry is not known beforehand.
    """
    if model in (demo.NAME, demo.MODEL) and weights is None:
        return ModelSource(name=demo.MODEL, weights="demo")
    find_geometry(model)
    if weights is not None:
        return ModelSource(name=model, weights="file", file=Path(weights).expanduser())
    return ModelSource(name=model, weights="hub")


def image_folder() -> Path | None:
    """Labelled images on disk."""
    return shared_folder("imagenet_val")


def stored_accuracies() -> list[AccuracyTable]:
    """What `janus evaluate` has stored.

    Raises:
        JanusError: If a stored file cannot be read.
    """
    try:
        folder = data_folder("accuracy")
    except JanusError:
        return []  # installed without the checkout's data
    return [load_accuracy(path) for path in sorted(folder.glob("*.json"))]


def accuracy_of(source: ModelSource) -> AccuracyTable | None:
    """What is stored of this very model; of a real one of its architecture where it has no weights of its own.

    Raises:
        JanusError: If a stored file cannot be read.
    """
    return stored_accuracy(source.name) if source.anyone or "." in source.name else None


def stored_accuracy(model: str) -> AccuracyTable | None:
    """What is stored of this very model; of a real one of its architecture where no tag is given.

    Raises:
        JanusError: If a stored file cannot be read.
    """
    for table in stored_accuracies():
        if table.model == model or ("." not in model and architecture(table.model) == model and not table.label):
            return table
    return None


def real_accuracy(source: ModelSource) -> AccuracyTable | None:
    """What is stored of a real model on real images, to stand beside the demo model of the same architecture.

    Raises:
        JanusError: If a stored file cannot be read.
    """
    return stored_accuracy(architecture(source.name)) if source.weights == "demo" else None


@lru_cache(maxsize=8)
def rates_of(source: ModelSource) -> RateTable | None:
    """What is stored of a model's pictures and tokens on the wire.

    Raises:
        JanusError: If a stored file cannot be read.
    """
    return stored_rates(source.name) if source.anyone or "." in source.name else None


def profiles(model: str) -> dict[str, LatencyProfile]:
    """Profiles of a model by their label: the stored measurements first, then the derived ones."""
    found: dict[str, LatencyProfile] = {}
    try:
        for path in sorted(data_folder("profiles").glob(f"*__{architecture(model)}.json")):
            profile = load_profile(path, for_model=model)
            if profile.kind == "measured":
                found[f"{profile.name} (stored)"] = profile
    except JanusError:
        found.clear()  # installed without the checkout's data: the derived ones need none
    for machine in MACHINES:
        profile = derive_profile(machine, model)
        found[profile.label] = profile
    return found
