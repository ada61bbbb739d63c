"""What two machines compute for every plan, by their profiles. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from janus.profile import LatencyProfile
from janus.schedule import MergePlan


class Compute(NamedTuple):
    """Counts and milliseconds of merge plans at splits, arrays of shape [plans, splits] unless said otherwise.

    Attributes:
        sends, whole, as_tokens: Whether anything travels at a split, the picture does, tokens do; shape [splits].
        tokens: Tokens after as many blocks as the split says.
        device_ms: Compute on the device before anything is sent.
        cloud_ms: Compute in the cloud, without decoding; of no meaning where nothing is sent.
        finish_ms: What the device would still compute, if it finished such a frame alone.
        block_ends_ms: Device compute from the first block's start to each block's end, shape [plans, depth + 1].
    """

    sends: np.ndarray
    whole: np.ndarray
    as_tokens: np.ndarray
    tokens: np.ndarray
    device_ms: np.ndarray
    cloud_ms: np.ndarray
    finish_ms: np.ndarray
    block_ends_ms: np.ndarray


def compute(
    device: LatencyProfile, cloud: LatencyProfile, plans: Sequence[MergePlan], splits: Sequence[int]
) -> Compute:  # fmt: skip
    """Of every merge plan at every split.

    Args:
        device, cloud: Profiles of one model.
        plans: What its schedules come to.
        splits: Any of 0…depth, in any order.
    """
    tokens = np.array([plan.tokens for plan in plans])  # [plans, depth + 1]
    removed = np.array([plan.removed for plan in plans])
    at = np.array(splits)
    sends, whole = at < device.geometry.depth, at == 0
    as_tokens = sends & ~whole
    front, back = (_cumulative(profile, tokens, removed) for profile in (device, cloud))
    local_ms = device.embed_ms + front[:, -1:] + device.head_ms
    device_ms = np.where(whole, 0.0, device.embed_ms + front[:, at] + np.where(sends, 0.0, device.head_ms))
    finish_ms = np.maximum(local_ms - device_ms, 0.0)
    # Two halves wait for each other; a device on its own goes on from frame to frame.
    device_ms = device_ms + np.where(as_tokens, device.wake_ms, 0.0)
    blocks_ms = back[:, -1:] - back[:, at]
    cloud_ms = cloud.wake_ms + np.where(whole, cloud.embed_ms, 0.0) + blocks_ms + cloud.head_ms
    return Compute(sends, whole, as_tokens, tokens[:, at], device_ms, cloud_ms, finish_ms, front)


def _cumulative(profile: LatencyProfile, tokens: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Milliseconds of the first k blocks for k = 0…depth, shape [plans, depth + 1]."""
    blocks = profile.predict_block_ms(tokens[:, :-1], removed)
    return np.concatenate([np.zeros((len(blocks), 1)), np.cumsum(blocks, axis=1)], axis=1)
