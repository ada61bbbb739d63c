"""Replay of policies over traces, and what it comes to. Torch-free."""

from janus.simulate.hindsight import avoidable, head_to_head
from janus.simulate.replay import CAMERA_COLUMNS, COLUMNS, ReplaySettings, replay
from janus.simulate.summary import BASELINES, compare, extremes, summarise
from janus.simulate.sweep import Sweep, sweep

__all__ = [
    "BASELINES",
    "CAMERA_COLUMNS",
    "COLUMNS",
    "ReplaySettings",
    "Sweep",
    "avoidable",
    "compare",
    "extremes",
    "head_to_head",
    "replay",
    "summarise",
    "sweep",
]
