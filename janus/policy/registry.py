"""Policies by name. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from janus.errors import JanusError
from janus.grid import PlanGrid
from janus.policy.base import Policy, PolicySettings
from janus.policy.baselines import CloudAdaptive, CloudOnly, DeviceOnly, Mixed, Neurosurgeon, Tome
from janus.policy.codec import JanusCodec
from janus.policy.janus import Janus
from janus.policy.oracle import Oracle
from janus.policy.robust import JanusRobust
from janus.rates import RateTable
from janus.world import World

# A practitioner's JPEG.
CLOUD_ENCODINGS = {"raw": "raw", "png": "png", "jpeg": "jpeg85"}
_SIMPLE = {
    kind.name: kind
    for kind in (DeviceOnly, CloudOnly, CloudAdaptive, Mixed, Neurosurgeon, Tome, Janus, JanusRobust, JanusCodec)
}
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
# These choose a quality, so they need a grid with a rate table.
RATED = (CloudAdaptive.name, JanusCodec.name)


def policies_for(rates: RateTable | None) -> tuple[str, ...]:
    """The policies that can run: those of `RATED` beside their kin, where there is a rate table."""
    if rates is None:
        return POLICIES
    names = [name for name in POLICIES if name != "oracle"]
    names.insert(names.index("mixed"), CloudAdaptive.name)
    return (*names, JanusCodec.name, "oracle")


def check_policy(name: str) -> str:
    """Return ``name`` if there is such a policy.

    Raises:
        JanusError: If there is none.
    """
    if name not in POLICIES and name not in RATED:
        raise JanusError(f"policy {name!r} is unknown: choose one of {', '.join((*POLICIES, *RATED))}.")
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
        name: One of `POLICIES` or `RATED`. ``cloud-only`` sends the input as the grid encodes it, the others by
            their name.
        grid: The plans to choose from.
        settings: What policies have in common.
        world: What the Oracle knows; only it needs one.
        rivals: Further plans for the Oracle.

    Raises:
        JanusError: If the name is unknown, the Oracle is asked for without a world, or a policy of `RATED` without a
            rate table.
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
