"""What a blocking stream has to do, shown on a socket."""

from __future__ import annotations

import socket

import pytest

from mtproto_bind_adapters.sync import ByteStream


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
        stream.sendall(b"there")
        stream.shutdown(socket.SHUT_RDWR)
        assert theirs.recv(65536) == b"there"
        assert theirs.recv(65536) == stream.recv(65536) == b""
        stream.close()
        stream.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            stream.recv(1)
