"""Streams under a connection: what waits inside them, what they do not take, how they end."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from kit.leftovers import leaving_nothing
from kit.proxies import Fate, proxying
from kit.serving import CONFIG, PATIENCE, QUERY, listening, make_driver, make_loop, running
from kit.tls import TlsServer
from kit.wrapped import Hoarding, Wrapped
from mtproto_bind import (
    NEED_DATA,
    CallAnswered,
    ClientConnection,
    LocalProtocolError,
    Transport,
    TransportEnded,
    TransportErrorReceived,
)
from mtproto_bind_adapters.sync import ByteStream, SyncDriver, dial, drive
from mtproto_bind_adapters.sync.drive import Drive, earliest


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with leaving_nothing():
        yield


def test_what_waits_inside_a_stream_is_read() -> None:
    with running(make_loop()) as address, SyncDriver(ClientConnection(CONFIG), lambda: Hoarding(dial(*address))) as driver:
        assert driver.call(QUERY, PATIENCE) == QUERY[::-1]


def test_it_carries_tls(tmp_path: Path) -> None:
    with running(make_loop()) as address, TlsServer(address, tmp_path) as server:

        def dial_tls() -> ByteStream:
            return server.trust().wrap_socket(dial(*server.address), server_hostname="localhost")

        with SyncDriver(ClientConnection(CONFIG), dial_tls) as driver:
            assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
            # several records in one read, and more than a piece in one write
            assert driver.call(QUERY * 40_000, PATIENCE) == (QUERY * 40_000)[::-1]


def test_two_ends_that_write_at_once_do_not_wait_for_each_other() -> None:
    body = QUERY * 60_000
    with running(make_loop()) as address, make_driver(address) as driver:
        driver.wait_bound(PATIENCE)
        left = {driver.connection.call(body, driver.now()) for _ in range(40)}
        while left:
            answered = driver.wait_for(CallAnswered, PATIENCE)
            assert answered.body == body[::-1]
            left.remove(answered.call_id)


def test_a_peer_that_takes_nothing_loses_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "STALLED", 0.2)
    monkeypatch.setattr(drive, "FAREWELL", 0.1)
    with running(make_loop()) as address, proxying(address, Fate(deaf_after=3000)) as proxy, make_driver(proxy.address) as driver:
        # more than the sockets on the way hold
        calls = {driver.connection.call(QUERY * 100_000, driver.now()) for _ in range(12)}
        assert driver.wait_for(TransportEnded, PATIENCE).error is None
        while calls:
            calls.remove(driver.wait_for(CallAnswered, PATIENCE).call_id)
        assert proxy.accepted == 2


def test_a_stream_with_little_room_holds_nobody_up() -> None:
    # either direction of the pair has room for less than what is offered at once
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with theirs:
        carried = Drive(ClientConnection(CONFIG), None)
        carried.begin(ours)
        carried._unwritten = memoryview(bytes(100_000))
        began = monotonic()
        carried.turn(carried.now() + 0.05)
        # now it is full
        carried._write(ours)
        carried.turn(carried.now() + 0.05)
        assert monotonic() - began < drive.STALLED / 3
        assert 0 < len(carried._unwritten) < 100_000
        assert carried.is_open
        # what was written is what was given, once it is taken
        theirs.settimeout(PATIENCE)
        left = 100_000
        while left:
            carried.turn(carried.now())
            left -= len(theirs.recv(left))
        assert not carried._unwritten
        carried.end_stream()


class Renegotiating(Wrapped):
    """Writes nothing before it has read, as TLS does where the peer wants new keys."""

    def __init__(self, below: socket.socket) -> None:
        super().__init__(below)
        self.tried = 0
        self._has_read = False

    def recv(self, size: int, /) -> bytes:
        self._has_read = True
        return super().recv(size)

    def send(self, data: bytes, /) -> int:
        self.tried += 1
        if not self._has_read:
            raise ssl.SSLWantReadError
        return super().send(data)


def test_what_has_to_read_before_it_writes_is_not_tried_all_the_time() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        made = ClientConnection(CONFIG)
        stream = Renegotiating(ours)
        carried = Drive(made, None)
        carried.begin(stream)
        while made.next_event() is not NEED_DATA:
            pass
        carried._more = False
        for _ in range(5):
            carried.turn(carried.now() + 0.01)
        assert stream.tried == 1
        theirs.sendall(b"\0")
        carried.turn(carried.now() + PATIENCE)
        carried.turn(carried.now() + PATIENCE)
        assert stream.tried == 2
        theirs.settimeout(PATIENCE)
        assert theirs.recv(100)
        carried.end_stream()


def test_a_stream_that_ends_under_another_thread_keeps_its_cipher(tmp_path: Path) -> None:
    with running(make_loop()) as address, TlsServer(address, tmp_path) as server:
        stream = server.trust().wrap_socket(dial(*server.address), server_hostname="localhost")
        carried = Drive(ClientConnection(CONFIG), None)
        carried.begin(stream)
        carried.interrupt()
        # what is written now would go out in clear without it
        assert stream.cipher() is not None
        carried.end_stream()


def test_what_came_before_a_write_failed_is_read() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(bytes.fromhex("040000006cfeffff"))
        ours.shutdown(socket.SHUT_WR)
        made = ClientConnection(CONFIG)
        carried = Drive(made, None)
        carried.begin(ours)
        # not yet read, and already found out
        carried._more = False
        carried._unwritten = memoryview(b"hello")
        carried._write(ours)
        event = made.next_event()
        assert isinstance(event, TransportEnded)
        assert isinstance(event.error, TransportErrorReceived)
        carried.note(event)
        assert not carried.is_open


def test_a_stream_that_somebody_else_closes_is_lost() -> None:
    with listening() as (_, address):
        opened: list[socket.socket] = []

        def dial_and_keep() -> socket.socket:
            opened.append(dial(*address))
            return opened[-1]

        with SyncDriver(ClientConnection(CONFIG), dial_and_keep) as driver:
            with pytest.raises(TimeoutError):
                driver.next_event(0.01)
            opened[0].close()
            event = driver.next_event(PATIENCE)
            assert isinstance(event, TransportEnded)
            assert event.error is None


def test_much_that_comes_at_once_is_looked_at_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "READ_SIZE", 10)
    monkeypatch.setattr(drive, "READS", 2)
    with running(make_loop()) as address, make_driver(address) as driver:
        assert driver.call(QUERY * 100, PATIENCE) == (QUERY * 100)[::-1]


def test_a_stream_that_the_connection_does_not_take_is_closed() -> None:
    closed = ClientConnection(CONFIG)
    closed.close(0.0)
    ours, theirs = socket.socketpair()
    with theirs:
        carried = Drive(closed, Transport())
        with pytest.raises(LocalProtocolError, match="closed"):
            carried.begin(ours)
        assert ours.fileno() == -1
        assert not carried.is_open


def test_the_end_of_a_stream_may_come_twice_and_be_hastened() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        carried = Drive(ClientConnection(CONFIG), Transport())
        carried.interrupt()
        carried.end_stream()
        carried.begin(ours)
        carried.interrupt()
        assert theirs.recv(1) == b""
        # shut down already: that is no error
        carried.interrupt()
        carried.end_stream()
        carried.end_stream()
        assert ours.fileno() == -1
        carried.interrupt()


def test_the_earliest_of_no_moments_is_never() -> None:
    assert earliest() is None
    assert earliest(None, 2.0, 1.0) == 1.0
