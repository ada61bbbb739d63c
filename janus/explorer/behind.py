"""Work behind the screen: one thread per lane, the latest job wins, results arrive where the widgets live."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterable
from typing import Any, NamedTuple

CLOSING_S = 10.0
PATIENCE_S = 0.25
# The last to be served, as `nice` counts.
LAST = 19
Post = Callable[[Callable[[], None]], None]


def in_kernel() -> bool:
    """Whether a loop runs here, on which handlers run."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Turn:
    """A lock for handlers that what runs behind the screen gives way to.

    Otherwise both take turns at Python's own lock, and a handler takes three times as long.
    """

    def __init__(self) -> None:
        self._lock, self._depth, self._free = threading.RLock(), 0, threading.Event()
        self._free.set()

    def __enter__(self) -> Turn:
        self._lock.acquire()
        self._depth += 1
        self._free.clear()
        return self

    def __exit__(self, *_why) -> None:
        self._depth -= 1
        if not self._depth:
            self._free.set()
        self._lock.release()

    def give_way(self) -> None:
        """Wait while a handler runs, but not long: one that waits for the caller must not wait for ever."""
        self._free.wait(PATIENCE_S)


def kernel_post(lock: Turn) -> Post:
    """A way to run a function on the kernel's own loop, whoever asks for it; at once without one.

    So no handler meets a half-made update. Always under the lock: JupyterLab's messages may come in another thread, a
    subshell of the kernel.
    """

    def locked(function: Callable[[], None]) -> None:
        with lock:
            function()

    if not in_kernel():
        return locked
    loop = asyncio.get_running_loop()

    def on_loop(function: Callable[[], None]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(locked, function)

    return on_loop


class Job(NamedTuple):
    """Something to do.

    Attributes:
        work: Gets an event that is set when nobody wants the results any more; yields results.
        show: Called with each result.
        done: Called after the last, unless it was cancelled or failed.
    """

    work: Callable[[threading.Event], Iterable]
    show: Callable[[Any], None]
    done: Callable[[], None]


class Lane:
    """A thread that does one job at a time. A new job cancels the one before, and replaces one that waits.

    Args:
        name: Of the thread.
        post: Where `show`, `done` and ``failed`` are called.
        failed: Called with an exception of a job.
        settle_s: How long a job waits for a newer one before it starts.
        held_s: How long the very first waits for `begin`, in a kernel; elsewhere there is nothing to wait for.
        last: Whether its thread, and those that torch starts for it, get the processor only when nobody else wants it,
            so that a handler need not share it. On Linux, the one system where a thread has a priority of its own.
    """

    def __init__(
        self, name: str, *, post: Post, failed: Callable[[Exception], None], settle_s: float = 0.0,
        held_s: float = 0.0, last: bool = False,
    ):  # fmt: skip
        self._name, self._post, self._failed, self._settle_s = name, post, failed, settle_s
        self._changed = threading.Condition()
        self._waiting: tuple[Job, threading.Event] | None = None
        self._running = False
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self._held_s = held_s if in_kernel() else 0.0
        self._last = last and sys.platform == "linux"

    @property
    def busy(self) -> bool:
        """Whether a job waits or runs."""
        return self._waiting is not None or self._running

    def submit(self, work: Callable[[threading.Event], Iterable], show=lambda result: None, done=lambda: None) -> None:
        """Do ``work`` instead of whatever this lane was doing."""
        with self._changed:
            self._cancel.set()
            self._cancel = threading.Event()
            self._waiting = (Job(work, show, done), self._cancel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"janus-{self._name}", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            self._changed.notify_all()

    def cancel(self) -> None:
        """Stop what runs, forget what waits."""
        with self._changed:
            self._cancel.set()
            self._waiting = None
            self._changed.notify_all()

    def begin(self) -> None:
        """Hold the first job back no longer."""
        with self._changed:
            self._held_s = 0.0
            self._changed.notify_all()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing waits or runs; whether that came about in time."""
        self.begin()
        with self._changed:
            return self._changed.wait_for(lambda: not self.busy, timeout_s)

    def close(self) -> None:
        """Stop before Python ends: a thread that is cut off inside torch would abort the process."""
        self.cancel()
        self.join(CLOSING_S)

    def _run(self) -> None:
        if self._last:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None)
                if self._held_s:
                    self._changed.wait_for(lambda: not self._held_s, self._held_s)
                    self._held_s = 0.0
                while self._changed.wait(self._settle_s) if self._settle_s else False:
                    pass  # a newer one came: let it settle, too
                if self._waiting is None:
                    continue
                (job, cancel), self._waiting, self._running = self._waiting, None, True
            try:
                self._do(job, cancel)
            finally:
                with self._changed:
                    self._running = False
                    self._changed.notify_all()

    def _do(self, job: Job, cancel: threading.Event) -> None:
        def show(call: Callable[[], None]) -> None:
            # Asked again at delivery: a newer job may have come while this result was on its way.
            if cancel.is_set():
                return
            try:
                call()
            except Exception as why:  # neither the end of this thread nor only in a log
                self._fail(why)

        def deliver(call: Callable[[], None]) -> None:
            self._post(lambda: show(call))

        try:
            results = job.work(cancel)
            try:
                for result in results:
                    if cancel.is_set():
                        return
                    deliver(lambda result=result: job.show(result))
            finally:
                # Not when the garbage is collected: what a job has opened is closed before the next one begins.
                if isinstance(results, Generator):
                    results.close()
        except Exception as why:  # whatever it is, it belongs on the screen, not into a thread's end
            deliver(lambda why=why: self._fail(why))
        else:
            deliver(job.done)

    def _fail(self, why: Exception) -> None:
        try:
            self._failed(why)
        except Exception:  # the screen itself is broken; the next job may mend it
            traceback.print_exc()
