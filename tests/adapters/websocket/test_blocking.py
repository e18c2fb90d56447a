"""WebSocket over a blocking socket, against a server played by hand and against the selector server."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest
from websockets.frames import Opcode

from kit.certificates import make_identity
from kit.serving import CONFIG, PATIENCE, QUERY, closed_port, make_loop
from kit.websocket_peers import answer, close, frame, played, read_all, read_request, read_until, request, response
from kit.wrapped import fill
from mtproto_bind import ClientConnection, Transport, TransportEnded
from mtproto_bind_adapters.carrier import CarrierError
from mtproto_bind_adapters.sync import ByteStream, SyncDriver
from mtproto_bind_adapters.websocket import (
    WEBSOCKET_TRANSPORT,
    ClientCarrier,
    ServerCarrier,
    WebSocketSocket,
    blocking,
    dial_websocket,
)

Address = tuple[str, int]


def url_of(address: Address, *, scheme: str = "ws", path: str = "/apiws") -> str:
    return f"{scheme}://{address[0]}:{address[1]}{path}"


@contextmanager
def server_by_hand() -> Iterator[tuple[WebSocketSocket, socket.socket]]:
    """An opened stream, a server's, and the socket of its peer, which has small buffers."""
    ours, peer = socket.socketpair()
    for end in (ours, peer):
        end.settimeout(PATIENCE)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
    peer.sendall(request())
    opened = WebSocketSocket(ours, ServerCarrier())
    opened.open()
    read_until(peer, b"\r\n\r\n")
    with peer:
        yield opened, peer
        opened.close()


def in_thread(action: Callable[[], object]) -> Thread:
    thread = Thread(target=action)
    thread.start()
    return thread


# ---- what flows


def test_it_is_a_stream_as_drivers_want_it() -> None:
    with server_by_hand() as (opened, peer):
        ours: ByteStream = opened
        assert ours.fileno() > 0
        ours.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        peer.sendall(frame(b"abcdef", mask=True)[:-1])
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        peer.sendall(frame(b"f", mask=True)[-1:])
        ours.settimeout(PATIENCE)
        assert len(ours.recv(4)) == 4
        ours.settimeout(None)
        assert len(ours.recv(4)) == 2
        ours.sendall(b"data")
        assert peer.recv(100) == frame(b"data", mask=False)
        peer.sendall(frame(b"last", mask=True) + close(1000, mask=True))
        assert ours.recv(65536) == b"last"
        assert ours.recv(65536) == ours.recv(65536) == b""
        with pytest.raises(CarrierError, match="the WebSocket is closed"):
            ours.sendall(b"more")
        ours.close()
        ours.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            ours.settimeout(1.0)


def test_a_client_and_a_server_by_hand() -> None:
    heard = b""

    def script(client: socket.socket) -> None:
        nonlocal heard
        answer(client, frame(b"glued", mask=False))
        heard = read_all(client)

    with played(script) as address:
        opened = dial_websocket(url_of(address, path="/apiws_test"))
        assert opened.recv(65536) == b"glued"
        opened.sendall(b"data")
        opened.close()
    carrier = ServerCarrier()
    carrier.receive(request())
    assert carrier.receive(heard) == b"data"
    assert carrier.ended
    assert carrier.error is None


def test_a_timeout_is_for_the_whole_of_a_method() -> None:
    with server_by_hand() as (opened, peer):

        def trickle() -> None:
            # pings are no bytes of the stream, however many come
            with suppress(ConnectionError):
                while True:
                    peer.sendall(frame(mask=True, opcode=Opcode.PING))
                    peer.recv(2)

        opened.settimeout(0.05)
        begun = monotonic()
        thread = in_thread(trickle)
        with pytest.raises(TimeoutError):
            opened.recv(1)
        assert monotonic() - begun < PATIENCE / 2
        opened.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_what_was_not_written_in_time_goes_ahead_of_what_is_written_next() -> None:
    with server_by_hand() as (opened, peer):
        opened.settimeout(0.05)
        with pytest.raises(TimeoutError):
            opened.sendall(bytes(1 << 20))
        opened.settimeout(PATIENCE)
        thread = in_thread(lambda: (opened.sendall(b"the end"), opened.close()))
        heard = read_all(peer)
        thread.join(PATIENCE)
    assert heard == 16 * frame(bytes(1 << 16), mask=False) + frame(b"the end", mask=False) + close(1000, mask=False)


