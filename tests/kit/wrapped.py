"""Byte streams that are no sockets."""

from __future__ import annotations

import socket
from threading import Event as Flag


class Wrapped:
    """Speaks through a socket; those who inherit do one thing otherwise."""

    def __init__(self, below: socket.socket) -> None:
        self.below = below

    def fileno(self) -> int:
        return self.below.fileno()

    def settimeout(self, seconds: float | None, /) -> None:
        self.below.settimeout(seconds)

    def recv(self, size: int, /) -> bytes:
        return self.below.recv(size)

    def sendall(self, data: bytes, /) -> None:
        self.below.sendall(data)

    def shutdown(self, how: int, /) -> None:
        self.below.shutdown(how)

    def close(self) -> None:
        self.below.close()


class Hoarding(Wrapped):
    """Takes all that the socket has, and gives it away in small pieces: a selector knows nothing of what waits inside."""

    def __init__(self, below: socket.socket) -> None:
        super().__init__(below)
        self._inside = b""

    def recv(self, size: int, /) -> bytes:
        if not self._inside:
            self._inside = self.below.recv(size)
        given, self._inside = self._inside[:7], self._inside[7:]
        return given


class Stubborn(Wrapped):
    """Knows no time limit when it writes: only the end of the stream ends that."""

    def __init__(self, below: socket.socket) -> None:
        super().__init__(below)
        self.writing, self._shut = Flag(), Flag()

    def sendall(self, data: bytes, /) -> None:
        self.writing.set()
        self._shut.wait()
        raise BrokenPipeError(f"{len(data)} bytes are not written")

    def shutdown(self, how: int, /) -> None:
        super().shutdown(how)
        self._shut.set()
