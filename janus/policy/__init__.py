"""Policies: which level and which split, behind one `decide`. Torch-free."""

from janus.policy.base import Decision, FrameReport, HedgeRule, Policy, PolicySettings, Transfer
from janus.policy.baselines import CloudAdaptive, CloudOnly, DeviceOnly, Mixed, Neurosurgeon, Tome
from janus.policy.codec import JanusCodec
from janus.policy.janus import Janus
from janus.policy.oracle import Oracle
from janus.policy.registry import POLICIES, RATED, check_policy, make_policy, policies_for
from janus.policy.robust import JanusRobust, RobustSettings

__all__ = [
    "POLICIES",
    "RATED",
    "CloudAdaptive",
    "CloudOnly",
    "Decision",
    "DeviceOnly",
    "FrameReport",
    "HedgeRule",
    "Janus",
    "JanusCodec",
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
    "policies_for",
]
