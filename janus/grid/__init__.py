"""Every plan of a model on a pair of machines, what it takes, and the best one by binary search. Torch-free."""

from janus.grid.envelope import Envelope
from janus.grid.ladder import Ladder
from janus.grid.levels import default_levels
from janus.grid.payload import (
    CODECS,
    ENCODINGS,
    CodecSize,
    InputEncoding,
    SizeTable,
    find_codec,
    find_encoding,
    measure_encoding,
)
from janus.grid.rated import RatedGrid
from janus.grid.table import GridSettings, PlanGrid, PlanRow, check_slo, ms_per_byte

__all__ = [
    "CODECS",
    "ENCODINGS",
    "CodecSize",
    "Envelope",
    "GridSettings",
    "InputEncoding",
    "Ladder",
    "PlanGrid",
    "PlanRow",
    "RatedGrid",
    "SizeTable",
    "check_slo",
    "default_levels",
    "find_codec",
    "find_encoding",
    "measure_encoding",
    "ms_per_byte",
]
