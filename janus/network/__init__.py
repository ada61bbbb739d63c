"""The network: bandwidth traces, their readers and generator, and bandwidth estimators. Torch-free."""

from janus.network.catalogue import PUBLIC_SETS, PublicSet
from janus.network.estimators import (
    ESTIMATORS,
    Estimator,
    Ewma,
    HarmonicMean,
    LastSample,
    QuantileForecast,
    make_estimator,
)
from janus.network.find import as_trace, find_trace, load_traces, shipped_names
from janus.network.folders import MOBILITIES, NETWORKS, load_nuwins, read_traces
from janus.network.generator import generate_trace, generator_models
from janus.network.readers import FORMATS, read_trace
from janus.network.statistics import trace_statistics
from janus.network.trace import Trace
from janus.network.writer import trace_csv, write_trace

__all__ = [
    "ESTIMATORS",
    "FORMATS",
    "MOBILITIES",
    "NETWORKS",
    "PUBLIC_SETS",
    "Estimator",
    "Ewma",
    "HarmonicMean",
    "LastSample",
    "PublicSet",
    "QuantileForecast",
    "Trace",
    "as_trace",
    "find_trace",
    "generate_trace",
    "generator_models",
    "load_nuwins",
    "load_traces",
    "make_estimator",
    "read_trace",
    "read_traces",
    "shipped_names",
    "trace_csv",
    "trace_statistics",
    "write_trace",
]
