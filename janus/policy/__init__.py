"""Policies: which level and which split, behind one `decide`. Torch-free."""

from janus.policy.base import Decision, FrameReport, HedgeRule, Policy, PolicySettings, Transfer
from janus.policy.baselines import CloudOnly, DeviceOnly, Mixed, Neurosurgeon, Tome
from janus.policy.janus import Janus
from janus.policy.oracle import Oracle
from janus.policy.registry import POLICIES, check_policy, make_policy
from janus.policy.robust import JanusRobust, RobustSettings

__all__ = [
    "POLICIES",
    "CloudOnly",
    "Decision",
    "DeviceOnly",
    "FrameReport",
    "HedgeRule",
    "Janus",
    "JanusRobust",
    "Mixed",
    "Neurosurgeon",
    "Oracle",
    "Policy",
    "PolicySettings",
    "RobustSettings",
    "Tome",
    "Transfer",
    "check_policy",
    "make_policy",
]
