"""What may lie between the bytes of a socket and those of the stream: WebSocket does."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Carrier", "CarrierError"]


class CarrierError(ConnectionError):
    """Why the other side is not, or no more, to be spoken with in this way."""


class Carrier(Protocol):
    """One stream, carried inside something else. Pure, not thread-safe, and for one socket only.

    Whoever owns it writes what :meth:`data_to_send` gives after every other method. What the peer does wrong is no exception but
    in :attr:`error`, so that what came before it is not lost.
    """

    @property
    def begun(self) -> bool:
        """Whether the stream has begun. It may have ended since."""

    @property
    def open(self) -> bool:
        """Whether :meth:`send` takes bytes: the stream has begun, and neither side has ended it."""

    @property
    def ended(self) -> bool:
        """Whether no more bytes of the stream will come. It may end before it has begun."""

    @property
    def error(self) -> CarrierError | None:
        """Why it has ended; None: it has not, or properly."""

    def receive(self, data: bytes) -> bytes:
        """Takes what the socket has brought; the bytes of the stream that are in it."""

    def receive_eof(self) -> None:
        """The socket has ended."""

    def send(self, data: bytes) -> None:
        """Carries bytes of the stream. :class:`CarrierError` where it is not open."""

    def close(self) -> None:
        """Says that nothing follows. May be said at any time, and twice."""

    def data_to_send(self) -> bytes:
        """What the socket is to be given: a handshake, the stream's bytes, answers to pings, the end."""
