"""A link and a cloud as children of this process."""

from __future__ import annotations

import time

from janus.runtime.children import Child
from janus.runtime.link import LinkSettings, facts_from

# Importing torch and timm on a busy machine.
START_S = 120.0


class Processes:
    """Starts both, and ends both whatever happens.

    Args:
        cloud_arguments: Of `janus cloud`, without the address.
        settings: What the link is like.

    Raises:
        JanusError: If one does not start; the other is ended.
    """

    def __init__(self, cloud_arguments: list[str], settings: LinkSettings):
        self._cloud_arguments = cloud_arguments
        self._children: dict[str, Child] = {}
        try:
            # Both at once: the link is ready long before torch is imported.
            self._children["link"] = Child("link", ["link", "--listen", "127.0.0.1:0"])
            self._start_cloud("127.0.0.1:0")
            self.link.wait_ready(START_S)
            target = self.cloud.wait_ready(START_S)["address"]
            self.address: str = self.link.do("open", target=target, **facts_from(settings))["address"]
        except BaseException:
            self.stop()
            raise

    @property
    def cloud(self) -> Child:
        """The cloud's process."""
        return self._children["cloud"]

    @property
    def link(self) -> Child:
        """The link's process."""
        return self._children["link"]

    def shape(self, settings: LinkSettings) -> None:
        """Make the link so; its trace begins."""
        self.link.do("shape", **facts_from(settings))

    def restart_cloud(self) -> float:
        """Start the cloud anew where it was, killed or not.

        Returns:
            The moment of `time.perf_counter` at which it was ready.
        """
        address = self.cloud.ready["address"]
        self.cloud.stop()
        self._start_cloud(address)
        self.cloud.wait_ready(START_S)
        return time.perf_counter()

    def stop(self) -> None:
        """End both. Harmless the second time."""
        for child in reversed(self._children.values()):
            child.stop()
        self._children.clear()

    def _start_cloud(self, listen: str) -> None:
        self._children["cloud"] = Child("cloud", [*self._cloud_arguments, "--listen", listen])
