"""One client of a server in a selector loop: its stream, its connection, what is yet to be written."""

from __future__ import annotations

import logging
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mtproto_bind import NEED_DATA, Computation, ConnectionClosed, Event, Question, ServerConnection, TransportEnded

from ..carrier import Carrier
from ..stores import Store
from .late import LATER

__all__ = ["Served"]

logger = logging.getLogger("mtproto_bind_adapters.sync")

READ_SIZE = 65536
HIGH_WATER = 1 << 18
"""Bytes yet to be written, above which nothing more is read or sealed."""
STALLED = 30.0
"""Seconds within which the client must take some of them."""
FAREWELL = 2.0
"""Seconds for the last words, and for the client to close its side.

A stream that is closed while bytes of the client wait to be read is reset, and the reset overtakes the last words.
"""


class Served:
    """Reads, answers and writes one stream. Not blocking; whoever owns it looks at :attr:`interest` and :attr:`deadline`.

    ``store`` may say :data:`~mtproto_bind_adapters.sync.late.LATER`: then whoever has the answer says :meth:`answer`.
    ``carrier``: what the stream lies in, if anything; it must be open at ``opens_by``, in unix seconds.
    """

    def __init__(
        self,
        stream: socket.socket,
        connection: ServerConnection,
        store: Store,
        on_event: Callable[[ServerConnection, Event, float], None],
        *,
        carrier: Carrier | None = None,
        opens_by: float | None = None,
    ) -> None:
        self.stream = stream
        self.connection = connection
        self.ended = False
        """The stream may be closed."""
        self.watched = 0
        """What its owner waits for at present."""
        self.peer = ""
        """Where it comes from, for its owner."""
        self._store = store
        self._on_event = on_event
        self._carrier = carrier
        self._opens_by = opens_by
        self._unwritten = bytearray()
        self._stalls_at: float | None = None
        self._leaves_at: float | None = None

    @property
    def interest(self) -> int:
        """What to wait for: a mask of ``selectors.EVENT_READ`` and ``EVENT_WRITE``; 0 for neither."""
        wanted = self._leaves_at is not None or (self.connection.wants_data and len(self._unwritten) < HIGH_WATER)
        return (selectors.EVENT_READ if wanted else 0) | (selectors.EVENT_WRITE if self._unwritten else 0)

    @property
    def deadline(self) -> float | None:
        """When :meth:`handle_timeout` is due, in unix seconds."""
        own = [self._stalls_at, self._leaves_at, self._opens_by]
        if self._leaves_at is None:
            own.append(self.connection.next_deadline())
        return min((time for time in own if time is not None), default=None)

    def serve(self, mask: int, now: float) -> None:
        """The stream is ready for ``mask``."""
        if mask & selectors.EVENT_READ:
            self._read(now)
        self._act(now)

    def abandon(self, now: float) -> None:
        """Without another word: what its sessions and questions hold is free for another stream."""
        self.connection.close(now)
        while self.connection.next_event() is not NEED_DATA:
            pass
        self.ended = True

    def answer(self, question: Question[Any], value: Any, now: float) -> None:
        """The store has answered. Late or withdrawn: ignored."""
        self.connection.answer(question, value, now)
        self._act(now)

    def handle_timeout(self, now: float) -> None:
        """The deadline has come."""
        if self._leaves_at is not None and self._leaves_at <= now:
            self.ended = True
        elif any(time is not None and time <= now for time in (self._stalls_at, self._opens_by)):
            self._lose(now)
        else:
            self.connection.handle_timeout(now)
            self._act(now)

    def _read(self, now: float) -> None:
        try:
            data = self.stream.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if self._leaves_at is not None:
            if not data:
                self.ended = True
        elif not data:
            self._lose(now)
        elif self._carrier is None:
            self.connection.receive_data(data, now)
        else:
            if received := self._carrier.receive(data):
                self.connection.receive_data(received, now)
            if self._carrier.begun:
                self._opens_by = None

    def _lose(self, now: float) -> None:
        """The stream is gone; what the connection still has to tell is told."""
        self.connection.transport_lost(now)
        self._tell(now)
        self.ended = True

    def _act(self, now: float) -> None:
        """Tells what has happened, and writes what is due."""
        if self.ended:
            return
        if self._leaves_at is None and (self._tell(now) or self._is_deserted(now)):
            self._leaves_at, self._opens_by = now + FAREWELL, None
            self._unwritten += self._words(now, last=True)
        try:
            self._write(now)
        except BlockingIOError:
            self._stalls_at = self._stalls_at or now + STALLED
        except OSError:
            self._lose(now)

    def _is_deserted(self, now: float) -> bool:
        """Whether the carrier has ended. It may have last words of its own, an HTTP answer perhaps."""
        if self._carrier is None or not self._carrier.ended:
            return False
        if self._carrier.error is not None:
            logger.info("a client is gone: %s", self._carrier.error)
        self.connection.transport_lost(now)
        self._tell(now)
        return True

    def _words(self, now: float, *, last: bool = False) -> bytes:
        """What is due, as the stream wants it."""
        data = self.connection.data_to_send(now)
        if self._carrier is None:
            return data
        if self._carrier.open:
            self._carrier.send(data)
        if last:
            self._carrier.close()
        return self._carrier.data_to_send()

    def _tell(self, now: float) -> bool:
        """Answers questions and tells events until there are none. True: the connection has no more use for the stream."""
        connection = self.connection
        while (event := connection.next_event()) is not NEED_DATA:
            match event:
                case Computation():
                    connection.answer(event, event.run(), now)
                case Question():
                    if (value := self._store.answer(event, now)) is not LATER:
                        connection.answer(event, value, now)
                case TransportEnded() | ConnectionClosed():
                    self._on_event(connection, event, now)
                    return True
                case _:
                    self._on_event(connection, event, now)
        return False

    def _write(self, now: float) -> None:
        """Writes as much as the stream takes. Raises ``BlockingIOError`` when it takes no more, ``OSError`` when it is gone."""
        while True:
            if self._leaves_at is None and len(self._unwritten) < HIGH_WATER:
                self._unwritten += self._words(now)
            if not self._unwritten:
                break
            sent = self.stream.send(self._unwritten)
            del self._unwritten[:sent]
            self._stalls_at = None
        if self._leaves_at is not None:
            with suppress(OSError):
                self.stream.shutdown(socket.SHUT_WR)