def test_what_the_peer_does_not_take_at_once_is_told_when_it_has() -> None:
    with server_by_hand() as (opened, peer):
        data = bytes(range(256)) * 1024
        opened.settimeout(0.0)
        # never waits, whatever the peer does
        sent = fill(opened, data)
        with pytest.raises(BlockingIOError):
            opened.send(data[sent:])
        assert 0 < sent < len(data)
        heard = bytearray()
        while sent < len(data):
            heard += peer.recv(1 << 16)
            with suppress(BlockingIOError):
                sent += opened.send(data[sent:])
        thread = in_thread(opened.close)
        heard += read_all(peer)
        thread.join(PATIENCE)
    pieces = [data[start : start + 16384] for start in range(0, len(data), 16384)]
    assert heard == b"".join(frame(piece, mask=False) for piece in pieces) + close(1000, mask=False)


def test_what_was_begun_is_not_written_twice() -> None:
    with server_by_hand() as (opened, peer):
        opened.settimeout(0.0)
        data = bytes(1 << 18)
        sent = fill(opened, data)
        assert 0 < sent < len(data)
        opened.settimeout(PATIENCE)
        thread = in_thread(lambda: (opened.sendall(data[sent:]), opened.sendall(b"the end"), opened.close()))
        heard = read_all(peer)
        thread.join(PATIENCE)
    carrier = ClientCarrier("ws://localhost/apiws")
    carrier.receive(response(carrier.data_to_send()))
    assert carrier.receive(heard) == data + b"the end"


def test_a_close_takes_its_time_though_the_stream_does_not_wait() -> None:
    with server_by_hand() as (opened, peer):
        opened.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            opened.sendall(bytes(1 << 18))
        thread = in_thread(opened.close)
        heard = read_all(peer)
        thread.join(PATIENCE)
    assert heard == 4 * frame(bytes(1 << 16), mask=False) + close(1000, mask=False)


def test_pings_are_answered_by_whoever_reads() -> None:
    with server_by_hand() as (opened, peer):
        peer.sendall(frame(b"1", mask=True, opcode=Opcode.PING) + frame(b"data", mask=True))
        assert opened.recv(65536) == b"data"
        assert peer.recv(100) == frame(b"1", mask=False, opcode=Opcode.PONG)


def test_a_stream_that_waits_for_ever_does_so_after_a_ping_too() -> None:
    with server_by_hand() as (opened, peer):

        def ping_first() -> None:
            peer.sendall(frame(b"1", mask=True, opcode=Opcode.PING))
            assert peer.recv(100) == frame(b"1", mask=False, opcode=Opcode.PONG)
            peer.sendall(frame(b"data", mask=True))

        opened.settimeout(None)
        thread = in_thread(ping_first)
        assert opened.recv(65536) == b"data"
        thread.join(PATIENCE)


def test_a_peer_that_pings_and_does_not_read_is_read_for_a_while() -> None:
    with server_by_hand() as (opened, peer):
        pings = frame(bytes(125), mask=True, opcode=Opcode.PING) * 100

        def ping() -> None:
            with suppress(ConnectionError):
                while True:
                    peer.sendall(pings)

        thread = in_thread(ping)
        with pytest.raises(CarrierError, match="goes on with pings"):
            opened.recv(1)
        opened.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_an_answer_to_a_ping_that_fails_loses_nothing() -> None:
    with server_by_hand() as (opened, peer):
        peer.sendall(frame(b"1", mask=True, opcode=Opcode.PING) + frame(b"data", mask=True))
        peer.close()
        assert opened.recv(65536) == b"data"
        with pytest.raises(OSError, match="1006"):
            opened.recv(65536)


def test_another_thread_may_end_it() -> None:
    with server_by_hand() as (opened, _peer):
        told: list[BaseException] = []

        def read() -> None:
            try:
                opened.recv(1)
            except OSError as error:
                told.append(error)

        thread = in_thread(read)
        opened.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert "1006" in str(told[0])


# ---- TLS


def test_with_tls_the_name_is_checked(tmp_path: Path) -> None:
    here, elsewhere = make_identity(tmp_path, "127.0.0.1"), make_identity(tmp_path, "elsewhere")

    def script(client: socket.socket) -> None:
        with here.server.wrap_socket(client, server_side=True) as inside:
            answer(inside)
            while data := inside.recv(65536):
                if data[0] == 0x88:
                    break
                inside.sendall(frame(b"?" * 40_000, mask=False))

    with played(script) as address:
        opened = dial_websocket(url_of(address, scheme="wss"), ssl_context=here.client)
        opened.sendall(b"data")
        heard = b""
        # more than one TLS record: what waits inside is not lost, whatever a selector says
        while len(heard) < 40_000:
            heard += opened.recv(65536)
        opened.settimeout(0.0)
        with pytest.raises(ssl.SSLWantReadError):
            opened.recv(1)
        opened.close()

    def refused(client: socket.socket) -> None:
        with pytest.raises(OSError, match=r"(?i)certificate|alert|eof|reset"):
            here.server.wrap_socket(client, server_side=True)

    for context, text in [(elsewhere.client, "self-signed certificate"), (None, "self-signed certificate")]:
        with played(refused) as address, pytest.raises(ssl.SSLCertVerificationError, match=text):
            dial_websocket(url_of(address, scheme="wss"), ssl_context=context)

    def misnamed(client: socket.socket) -> None:
        with pytest.raises(OSError, match=r"(?i)certificate|alert|eof|reset"):
            elsewhere.server.wrap_socket(client, server_side=True)

    with played(misnamed) as address, pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        dial_websocket(url_of(address, scheme="wss"), ssl_context=elsewhere.client)


