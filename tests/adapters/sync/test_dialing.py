"""Opening a stream."""

from __future__ import annotations

import socket

import pytest

from kit.serving import closed_port, listening
from mtproto_bind_adapters.sync import dial


def test_it_connects_and_sends_at_once() -> None:
    with listening() as (listener, address), dial(*address) as stream:
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        accepted, _ = listener.accept()
        with accepted:
            stream.sendall(b"hello")
            assert accepted.recv(5) == b"hello"


def test_a_closed_port_is_an_error() -> None:
    with pytest.raises(ConnectionRefusedError):
        dial(*closed_port())
