"""Carries a client connection over one stream after another, for the blocking drivers: it waits, reads and writes."""

from __future__ import annotations

import selectors
import ssl
import time
from contextlib import closing, suppress
from typing import Protocol

from mtproto_bind import ClientConnection, ConnectionClosed, Event, Transport, TransportEnded

from ..clock import Clock
from .streams import ByteStream, shut_down

__all__ = ["Drive", "earliest"]

READ_SIZE = 65536
READS = 16
"""Times that are read at most before what has come is looked at."""
PIECE = 16384
"""Bytes that are offered to the stream at once: as many as a record of TLS holds."""
WRITES = 16
"""Pieces that are written at most before it is looked whether something has come."""
STALLED = 30.0
"""Seconds within which the peer must take some of what is written."""
FAREWELL = 1.0
"""Seconds for what is written before a stream is closed."""

NOTHING_CAME = NOTHING_TAKEN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

# It has no descriptor of its own, so there is none to close, and none that a fork shares; Windows has no poll.
Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class Woken(Protocol):
    """Has something to read when the wait for the stream has to end."""

    def fileno(self) -> int:
        """The descriptor."""


class Drive:
    """Not thread-safe, like ``connection``, but for :meth:`interrupt`. Its owner dials, asks for events, and tells them here.

    It reads while it writes: two ends that only wrote to each other would wait for ever.
    """

    def __init__(self, connection: ClientConnection, transport: Transport | None, *, woken: Woken | None = None) -> None:
        self.now = Clock().now
        self.round_trips = 0
        """Times that something came after something was sent."""
        self.retry_at = 0.0
        """When to dial, in unix seconds."""
        self._connection = connection
        self._transport = transport or Transport()
        self._woken = woken
        self._stream: ByteStream | None = None
        self._unwritten = memoryview(b"")
        self._stalls_at: float | None = None
        self._reads_first = False
        """The stream writes nothing before it has read something, as TLS sometimes does."""
        self._more = False
        self._asked = False

    @property
    def is_open(self) -> bool:
        """Whether there is a stream."""
        return self._stream is not None

    def begin(self, stream: ByteStream) -> None:
        """Goes on over ``stream``. Raises what the connection raises, and has closed it then."""
        try:
            self._connection.transport_opened(self._transport, self.now())
        except BaseException:
            stream.close()
            raise
        # something may wait inside from before we had it
        self._stream, self._more = stream, True

    def turn(self, until: float | None) -> None:
        """Once ``next_event`` says ``NEED_DATA``: writes what is due, and waits for something to happen.

        That is bytes, the machine's next deadline, ``until`` (unix seconds), or what ``woken`` has to read.
        """
        if self._stream is not None and not self._unwritten:
            self._compose()
        ready = self._wait(until)
        if self._stream is not None and (self._more or ready & selectors.EVENT_READ):
            self._read(self._stream)
        if self._stream is not None and self._unwritten and ready & selectors.EVENT_WRITE:
            self._write(self._stream)
        if self._stalls_at is not None and self._stalls_at <= self.now():
            self._lose()
        self._connection.handle_timeout(self.now())

    def note(self, event: Event) -> None:
        """Takes an event, before anybody else is told: the stream that it ends is closed here."""
        if isinstance(event, TransportEnded):
            self.retry_at = event.retry_at
        if isinstance(event, TransportEnded | ConnectionClosed):
            self.end_stream()

    def end_stream(self) -> None:
        """The last words, as far as the peer takes them at once; then the end. May be called twice."""
        if (stream := self._stream) is None:
            return
        with closing(stream), suppress(OSError):
            if words := bytes(self._unwritten) + self._connection.data_to_send(self.now()):
                stream.settimeout(FAREWELL)
                stream.sendall(words)
        # not before: until then it can be interrupted
        self._stream = None
        self._forget()

    def interrupt(self) -> None:
        """The stream ends, whatever is waited for on it. May be called from another thread."""
        if (stream := self._stream) is not None:
            with suppress(OSError):
                shut_down(stream)

    def _compose(self) -> None:
        self._unwritten = memoryview(self._connection.data_to_send(self.now()))
        if self._unwritten:
            self._stalls_at = self.now() + STALLED

    def _wait(self, until: float | None) -> int:
        """What the stream is ready for: a mask of ``selectors.EVENT_READ`` and ``EVENT_WRITE``."""
        deadline = earliest(until, self._connection.next_deadline(), self._stalls_at)
        patience = None if deadline is None else max(deadline - self.now(), 0.0)
        with Selector() as selector:
            if self._stream is not None:
                if self._stream.fileno() < 0:
                    # closed by somebody else; reading will say so
                    return selectors.EVENT_READ
                writes = self._unwritten and not self._reads_first
                selector.register(self._stream, selectors.EVENT_READ | (selectors.EVENT_WRITE if writes else 0))
            if self._woken is not None:
                selector.register(self._woken, selectors.EVENT_READ)
            if not selector.get_map():
                time.sleep(patience or 0.0)
                return 0
            ready = selector.select(0.0 if self._more else patience)
        return next((mask for key, mask in ready if key.fileobj is self._stream), 0)

    def _read(self, stream: ByteStream) -> None:
        """Reads what there is, without waiting."""
        self._more, self._reads_first = True, False
        for _ in range(READS):
            try:
                stream.settimeout(0.0)
                data = stream.recv(READ_SIZE)
            except NOTHING_CAME:
                self._more = False
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            self.round_trips += self._asked
            self._asked = False
            self._connection.receive_data(data, self.now())

    def _write(self, stream: ByteStream) -> None:
        """Writes what the stream takes, without waiting."""
        for _ in range(WRITES):
            try:
                stream.settimeout(0.0)
                sent = stream.send(bytes(self._unwritten[:PIECE]))
            except NOTHING_TAKEN as nothing:
                self._reads_first = isinstance(nothing, ssl.SSLWantReadError)
                return
            except OSError:
                # What was written in part counts as sent; there is no other way to go on than another stream.
                self._read(stream)
                self._lose()
                return
            self._asked = True
            self._unwritten = self._unwritten[sent:]
            self._stalls_at = self.now() + STALLED if self._unwritten else None
            if not self._unwritten:
                return

    def _lose(self) -> None:
        """The stream is gone; the connection tells of it when everything that came is read."""
        self._forget()
        self._connection.transport_lost(self.now())

    def _forget(self) -> None:
        self._unwritten = memoryview(b"")
        self._stalls_at = None
        self._more = self._asked = self._reads_first = False


def earliest(*times: float | None) -> float | None:
    """The first of several moments; None is never."""
    return min((time for time in times if time is not None), default=None)
