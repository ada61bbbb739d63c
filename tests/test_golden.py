"""The published results, from an independent run of the published code on a real model (shared data)."""

import pytest
import timm
import torch
from safetensors.torch import load_file

from janus.schedule import MergeSchedule
from janus.vit import open_vit

MEAN, STD = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def golden(shared):
    return load_file(shared / "golden/tome_deit_tiny.safetensors")


@pytest.fixture(scope="module")
def vit(shared):
    model = timm.create_model("deit_tiny_patch16_224").eval()
    model.load_state_dict(load_file(shared / "weights/deit_tiny_patch16_224.fb_in1k.safetensors"))
    return open_vit(model)


def partition(groups):
    """Groups renumbered in order of appearance, so that equal partitions are equal lists."""
    seen = {}
    return [seen.setdefault(group, len(seen)) for group in groups]


@pytest.mark.parametrize("case", ["r0", "r4", "r8", "r13", "r16", "list"])
def test_logits_and_partition_are_the_published_ones(golden, vit, case):
    """Logits within 1e-4, and every patch ends in the same group, for every r and for the list."""
    images = (golden["images_uint8"].float() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[
        :, None, None
    ]
    if case == "list":
        schedule = MergeSchedule.explicit(golden["schedule_list"].tolist())
    else:
        schedule = MergeSchedule(family="constant", level=int(case[1:]))

    with torch.inference_mode():
        state = vit.embed(images, source=True)
        state = vit.blocks(state, 0, vit.depth, vit.plan(schedule).removed)
        logits = vit.head(state)

    assert (logits - golden[f"logits_{case}"]).abs().max() <= 1e-4
    if f"group_{case}" in golden:
        for ours, theirs in zip(state.source.tolist(), golden[f"group_{case}"][:, 1:].tolist(), strict=True):
            assert partition(ours) == partition(theirs)
