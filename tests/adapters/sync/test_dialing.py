"""Opening a stream."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kit.certificates import make_identity
from kit.leftovers import leaving_nothing
from kit.serving import PATIENCE, closed_port, listening
from mtproto_bind_adapters.sync import dial, dialing

Address = tuple[str, int]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with leaving_nothing():
        yield


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


# ---- several addresses


class Scripted(socket.socket):
    """Connects to no address of the documentation: it takes all its time, or is interrupted."""

    def connect(self, address: Any, /) -> None:
        if address[0] == "192.0.2.1":
            TIMES.append(self.gettimeout())
            raise TimeoutError("timed out")
        if address[0] == "192.0.2.2":
            raise KeyboardInterrupt
        super().connect(address)


TIMES: list[float | None] = []


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what the addresses of every name are; and lets time pass only where a test says so."""

    def resolve(*addresses: Address) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_asked, **_hints: found)

    TIMES.clear()
    monkeypatch.setattr(socket, "socket", Scripted)
    monkeypatch.setattr(dialing, "monotonic", lambda: 1000.0)
    return resolve


def test_of_several_addresses_each_has_its_share_of_the_time(named: Callable[..., None]) -> None:
    with listening() as (_, address):
        named(("192.0.2.1", 1), ("192.0.2.1", 2), address)
        with dial("several", 1, timeout=6.0) as stream:
            assert stream.getpeername() == address
            assert stream.gettimeout() == 6.0
    assert TIMES == [2.0, 3.0]


def test_the_first_address_says_why_none_answers(named: Callable[..., None]) -> None:
    named(closed_port(), ("192.0.2.1", 1))
    with pytest.raises(ConnectionRefusedError):
        dial("several", 1, timeout=5.0)
    named(("192.0.2.1", 1), closed_port())
    with pytest.raises(TimeoutError, match="expected several port 1 to answer, nothing came in 5 s"):
        dial("several", 1, timeout=5.0)


def test_when_the_time_is_over_no_other_address_is_tried(named: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    named(("192.0.2.1", 1), ("192.0.2.1", 2))
    monkeypatch.setattr(dialing, "monotonic", count(1000.0, 4.0).__next__)
    with pytest.raises(TimeoutError, match="nothing came in 5 s"):
        dial("several", 1, timeout=5.0)
    assert TIMES == [0.5]


def test_whoever_is_interrupted_leaves_no_stream(named: Callable[..., None]) -> None:
    named(("192.0.2.2", 1))
    with pytest.raises(KeyboardInterrupt):
        dial("several", 1)


# ---- TLS


@contextmanager
def answering(script: Callable[[socket.socket], object]) -> Iterator[Address]:
    """A server that does this with its only client."""

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, suppress(OSError):
            script(client)

    with listening() as (listener, address):
        thread = Thread(target=serve, args=[listener])
        thread.start()
        yield address
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_with_tls_the_name_is_checked(tmp_path: Path) -> None:
    here, elsewhere = make_identity(tmp_path, "127.0.0.1"), make_identity(tmp_path, "elsewhere")

    def greet(client: socket.socket) -> None:
        with here.server.wrap_socket(client, server_side=True) as inside:
            inside.sendall(b"hello")

    with answering(greet) as address, dial(*address, tls=here.client, timeout=7.0) as stream:
        assert isinstance(stream, ssl.SSLSocket)
        assert stream.recv(5) == b"hello"
        assert stream.gettimeout() == 7.0
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    # True: the authorities that the system knows, and ours is none
    for tls in (True, elsewhere.client):
        with answering(greet) as address, pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate"):
            dial(*address, tls=tls)


def test_a_server_that_speaks_no_tls_is_told_as_such() -> None:
    context = ssl.create_default_context()
    # it listens to what a client says, so its end is no reset
    silent = answering(lambda client: client.recv(65536))
    with silent as address, pytest.raises(ConnectionResetError, match=r"expected 127\.0\.0\.1 to speak TLS, came the end"):
        dial(*address, tls=context)
    with answering(lambda client: client.sendall(bytes(64))) as address, pytest.raises(ssl.SSLError):
        dial(*address, tls=context)
    with listening() as (_, address), pytest.raises(TimeoutError, match=r"nothing came in 0\.05 s"):
        dial(*address, tls=context, timeout=0.05)
    # a context for servers
    with listening() as (_, address), pytest.raises(ssl.SSLError, match="Cannot create a client socket"):
        dial(*address, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
