"""Small random ViTs of every kind that Janus opens, with norms and LayerScale made non-trivial."""

import timm
import torch
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import ResPostBlock, VisionTransformer

SMALL = {"img_size": 32, "patch_size": 4, "embed_dim": 48, "depth": 4, "num_heads": 3, "num_classes": 10}


def build(cls=VisionTransformer, **changes):
    """A ViT of `SMALL` size with ``changes``."""
    return lambda: cls(**(SMALL | changes))


def named(name, **changes):
    """A timm model by name, made small; its kind of norm, pooling and prefix stays its own."""
    small = {k: SMALL[k] for k in ("img_size", "embed_dim", "depth", "num_heads", "num_classes")}
    return lambda: timm.create_model(name, **(small | {"patch_size": 4} | changes))


VARIANTS = {
    "class token": build(),
    "distilled": build(VisionTransformerDistilled),
    "class token and registers": build(reg_tokens=4),
    "registers without a class token": build(reg_tokens=3, class_token=False, global_pool="avg"),
    "average pooling": build(class_token=False, global_pool="avg"),
    "average pooling over prefix tokens too": build(global_pool="avg", pool_include_prefix=True),
    "average pooling beside a class token": build(global_pool="avg"),
    "average and maximum pooling": build(class_token=False, global_pool="avgmax"),
    "maximum pooling": build(class_token=False, global_pool="max"),
    "attention pooling": build(class_token=False, global_pool="map"),
    "attention pooling beside a class token": build(global_pool="map"),
    "norm_pre": build(pre_norm=True),
    "fc_norm": build(fc_norm=True),
    "no final norm": build(final_norm=False),
    "LayerScale": build(init_values=0.1),
    "q/k norm": build(qk_norm=True),
    "norms inside attention and MLP": build(scale_attn_norm=True, scale_mlp_norm=True),
    "gated MLP": build(mlp_layer=timm.layers.SwiGLUPacked),
    "no embedding of the class token": build(no_embed_class=True, init_values=0.1),
    "dynamic image size": build(dynamic_img_size=True),
    "post-norm blocks": build(block_fn=ResPostBlock, init_values=0.1),
    "no qkv bias": build(qkv_bias=False),
    "ViT": named("vit_tiny_patch16_224"),
    "DeiT distilled": named("deit_tiny_distilled_patch16_224"),
    "DeiT III": named("deit3_small_patch16_224"),
    "MAE": named("vit_base_patch16_224.mae", global_pool="avg"),
    "CLIP": named("vit_base_patch16_clip_224"),
    "CLIP, quick GELU": named("vit_base_patch16_clip_quickgelu_224"),
    "SigLIP": named("vit_base_patch16_siglip_224"),
    "DINOv2": named("vit_small_patch14_dinov2"),
    "DINOv2 with registers": named("vit_small_patch14_reg4_dinov2"),
    "SO400M": named("vit_so400m_patch14_siglip_224"),
}


def make(name, seed=0):
    """The variant ``name`` in eval mode; every parameter random, so that no norm or scale is trivially 1."""
    torch.manual_seed(seed)
    model = VARIANTS[name]().eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            if "norm" in key and key.endswith("weight"):
                parameter.copy_(1 + 0.3 * noise)
            elif "gamma" in key:
                parameter.copy_(0.5 + 0.2 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.1 * noise)
    return model


def images(batch=2, size=32, seed=1):
    """Random normalised images."""
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))
