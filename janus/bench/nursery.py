"""Clouds that are there in a moment, for a bench that kills a hundred: a process with the model loaded forks them.

Forked before there is any thread of gRPC or torch, each is a process of its own that serves, and dies, as any cloud.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Self

from janus.errors import JanusError
from janus.runtime.children import PARENT_CHECK_S, Child, leave, obey, say
from janus.runtime.processes import START_S

PROGRAM = "from janus.bench.nursery import main; main()"
# Elsewhere a process that has loaded torch is not safe to fork.
HERE = sys.platform.startswith("linux")


class Nursery:
    """Serves one model at one address, always by one process, until it is left. To be used in a ``with``.

    Args:
        name: Full timm tag.
        weights: A safetensors file.
        listen: HOST:PORT, free.

    Attributes:
        pid: Of the process that serves.
    """

    def __init__(self, name: str, weights: Path, listen: str):
        self._child, self._listen = Child("nursery", [name, str(weights)], PROGRAM), listen
        self.pid = 0

    def __enter__(self) -> Self:
        try:
            self._child.wait_ready(START_S)
            self._fork()
        except BaseException:
            self._child.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        try:
            self._bury()
        finally:
            self._child.stop()

    def kill(self) -> float:
        """kill -9 the one that serves; returns the moment at which the next was ready."""
        self._bury()
        self._fork()
        return time.perf_counter()

    def _bury(self) -> None:
        # Forgotten first: where no next one comes, nobody else may get this number, nor the group of processes (0).
        pid, self.pid = self.pid, 0
        if pid:
            os.kill(pid, signal.SIGKILL)
            self._child.do("bury", pid=pid)

    def _fork(self) -> None:
        self.pid = self._child.do("fork", listen=self._listen)["pid"]


def main() -> None:
    """The process that forks: model and weights from its command line, then what its parent says."""
    import torch

    from janus.models import load_model
    from janus.runtime.half import open_half
    from janus.runtime.server import serve

    torch.set_num_threads(1)
    loaded = load_model(sys.argv[1], weights=Path(sys.argv[2]))
    half = open_half(loaded.model, loaded.name)

    def fork(listen: str) -> dict:
        """One more cloud, once it listens."""
        parent, (told, tell) = os.getpid(), os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                with serve(half, listen):
                    os.write(tell, b"!")
                    while os.getppid() == parent:
                        time.sleep(PARENT_CHECK_S)
            finally:
                os._exit(1)
        os.close(tell)
        ready = os.read(told, 1)
        os.close(told)
        if not ready:
            raise JanusError(f"a cloud forked for {listen} could not serve there: run the bench again.")
        return {"pid": pid}

    def bury(pid: int) -> None:
        os.waitpid(pid, 0)

    say(ready=True)
    obey({"fork": fork, "bury": bury})
    leave()
