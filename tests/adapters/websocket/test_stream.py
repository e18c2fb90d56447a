"""WebSocket over anyio, on asyncio and trio, client and server: what flows, what is refused, what is cancelled, how it ends."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from anyio import BrokenResourceError, BusyResourceError, CancelScope, ClosedResourceError, EndOfStream, create_task_group
from anyio.abc import Listener, SocketAttribute
from anyio.lowlevel import checkpoint
from anyio.streams.stapled import StapledObjectStream
from anyio.streams.tls import TLSAttribute, TLSListener
from websockets.frames import Opcode

from kit.certificates import Identity, make_identity
from kit.pumps import pump
from kit.serving import CONFIG, DC, PATIENCE, QUERY, SERVER_KEY, closed_port
from kit.websocket_peers import answer, close, frame, played, read_all, read_request, request, response
from mtproto_bind import (
    CallAnswered,
    CallReceived,
    ClientConnection,
    ConnectionClosed,
    Event,
    Question,
    SecurityError,
    Server,
    ServerConfig,
    Transport,
    TransportEnded,
)
from mtproto_bind_adapters.clock import Clock
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.websocket import (
    WEBSOCKET_TRANSPORT,
    CarrierError,
    ClientCarrier,
    ServerCarrier,
    WebSocketListener,
    WebSocketStream,
    connect_websocket,
    stream,
)

pytestmark = pytest.mark.anyio

Address = tuple[str, int]


def url_of(address: Address, *, scheme: str = "ws", path: str = "/apiws") -> str:
    return f"{scheme}://{address[0]}:{address[1]}{path}"


@asynccontextmanager
async def serving(
    handler: Callable[[WebSocketStream], Any], *, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[Address]:
    """A listener on loopback; its address."""
    below: Listener[Any] = await anyio.create_tcp_listener(local_host="127.0.0.1")
    address = below.extra(SocketAttribute.local_address)
    listener = WebSocketListener(below if tls is None else TLSListener(below, tls), **options)
    assert tls or listener.extra(SocketAttribute.local_address) == address
    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, handler)
        yield address
        tasks.cancel_scope.cancel()


async def echo(opened: WebSocketStream) -> None:
    """Gives back what comes, and closes when the peer has."""
    async with opened:
        with suppress(EndOfStream, BrokenResourceError):
            while True:
                await opened.send(await opened.receive())


async def receive_exactly(opened: WebSocketStream, size: int) -> bytes:
    heard = b""
    while len(heard) < size:
        heard += await opened.receive()
    return heard


def ends(*, room: int = 1000) -> tuple[StapledObjectStream[bytes], StapledObjectStream[bytes]]:
    """Two ends of a pipe that holds so many pieces each way; a piece is taken as it was given."""
    send_there, receive_here = anyio.create_memory_object_stream[bytes](room)
    send_here, receive_there = anyio.create_memory_object_stream[bytes](room)
    return StapledObjectStream(send_there, receive_there), StapledObjectStream(send_here, receive_here)


@asynccontextmanager
async def server_by_hand(*, room: int = 1000) -> AsyncIterator[tuple[WebSocketStream, StapledObjectStream[bytes]]]:
    """An opened stream, a server's, and the peer's end of the pipe below."""
    below, peer = ends(room=room)
    async with create_task_group() as tasks:
        tasks.start_soon(peer.send, request())
        tasks.start_soon(peer.receive)
        opened = await WebSocketStream.wrap(below, ServerCarrier())
    try:
        yield opened, peer
    finally:
        await anyio.aclose_forcefully(opened)
        await peer.aclose()


# ---- what flows


async def test_much_flows_both_ways_at_once() -> None:
    much = os.urandom(1 << 20)
    async with serving(echo) as address, await connect_websocket(url_of(address, path="/apiws_test")) as opened:
        async with create_task_group() as tasks:
            tasks.start_soon(opened.send, much)
            assert await receive_exactly(opened, len(much)) == much
        assert opened.extra(SocketAttribute.remote_address) == address


async def test_with_tls_the_name_is_checked(tmp_path: Path) -> None:
    here, elsewhere = make_identity(tmp_path, "127.0.0.1"), make_identity(tmp_path, "elsewhere")
    async with serving(echo, tls=here.server) as address:
        url = url_of(address, scheme="wss")
        async with await connect_websocket(url, ssl_context=here.client) as opened:
            await opened.send(b"hello")
            assert await opened.receive() == b"hello"
            assert opened.extra(TLSAttribute.tls_version).startswith("TLS")
            # the close of WebSocket is enough
            assert not opened.extra(TLSAttribute.standard_compatible)
        for strangers in (elsewhere.client, None):
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect_websocket(url, ssl_context=strangers)
    async with serving(echo, tls=elsewhere.server) as address:
        with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
            await connect_websocket(url_of(address, scheme="wss"), ssl_context=elsewhere.client)


async def test_a_server_without_tls_is_told_from_one_with(tmp_path: Path) -> None:
    identity: Identity = make_identity(tmp_path)
    async with serving(echo) as address:
        with pytest.raises((OSError, BrokenResourceError)):
            await connect_websocket(url_of(address, scheme="wss"), ssl_context=identity.client)
    with pytest.raises(ValueError, match="spoken without TLS: say wss://"):
        await connect_websocket("ws://localhost/apiws", ssl_context=identity.client)
    with pytest.raises(ValueError, match="a URL like wss://host/apiws"):
        await connect_websocket("https://localhost/apiws")


async def test_a_little_at_a_time() -> None:
    async with server_by_hand() as (opened, peer):
        await peer.send(frame(b"abcdef", mask=True))
        assert [await opened.receive(4), await opened.receive(4)] == [b"abcd", b"ef"]
        with pytest.raises(ValueError, match="max_bytes is 0"):
            await opened.receive(0)
        with pytest.raises(NotImplementedError, match="no half-close"):
            await opened.send_eof()


async def test_pings_are_answered_by_whoever_reads() -> None:
    async with server_by_hand() as (opened, peer):
        await peer.send(frame(b"1", mask=True, opcode=Opcode.PING) + frame(b"data", mask=True))
        assert await opened.receive() == b"data"
        assert await peer.receive() == frame(b"1", mask=False, opcode=Opcode.PONG)


async def test_pings_that_come_while_a_task_writes_are_answered_by_that() -> None:
    async with server_by_hand(room=0) as (opened, peer), create_task_group() as tasks:
        tasks.start_soon(opened.send, b"data")
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(peer.send, frame(b"1", mask=True, opcode=Opcode.PING) + frame(b"more", mask=True))
        assert await opened.receive() == b"more"
        assert await peer.receive() == frame(b"data", mask=False)
        assert await peer.receive() == frame(b"1", mask=False, opcode=Opcode.PONG)


async def test_a_peer_that_pings_and_does_not_read_is_not_read_from() -> None:
    pings = frame(bytes(125), mask=True, opcode=Opcode.PING) * 1000
    async with server_by_hand(room=0) as (opened, peer), create_task_group() as tasks:
        tasks.start_soon(opened.send, b"data")
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(PATIENCE) as patience:
            async with create_task_group() as reading:
                reading.start_soon(peer.send, pings)
                reading.start_soon(opened.receive)
                await anyio.wait_all_tasks_blocked()
                # the reader has taken one piece, and waits for the writer
                reading.start_soon(peer.send, b"another")
                await anyio.wait_all_tasks_blocked()
                assert opened._writing.statistics().tasks_waiting == 1
                reading.cancel_scope.cancel()
        assert not patience.cancelled_caught
        assert await peer.receive() == frame(b"data", mask=False)
        assert len(await peer.receive()) == 1000 * 127


async def test_a_peer_that_never_takes_a_pong_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STALLED", 0.01)
    async with server_by_hand(room=0) as (opened, peer), create_task_group() as tasks:
        tasks.start_soon(peer.send, frame(mask=True, opcode=Opcode.PING) + frame(b"data", mask=True))
        assert await opened.receive() == b"data"
        with pytest.raises(BrokenResourceError, match="a write failed or was cut off"):
            await opened.receive()


# ---- what is refused: a client


async def fails(script: Callable[[socket.socket], None], text: str) -> None:
    """A client of this server is told so."""
    with played(script) as address, pytest.raises(CarrierError, match=text):
        await connect_websocket(url_of(address))


NO_WEBSOCKETS = [
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404 Not Found"),
    (b"HTTP/1.1 200 OK\r\n\r\n<html>", "answered 200 OK"),
    (b"\xef" + bytes(64), "speaks no HTTP"),
    (b"HTTP/1.1 what?\r\n\r\n", "not receive a valid HTTP response"),
    (b"", "ended before the WebSocket was open"),
]


@pytest.mark.parametrize(("said", "text"), NO_WEBSOCKETS)
async def test_a_server_that_speaks_no_websocket(said: bytes, text: str) -> None:
    def script(client: socket.socket) -> None:
        read_request(client)
        client.sendall(said)

    await fails(script, text)


async def test_a_client_that_was_refused_does_not_wait_for_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FAREWELL", PATIENCE)

    def script(client: socket.socket) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        read_all(client)

    await fails(script, "answered 404 Not Found")


@pytest.mark.parametrize(("subprotocol", "text"), [(None, "no subprotocol"), ("chat", "unsupported subprotocol: chat")])
async def test_a_server_of_another_subprotocol(subprotocol: str | None, text: str) -> None:
    await fails(lambda client: client.sendall(response(read_request(client), subprotocol=subprotocol)), text)


async def test_a_server_that_is_gone_before_it_answers() -> None:
    def script(client: socket.socket) -> None:
        read_request(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with played(script) as address, pytest.raises(CarrierError, match="before the WebSocket was open"):
        await connect_websocket(url_of(address))
    with pytest.raises(OSError, match="connect"):
        await connect_websocket(url_of(closed_port()))


async def test_a_server_that_is_silent_has_its_time() -> None:
    too_late = r"no WebSocket at ws://127.0.0.1:\d+/apiws in 0.05 s"
    with played(lambda client: client.sendall(read_all(client)[:0])) as address, pytest.raises(TimeoutError, match=too_late):
        await connect_websocket(url_of(address), timeout=0.05)


async def test_a_password_in_a_url_is_not_told() -> None:
    where = r"ws://127\.0\.0\.1:\d+/apiws"
    with played(lambda client: client.sendall(read_all(client)[:0])) as (host, port):
        secret = f"ws://user:hunter2@{host}:{port}/apiws?token=hunter2"
        with pytest.raises(TimeoutError, match=rf"^no WebSocket at {where} in 0.05 s$"):
            await connect_websocket(secret, timeout=0.05)
    with pytest.raises(ValueError, match=rf"^{where} is spoken without TLS"):
        await connect_websocket(secret, ssl_context=ssl.create_default_context())


ENDS = [
    (close(1000, mask=False), EndOfStream, "^$"),
    (close(1001, mask=False), EndOfStream, "^$"),
    (close(None, mask=False), EndOfStream, "^$"),
    (close(1009, mask=False), BrokenResourceError, "the peer closed the WebSocket with 1009"),
    (close(1011, "500", mask=False), BrokenResourceError, "1011 .* 500"),
    (frame(b"text", mask=False, opcode=Opcode.TEXT), BrokenResourceError, "a text frame"),
    (frame(b"?", mask=True), BrokenResourceError, "incorrect masking"),
    (b"\x82\x7f" + (1 << 40).to_bytes(8), BrokenResourceError, "1099511627776"),
    (b"", BrokenResourceError, "1006"),
]


@pytest.mark.parametrize(("said", "kind", "text"), ENDS)
async def test_what_came_before_an_end_is_heard_and_then_the_end(said: bytes, kind: type[Exception], text: str) -> None:
    heard = b""

    def script(client: socket.socket) -> None:
        nonlocal heard
        answer(client, frame(b"before", mask=False), said)
        client.shutdown(socket.SHUT_WR)
        heard = read_all(client)

    with played(script) as address:
        async with await connect_websocket(url_of(address)) as opened:
            assert await opened.receive() == b"before"
            for _ in range(2):
                with pytest.raises(kind, match=text):
                    await opened.receive()
            with pytest.raises(BrokenResourceError):
                await opened.send(b"more")
    # but where TCP had ended already, a close was sent
    assert heard[:1] == (b"\x88" if said else b"")


async def test_a_stream_that_is_reset_is_broken() -> None:
    def script(client: socket.socket) -> None:
        answer(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with played(script) as address:
        async with await connect_websocket(url_of(address)) as opened:
            with pytest.raises(BrokenResourceError):
                await opened.receive()


# ---- what is refused: a server


WRONG_CLIENTS = [
    (request(subprotocol=None), b"HTTP/1.1 400", "missing subprotocol"),
    (request(subprotocol="chat"), b"HTTP/1.1 400", "invalid subprotocol"),
    (request("/elsewhere"), b"HTTP/1.1 404", "no WebSocket at '/elsewhere'"),
    (b"\xee\xee\xee\xee" + bytes(40), b"HTTP/1.1 400", "the client asks for no WebSocket"),
    (b"POST /apiws HTTP/1.1\r\n\r\n", b"HTTP/1.1 400", "the client asks for no WebSocket"),
    (request()[:-2], b"", "no WebSocket handshake in 0.2 s"),
    (b"", b"", "no WebSocket handshake in 0.2 s"),
]


@pytest.mark.parametrize(("said", "answered", "text"), WRONG_CLIENTS)
async def test_a_wrong_client_is_refused_and_disturbs_no_other(
    said: bytes, answered: bytes, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="mtproto_bind_adapters.websocket")
    async with serving(echo, handshake_timeout=0.2) as address, await connect_websocket(url_of(address)) as good:
        async with await anyio.connect_tcp(*address) as wrong:
            await wrong.send(said or b"G")
            heard = b""
            with suppress(EndOfStream, BrokenResourceError):
                while True:
                    heard += await wrong.receive()
                    await wrong.send_eof()
            assert heard.startswith(answered)
            assert bool(heard) == bool(answered)
        await good.send(b"still here")
        assert await good.receive() == b"still here"
    assert text in caplog.text


async def test_a_client_that_leaves_in_the_middle_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="mtproto_bind_adapters.websocket")
    async with serving(echo) as address:
        async with await anyio.connect_tcp(*address) as wrong:
            await wrong.send(request()[:30])
        async with await connect_websocket(url_of(address)) as good:
            await good.send(b"still here")
            assert await good.receive() == b"still here"
            while "a client is refused" not in caplog.text:
                await checkpoint()


async def test_other_paths_may_be_served() -> None:
    async with serving(echo, paths={"/mine"}) as address:
        async with await connect_websocket(url_of(address, path="/mine")) as opened:
            await opened.send(b"hello")
            assert await opened.receive() == b"hello"
        with pytest.raises(CarrierError, match="answered 404"):
            await connect_websocket(url_of(address))


# ---- the end


async def test_either_side_may_close_first() -> None:
    ended: list[type[Exception]] = []

    async def greet(opened: WebSocketStream) -> None:
        async with opened:
            await opened.send(b"hello")
            with pytest.raises(EndOfStream) as how:
                await opened.receive()
            ended.append(how.type)

    async def greet_and_go(opened: WebSocketStream) -> None:
        async with opened:
            await opened.send(b"goodbye")

    async with serving(greet) as address:
        opened = await connect_websocket(url_of(address))
        assert await opened.receive() == b"hello"
        await opened.aclose()
        await opened.aclose()
        with pytest.raises(ClosedResourceError):
            await opened.receive()
        with pytest.raises(ClosedResourceError):
            await opened.send(b"more")
        while not ended:
            await checkpoint()
    async with serving(greet_and_go) as address, await connect_websocket(url_of(address)) as opened:
        # the last words are heard though the client has something unread on its way
        await opened.send(bytes(100_000))
        assert await opened.receive() == b"goodbye"
        with pytest.raises(EndOfStream):
            await opened.receive()


async def test_a_close_ends_whoever_reads() -> None:
    async with server_by_hand() as (opened, _peer), create_task_group() as tasks:
        tasks.start_soon(opened.receive)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(BusyResourceError):
            await opened.receive()
        tasks.cancel_scope.cancel()

    async def read(opened: WebSocketStream) -> None:
        with pytest.raises(ClosedResourceError):
            await opened.receive()

    def script(client: socket.socket) -> None:
        answer(client)
        read_all(client)

    with played(script) as address:
        opened = await connect_websocket(url_of(address))
        async with create_task_group() as tasks:
            tasks.start_soon(read, opened)
            await anyio.wait_all_tasks_blocked()
            await opened.aclose()


async def test_a_close_waits_for_that_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FAREWELL", PATIENCE)
    async with server_by_hand() as (opened, peer), create_task_group() as tasks:
        tasks.start_soon(opened.aclose)
        assert await peer.receive() == close(1000, mask=False)
        await peer.send(frame(b"under way", mask=True))
        await anyio.wait_all_tasks_blocked()
        await peer.send(close(1000, mask=True))
        with pytest.raises(EndOfStream):
            await peer.receive()


async def test_a_close_does_not_wait_for_a_peer_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FAREWELL", 0.01)
    async with server_by_hand(room=0) as (opened, peer):
        await opened.aclose()
        with pytest.raises(anyio.EndOfStream):
            await peer.receive()
    async with server_by_hand(room=0) as (opened, peer), create_task_group() as tasks:

        async def write() -> None:
            with pytest.raises((BrokenResourceError, ClosedResourceError)):
                await opened.send(b"data")

        tasks.start_soon(write)
        await anyio.wait_all_tasks_blocked()
        await opened.aclose()
        with pytest.raises(anyio.EndOfStream):
            await peer.receive()


# ---- cancellation


async def test_a_send_that_is_cancelled_breaks_the_stream_unless_it_had_not_begun() -> None:
    async with server_by_hand(room=0) as (opened, peer):
        async with create_task_group() as first:
            first.start_soon(opened.send, b"one")
            await anyio.wait_all_tasks_blocked()
            async with create_task_group() as second:
                second.start_soon(opened.send, b"two")
                await anyio.wait_all_tasks_blocked()
                second.cancel_scope.cancel()
            assert await peer.receive() == frame(b"one", mask=False)
        async with create_task_group() as third:
            third.start_soon(opened.send, b"three")
            await anyio.wait_all_tasks_blocked()
            third.cancel_scope.cancel()
        for _ in range(2):
            with pytest.raises(BrokenResourceError, match="half a frame"):
                await opened.send(b"four")
        with pytest.raises(BrokenResourceError, match="half a frame"):
            await opened.receive()
        await opened.aclose()
        with pytest.raises(EndOfStream):
            await peer.receive()


@pytest.mark.parametrize("seed", range(20))
async def test_a_receive_that_is_cancelled_loses_nothing_and_breaks_nothing(seed: int) -> None:
    random = Random(seed)
    payload = random.randbytes(500)
    pings = 0

    async def write(peer: StapledObjectStream[bytes]) -> None:
        nonlocal pings
        for at in range(0, len(payload), 10):
            wire = frame(payload[at : at + 10], mask=True)
            if random.random() < 0.5:
                wire = frame(mask=True, opcode=Opcode.PING) + wire
                pings += 1
            cut = random.randrange(len(wire))
            await peer.send(wire[:cut])
            await peer.send(wire[cut:])

    async def cancel_soon(scope: CancelScope) -> None:
        for _ in range(random.randrange(8)):
            await checkpoint()
        scope.cancel()

    heard = b""
    async with server_by_hand(room=1) as (opened, peer), create_task_group() as tasks:
        pongs = bytearray()

        async def hear() -> None:
            while True:
                pongs.extend(await peer.receive())

        tasks.start_soon(write, peer)
        tasks.start_soon(hear)
        while len(heard) < len(payload):
            async with create_task_group() as reading:
                reading.start_soon(cancel_soon, reading.cancel_scope)
                heard += await opened.receive()
                reading.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert heard == payload
    assert bytes(pongs) == frame(mask=False, opcode=Opcode.PONG) * pings


def count_descriptors() -> int:
    """Files and sockets that are open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


