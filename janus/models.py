"""Plain ViTs by their full timm tag or their repository, with weights from the hub or a safetensors file, no pickle."""

from __future__ import annotations

import difflib
import warnings
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from janus import zoo
from janus.demo import ARCHITECTURE as DEMO_ARCHITECTURE
from janus.demo import CLASSES, SIDE
from janus.demo import MODEL as DEMO_NAME
from janus.demo import NAME as DEMO
from janus.demo import TAG as DEMO_TAG
from janus.errors import JanusError, JanusWarning
from janus.files import data_folder
from janus.hub import hub_reachable, out_of_reach
from janus.openable import why_not
from janus.weights import Weights, check_finite, file_hash, mismatch, read_tensors, shapes_differ, tensors_hash

HUB_FILE = "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model in evaluation mode, its full timm tag or repository, and where its weights came from."""

    model: nn.Module
    name: str
    weights: Weights


def create_model(name: str, *, pretrained: bool = True, weights: Path | None = None) -> nn.Module:
    """`load_model` for those who want only the model."""
    return load_model(name, pretrained=pretrained, weights=weights).model


def load_model(name: str, *, pretrained: bool = True, weights: Path | None = None) -> LoadedModel:
    """Build a plain ViT and give it its weights.

    Args:
        name: Full timm tag, such as ``vit_tiny_patch16_224.augreg_in21k_ft_in1k``. A bare architecture means the tag
            that timm prefers today; where there are several, a warning says which. ``demo`` is the model that
            `janus train-demo` made. A name with a slash is a repository on the hub (`janus.zoo.ENTRIES`), such as
            ``hustvl/yolos-tiny``, and gives a model of transformers.
        pretrained: Take the weights from the hub, or from the hub's cache on disk. Otherwise they are random.
        weights: Take them from this safetensors file instead. Its tensors must be those of the model, name by name
            and shape by shape; only the number of classes is the file's own. A file that is named after a full tag
            settles a bare ``name`` and contradicts another tag.

    Raises:
        JanusError: If the architecture is unknown or cannot be opened, if its weights cannot be had, or if they
            belong to another model or hold a NaN.
    """
    if name in (DEMO, DEMO_NAME):
        return _demo(weights)
    if "/" in name:
        built, origin = zoo.build(name, pretrained=pretrained, weights=weights)
        return LoadedModel(model=built, name=name, weights=origin)
    check_name(name)
    if weights is not None and "." not in name:
        named = _tag_in(Path(weights))
        name = named if named and named.partition(".")[0] == name else name
    with torch.device("meta"):  # no memory, no initialisation: enough to refuse a model before anything is fetched
        skeleton = timm.create_model(name, pretrained=False)
    reason = why_not(skeleton)
    if reason:
        raise JanusError(f"model {name}: {reason}")
    full = full_name(skeleton)
    if weights is not None:
        if "." not in name:
            _warn_of_tags(name, full)
        model, found = _from_file(full, skeleton, Path(weights)), Weights(
            source="file", file=Path(weights).name, sha256=file_hash(weights)
        )  # fmt: skip
    elif pretrained:
        if "." not in name:
            _warn_of_tags(name, full)
        path = hub_weights(full)
        check_finite(full, read_tensors(path))
        model = _by_timm(full, path)
        repository = timm.get_pretrained_cfg(full).hf_hub_id
        found = Weights(source="hub", file=repository, revision=path.parent.name, sha256=file_hash(path))
    else:
        model = timm.create_model(name, pretrained=False)
        found = Weights(source="random", sha256=tensors_hash(model))
    return LoadedModel(model=model.eval(), name=full, weights=found)


def _demo(weights: Path | None) -> LoadedModel:
    """The demo model from its file in the data folder, or from another of its kind."""
    path = data_folder() / "models" / f"{DEMO_NAME}.safetensors" if weights is None else Path(weights)
    if weights is None and not path.is_file():
        raise JanusError(
            f"{path}: the demo model is not there; make it with `janus train-demo`, or name another model."
        )
    state = read_tensors(path)
    check_finite(str(path), state)
    with torch.device("meta"):
        # Not one fact of the tag that timm prefers may stick to it, least of all where that one's weights are.
        model = timm.create_model(
            DEMO_ARCHITECTURE,
            num_classes=len(CLASSES),
            pretrained_cfg={
                "architecture": DEMO_ARCHITECTURE, "tag": DEMO_TAG, "input_size": (3, SIDE, SIDE), "crop_pct": 1.0,
                "interpolation": "bicubic", "mean": (0.5,) * 3, "std": (0.5,) * 3, "classifier": "head",
                "first_conv": "patch_embed.proj", "num_classes": len(CLASSES),
            },
        )  # fmt: skip
    wrong = mismatch(model.state_dict(), state)
    if wrong:
        raise JanusError(f"{path}: weights of another model: {wrong}; give a file of janus train-demo.")
    model = model.to_empty(device="cpu")
    model.load_state_dict(state)
    source = "demo" if weights is None else "file"
    found = Weights(source=source, file=path.name, sha256=file_hash(path))
    return LoadedModel(model=model.eval(), name=DEMO_NAME, weights=found)


