"""A device's line to its cloud: up or down, and back up by itself. Measures the round trip, and carries probes."""

from __future__ import annotations

import logging
import threading
from collections import deque

from janus.errors import JanusError
from janus.runtime.client import Call, CallFailed, CloudClient, Hello
from janus.runtime.credentials import DeviceCredentials
from janus.runtime.half import Half
from janus.runtime.janus_pb2 import FinishRequest, HelloReply
from janus.units import ms_to_s

LOG = logging.getLogger("janus.device")
# How long one question "are you there?" may take beside two round trips; and how many may fail before the connection
# itself is given up, for it may be dead without knowing. Each new one gets twice the time, up to LONGEST times, or a
# long way whose round trip is not known yet would never be found.
PATIENCE_S, TRIES, LONGEST = 0.5, 3, 8
# While nothing is under way the round trip is measured so often; the least of the last few counts, since everything
# that disturbs it makes it longer.
PING_EVERY_S, PINGS, FIRST_PINGS = 1.0, 5, 2


UP, DOUBTFUL, DOWN = "up", "doubtful", "down"


class Line:
    """Keeps a connection to the cloud.

    A line is ``up``; ``doubtful`` after an answer did not come in time, until one Hello has come back, which travels
    behind all that is still under way; or ``down``, until the cloud has been greeted anew.

    Attributes:
        losses: How often the line went down.
    """

    def __init__(self, half: Half, addresses: tuple[str, ...], credentials: DeviceCredentials | None = None):
        self._half, self._addresses, self._credentials = half, addresses, credentials
        self._client = CloudClient(half, addresses, credentials)
        self._change = threading.Condition()
        self._state, self._closed = DOWN, False
        self._busy = 0
        self._trips: deque[float] = deque(maxlen=PINGS)
        self._said = ""
        self._cloud_book = b""
        self.losses = 0
        self._watcher = threading.Thread(target=self._watch, name="janus-line", daemon=True)

    @property
    def up(self) -> bool:
        """Whether the cloud answered when last asked, and nothing has gone wrong since."""
        return self._state == UP

    @property
    def away(self) -> bool:
        """Whether the cloud is known not to answer."""
        return self._state == DOWN

    @property
    def shares_book(self) -> bool:
        """Whether the cloud had this device's codebook when it was last greeted: only then it can decode transform."""
        return self._half.book is not None and self._cloud_book == self._half.book_key

    @property
    def busy(self) -> bool:
        """Whether a frame or a probe is under way."""
        return self._busy > 0

    @property
    def rtt_ms(self) -> float:
        """Shortest of the last round trips of an empty call, the cost of gRPC included; 0 before the first."""
        return min(tuple(self._trips), default=0.0)

    def connect(self, timeout_s: float = 5.0) -> HelloReply | None:
        """Say Hello, and watch the line from now on.

        Returns:
            Who serves; None if nobody was there in time. The line then comes up when somebody is.

        Raises:
            JanusError: If somebody is there and refuses: another model, other weights, no token, another protocol.
        """
        reply = None
        try:
            reply = self._greet(timeout_s, first=True)
        except CallFailed as why:
            if not why.lost:
                self._client.close()
                raise JanusError(f"the cloud at {', '.join(self._addresses)} refuses: {why.details}") from None
            LOG.warning(
                "no cloud at %s yet (%s); the device works alone. If it is up: are address and credentials its own "
                "(TLS at both ends or at none)?",
                ", ".join(self._addresses), why.details,
            )  # fmt: skip
        self._watcher.start()
        return reply

    def measure(self) -> None:
        """Measure the round trip anew, after the way has changed. Where that fails the old one stays."""
        before = tuple(self._trips)
        self._trips.clear()
        try:
            for _ in range(PINGS):
                self._ping(2 * self._patience_s())
        except CallFailed:
            self._trips.extend(before)

    def finish(self, request: FinishRequest, timeout_s: float) -> Call:
        """Start the rest of a frame.

        Raises:
            CallFailed: If the connection is just being renewed.
        """
        return self._count(self._client.finish(request, timeout_s))

    def probe(self, size_bytes: int, timeout_s: float) -> Hello:
        """Send ``size_bytes`` for nothing but to learn the bandwidth.

        Raises:
            CallFailed: If the connection is just being renewed.
        """
        return self._count(self._client.hello(timeout_s, size_bytes))

    def lost(self) -> None:
        """The connection broke: the line is down until the cloud has been greeted anew."""
        with self._change:
            if self._state != DOWN:
                self.losses += 1
            self._state = DOWN
            self._change.notify_all()

    def doubt(self) -> None:
        """An answer did not come in time: ask before anything else is sent."""
        with self._change:
            if self._state == UP:
                self._state = DOUBTFUL
            self._change.notify_all()

    def ready(self, timeout_s: float) -> bool:
        """Whether a frame may be sent; waits up to ``timeout_s`` while the line is doubtful."""
        with self._change:
            self._change.wait_for(lambda: self._state != DOUBTFUL, max(timeout_s, 0.0))
            return self._state == UP

    def wait_up(self, timeout_s: float) -> bool:
        """Wait until the line is up; False when ``timeout_s`` was first."""
        with self._change:
            return self._change.wait_for(lambda: self._state == UP, timeout_s)

    def close(self) -> None:
        """Hang up, and leave no thread behind."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._client.close()
        if self._watcher.is_alive():
            self._watcher.join()

    def _count(self, call):
        """Keep count of what is under way."""
        with self._change:
            self._busy += 1
        call.when_done(self._over)
        return call

    def _over(self) -> None:
        with self._change:
            self._busy -= 1

    def _greet(self, timeout_s: float, *, first: bool = False) -> HelloReply:
        """The first Hellos of a connection; the very first waits for the connection, so it is no round trip."""
        reply = self._client.hello(timeout_s, with_profile=first).reply()
        self._cloud_book = reply.codebook_sha256
        self._trips.clear()
        for _ in range(FIRST_PINGS):
            self._ping(timeout_s)
        self._is_up(DOWN)
        return reply

    def _ping(self, timeout_s: float) -> None:
        hello = self._client.hello(timeout_s)
        hello.reply()
        self._trips.append(hello.took_ms)

    def _is_up(self, since: str) -> None:
        with self._change:
            if self._state == since:  # else it was lost again while we asked
                self._state, self._said = UP, ""
                self._change.notify_all()

    def _patience_s(self, failures: int = 0) -> float:
        """How long a question may take after so many failures in a row."""
        return PATIENCE_S * min(2 ** (failures // TRIES), LONGEST) + ms_to_s(2 * self.rtt_ms)

    def _watch(self) -> None:
        failures = 0
        while True:
            with self._change:
                if self._state == UP and not self._closed:
                    self._change.wait(PING_EVERY_S)
                if self._closed:
                    return
                state = self._state
                if state == UP and self._busy:
                    continue  # a ping now would queue behind a payload
            try:
                patience_s = self._patience_s(failures)
                if state == UP:
                    self._ping(patience_s)
                elif state == DOUBTFUL:
                    self._client.hello(patience_s).reply()
                    self._is_up(DOUBTFUL)
                else:
                    self._greet(patience_s)
            except CallFailed as why:
                failures += 1
                self._fail(why, failures)
            else:
                failures = 0

    def _fail(self, why: CallFailed, failures: int) -> None:
        self.lost()
        with self._change:
            if self._closed:
                return
            # Each reason is said once, until the line is up again.
            if why.reason != self._said:
                self._said = why.reason
                LOG.warning("the cloud is away (%s: %s); the device works alone", why.reason, why.details)
            if not why.lost:
                # It is there and refuses: asking it again at once would only be noise.
                self._change.wait_for(lambda: self._closed, PATIENCE_S)
            if failures % TRIES == 0 and not self._closed:
                self._reopen()

    def _reopen(self) -> None:
        try:
            new = CloudClient(self._half, self._addresses, self._credentials)
        except JanusError as why:  # the credentials' files are read anew, so that they can be renewed; or be gone
            LOG.warning("the connection cannot be renewed: %s", why)
            return
        old, self._client = self._client, new
        old.close()
