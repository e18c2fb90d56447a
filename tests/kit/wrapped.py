"""Byte streams that are no sockets."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event as Flag

from mtproto_bind_adapters.sync import ByteStream


def fill(stream: ByteStream, data: bytes) -> int:
    """Writes until ``stream``, whose timeout is 0, takes no more: how many bytes of ``data`` it has taken."""
    sent = 0
    with suppress(BlockingIOError):
        while sent < len(data):
            sent += stream.send(data[sent:])
    return sent


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

    def send(self, data: bytes, /) -> int:
        return self.below.send(data)

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

    def send(self, data: bytes, /) -> int:
        self.writing.set()
        self._shut.wait()
        raise BrokenPipeError(f"{len(data)} bytes are not written")

    def shutdown(self, how: int, /) -> None:
        super().shutdown(how)
        self._shut.set()
