"""A client connection over a blocking socket: no thread, one caller."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from types import TracebackType
from typing import Self, TypeVar

from mtproto_bind import (
    NEED_DATA,
    CallAnswered,
    CallFailed,
    ClientConnection,
    Computation,
    ConnectionClosed,
    Event,
    KeyBound,
    KeyExpired,
    LocalProtocolError,
    Question,
    Transport,
    TransportEnded,
)

from ..clock import Clock
from ..switchboard import CallUnanswered
from .streams import ByteStream

__all__ = ["CallUnanswered", "SyncDriver"]

T = TypeVar("T")
E = TypeVar("E", bound=Event)

READ_SIZE = 65536
STALLED = 30.0
"""Seconds within which the peer must take what is written."""
FAREWELL = 1.0
"""The same for what is written before a stream is closed."""


def ignore(_event: Event) -> None:
    """What happens to an event that nobody asked for."""


class SyncDriver:
    """Carries ``connection`` over the streams that ``dial`` opens.

    ``dial`` returns a connected blocking socket, or another :class:`ByteStream`; what it raises comes out of the method that was
    called, and the next call dials again. ``on_event`` is given what comes while :meth:`call`, :meth:`wait_for` or
    :meth:`wait_bound` wait for something else; it may answer questions with :meth:`answer`, and must do so for those that only
    the owner of the connection can answer.
    """

    def __init__(
        self,
        connection: ClientConnection,
        dial: Callable[[], ByteStream],
        *,
        transport: Transport | None = None,
        on_event: Callable[[Event], None] = ignore,
    ) -> None:
        self.connection = connection
        self.now = Clock().now
        self.round_trips = 0
        """Times that something came after something was sent."""
        self._dial = dial
        self._transport = transport or Transport()
        self._on_event = on_event
        self._stream: ByteStream | None = None
        self._retry_at = 0.0
        self._bound: KeyBound | None = None
        self._closed = False
        self._asked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def next_event(self, timeout: float | None = None) -> Event:
        """The next event, computations apart: those are run here and answered.

        Of :class:`TransportEnded` and :class:`ConnectionClosed` one is told when the stream is closed already; the next call
        dials again, when the time for it has come. Raises ``TimeoutError`` after ``timeout`` seconds, what ``dial`` raises, and
        ``LocalProtocolError`` after :class:`ConnectionClosed`.
        """
        until = None if timeout is None else self.now() + timeout
        while True:
            event = self.connection.next_event()
            if event is NEED_DATA:
                self._wait(until)
            elif isinstance(event, Computation):
                self.connection.answer(event, event.run(), self.now())
            else:
                self._note(event)
                return event

    def wait_for(self, kind: type[E], timeout: float | None = None) -> E:
        """The next event of this kind. Raises ``TimeoutError``, and what ended the connection."""
        until = None if timeout is None else self.now() + timeout
        while not isinstance(event := self._next_of_others(until), kind):
            self._on_event(event)
        return event

    def wait_bound(self, timeout: float | None = None) -> KeyBound:
        """Waits until a temporary key is bound, and tells which. Returns at once if one is.

        Raises ``TimeoutError``, and what ended the connection.
        """
        return self._bound or self.wait_for(KeyBound, timeout)

    def call(self, body: bytes, timeout: float | None = None) -> bytes:
        """Sends an API call under the bound key, and returns the body of its answer.

        Raises :class:`CallUnanswered` (after ``timeout`` seconds too, if the server has not answered by then), and what ended the
        connection.
        """
        give_up_at = None if timeout is None else self.now() + timeout
        call_id = self.connection.call(body, self.now(), give_up_at=give_up_at)
        while True:
            match event := self._next_of_others(None):
                case CallAnswered(call_id=answered) if answered == call_id:
                    return event.body
                case CallFailed(call_id=failed) if failed == call_id:
                    raise CallUnanswered(event.reason)
                case _:
                    self._on_event(event)

    def answer(self, question: Question[T], value: T) -> None:
        """Answers a question that :meth:`next_event` or ``on_event`` brought."""
        self.connection.answer(question, value, self.now())

    def close(self) -> None:
        """Sends what is due, and closes connection and stream. May be called twice."""
        if not self._closed:
            self.connection.close(self.now())
            while not self._closed:
                self._note(self.connection.next_event())
        self._end_stream()

    def _next_of_others(self, until: float | None) -> Event:
        """The next event; an error if there will be none."""
        event = self.next_event(None if until is None else max(until - self.now(), 0.0))
        if isinstance(event, ConnectionClosed):
            raise event.error or LocalProtocolError("the connection is closed")
        return event

    def _note(self, event: object) -> None:
        """Takes from an event what the driver itself must know."""
        match event:
            case KeyBound():
                self._bound = event
            case KeyExpired(key_id=expired) if self._bound and self._bound.key_id == expired:
                self._bound = None
            case TransportEnded():
                self._retry_at = event.retry_at
                self._end_stream()
            case ConnectionClosed():
                self._closed = True
                self._end_stream()

    def _wait(self, until: float | None) -> None:
        """Sends what is due, and waits for bytes, for the machine's next deadline, or for ``until``."""
        if self._closed:
            raise LocalProtocolError("the connection is closed: no event follows")
        if self._stream is None and self._retry_at <= self.now():
            self._stream = self._dial()
            self.connection.transport_opened(self._transport, self.now())
            return
        if self._stream is not None and not self._send(self._stream):
            return
        times = [until, self.connection.next_deadline(), self._retry_at if self._stream is None else None]
        patience = min((max(time - self.now(), 0.0) for time in times if time is not None), default=None)
        if self._stream is not None:
            self._receive(self._stream, patience)
        else:
            time.sleep(patience or 0.0)
        self.connection.handle_timeout(self.now())
        if until is not None and self.now() >= until:
            raise TimeoutError("nothing happened in time")

    def _send(self, stream: ByteStream) -> bool:
        """Writes what is due. False: the stream is lost."""
        try:
            if data := self.connection.data_to_send(self.now()):
                stream.settimeout(STALLED)
                stream.sendall(data)
                self._asked = True
        except OSError:
            # What was written in part counts as sent; there is no other way to go on than another stream.
            self.connection.transport_lost(self.now())
            return False
        return True

    def _receive(self, stream: ByteStream, patience: float | None) -> None:
        """Reads once, for at most ``patience`` seconds."""
        try:
            # A timeout of 0 would mean not to wait at all, and raise another error.
            stream.settimeout(None if patience is None else max(patience, 0.001))
            data = stream.recv(READ_SIZE)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.connection.transport_lost(self.now())
            return
        self.round_trips += self._asked
        self._asked = False
        self.connection.receive_data(data, self.now())

    def _end_stream(self) -> None:
        """The last words, as far as the peer takes them at once; then the end."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            with closing(stream), suppress(OSError):
                stream.settimeout(FAREWELL)
                stream.sendall(self.connection.data_to_send(self.now()))
