"""What a blocking stream has to do, shown on a socket."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from kit.wrapped import Wrapped, fill
from mtproto_bind_adapters.sync import ByteStream
from mtproto_bind_adapters.sync.streams import shut_down


def test_a_socket_is_such_a_stream() -> None:
    ours, theirs = socket.socketpair()
    stream: ByteStream = ours
    with theirs:
        assert stream.fileno() == ours.fileno()
        stream.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            stream.recv(1)
        theirs.sendall(b"here")
        assert stream.recv(65536) == b"here"
        assert stream.send(b"th") == 2
        stream.sendall(b"ere")
        stream.shutdown(socket.SHUT_RDWR)
        assert theirs.recv(65536) == b"there"
        assert theirs.recv(65536) == stream.recv(65536) == b""
        stream.close()
        stream.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            stream.recv(1)


def test_a_socket_that_takes_nothing_does_not_wait() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.0)
        assert 0 < fill(ours, bytes(1 << 24)) < 1 << 24
        with pytest.raises(BlockingIOError):
            ours.send(b"more")
        assert theirs.recv(1) == b"\0"


@pytest.mark.parametrize("wrap", [lambda below: below, Wrapped])
def test_both_directions_are_ended(wrap: Callable[[socket.socket], ByteStream]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        shut_down(wrap(ours))
        assert theirs.recv(1) == ours.recv(1) == b""
        with pytest.raises(BrokenPipeError):
            ours.send(b"more")
