"""What the blocking drivers ask of a stream: a connected socket does, and so does what speaks through one."""

from __future__ import annotations

import socket
from typing import Protocol

__all__ = ["ByteStream", "shut_down"]


class ByteStream(Protocol):
    """A connected stream of bytes; ``socket.socket`` and ``ssl.SSLSocket`` are such. Every method may raise ``OSError``.

    With a timeout of 0 :meth:`recv` and :meth:`send` do not wait: they raise ``BlockingIOError`` (or ``ssl.SSLWantReadError``, or
    ``ssl.SSLWantWriteError``) where nothing has come, or nothing is taken. What has come may wait inside rather than in the
    socket, so a selector's word that there is nothing counts only after that.
    """

    def fileno(self) -> int:
        """The descriptor of the socket below."""

    def settimeout(self, seconds: float | None, /) -> None:
        """How long the other methods wait, which raise ``TimeoutError`` afterwards; None: for ever."""

    def recv(self, size: int, /) -> bytes:
        """Some bytes, at most ``size``; none: the peer has ended the stream."""

    def send(self, data: bytes, /) -> int:
        """Writes some of it, and tells how many bytes. Where it raises for want of time or room, the same bytes come first when
        something is written next: the stream may have begun with them.
        """

    def sendall(self, data: bytes, /) -> None:
        """Writes all of it."""

    def shutdown(self, how: int, /) -> None:
        """Ends one direction or both (``socket.SHUT_RDWR``): a thread that waits in another method wakes up."""

    def close(self) -> None:
        """Gives the stream back. May be called twice."""


def shut_down(stream: ByteStream) -> None:
    """Ends both directions, whatever another thread does with ``stream``. Raises ``OSError`` where they have ended."""
    if isinstance(stream, socket.socket):
        # that of SSLSocket would also drop the cipher, and what another thread writes would go out in clear
        socket.socket.shutdown(stream, socket.SHUT_RDWR)
    else:
        stream.shutdown(socket.SHUT_RDWR)
