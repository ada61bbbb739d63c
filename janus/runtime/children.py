"""Processes that belong to this one: started fresh, ready when they say so, gone when it is, however that ends.

A child is told apart from a command in a terminal by ``--child``. It prints one line of JSON when it is ready, takes
commands as lines of JSON on stdin, answers each with a line, and ends when stdin does: the pipe closes by itself when
its parent dies, even by kill -9. Nothing is forked, since gRPC and torch have threads.
"""

from __future__ import annotations

import json
import os
import queue
import select
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable

from janus.errors import JanusError

# A pipe's end may live on in a process that our parent forked; then the parent's number tells that it is gone.
PARENT_CHECK_S = 1.0
LAST_WORDS = 20


class Child:
    """A `janus` command as a child process.

    Args:
        name: What to call it in errors.
        arguments: Of the `janus` command.
        program: Python that reads them; `janus` itself unless given.

    Attributes:
        ready: What it said when it was ready.
    """

    def __init__(self, name: str, arguments: list[str], program: str = "from janus.cli import main; main()"):
        self.name = name
        command = [sys.executable, "-c", program, *arguments, "--child"]
        # A session of its own: an interrupt from the terminal is for the parent, which then stops its children.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        self._replies: queue.SimpleQueue[dict | None] = queue.SimpleQueue()
        self._words: deque[str] = deque(maxlen=LAST_WORDS)
        self._threads = [
            threading.Thread(target=self._read_out, name=f"janus-{name}-out", daemon=True),
            threading.Thread(target=self._read_err, name=f"janus-{name}-err", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.ready: dict = {}

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_ready(self, timeout_s: float) -> dict:
        """Wait until it is ready.

        Raises:
            JanusError: If it ends or takes longer; with its last words.
        """
        self.ready = self._next(timeout_s)
        return self.ready

    def do(self, command: str, timeout_s: float = 10.0, **facts) -> dict:
        """Have a command carried out, and return the answer.

        Raises:
            JanusError: If the child has ended, does not answer, or cannot do it.
        """
        self.send(command, **facts)
        return self._next(timeout_s)

    def send(self, command: str, **facts) -> None:
        """Ask for a command without waiting for the answer, which `heard` gives."""
        try:
            self._process.stdin.write(json.dumps({"do": command, **facts}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended: the next answer says why

    def heard(self, timeout_s: float) -> dict | None:
        """The next answer; None if it has not come in time.

        Raises:
            JanusError: If the child has ended, or cannot do what it was asked for.
        """
        try:
            return self._taken(self._replies.get(timeout=timeout_s))
        except queue.Empty:
            return None

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def stop(self, grace_s: float = 3.0) -> None:
        """Close its stdin, wait, then kill it. Harmless the second time."""
        process = self._process
        try:
            process.stdin.close()
        except OSError:
            pass
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for thread in self._threads:
            thread.join()
        process.stdout.close()
        process.stderr.close()

    def _next(self, timeout_s: float) -> dict:
        try:
            reply = self._replies.get(timeout=timeout_s)
        except queue.Empty:
            raise JanusError(f"the {self.name} does not answer within {timeout_s:g} s: close this pair.") from None
        return self._taken(reply)

    def _taken(self, reply: dict | None) -> dict:
        if reply is None:
            self._replies.put(None)  # it stays so
            self._process.wait()
            raise JanusError(f"the {self.name} has ended: {self._last_words()}")
        if "error" in reply:
            raise JanusError(reply["error"])
        return reply

    def _last_words(self) -> str:
        self._threads[1].join(1.0)
        words = [line for line in self._words if line.strip()]
        if words and words[-1].startswith("janus: "):
            return words[-1].removeprefix("janus: ")
        return "\n".join(words) or f"exit status {self._process.returncode}, without a word."

    def _read_out(self) -> None:
        for line in self._process.stdout:
            try:
                self._replies.put(json.loads(line))
            except ValueError:
                self._words.append(line.decode(errors="replace").rstrip())
        self._replies.put(None)

    def _read_err(self) -> None:
        for line in self._process.stderr:
            self._words.append(line.decode(errors="replace").rstrip())


def say(**facts) -> None:
    """A child's line to its parent."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def obey(commands: dict[str, Callable[..., dict | None]]) -> None:
    """A child's life: carry out what the parent asks for, and return when the parent is gone.

    Args:
        commands: By name; each gets the line's other fields as keyword arguments.
    """
    parent = os.getppid()
    pending: list[bytes] = []
    stdin = sys.stdin.fileno()
    while os.getppid() == parent:
        if not select.select([stdin], [], [], PARENT_CHECK_S)[0]:
            continue
        data = os.read(stdin, 65536)
        if not data:
            return
        pending.append(data)
        if b"\n" not in data:
            continue  # a long trace comes in thousands of pieces
        *lines, rest = b"".join(pending).split(b"\n")
        pending = [rest]
        for line in lines:
            facts = json.loads(line)
            name = facts.pop("do")
            try:
                say(did=name, **(commands[name](**facts) or {}))
            except JanusError as why:
                say(error=str(why))


def leave() -> None:
    """End a child at once: what it would still tidy up dies with the process, and a thread must not hold it up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
