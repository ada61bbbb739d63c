"""Which models can be opened, and the reason where one cannot."""

from __future__ import annotations

from timm.layers import Attention, AttentionPoolLatent
from timm.models.vision_transformer import Block, ResPostBlock, VisionTransformer
from torch import nn

REMEDY = (
    "Choose a plain ViT as timm builds it, for example vit_*, deit_*, deit3_* or a CLIP, SigLIP or DINOv2 tower, or "
    "from transformers YolosForObjectDetection or VideoMAEForVideoClassification."
)
# Classes of transformers that can be opened, known by name: importing it takes seconds.
KINDS = {"YolosForObjectDetection": "yolos", "VideoMAEForVideoClassification": "videomae"}
# What ties a family to its token grid, so that tokens cannot merge or the work cannot be cut between blocks.
REASONS = {
    "Swin": "its attention windows need the full token grid",
    "Eva": "its rotary positions are tied to the token grid",
    "Beit": "its relative position bias is tied to the token grid",
    "RelPos": "its relative position bias is tied to the token grid",
    "NaFlex": "its variable patch sizes come with masks that merging would break",
    "Hiera": "it pools tokens on a fixed grid between stages",
    "MVit": "it pools tokens on a fixed grid between stages",
    "MultiScale": "it pools tokens on a fixed grid between stages",
    "SAM": "its windowed attention needs the full token grid",
    "Cait": "its class attention and talking heads are not plain self-attention",
    "Xcit": "it attends over channels, not tokens",
}


def kind_of(model: nn.Module) -> str:
    """``yolos`` or ``videomae`` where `transformers` built exactly that; ``timm`` for everything else."""
    kind = type(model)
    return KINDS.get(kind.__name__, "timm") if _of_transformers(kind) else "timm"


def _of_transformers(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "transformers"


def why_not(model: nn.Module) -> str | None:
    """The reason why ``model`` cannot be opened, with a remedy; None if it can."""
    name = type(model).__name__
    reason = _structure(model)
    return f"{name} cannot be opened because {reason}. {REMEDY}" if reason else None


def _structure(model: nn.Module) -> str | None:
    kind = type(model)
    if _of_transformers(kind):
        return _transformers_structure(model)
    if not isinstance(model, VisionTransformer):
        for part, reason in REASONS.items():
            if part.lower() in kind.__name__.lower():
                return reason
        return "it is not timm's plain VisionTransformer"
    for method in ("forward", "forward_features", "pool"):
        if getattr(kind, method) is not getattr(VisionTransformer, method):
            return f"it overrides {method}()"
    for i, block in enumerate(model.blocks):
        if type(block) not in (Block, ResPostBlock):
            return f"block {i} is a {type(block).__name__}, which has no place between attention and MLP to merge at"
        if type(block.attn) is not Attention:
            return f"block {i} attends with {type(block.attn).__name__}, not with plain self-attention"
        if not (hasattr(block.mlp, "fc1") or hasattr(block.mlp, "fc1_g")) or not hasattr(block.mlp, "fc2"):
            return f"block {i} has a {type(block.mlp).__name__}, whose work cannot be counted"
    pool = model.attn_pool
    if pool is not None and (type(pool) is not AttentionPoolLatent or pool.pos_embed is not None):
        return f"its pooling {type(pool).__name__} depends on the token grid"
    if not model.global_pool:
        return "it has no pooling (global_pool=''), so its answer would be one row for each patch"
    return None


def _transformers_structure(model: nn.Module) -> str | None:
    if kind_of(model) == "timm":
        for family, whole in (("Yolos", "YolosForObjectDetection"), ("VideoMAE", "VideoMAEForVideoClassification")):
            if type(model).__name__.startswith(family):
                return f"it is not the whole model with its head, {whole}"
        return "of transformers only YolosForObjectDetection and VideoMAEForVideoClassification are known"
    body = model.vit if kind_of(model) == "yolos" else model.videomae
    for i, layer in enumerate(body.encoder.layer):
        if type(layer).__name__ not in ("YolosLayer", "VideoMAELayer") or not _of_transformers(type(layer)):
            return f"block {i} is a {type(layer).__name__}, which has no place between attention and MLP to merge at"
    if kind_of(model) == "yolos" and not isinstance(model.config.patch_size, int):
        return "its patches are not square"
    return None
