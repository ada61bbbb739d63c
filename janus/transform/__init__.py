"""Tokens in a calibrated transform: one quantiser step, an entropy coder, a codebook that both ends hold."""

from janus.transform.codebook import Codebook, Cut, read_codebook
from janus.transform.wire import MAGIC, Tokens, TransformHeader, pack_tokens, read_transform_header, unpack_tokens

__all__ = [
    "MAGIC",
    "Codebook",
    "Cut",
    "Tokens",
    "TransformHeader",
    "pack_tokens",
    "read_codebook",
    "read_transform_header",
    "unpack_tokens",
]