async def test_a_client_that_is_cancelled_anywhere_leaves_nothing_behind() -> None:
    finished = 0

    async def visit(address: Address) -> None:
        nonlocal finished
        async with await connect_websocket(url_of(address)) as opened:
            await opened.send(b"hello")
            assert await opened.receive() == b"hello"
        finished += 1

    before = count_descriptors()
    async with serving(echo) as address:
        for steps in range(200):
            async with create_task_group() as tasks:
                tasks.start_soon(visit, address)
                for _ in range(steps):
                    await checkpoint()
                tasks.cancel_scope.cancel()
            if finished > 3:
                break
        async with await connect_websocket(url_of(address)) as opened:
            await opened.send(b"still here")
            assert await opened.receive() == b"still here"
    await anyio.wait_all_tasks_blocked()
    assert count_descriptors() == before


# ---- a whole connection


@asynccontextmanager
async def telegram(tell: Callable[[Event], None]) -> AsyncIterator[Address]:
    """A server that answers every call with its bytes in reverse order."""
    server = Server(ServerConfig(private_keys=(SERVER_KEY,), dc=DC))
    store, now = MemoryStore(), Clock().now

    async def handle(opened: WebSocketStream) -> None:
        connection = server.accept(Transport.detect(obfuscated_only=True), "peer", now())

        def take(event: Event) -> None:
            tell(event)
            if isinstance(event, Question):
                connection.answer(event, store.answer(event, now()), now())
            elif isinstance(event, CallReceived):
                connection.send_result(event, event.body[::-1], now())

        await pump(connection, opened, take)

    async with serving(handle) as address:
        yield address


