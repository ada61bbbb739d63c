"""Which profiles can stand for the device and the cloud."""

from __future__ import annotations

from pathlib import Path

from janus.explorer.sources import profiles
from janus.geometry import architecture
from janus.profile import LatencyProfile, find_profile

THIS = "this machine"
# The one with a published floor, so that small models don't look faster there than they are.
DEVICE, CLOUD = "Orin NX (derived)", "V100 (derived)"


class Machines:
    """Profiles by the label they have in the menus, for one model after another.

    Args:
        model: The first model.
        device: A profile of one's own, its file, or the name of a machine that profiles are derived for.
        cloud: The same for the cloud.

    Raises:
        JanusError: If a profile cannot be read or is of another model.
    """

    def __init__(self, model: str, device=None, cloud=None):
        self._own: dict[str, LatencyProfile] = {}
        self._measured: dict[str, LatencyProfile] = {}
        # Read and derived once, since each profile keeps its own fit.
        self._found: dict[str, dict[str, LatencyProfile]] = {}
        self._wanted = tuple(self._add(given, model) for given in (device, cloud))

    def _add(self, given: LatencyProfile | Path | str | None, model: str) -> str | None:
        if given is None:
            return None
        profile = given.check_model(model) if isinstance(given, LatencyProfile) else find_profile(given, model)
        label, number = profile.label, 1
        while self._own.get(label, profile) is not profile:
            number += 1
            label = f"{profile.label} {number}"
        self._own[label] = profile
        return label

    def given(self, model: str) -> bool:
        """Whether a person gave a device that is one of the model's."""
        return self._wanted[0] in self.of(model)

    def measured(self, profile: LatencyProfile) -> None:
        """Remember what was measured on this machine."""
        self._measured[architecture(profile.model)] = profile

    def of(self, model: str) -> dict[str, LatencyProfile]:
        """All profiles of a model by label."""
        own = {
            label: profile for label, profile in self._own.items()
            if architecture(profile.model) == architecture(model)
        }  # fmt: skip
        here = self._measured.get(architecture(model))
        if model not in self._found:
            self._found[model] = profiles(model)
        return ({THIS: here} if here else {}) | own | {
            label: profile for label, profile in self._found[model].items() if label not in own
        }  # fmt: skip

    def usual(self, model: str) -> tuple[str, str]:
        """Labels of device and cloud where nobody has chosen: those given, this machine, what is stored, derived."""
        known = self.of(model)
        stored = [label for label, profile in known.items() if profile.kind == "measured" and label != THIS]
        device = next((label for label in (self._wanted[0], THIS, *stored) if label in known), DEVICE)
        return device, self._wanted[1] if self._wanted[1] in known else CLOUD