def test_a_tls_stream_is_ended_by_another_thread(tmp_path: Path) -> None:
    identity = make_identity(tmp_path, "127.0.0.1")

    def script(client: socket.socket) -> None:
        with identity.server.wrap_socket(client, server_side=True, suppress_ragged_eofs=True) as inside:
            answer(inside)
            read_all(inside)

    told: list[BaseException] = []
    with played(script) as address:
        opened = dial_websocket(url_of(address, scheme="wss"), ssl_context=identity.client)

        def read() -> None:
            try:
                opened.recv(1)
            except OSError as error:
                told.append(error)

        thread = in_thread(read)
        opened.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        opened.close()
    assert len(told) == 1


def test_what_another_thread_has_half_ended_is_not_spoken_in_clear(tmp_path: Path) -> None:
    identity = make_identity(tmp_path, "127.0.0.1")
    heard = b""

    def script(client: socket.socket) -> None:
        nonlocal heard
        with identity.server.wrap_socket(client, server_side=True) as inside:
            answer(inside)
            heard = read_all(inside)

    with played(script) as address:
        opened = dial_websocket(url_of(address, scheme="wss"), ssl_context=identity.client)
        opened.shutdown(socket.SHUT_RD)
        opened.sendall(b"data")
        opened.close()
    carrier = ServerCarrier()
    carrier.receive(request())
    assert carrier.receive(heard) == b"data"


# ---- what is refused


NO_WEBSOCKETS = [
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404 Not Found"),
    (b"HTTP/1.1 200 OK\r\n\r\n<html>", "answered 200 OK"),
    (b"\xef" + bytes(64), "speaks no HTTP"),
    (b"", "ended before the WebSocket was open"),
]


@pytest.mark.parametrize(("said", "text"), NO_WEBSOCKETS)
def test_a_server_that_speaks_no_websocket(said: bytes, text: str) -> None:
    def script(client: socket.socket) -> None:
        read_request(client)
        client.sendall(said)

    with played(script) as address, pytest.raises(CarrierError, match=text):
        dial_websocket(url_of(address))


@pytest.mark.parametrize("subprotocol", [None, "chat"])
def test_a_server_of_another_subprotocol(subprotocol: str | None) -> None:
    def script(client: socket.socket) -> None:
        client.sendall(response(read_request(client), subprotocol=subprotocol))

    with played(script) as address, pytest.raises(CarrierError, match="subprotocol"):
        dial_websocket(url_of(address))


def test_a_server_that_says_a_byte_at_a_time_has_its_time() -> None:
    def script(client: socket.socket) -> None:
        read_request(client)
        client.settimeout(0.005)
        for byte in b"HTTP/1.1 101 Switching Protocols\r\n" * 100:
            with suppress(TimeoutError):
                client.recv(1)
                return
            client.sendall(bytes([byte]))

    too_late = r"no WebSocket at ws://127.0.0.1:\d+/apiws in 0.05 s"
    with played(script) as address, pytest.raises(TimeoutError, match=too_late):
        dial_websocket(url_of(address), timeout=0.05)
    with played(say_nothing) as address, pytest.raises(TimeoutError, match=too_late):
        dial_websocket(url_of(address), timeout=0.05)


def say_nothing(client: socket.socket) -> None:
    read_all(client)


def test_what_cannot_be_dialled_is_said_at_once() -> None:
    with pytest.raises(ConnectionRefusedError):
        dial_websocket(url_of(closed_port()))
    with pytest.raises(ValueError, match="a URL like wss://host/apiws"):
        dial_websocket("https://localhost/apiws")
    with pytest.raises(ValueError, match="spoken without TLS: say wss://"):
        dial_websocket("ws://localhost/apiws", ssl_context=ssl.create_default_context())


