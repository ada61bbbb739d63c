"""One frame in a replay: from the decision to the answer. Torch-free."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from janus.policy import Decision, Transfer
from janus.units import bytes_per_ms_to_mbps, ms_to_s
from janus.world import World


class Outcome(NamedTuple):
    """What became of a frame; times in ms from its start.

    Attributes:
        modelled_ms: When its answer was there; infinite where none ever came.
        device_ms: All compute on the device for it. Where it hedged this runs beside the uplink, so that the parts sum
            to more than the whole.
        front_ms: Compute on the device up to the split.
        encode_ms: Encoding.
        uplink_ms: Transfer and half a round trip; where the device finished, the wait until it took over.
        cloud_ms: Decoding and compute in the cloud.
        downlink_ms: Half a round trip and the answer.
        actual_mbps: Goodput of the transfer, without the round trip; NaN where none was finished.
        fallback: Whether the device finished a frame that it had begun to send.
        expected_accuracy: Top-1 in percent of the plan that gave the answer.
        free_ms: When the device could begin the next frame.
        transfer: What the policy will hear of; None where nothing was sent.
    """

    modelled_ms: float
    device_ms: float
    front_ms: float
    encode_ms: float
    uplink_ms: float
    cloud_ms: float
    downlink_ms: float
    actual_mbps: float
    fallback: bool
    expected_accuracy: float
    free_ms: float
    transfer: Transfer | None


def play(world: World, decision: Decision, now_s: float) -> Outcome:
    """Let the frame at hand run as decided, starting at ``now_s``."""
    row = decision.grid.rows[decision.level_index][decision.split_index]
    front_ms = row.device_ms * world.device_factor
    if row.payload_bytes == 0:
        return Outcome(
            front_ms, front_ms, front_ms, 0.0, 0.0, 0.0, 0.0, math.nan, False, row.expected_accuracy, front_ms, None
        )
    before_ms = front_ms + row.encode_ms
    sent_s = now_s + ms_to_s(before_ms)
    took_ms, rtt_ms = world.transfer_ms(sent_s, row.payload_bytes), world.rtt_ms(sent_s)
    cloud_ms = row.cloud_ms * world.cloud_factor
    answer_ms = before_ms + took_ms + rtt_ms + (cloud_ms + row.downlink_ms)
    if decision.hedge is not None and answer_ms > (takes_over_ms := max(decision.hedge.after_ms, before_ms)):
        left_ms = decision.finish_ms() * world.device_factor
        if takes_over_ms + left_ms < answer_ms:
            return _fallback(decision, now_s, front_ms, before_ms, takes_over_ms, left_ms, took_ms, rtt_ms)
        wasted_ms = _until_block_end(decision, answer_ms - takes_over_ms, world.device_factor)
    else:
        takes_over_ms, wasted_ms = answer_ms, 0.0
    mbps = bytes_per_ms_to_mbps(row.payload_bytes / took_ms) if took_ms > 0 else math.inf
    return Outcome(
        answer_ms, front_ms + wasted_ms, front_ms, row.encode_ms, took_ms + rtt_ms / 2, cloud_ms,
        rtt_ms / 2 + row.downlink_ms, mbps if took_ms < math.inf else math.nan, False, row.expected_accuracy,
        max(answer_ms, takes_over_ms + wasted_ms),
        Transfer(sent_s + ms_to_s(took_ms), row.payload_bytes, took_ms, took_ms < math.inf, rtt_ms),
    )  # fmt: skip


def _fallback(
    decision: Decision,
    now_s: float,
    front_ms: float,
    before_ms: float,
    takes_over_ms: float,
    left_ms: float,
    took_ms: float,
    rtt_ms: float,
) -> Outcome:
    """The device was first: what is still on its way is dropped."""
    row = decision.grid.rows[decision.level_index][decision.split_index]
    done_ms = takes_over_ms + left_ms
    finished = before_ms + took_ms <= done_ms
    sending_ms = took_ms if finished else done_ms - before_ms
    level = decision.hedge.level_index if decision.split == 0 else decision.level_index
    mbps = bytes_per_ms_to_mbps(row.payload_bytes / took_ms) if finished and took_ms > 0 else math.nan
    end_s = now_s + ms_to_s(before_ms + sending_ms)
    return Outcome(
        done_ms, front_ms + left_ms, front_ms, row.encode_ms, takes_over_ms - before_ms, 0.0, 0.0, mbps, True,
        decision.grid.rows[level][-1].expected_accuracy, done_ms,
        Transfer(end_s, row.payload_bytes, sending_ms, finished, rtt_ms),
    )  # fmt: skip


def _until_block_end(decision: Decision, elapsed_ms: float, factor: float) -> float:
    """Compute that a hedge has cost when it stops: a block that runs cannot be taken back."""
    split = decision.split
    level = decision.hedge.level_index if split == 0 else decision.level_index
    ends = decision.grid.block_ends_ms[level]
    first = decision.grid.device.embed_ms if split == 0 else 0.0
    ends = (ends[split + 1 :] - ends[split] + first) * factor
    at = int(np.searchsorted(ends, elapsed_ms))
    return float(ends[at]) if at < len(ends) else elapsed_ms
