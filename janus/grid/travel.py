"""What travels up under every plan, and what making bytes of it and reading them takes. Torch-free."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from janus.grid.compute import Compute
from janus.grid.payload import InputEncoding, find_codec
from janus.profile import LatencyProfile
from janus.rates import RateTable

if TYPE_CHECKING:
    from janus.grid.table import GridSettings


class Travel(NamedTuple):
    """Arrays of shape [levels, splits]; 0 where nothing travels.

    Attributes:
        payload_bytes: Bytes.
        encode_ms: Encoding on the device.
        decode_ms: Decoding in the cloud.
    """

    payload_bytes: np.ndarray
    encode_ms: np.ndarray
    decode_ms: np.ndarray


def travelling(
    settings: GridSettings,
    levels: tuple[float, ...],
    splits: tuple[int, ...],
    done: Compute,
    machines: tuple[LatencyProfile, LatencyProfile],
    encoding: InputEncoding,
    rates: RateTable | None,
) -> Travel:
    """The picture at split 0 as ``encoding`` says, tokens behind it in the codec of ``settings``.

    Bytes of a codec whose size depends on the content are those of exactly this plan in the rate table, with its times,
    where it was measured; else those of the size table, with its times. All other times are of the profiles.

    Args:
        settings: Which plans.
        levels, splits: The plans.
        done: What they compute.
        machines: Device and cloud.
        encoding: Of the picture.
        rates: What was measured.

    Raises:
        JanusError: If the codec's size is not known, or not known at one of the splits.
    """
    device, cloud = machines
    sizes = settings.size_table
    if sizes is None:
        geometry = device.geometry
        tokens = find_codec(settings.codec).payload_bytes(done.tokens, geometry.width, done.tokens < geometry.tokens)
    else:
        tokens = sizes.payload_bytes(done.tokens, splits, device.geometry.depth)
    encode_ms, decode_ms = device.encode_ms(tokens), cloud.decode_ms(tokens)
    if sizes is not None and sizes.times_ms is not None:
        encode_ms = np.full(tokens.shape, sizes.times_ms[0] * settings.encode_factor)
        decode_ms = np.full(tokens.shape, sizes.times_ms[1])
    if sizes is not None and rates is not None:
        for at, level in enumerate(levels):
            for column, split in enumerate(splits):
                row = rates.row(settings.name(level), level, split, sizes.name)
                if row is not None:
                    tokens[at, column] = max(round(row.bytes_mean), 1)
                    encode_ms[at, column] = row.encode_ms * settings.encode_factor
                    decode_ms[at, column] = row.decode_ms

    def whole_or(picture: float, of_tokens: np.ndarray) -> np.ndarray:
        return np.where(done.whole, picture, np.where(done.as_tokens, of_tokens, 0))

    return Travel(
        whole_or(encoding.size_bytes, tokens), whole_or(encoding.encode_ms, encode_ms),
        whole_or(encoding.decode_ms, decode_ms),
    )  # fmt: skip