async def test_from_nothing_to_an_answered_call() -> None:
    told: list[Event] = []
    heard: list[Event] = []
    connection, now = ClientConnection(CONFIG), Clock().now
    connection.call(QUERY, now())

    def tell(event: Event) -> None:
        heard.append(event)
        if isinstance(event, CallAnswered):
            connection.close(now())

    async with telegram(told.append) as address:
        opened = await connect_websocket(url_of(address))
        connection.transport_opened(WEBSOCKET_TRANSPORT, now())
        with anyio.fail_after(PATIENCE):
            await pump(connection, opened, tell)
        while not any(isinstance(event, ConnectionClosed) for event in told):
            await checkpoint()
    assert [event.body for event in heard if isinstance(event, CallAnswered)] == [QUERY[::-1]]
    assert heard[-1] == ConnectionClosed(error=None)
    assert told[-1] == ConnectionClosed(error=None)


async def test_a_stream_that_is_not_obfuscated_is_ended_by_the_server() -> None:
    told: list[Event] = []
    heard: list[Event] = []
    connection, now = ClientConnection(CONFIG), Clock().now

    def tell(event: Event) -> None:
        heard.append(event)

    async with telegram(told.append) as address:
        opened = await connect_websocket(url_of(address))
        connection.transport_opened(Transport(), now())
        with anyio.fail_after(PATIENCE):
            await pump(connection, opened, tell)
    assert isinstance(heard[-1], TransportEnded)
    closed = told[-1]
    assert isinstance(closed, ConnectionClosed)
    assert isinstance(closed.error, SecurityError)


# ---- nothing is left


async def test_a_failed_handshake_closes_what_lies_below() -> None:
    below, peer = ends()
    await peer.send(b"no HTTP at all")
    await peer.send_stream.aclose()
    with pytest.raises(CarrierError, match="speaks no HTTP"):
        await WebSocketStream.wrap(below, ClientCarrier("ws://localhost/apiws"))
    with pytest.raises(ClosedResourceError):
        await below.send(b"more")
    with pytest.raises(ClosedResourceError):
        await WebSocketStream.wrap(below, ClientCarrier("ws://localhost/apiws"))
    await peer.aclose()