def full_name(model: nn.Module) -> str:
    """Architecture and tag of a timm model, ``vit_tiny_patch16_224.augreg_in21k_ft_in1k``."""
    cfg = model.pretrained_cfg
    return ".".join(part for part in (cfg.get("architecture"), cfg.get("tag")) if part)


def check_name(name: str) -> None:
    """Raise a `JanusError` with near matches if timm does not know this architecture or this tag."""
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(name, timm.list_models() + timm.list_models(pretrained=True), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see timm.list_models('vit_*')."
        raise JanusError(f"model {name!r} is not an architecture that timm {timm.__version__} knows; {hint}")
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as why:
        known = timm.list_models(f"{architecture}.*", pretrained=True)
        remedy = f"choose one of {', '.join(known)}" if known else "leave the tag out"
        raise JanusError(f"model {name!r}: timm {timm.__version__} knows no tag {tag!r} of it; {remedy}.") from why


def _warn_of_tags(name: str, full: str) -> None:
    tags = timm.list_models(f"{name}.*", pretrained=True)
    if len(tags) > 1:
        others = ", ".join(tag for tag in tags if tag != full)
        warnings.warn(
            f"model {name!r} means {full} in timm {timm.__version__}; write the full tag: there is also {others}.",
            JanusWarning,
            stacklevel=3,
        )


def hub_weights(full: str) -> Path:
    """The weights of a full timm tag on disk, from the hub's cache or fetched into it.

    Raises:
        JanusError: If there are none, or the hub is needed and out of reach.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    cfg = timm.get_pretrained_cfg(full)
    if cfg is None or not cfg.hf_hub_id:
        raise JanusError(f"model {full}: timm has no safetensors weights for it; give --weights FILE or another tag.")
    repository, _, revision = cfg.hf_hub_id.partition("@")
    cached = try_to_load_from_cache(repository, HUB_FILE, revision=revision or None)
    if isinstance(cached, str):
        return Path(cached)
    if not hub_reachable():
        raise out_of_reach(f"weights of {full}", "give --weights FILE with a safetensors file of that model")
    try:
        return Path(hf_hub_download(repository, HUB_FILE, revision=revision or None))
    except Exception as why:  # the hub's client has a different exception for every way to fail
        reason = f"{type(why).__name__}: {(str(why).strip().splitlines() or [''])[0]}"
        raise JanusError(
            f"weights of {full} could not be fetched from {repository} ({reason}); try again, or give --weights FILE."
        ) from why


def _by_timm(full: str, path: Path, **options) -> nn.Module:
    """timm's own way from a file to a model, with its conversions of foreign key names."""
    return timm.create_model(full, pretrained=True, pretrained_cfg_overlay={"file": str(path), "custom_load": False},
                             **options)  # fmt: skip


def _from_file(full: str, skeleton: nn.Module, path: Path) -> nn.Module:
    """A model with exactly the tensors of ``path``."""
    state = read_tensors(path)
    check_finite(str(path), state)
    named = _tag_in(path)
    if named not in (None, full):
        # Models of one shape cannot be told apart by their tensors, and would run with the wrong mean, std and crop.
        raise JanusError(
            f"{path}: weights of another model, by the file's name: give --model {named}, or rename the file if it "
            f"does belong to {full}."
        )
    classes = _classes_in(skeleton, state)
    options = {} if classes == skeleton.num_classes else {"num_classes": classes}
    with torch.device("meta"):
        model = timm.create_model(full, pretrained=False, **options)
    wrong = mismatch(model.state_dict(), state)
    if wrong is None:
        # Buffers outside the state dict would stay empty; plain ViTs have none, and this keeps it so.
        if {name for name, _ in model.named_buffers()} <= state.keys():
            model = model.to_empty(device="cpu")
        else:
            model = timm.create_model(full, pretrained=False, **options)
        model.load_state_dict(state)
        return model
    if not shapes_differ(model.state_dict(), state):
        # Other names for perhaps the same tensors (DINOv2's own, OpenCLIP's …): timm knows many.
        try:
            return _by_timm(full, path)
        except Exception:  # whatever stumbled over foreign keys, the first mismatch is what helps
            pass
    raise JanusError(
        f"{path}: weights of another model: {wrong}; give the file that belongs to {full}, or name its model."
    )


def _classes_in(skeleton: nn.Module, state: dict[str, Tensor]) -> int:
    """Classes of the head in a file, where it has one that fits but for their number."""
    head = skeleton.pretrained_cfg.get("classifier") or "head"
    name = f"{head if isinstance(head, str) else head[0]}.weight"
    weight = state.get(name)
    if weight is None or weight.ndim != 2 or weight.shape[1] != skeleton.num_features:
        return skeleton.num_classes
    return weight.shape[0]


def _tag_in(path: Path) -> str | None:
    """The full timm tag that a file is named after, if it is."""
    stem = path.name.removesuffix(".safetensors")
    return stem if stem in timm.list_models(f"{stem.partition('.')[0]}.*", pretrained=True) else None
