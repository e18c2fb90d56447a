"""A client connection over a blocking socket: no thread, one caller."""

from __future__ import annotations

from collections.abc import Callable
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
)

from ..switchboard import CallUnanswered
from .drive import Drive, earliest
from .streams import ByteStream

__all__ = ["CallUnanswered", "SyncDriver"]

T = TypeVar("T")
E = TypeVar("E", bound=Event)


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
        self._drive = Drive(connection, transport)
        self.now = self._drive.now
        self._dial = dial
        self._on_event = on_event
        self._bound: KeyBound | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def round_trips(self) -> int:
        """Times that something came after something was sent."""
        return self._drive.round_trips

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
            while (event := self.connection.next_event()) is not NEED_DATA:
                self._note(event)
        self._drive.end_stream()

    def _next_of_others(self, until: float | None) -> Event:
        """The next event; an error if there will be none."""
        event = self.next_event(None if until is None else max(until - self.now(), 0.0))
        if isinstance(event, ConnectionClosed):
            raise event.error or LocalProtocolError("the connection is closed")
        return event

    def _note(self, event: Event) -> None:
        """Takes from an event what the driver itself must know."""
        self._drive.note(event)
        match event:
            case KeyBound():
                self._bound = event
            case KeyExpired(key_id=expired) if self._bound and self._bound.key_id == expired:
                self._bound = None
            case ConnectionClosed():
                self._closed = True

    def _wait(self, until: float | None) -> None:
        """Goes on until something happens, or until it is ``until``."""
        drive = self._drive
        if self._closed:
            raise LocalProtocolError("the connection is closed: no event follows")
        if not drive.is_open and drive.retry_at <= self.now():
            drive.begin(self._dial())
            return
        drive.turn(until if drive.is_open else earliest(until, drive.retry_at))
        if until is not None and self.now() >= until:
            raise TimeoutError("nothing happened in time")
