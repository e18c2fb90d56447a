"""What the blocking drivers ask of a stream: a connected socket does, and so does what speaks through one."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ByteStream"]


class ByteStream(Protocol):
    """A connected stream of bytes; ``socket.socket`` and ``ssl.SSLSocket`` are such. Every method may raise ``OSError``.

    With a timeout of 0 :meth:`recv` raises ``BlockingIOError`` (or ``ssl.SSLWantReadError``) where nothing has come. What has
    come may wait inside rather than in the socket, so a selector's word that there is nothing counts only after that.
    """

    def fileno(self) -> int:
        """The descriptor of the socket below."""

    def settimeout(self, seconds: float | None, /) -> None:
        """For :meth:`recv` and :meth:`sendall`, which raise ``TimeoutError`` afterwards; None: they wait for ever."""

    def recv(self, size: int, /) -> bytes:
        """Some bytes, at most ``size``; none: the peer has ended the stream."""

    def sendall(self, data: bytes, /) -> None:
        """Writes all of it."""

    def shutdown(self, how: int, /) -> None:
        """Ends one direction or both (``socket.SHUT_RDWR``): a thread that waits in another method wakes up."""

    def close(self) -> None:
        """Gives the stream back. May be called twice."""
