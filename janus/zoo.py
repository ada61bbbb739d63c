"""Models of transformers by the name of their repository: random, from the hub, or from a file. Never a pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from janus.errors import JanusError
from janus.hub import hub_reachable, out_of_reach
from janus.weights import Weights, check_finite, file_hash, read_tensors, tensors_hash

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A repository on the hub that can be opened.

    Attributes:
        kind: Prefix of its classes in transformers.
        head: What follows the prefix in the name of the model's class.
        settings: Of its configuration, where they are not the class's own defaults.
        classifier: Tensor whose rows tell how many classes a weights file has.
        extra: Rows of it that are no class.
        revision: Commit or branch.
    """

    kind: str
    head: str
    settings: dict
    classifier: str
    extra: int = 0
    revision: str = "main"


def _sizes(width: int, heads: int, depth: int = 12) -> dict:
    return {
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_hidden_layers": depth,
        "intermediate_size": 4 * width,
    }


def _yolos(width: int, heads: int, image_size: list[int], *, mid: bool) -> Entry:
    own = {"image_size": image_size, "use_mid_position_embeddings": mid, "num_labels": 91}
    return Entry(
        kind="Yolos",
        head="ForObjectDetection",
        settings=_sizes(width, heads) | own,
        classifier="class_labels_classifier.layers.2.weight",
        extra=1,
    )


def _videomae(width: int, heads: int, depth: int = 12) -> Entry:
    return Entry(
        kind="VideoMAE",
        head="ForVideoClassification",
        settings=_sizes(width, heads, depth) | {"num_labels": 400},
        classifier="classifier.weight",
    )


# What their authors publish: Fang et al., NeurIPS 2021 (COCO); Tong et al., NeurIPS 2022 (Kinetics-400). From the hub
# the configuration comes with the weights; these are for random weights and for files.
ENTRIES = {
    "hustvl/yolos-tiny": _yolos(192, 3, [800, 1333], mid=False),
    "hustvl/yolos-small": _yolos(384, 6, [512, 864], mid=True),
    "hustvl/yolos-base": _yolos(768, 12, [800, 1344], mid=True),
    "MCG-NJU/videomae-small-finetuned-kinetics": _videomae(384, 6),
    "MCG-NJU/videomae-base-finetuned-kinetics": _videomae(768, 12),
    "MCG-NJU/videomae-large-finetuned-kinetics": _videomae(1024, 16, 24),
}


def check_repository(name: str) -> None:
    """Raise a `JanusError` if ``name`` is not one of `ENTRIES`."""
    if name not in ENTRIES:
        raise JanusError(
            f"model {name!r} is a repository that Janus does not know: choose one of {', '.join(ENTRIES)}."
        )


def build(name: str, *, pretrained: bool, weights: Path | None) -> tuple[nn.Module, Weights]:
    """A model in evaluation mode, and where its weights came from. See `janus.models.load_model`.

    Raises:
        JanusError: If its weights cannot be had, or belong to another model, or hold a NaN.
    """
    check_repository(name)
    entry = ENTRIES[name]
    if weights is not None:
        path = Path(weights)
        state = read_tensors(path)
        classes = state[entry.classifier].shape[0] - entry.extra if entry.classifier in state else 0
        own = entry.settings | ({"num_labels": classes} if classes > 0 else {})
        model = _filled(name, own, state, str(path))
        return model, Weights(source="file", file=path.name, sha256=file_hash(path))
    if pretrained:
        config, path = (fetch(name, file, entry.revision) for file in (CONFIG_FILE, WEIGHTS_FILE))
        model = _filled(name, _read_config(config), read_tensors(path), name)
        return model, Weights(source="hub", file=name, revision=path.parent.name, sha256=file_hash(path))
    kind, configuration = _classes(entry)
    model = kind(configuration(**entry.settings, name_or_path=name)).eval()
    return model, Weights(source="random", sha256=tensors_hash(model))


def fetch(name: str, file: str, revision: str) -> Path:
    """A file of a repository on disk, from the hub's cache or fetched into it.

    Raises:
        JanusError: If it is not there, or the hub is needed and out of reach.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    cached = try_to_load_from_cache(name, file, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    if not hub_reachable():
        raise out_of_reach(f"weights of {name}", "give --weights FILE with a safetensors file of that model")
    try:
        return Path(hf_hub_download(name, file, revision=revision))
    except Exception as why:  # the hub's client has a different exception for every way to fail
        reason = f"{type(why).__name__}: {(str(why).strip().splitlines() or [''])[0]}"
        raise JanusError(
            f"weights of {name}: {file} could not be fetched ({reason}); try again, or give --weights FILE."
        ) from why


def _classes(entry: Entry) -> tuple[Any, Any]:
    """The model's class and its configuration's. Here, because importing transformers takes seconds."""
    import transformers

    return getattr(transformers, entry.kind + entry.head), getattr(transformers, f"{entry.kind}Config")


def _read_config(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, OSError) as why:
        raise JanusError(f"{path}: not a model's configuration ({why}); fetch it again.") from why


def _filled(name: str, settings: dict, state: dict[str, Tensor], where: str) -> nn.Module:
    """A model with exactly these tensors, under the names of any release of transformers."""
    check_finite(where, state)
    kind, config = _classes(ENTRIES[name])
    # fp32 like every model here; from_pretrained renames what older releases called otherwise.
    model, report = kind.from_pretrained(
        None,
        config=config.from_dict(settings | {"name_or_path": name}),
        state_dict={key: value.float() if value.is_floating_point() else value for key, value in state.items()},
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    for what in ("mismatched", "missing", "unexpected"):
        wrong = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report[f"{what}_keys"])
        if wrong:
            raise JanusError(
                f"{where}: weights of another model: {wrong[0]!r} is {what}, one of {len(wrong)}; give the file that "
                f"belongs to {name}, or name its model."
            )
    return model.eval()
