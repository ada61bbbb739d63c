"""The network that is trained: a timm ViT with a good start, a loss on every patch, and a way to grow."""

from __future__ import annotations

import math
from typing import NamedTuple

import timm
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from janus.demo import CLASSES
from janus.training.batches import CELLS, Batch
from janus.training.recipe import ARCHITECTURE, GRID, PATCH, Recipe

MEAN = STD = 127.5
# For each patch: nothing or one of the classes; which cells show the main object; the way to its centre.
PATCH_OUTPUTS = (1 + len(CLASSES), CELLS * CELLS, 2)


class Losses(NamedTuple):
    """Of one batch: what is minimised, its part from the class token, and the share of right first guesses."""

    total: Float[Tensor, ""]
    label: Float[Tensor, ""]
    top1: Float[Tensor, ""]


class Student(nn.Module):
    """The ViT and, for training only, a linear layer that says of each patch what it shows and where the object is."""

    def __init__(self, depth: int):
        super().__init__()
        self.vit = timm.create_model(ARCHITECTURE, num_classes=len(CLASSES), depth=depth)
        width = self.vit.embed_dim
        self.patches = nn.Linear(width, sum(PATCH_OUTPUTS))
        with torch.no_grad():
            self.vit.patch_embed.proj.weight.copy_(cosines(width))
            self.vit.patch_embed.proj.bias.zero_()
            self.vit.pos_embed[0, 1:] = 0.3 * waves(width)
            for block in self.vit.blocks:
                start_like_trained(block.attn)
                # Fused attention's backward pass on CPUs takes a third of a training step at these few tokens.
                block.attn.fused_attn = False

    def forward(
        self, pixels: Float[Tensor, "b 3 h w"], places: Int64[Tensor, "b n"]
    ) -> tuple[Float[Tensor, "b classes"], Float[Tensor, "b n outputs"]]:
        """Class scores, and what each patch says, of windows whose patches have these places."""
        vit = self.vit
        x = vit.patch_embed.proj(pixels).flatten(2).transpose(1, 2)
        x = x + F.embedding(places, vit.pos_embed[0, 1:])
        first = (vit.cls_token + vit.pos_embed[:, :1]).expand(len(x), -1, -1)
        x = vit.norm(vit.blocks(torch.cat([first, x], dim=1)))
        return vit.head(x[:, 0]), self.patches(x[:, 1:])

    def losses(self, batch: Batch, dense: float) -> Losses:
        """Cross-entropy of the class token, and ``dense`` times what is asked of every patch.

        The class token alone would teach a ViT from nothing very slowly: it is one answer a picture, and hardly gives a
        hint of which object counts. Outlines and centres do.
        """
        pixels = batch.pixels.permute(0, 3, 1, 2).float().sub_(MEAN).div_(STD)
        scores, patches = self(pixels, batch.places)
        scores = scores.float()
        owners, cells, ways = patches.float().flatten(0, 1).split(PATCH_OUTPUTS, dim=1)
        label = F.cross_entropy(scores, batch.label)
        patch = (
            F.cross_entropy(owners, batch.owners.flatten())
            + F.binary_cross_entropy_with_logits(cells, batch.cells.flatten(0, 1))
            + F.smooth_l1_loss(ways, batch.ways.flatten(0, 1))
        )
        top1 = (scores.argmax(1) == batch.label).float().mean()
        return Losses(label + dense * patch, label.detach(), top1)

    def optimisers(self, recipe: Recipe) -> list[torch.optim.Optimizer]:
        """Muon for the matrices inside blocks, AdamW for everything else; each group knows its ``peak``.

        In first trials of 150 s Muon was ahead of AdamW; AdamW was tried at one learning rate only.
        """
        inside = [p for name, p in self.named_parameters() if "blocks." in name and p.ndim == 2]
        rest = [(name, p) for name, p in self.named_parameters() if not ("blocks." in name and p.ndim == 2)]
        plain = {name for name, p in rest if p.ndim < 2 or name.endswith(("pos_embed", "cls_token"))}
        groups = [
            {"params": [p for name, p in rest if name not in plain], "weight_decay": recipe.decay},
            {"params": [p for name, p in rest if name in plain], "weight_decay": 0.0},
        ]
        found = [
            torch.optim.Muon(inside, lr=0.0, weight_decay=recipe.decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(groups, lr=0.0, betas=recipe.betas, fused=True),
        ]
        for optimiser, peak in zip(found, (recipe.peak_blocks, recipe.peak), strict=True):
            for group in optimiser.param_groups:
                group["peak"] = peak
        return found


@torch.no_grad()
def start_like_trained(attention: nn.Module) -> None:
    """Give an attention layer first weights whose products look as they do after training.

    Queries and keys of one place agree (their product is near a multiple of the identity), values come out with the
    opposite sign.
    Source: Trockman & Kolter, *Mimetic Initialization of Self-Attention Layers*, ICML 2023, section 4.
    """
    width, heads = attention.qkv.in_features, attention.num_heads
    size, eye = width // heads, torch.eye(width)
    weight = attention.qkv.weight
    for first in range(0, width, size):
        u, s, v = torch.linalg.svd(0.7 * torch.randn(width, width) / width**0.5 + 0.7 * eye)
        root = s[:size].sqrt()[:, None]
        weight[first : first + size] = root * u[:, :size].T
        weight[width + first : width + first + size] = root * v[:size]
    u, s, v = torch.linalg.svd(0.4 * torch.randn(width, width) / width**0.5 - 0.4 * eye)
    weight[2 * width :] = s.sqrt()[:, None] * v
    attention.proj.weight.copy_(u * s.sqrt())


def cosines(width: int) -> Float[Tensor, "width 3 p p"]:
    """The lowest frequencies of the cosine transform of each patch, of lightness and of two differences of colour.

    Random filters of 16 × 16 pixels would take long to become this. Differs from the plain transform: frequencies
    are evened out, since pictures have far more of the low ones.
    """
    side = math.isqrt(width // 3)
    at = (torch.arange(PATCH) + 0.5) * math.pi / PATCH
    order = torch.arange(side, dtype=torch.float32)
    basis = torch.cos(order[:, None] * at) * (2 / PATCH) ** 0.5
    basis[0] *= 0.5**0.5
    gain = 0.25 * (1 + order[:, None] + order[None, :])
    planes = torch.einsum("iy,jx,ij->ijyx", basis, basis, gain).flatten(0, 1)
    colours = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [-0.5, -0.5, 1.0]])
    colours = colours / colours.norm(dim=1, keepdim=True)
    filters = torch.einsum("kc,fyx->kfcyx", colours, planes).flatten(0, 1)
    weight = torch.randn(width, 3, PATCH, PATCH) * 0.02
    weight[: len(filters)] = filters
    return weight


