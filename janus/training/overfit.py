"""A detector that learns a handful of pictures by heart: a trial of the whole path where no trained weights are.

The loss is transformers' own, DETR's: each object goes to one detection token (Hungarian matching), whose class and box
are then compared with it (Carion et al., ECCV 2020, section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from janus.coco import DetectionPreprocess, DetectionSet, Sample
from janus.coco.boxes import to_shares
from janus.coco.categories import head_ids
from janus.coco.evaluate import of_one_size
from janus.data import Skipped
from janus.errors import JanusError

# Positions and tokens begin as large as a patch's own features: attention can tell places apart from the first step on.
SPREAD = 0.5
HEAD = 32  # channels of one attention head


@dataclass(frozen=True, kw_only=True)
class OverfitSettings:
    """All that the result depends on, but for rounding.

    Attributes:
        steps: Of AdamW without weight decay; each sees every picture.
        rate: Learning rate after the warm-up; it falls to 0 along a cosine.
        warmup: Steps to it.
        clip: Bound on the norm of the gradient.
        mirror: Whether each picture is mirrored in half of the steps, so that more has to be seen of it than its mean
            colour.
        seed: Of the weights and the mirroring.
    """

    steps: int = 500
    rate: float = 1e-3
    warmup: int = 30
    clip: float = 1.0
    mirror: bool = True
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        return self.rate * min(1.0, (step + 1) / self.warmup) * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def facts(self) -> dict:
        """For provenance."""
        return asdict(self)


def small_yolos(
    classes: int = 91, *, depth: int = 4, width: int = 96, detection_tokens: int = 10, seed: int = 0
) -> nn.Module:
    """A YOLOS that trains in a minute on one core: random weights, positions for pictures of 160 x 208 pixels.

    Args:
        classes: Of the head, without "no object".
        depth: Blocks.
        width: Channels of a token, a multiple of 32.
        detection_tokens: The most objects that it can find.
        seed: Of the weights.
    """
    from transformers import YolosConfig, YolosForObjectDetection

    config = YolosConfig(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=width // HEAD,
        intermediate_size=4 * width,
        image_size=[160, 208],
        num_detection_tokens=detection_tokens,
        num_labels=classes,
        use_mid_position_embeddings=False,
        name_or_path=f"a YOLOS of {depth} blocks, {width} wide",
    )
    return initialise(YolosForObjectDetection(config), seed)


def initialise(model: nn.Module, seed: int) -> nn.Module:
    """The model with matrices that keep the size of what goes through them, in evaluation mode.

    transformers begins with 0.02 everywhere, which in a narrow model makes all attention uniform for long.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                own = "position" in name or "token" in name
                scale = SPREAD if own else parameter[0].numel() ** -0.5
                parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def handful(images: DetectionSet, count: int, *, most: int) -> DetectionSet:
    """The first ``count`` images of a set with one to ``most`` objects, none of them a crowd.

    Raises:
        JanusError: If there are not as many.
    """
    chosen = []
    for entry, item in zip(images.images.entries(), images.stream(lambda image: None), strict=False):
        if not isinstance(item, Skipped) and 1 <= len(item.truth) <= most and not item.truth.crowd.any():
            chosen.append(entry)
        if len(chosen) == count:
            break
    if len(chosen) < count:
        raise JanusError(
            f"images {images.name}: only {len(chosen)} have 1 to {most} objects where {count} are asked for; ask for "
            "fewer, or allow more objects."
        )
    return replace(images, images=replace(images.images, entries=lambda: chosen, total=count))


def overfit(
    model: nn.Module,
    images: DetectionSet,
    settings: OverfitSettings,
    *,
    preprocess: DetectionPreprocess,
    ids: Int[np.ndarray, " classes"] | None = None,
    tell: Callable[[int, float], None] = lambda step, loss: None,
) -> float:
    """Train a YOLOS on all of these images, in every step.

    Args:
        model: Changed in place.
        images: A handful.
        settings: How long and how fast.
        preprocess: The detector's own. Images keep their proportions, and those of one size go through at once.
        ids: COCO's category id of each class of the head; None for a head of 91 or 80 classes.
        tell: Called after each step with its number, from 1, and the loss.

    Returns:
        The last loss.

    Raises:
        JanusError: If an image has more objects than the model has detection tokens or an object of no class, or its
            answers are no longer finite.
    """
    samples = [item for item in images.stream(preprocess) if not isinstance(item, Skipped)]
    targets = [_target(sample, model.config, ids) for sample in samples]
    groups = [(places, torch.stack([samples[i].image for i in places])) for places in of_one_size(samples)]
    order = [i for places, _ in groups for i in places]
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.0)
    random = np.random.default_rng(settings.seed)
    loss = float("nan")
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate_at(step)
        flips = (random.random(len(samples)) < 0.5) & settings.mirror
        answers = [model(_mirrored(batch, flips[places])) for places, batch in groups]
        logits = torch.cat([answer.logits for answer in answers])
        boxes = torch.cat([answer.pred_boxes for answer in answers])
        # Before the loss, whose matching has a sentence of its own for what is no box.
        if not (torch.isfinite(logits).all() and torch.isfinite(boxes).all()):
            raise JanusError(f"training: an answer in step {step + 1} is not finite; take a smaller rate.")
        wanted = [_mirrored_target(targets[i], flips[i]) for i in order]
        value, _, _ = model.loss_function(logits, wanted, logits.device, boxes, model.config)
        loss = float(value.detach())
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimiser.step()
        tell(step + 1, loss)
    return loss


def _target(sample: Sample, config, ids: Int[np.ndarray, " classes"] | None) -> dict[str, Tensor]:
    """The objects of an image as transformers' loss takes them."""
    class_of = {int(i): at for at, i in enumerate(head_ids(config.num_labels) if ids is None else ids) if i}
    if len(sample.truth) > config.num_detection_tokens:
        raise JanusError(
            f"image {sample.name}: {len(sample.truth)} objects are more than the model's "
            f"{config.num_detection_tokens} detection tokens; leave it out."
        )
    if strangers := sorted(set(sample.truth.labels.tolist()) - class_of.keys()):
        raise JanusError(f"image {sample.name}: category {strangers[0]} is no class of this head; give its ids.")
    return {
        "class_labels": torch.tensor([class_of[label] for label in sample.truth.labels.tolist()], dtype=torch.int64),
        "boxes": torch.from_numpy(to_shares(sample.truth.boxes, *sample.size)).float(),
    }


def _mirrored(batch: Float[Tensor, "b 3 h w"], flips: np.ndarray) -> Float[Tensor, "b 3 h w"]:
    return torch.where(torch.from_numpy(flips)[:, None, None, None], batch.flip(-1), batch)


def _mirrored_target(target: dict[str, Tensor], flip: bool) -> dict[str, Tensor]:
    if not flip:
        return target
    x, rest = target["boxes"][:, :1], target["boxes"][:, 1:]
    return target | {"boxes": torch.cat([1 - x, rest], dim=1)}
