"""Parts made ready beside the work: until one is, the caller computes eagerly."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict

from janus.backends.base import Backend, Runner
from janus.backends.part import Part

log = logging.getLogger("janus")

# Compiled parts hold copies of the weights: as many as fit in this, within these bounds.
MOST_BYTES, FEWEST, MOST = 2 << 30, 2, 32
# Parts that wait to be compiled; beyond it those that were asked for least and longest ago are forgotten.
MOST_WAITING = 64


class Plans:
    """The parts of one model that are ready, and those that a thread is making ready.

    What was asked for most comes first, and among equals what was asked for last. The thread lives only while there is
    something to do, so nothing needs to be closed.

    Attributes:
        backend: Makes them.
    """

    def __init__(self, backend: Backend):
        self.backend = backend
        self.most = max(FEWEST, min(MOST, MOST_BYTES // max(backend.model_bytes, 1)))
        self._ready: OrderedDict[Part, Runner] = OrderedDict()
        self._waiting: dict[Part, tuple[int, int]] = {}
        self._failed: set[Part] = set()
        self._asked = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ready(self, part: Part) -> Runner | None:
        """What runs a part, at once; None while it is not ready, and then it is made so in the background."""
        with self._lock:
            run = self._ready.get(part)
            if run is not None:
                self._ready.move_to_end(part)
                return run
            if part in self._failed:
                return None
            if self.backend.compiles:
                self._ask(part)
                return None
        # Made here, and beside the lock: nobody waits for another's part. Two made at once do no harm.
        run = self.backend.prepare(part)
        with self._lock:
            return self._keep(part, run)

    def wait(self) -> None:
        """Until nothing is being made ready."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _ask(self, part: Part) -> None:
        self._asked += 1
        times, _ = self._waiting.get(part, (0, 0))
        self._waiting[part] = (times + 1, self._asked)
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[min(self._waiting, key=self._waiting.__getitem__)]
        if self._thread is None:
            # No daemon: at the interpreter's end a compiler must not be cut off in its native code.
            self._thread = threading.Thread(target=self._work, name="janus-compile")
            self._thread.start()

    def _work(self) -> None:
        while (part := self._next()) is not None:
            try:
                run = self.backend.prepare(part)
            except Exception as why:  # a part that no compiler can do still has the eager one
                log.warning("backend %s: blocks %d:%d could not be compiled (%s); they stay eager.",
                            self.backend.name, part.start, part.stop, why)  # fmt: skip
                with self._lock:
                    self._failed.add(part)
                continue
            with self._lock:
                self._keep(part, run)

    def _next(self) -> Part | None:
        with self._lock:
            # The program's end waits for this thread, and so for one compilation at most.
            if self._waiting and threading.main_thread().is_alive():
                part = max(self._waiting, key=self._waiting.__getitem__)
                del self._waiting[part]
                return part
            self._thread = None
            return None

    def _keep(self, part: Part, run: Runner) -> Runner:
        self._ready[part] = run
        self._waiting.pop(part, None)
        while len(self._ready) > self.most:
            self._ready.popitem(last=False)
        return run