def waves(width: int) -> Float[Tensor, "places width"]:
    """Sines and cosines of a patch's place across and down: a start for positions, which are learned."""
    rates = 100.0 ** -(torch.arange(width // 4) / (width // 4))
    steps = torch.arange(GRID)[:, None] * rates
    wave = torch.cat([steps.sin(), steps.cos()], dim=1)
    down, across = wave[:, None].expand(-1, GRID, -1), wave[None].expand(GRID, -1, -1)
    return torch.cat([down, across], dim=2).flatten(0, 1)


def grown(student: Student, depth: int) -> Student:
    """The same function with more blocks: copies behind each block that add nothing yet.

    Source of the idea: Gong et al., *Efficient Training of BERT by Progressively Stacking*, ICML 2019. Differs: the
    copies' output layers start at nil, so that the loss does not jump.
    """
    old = len(student.vit.blocks)
    taller = Student(depth)
    state = student.state_dict()
    blocks = {name: state.pop(name) for name in list(state) if name.startswith("vit.blocks.")}
    for i in range(depth):
        source, behind = i * old // depth, i > 0 and (i - 1) * old // depth == i * old // depth
        for name, tensor in blocks.items():
            if name.startswith(f"vit.blocks.{source}."):
                own = name.replace(f"blocks.{source}.", f"blocks.{i}.", 1)
                silent = behind and ("attn.proj." in name or "mlp.fc2." in name)
                state[own] = torch.zeros_like(tensor) if silent else tensor.clone()
    taller.load_state_dict(state)
    return taller