def test_a_password_in_a_url_is_not_told() -> None:
    where = r"ws://127\.0\.0\.1:\d+/apiws"
    with played(say_nothing) as (host, port):
        secret = f"ws://user:hunter2@{host}:{port}/apiws?token=hunter2"
        with pytest.raises(TimeoutError, match=rf"^no WebSocket at {where} in 0.05 s$"):
            dial_websocket(secret, timeout=0.05)
    with pytest.raises(ValueError, match=rf"^{where} is spoken without TLS"):
        dial_websocket(secret, ssl_context=ssl.create_default_context())


# ---- its time


class Watch:
    """A clock that goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def addresses(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Any name has an address on loopback for each of these ports."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_some, **_more: found)


def test_addresses_tls_and_handshake_have_one_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float | None] = []

    class Context(ssl.SSLContext):
        """Speaks no TLS, and notes the time it was given for it."""

        def wrap_socket(self, sock: socket.socket, **_options: object) -> socket.socket:  # type: ignore[override]
            given.append(sock.gettimeout())
            return sock

    class Noted(WebSocketSocket):
        def open(self) -> None:
            given.append(self._timeout)
            super().open()

    def script(client: socket.socket) -> None:
        answer(client)
        read_all(client)

    refused = [closed_port()[1] for _ in range(3)]
    with played(script) as (_, port):
        addresses(monkeypatch, *refused, port)
        monkeypatch.setattr(blocking, "time", Watch())
        monkeypatch.setattr(blocking, "WebSocketSocket", Noted)
        opened = dial_websocket("wss://somewhere/apiws", timeout=50.0, ssl_context=Context(ssl.PROTOCOL_TLS_CLIENT))
        # once for each address
        assert given == [45.0, 44.0]
        # and afterwards there is as much for each method
        assert opened._timeout == 50.0
        opened.close()


def test_the_time_may_be_over_before_all_addresses_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = [closed_port()[1] for _ in range(5)]
    addresses(monkeypatch, *refused)
    with pytest.raises(ConnectionRefusedError):
        dial_websocket("ws://somewhere/apiws")
    monkeypatch.setattr(blocking, "time", Watch())
    with pytest.raises(TimeoutError, match=r"^no WebSocket at ws://somewhere/apiws in 1 s$"):
        dial_websocket("ws://somewhere/apiws", timeout=1.0)


def test_dialling_that_is_broken_off_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_until: float) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(blocking, "left", interrupt)
    with pytest.raises(KeyboardInterrupt):
        dial_websocket(url_of(closed_port()))


def test_small_writes_leave_at_once() -> None:
    def script(client: socket.socket) -> None:
        answer(client)
        read_all(client)

    with played(script) as address:
        opened = dial_websocket(url_of(address))
        assert opened._stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        opened.close()


ENDS = [
    (close(1009, mask=False), "the peer closed the WebSocket with 1009"),
    (frame(b"text", mask=False, opcode=Opcode.TEXT), "a text frame"),
    (frame(b"?", mask=True), "incorrect masking"),
    (b"\x82\x7f" + (1 << 40).to_bytes(8), "1099511627776"),
    (b"", "1006"),
]


@pytest.mark.parametrize(("said", "text"), ENDS)
def test_what_came_before_an_end_is_heard_and_then_the_end(said: bytes, text: str) -> None:
    heard = b""

    def script(client: socket.socket) -> None:
        nonlocal heard
        answer(client, frame(b"before", mask=False), said)
        client.shutdown(socket.SHUT_WR)
        heard = read_all(client)

    with played(script) as address:
        opened = dial_websocket(url_of(address))
        assert opened.recv(65536) == b"before"
        for _ in range(2):
            with pytest.raises(CarrierError, match=text):
                opened.recv(65536)
        opened.close()
    assert heard[:1] == (b"\x88" if said else b"")


# ---- a whole connection


@contextmanager
def telegram() -> Iterator[Address]:
    """The selector server behind WebSocket."""
    with make_loop() as loop:
        address = loop.listen("127.0.0.1", 0, carrier=ServerCarrier)
        thread = in_thread(loop.run)
        try:
            yield address
        finally:
            loop.stop()
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_from_nothing_to_an_answered_call() -> None:
    with telegram() as address:
        connection = ClientConnection(CONFIG)
        with SyncDriver(connection, lambda: dial_websocket(url_of(address)), transport=WEBSOCKET_TRANSPORT) as driver:
            assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
            much = QUERY * 20_000
            assert driver.call(much, PATIENCE) == much[::-1]


def test_a_stream_that_is_not_obfuscated_is_ended_by_the_server() -> None:
    with telegram() as address:
        dialled = SyncDriver(ClientConnection(CONFIG), lambda: dial_websocket(url_of(address)), transport=Transport())
        with dialled as driver:
            assert driver.wait_for(TransportEnded, PATIENCE)
