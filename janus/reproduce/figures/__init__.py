"""Figures of the reproduction: tables in, plotly figures out. No arithmetic beyond where an axis ends."""

from janus.reproduce.figures.detection import detection_figure
from janus.reproduce.figures.lesson import bandwidth_figure, choice_figure, gap_figure, split_figure
from janus.reproduce.figures.machines import (
    accuracy_figure,
    cost_figure,
    latency_figure,
    payload_figure,
    schedule_figure,
)
from janus.reproduce.figures.policies import map_figure, policy_figure, slo_figure, timeline_figure
from janus.reproduce.figures.trades import robust_figure, trade_figure

__all__ = [
    "accuracy_figure",
    "bandwidth_figure",
    "choice_figure",
    "cost_figure",
    "detection_figure",
    "gap_figure",
    "latency_figure",
    "map_figure",
    "payload_figure",
    "policy_figure",
    "robust_figure",
    "schedule_figure",
    "slo_figure",
    "split_figure",
    "timeline_figure",
    "trade_figure",
]
