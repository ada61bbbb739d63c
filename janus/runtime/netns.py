"""Two network namespaces with the kernel's own shaper between them: what the relay is checked against. Linux, root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Self

from janus.errors import JanusError
from janus.units import BITS_PER_BYTE, MS_PER_S, mbps_to_bytes_per_ms

# Ethernet, IPv4 and TCP with timestamps around each full segment; the kernel's shaper counts them, the relay does not.
FRAME_BYTES, SEGMENT_BYTES = 1514, 1448
QUEUE_MS = 100
# The kernel's bucket: enough for a tick of its clock at high rates, a few segments at low ones.
BURST_MS, LEAST_BURST_BYTES = 4, 6000


def why_not_here() -> str | None:
    """Why there can be no namespaces on this machine; None if there can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are a thing of Linux"
    if os.geteuid() != 0:
        return "network namespaces take root"
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return "ip and tc (iproute2) are not installed"
    made = subprocess.run(["ip", "netns", "add", f"janus-{os.getpid()}-try"], capture_output=True, text=True)
    if made.returncode:
        return f"this system allows no network namespaces ({made.stderr.strip()})"
    subprocess.run(["ip", "netns", "del", f"janus-{os.getpid()}-try"], check=False)
    return None


class ShapedNamespaces:
    """A near and a far namespace; what the near one sends is shaped by ``tc tbf``. To be used in a ``with``.

    Args:
        mbps: Goodput of full TCP segments, in Mbit/s.

    Attributes:
        far_host: Address of the far side, from the near one.
    """

    far_host = "10.203.0.2"

    def __init__(self, mbps: float):
        self._bits = round(mbps_to_bytes_per_ms(mbps) * MS_PER_S * BITS_PER_BYTE * FRAME_BYTES / SEGMENT_BYTES)
        self._burst = max(round(mbps_to_bytes_per_ms(mbps) * BURST_MS), LEAST_BURST_BYTES)
        self._near, self._far = (f"janus-{os.getpid()}-{side}" for side in ("near", "far"))

    def near(self, command: list[str]) -> list[str]:
        """A command to be run in the near namespace."""
        return ["ip", "netns", "exec", self._near, *command]

    def far(self, command: list[str]) -> list[str]:
        """A command to be run in the far namespace."""
        return ["ip", "netns", "exec", self._far, *command]

    def __enter__(self) -> Self:
        near, far = self._near, self._far
        try:
            _run("ip", "netns", "add", near)
            _run("ip", "netns", "add", far)
            _run("ip", "link", "add", "j0", "netns", near, "type", "veth", "peer", "name", "j1", "netns", far)
            for name, end, host in ((near, "j0", "10.203.0.1"), (far, "j1", self.far_host)):
                _run("ip", "-n", name, "addr", "add", f"{host}/30", "dev", end)
                _run("ip", "-n", name, "link", "set", end, "up")
            _run(*self.near(["tc", "qdisc", "add", "dev", "j0", "root", "tbf", "rate", f"{self._bits}bit",
                             "burst", str(self._burst), "latency", f"{QUEUE_MS}ms"]))  # fmt: skip
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for name in (self._near, self._far):
            # The veth pair goes with its namespaces.
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise JanusError(f"{' '.join(command)}: {done.stderr.strip()}; run it as root on a Linux that has it.")
