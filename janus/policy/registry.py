"""Policies by name. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from janus.errors import JanusError
from janus.grid import PlanGrid
from janus.policy.base import Policy, PolicySettings
from janus.policy.baselines import CloudOnly, DeviceOnly, Mixed, Neurosurgeon, Tome
from janus.policy.janus import Janus
from janus.policy.oracle import Oracle
from janus.policy.robust import JanusRobust
from janus.world import World

# A practitioner's JPEG.
CLOUD_ENCODINGS = {"raw": "raw", "png": "png", "jpeg": "jpeg85"}
_SIMPLE = {kind.name: kind for kind in (DeviceOnly, CloudOnly, Mixed, Neurosurgeon, Tome, Janus, JanusRobust)}
POLICIES = (
    "device-only",
    "cloud-only",
    *(f"cloud-only-{short}" for short in CLOUD_ENCODINGS),
    "mixed",
    "neurosurgeon",
    "tome",
    "janus",
    "janus-robust",
    "oracle",
)


def check_policy(name: str) -> str:
    """Return ``name`` if there is such a policy.

    Raises:
        JanusError: If there is none.
    """
    if name not in POLICIES:
        raise JanusError(f"policy {name!r} is unknown: choose one of {', '.join(POLICIES)}.")
    return name


def make_policy(
    name: str,
    grid: PlanGrid,
    settings: PolicySettings | None = None,
    *,
    world: World | None = None,
    rivals: Sequence[PlanGrid] = (),
) -> Policy:
    """A fresh policy.

    Args:
        name: One of `POLICIES`. ``cloud-only`` sends the input as the grid encodes it, the others by their name.
        grid: The plans to choose from.
        settings: What policies have in common.
        world: What the Oracle knows; only it needs one.
        rivals: Further plans for the Oracle.

    Raises:
        JanusError: If the name is unknown, or the Oracle is asked for without a world.
    """
    check_policy(name)
    if name == "oracle":
        if world is None:
            raise JanusError("policy 'oracle' knows the trace: it can be replayed, but not run; choose another one.")
        return Oracle(grid, world, settings, rivals)
    if name in _SIMPLE:
        return _SIMPLE[name](grid, settings)
    policy = CloudOnly(grid.rebuilt(encoding=CLOUD_ENCODINGS[name.removeprefix("cloud-only-")]), settings)
    policy.name = name
    return policy
