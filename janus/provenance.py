"""Where a number comes from: versions, hardware, command, date. Torch-free."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
import sys
from functools import cache

PACKAGES = ("torch", "timm", "numpy", "pillow")


@cache
def hardware() -> dict:
    """Name of the processor, cores this process may use, memory, and operating system."""
    import psutil

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux: the platform's own word has to do
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": name,
        "cores": cores,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


@cache
def versions() -> dict[str, str]:
    """Versions of Janus, Python and the packages that the numbers depend on."""
    found = {"janus-vit": "uninstalled", "python": platform.python_version()}
    for name in ("janus-vit", *PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def provenance(**facts) -> dict:
    """Versions, hardware, the command and today's date, with ``facts`` added."""
    command = shlex.join(["janus", *sys.argv[1:]]) if os.path.basename(sys.argv[0]) == "janus" else None
    return {
        "date": datetime.date.today().isoformat(),
        **({"command": command} if command else {}),
        "versions": versions(),
        "hardware": hardware(),
        **facts,
    }
