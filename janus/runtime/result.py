"""What became of a frame on the device."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from janus.policy import Transfer
from janus.units import transfer_ms

# What is left of a short transfer beside the round trip is noise; no link is taken to be faster than this.
FASTEST_MBPS = 1000.0


class FrameResult(NamedTuple):
    """What became of a frame; times in emulated milliseconds from its start (wall-clock unless it is slowed down).

    Attributes:
        latency_ms: When its answer was there.
        device_ms: All compute on the device for it, a hedge's included, which runs beside the uplink.
        front_ms: Compute on the device up to the split.
        encode_ms: Encoding.
        uplink_ms: Transfer and half a round trip; where the device finished, the wait until it took over.
        queue_ms: Waiting in the cloud.
        cloud_ms: Decoding, compute and encoding the answer in the cloud.
        downlink_ms: Half a round trip and the answer.
        payload_bytes: What was sent; 0 where nothing was.
        actual_mbps: Goodput of the transfer, without the round trip; NaN where none was finished.
        fallback: Whether the device finished a frame that was meant for the cloud.
        answered_by: ``device`` or ``cloud``.
        reason: Why it fell back; empty where it did not.
        level_index: Level, in the decision's grid, that the answer was computed at.
        logits: ``[classes]``.
        transfer: What the policy should hear of; None where nothing was sent.
    """

    latency_ms: float
    device_ms: float
    front_ms: float
    encode_ms: float
    uplink_ms: float
    queue_ms: float
    cloud_ms: float
    downlink_ms: float
    payload_bytes: int
    actual_mbps: float
    fallback: bool
    answered_by: str
    reason: str
    level_index: int
    logits: Float[np.ndarray, " classes"]
    transfer: Transfer | None


def least_ms(size_bytes: int) -> float:
    """Shortest time that a transfer is taken to need."""
    return float(transfer_ms(size_bytes, FASTEST_MBPS))
