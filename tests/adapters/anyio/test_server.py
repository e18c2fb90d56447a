"""Many clients in one event loop."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import ByteStream, Listener, SocketAttribute
from anyio.streams.stapled import MultiListener
from anyio.streams.tls import TLSListener

from kit import full_house
from kit.byte_streams import ScriptedStream
from kit.certificates import tls_contexts
from kit.loops import cheap_client, cheap_server, linked, serving
from kit.serving import QUERY, turn_around
from mtproto_bind import CallReceived, DataCenter, Event, Server, ServerConnection, UpdateAcknowledged
from mtproto_bind_adapters.anyio import AnyioServer, connect, serve, tcp
from mtproto_bind_adapters.anyio import server as module
from mtproto_bind_adapters.anyio.server import peer_of
from mtproto_bind_adapters.cli.application import Application
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.websocket import WEBSOCKET_TRANSPORT, WebSocketListener, connect_websocket

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


async def test_fifty_clients_at_once() -> None:
    bound: list[int] = []
    most: list[int] = []
    all_bound = anyio.Event()

    async with serving() as (loop, address), anyio.create_task_group() as tasks:

        async def use(number: int) -> None:
            async with linked(address, cheap_client(bytes([number]))) as link:
                bound.append((await link.bound()).key_id)
                most.append(len(loop.clients))
                if len(bound) == 50:
                    all_bound.set()
                await all_bound.wait()
                assert await link.call(QUERY) == QUERY[::-1]

        for number in range(50):
            tasks.start_soon(use, number)
    assert len(set(bound)) == max(most) == 50


async def test_the_application_of_the_command_line_serves_here_too() -> None:
    said: list[str] = []
    async with serving(Application(DataCenter(2), said.append).on_event) as (_, address), linked(address) as link:
        assert len(await link.call(bytes.fromhex("2630b31f"))) > 4
    assert any("bound to" in line for line in said)


async def test_updates_are_sent_when_the_owner_says_flush() -> None:
    acknowledged = anyio.Event()
    keys: list[CallReceived] = []

    def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        turn_around(connection, event, now)
        if isinstance(event, CallReceived):
            keys.append(event)
        elif isinstance(event, UpdateAcknowledged):
            acknowledged.set()

    async with serving(on_event) as (loop, address), linked(address) as link:
        await link.call(QUERY)
        there = loop.server.send_update(keys[0].key_id, keys[0].session_id, b"update!!", loop.now())
        assert there is loop.clients[0]
        loop.flush(there)
        assert await anext(link.updates()) == b"update!!"
        # the acknowledgement rides with the next call
        await link.call(QUERY)
        await acknowledged.wait()


async def test_an_answer_may_come_later() -> None:
    calls: list[tuple[ServerConnection, CallReceived]] = []

    def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            calls.append((connection, event))

    async with serving(on_event) as (loop, address), linked(address) as link:
        begun = link.submit(QUERY)
        while not calls:
            await anyio.sleep(0.001)
        connection, call = calls[0]
        there = connection.send_result(call, b"late", loop.now())
        assert there is connection
        loop.flush(connection)
        assert await begun == b"late"


async def test_to_flush_a_stream_that_is_gone_is_nothing() -> None:
    async with serving() as (loop, address):
        async with linked(address) as link:
            await link.bound()
            [gone] = loop.clients
        while loop.clients:
            await anyio.lowlevel.checkpoint()
        loop.flush(gone)
        assert loop._peers == {}


@pytest.mark.parametrize("limit", ["max_clients", "max_clients_per_peer"])
async def test_beyond_the_limits_streams_are_closed_and_others_served(limit: str, caplog: pytest.LogCaptureFixture) -> None:
    settings: Any = {limit: 1}
    async with serving(**settings) as (loop, address):
        async with linked(address) as link:
            await link.bound()
            async with await tcp(*address)() as stream:
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()
            assert "a client is turned away: 1 are here, 1 of them from there" in caplog.text
            assert await link.call(QUERY) == QUERY[::-1]
        while loop.clients:
            await anyio.lowlevel.checkpoint()
        # there is room again
        async with linked(address, cheap_client(b"2")) as link:
            await link.bound()


@pytest.mark.parametrize("limit", ["max_clients", "max_clients_per_peer"])
@pytest.mark.parametrize("over", ["TLS", "WebSocket", "both"])
async def test_strangers_count_before_they_have_opened_anything(limit: str, over: str, caplog: pytest.LogCaptureFixture) -> None:
    tls = None if over == "WebSocket" else tls_contexts().server
    settings: Any = {limit: 2} if over == "TLS" else {limit: 2, "layer": WebSocketListener}
    async with serving(tls=tls, **settings) as (loop, address), AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(await tcp(*address)()) for _ in range(2)]
        while loop._here < 2:
            await anyio.lowlevel.checkpoint()
        for _ in range(20):
            async with await tcp(*address)() as stream:
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()
        assert loop.clients == ()
        assert caplog.text.count("a client is turned away: 2 are here, 2 of them from there") == 20
        for stream in silent:
            await stream.aclose()
        while loop._here:
            await anyio.lowlevel.checkpoint()
        assert loop._peers == {}
        # there is room again
        url = f"{'ws' if tls is None else 'wss'}://{address[0]}:{address[1]}/apiws"
        trust = None if tls is None else tls_contexts().client
        dial = partial(connect_websocket, url, ssl_context=trust) if over != "TLS" else tcp(*address, tls=tls_contexts().client)
        async with connect(cheap_client(), dial=dial, transport=WEBSOCKET_TRANSPORT) as link:
            assert await link.call(QUERY) == QUERY[::-1]


async def test_a_unix_socket_and_the_short_form(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as tasks:
        server = Server(cheap_server())

        async def run(*, task_status: Any) -> None:
            await serve(server, MemoryStore(), listener, on_event=turn_around, max_clients_per_peer=1, task_status=task_status)

        await tasks.start(run)
        # streams without an address are not counted together

        async def dial() -> ByteStream:
            return await anyio.connect_unix(path)

        async with connect(cheap_client(), dial=dial) as link, connect(cheap_client(b"2"), dial=dial) as other:
            assert await link.call(QUERY) == await other.call(QUERY) == QUERY[::-1]
        tasks.cancel_scope.cancel()


async def test_several_listeners_share_the_server() -> None:
    loop = AnyioServer(Server(cheap_server()), MemoryStore(), on_event=turn_around)
    certificate, trust = tls_contexts()
    plain, other = [await anyio.create_tcp_listener(local_host=host) for host in ("localhost", "127.0.0.1")]
    async with plain, other, anyio.create_task_group() as tasks:
        await tasks.start(loop.serve, plain)
        await tasks.start(loop.serve, TLSListener(other, certificate))
        here, there = [("localhost", listener.extra(SocketAttribute.local_port)) for listener in (plain, other)]
        async with linked(here) as link, linked(there, cheap_client(b"2"), tls=trust) as secure:
            assert await link.call(QUERY) == await secure.call(QUERY) == QUERY[::-1]
            assert len(loop.clients) == 2
        tasks.cancel_scope.cancel()


async def test_a_listener_of_several_ends_when_all_are_closed() -> None:
    loop = AnyioServer(Server(cheap_server()), MemoryStore(), on_event=turn_around)
    both = MultiListener([await anyio.create_tcp_listener(local_host="127.0.0.1") for _ in range(2)])
    first, second = both.listeners
    addresses = [("127.0.0.1", listener.extra(SocketAttribute.local_port)) for listener in both.listeners]
    async with anyio.create_task_group() as tasks:
        await tasks.start(loop.serve, both)
        async with linked(addresses[0]) as link:
            await link.bound()
            await first.aclose()
            async with linked(addresses[1], cheap_client(b"2")) as other:
                assert await link.call(QUERY) == await other.call(QUERY) == QUERY[::-1]
            await second.aclose()
            while loop.clients:
                await anyio.lowlevel.checkpoint()


async def test_a_closed_listener_ends_the_serving() -> None:
    loop = AnyioServer(Server(cheap_server()), MemoryStore(), on_event=turn_around)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with anyio.create_task_group() as tasks:
        await tasks.start(loop.serve, listener)
        address = ("127.0.0.1", listener.extra(SocketAttribute.local_port))
        async with linked(address) as link:
            await link.bound()
            await listener.aclose()
            while loop.clients:
                await anyio.lowlevel.checkpoint()


class FailingListener(Listener[Any]):
    """Raises these when it is asked to serve, and then serves nobody."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.served = anyio.Event()

    async def serve(self, handler: Callable[[Any], Any], task_group: Any = None) -> None:
        await anyio.lowlevel.checkpoint()
        if self.errors:
            raise self.errors.pop(0)
        self.served.set()

    async def aclose(self) -> None:
        raise NotImplementedError

    @property
    def extra_attributes(self) -> Any:
        return {}


async def test_where_no_file_is_left_the_loop_waits_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BREATH", 0.001)
    full, gone = OSError(errno.EMFILE, "Too many open files"), OSError(errno.ECONNABORTED, "gone")
    errors = [
        full,
        as_on_trio(full),
        ExceptionGroup("of one", [full]),
        ExceptionGroup("of two", [full, OSError(errno.ENFILE, "Too many open files")]),
        ExceptionGroup("of two", [ExceptionGroup("inside", [as_on_trio(full), gone]), anyio.ClosedResourceError()]),
        gone,
        as_on_trio(gone),
    ]
    listener = FailingListener(*errors)
    await AnyioServer(Server(cheap_server()), MemoryStore(), on_event=turn_around).serve(listener)
    assert listener.served.is_set()
    assert caplog.text.count("no room is left for another client: [Errno 24] Too many open files") == 5


def as_on_trio(error: OSError) -> Exception:
    wrapped = anyio.BrokenResourceError()
    wrapped.__cause__ = error
    return wrapped


async def test_two_sockets_that_fail_together_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BREATH", 0.001)
    two = [FailingListener(OSError(errno.EMFILE, "Too many open files")) for _ in range(2)]
    await AnyioServer(Server(cheap_server()), MemoryStore(), on_event=turn_around).serve(MultiListener(two))
    assert all(listener.served.is_set() for listener in two)


@pytest.mark.parametrize("closed", [anyio.ClosedResourceError(), ExceptionGroup("two", [anyio.ClosedResourceError()] * 2)])
async def test_a_listener_that_is_closed_is_served_no_more(closed: Exception) -> None:
    listener = FailingListener(closed)
    await AnyioServer(Server(cheap_server()), MemoryStore(), on_event=turn_around).serve(listener)
    assert not listener.served.is_set()


async def test_a_process_without_files_serves_on_when_there_are_some(anyio_backend: str) -> None:
    # its limit is that of a process, so it needs one of its own
    command = [sys.executable, "-W", "error", full_house.__file__, anyio_backend]
    done = await anyio.to_thread.run_sync(partial(subprocess.run, command, capture_output=True, text=True, check=False))
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["no room is left for another client: [Errno 24] Too many open files"] * 4 + ["2 clients"]


BAD = OSError(errno.EBADF, "bad")


@pytest.mark.parametrize("error", [BAD, as_on_trio(BAD), anyio.BrokenResourceError(), ZeroDivisionError()])
async def test_what_else_a_listener_raises_comes_out(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        await serve(Server(cheap_server()), MemoryStore(), FailingListener(error), on_event=turn_around)
    assert raised.value is error


async def test_what_is_due_is_done_in_its_time_whether_clients_come_or_not() -> None:
    handled: list[float] = []

    class Timed(Server):
        """Has something to do very soon, once a client has come, and later something else."""

        due: float | None = None

        def next_deadline(self) -> float | None:
            return self.due

        def handle_timeout(self, now: float) -> None:
            handled.append(now)
            self.due = None

    server = Timed(cheap_server())

    def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        server.due = server.due or now + 0.001

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        loop = AnyioServer(server, MemoryStore(), on_event=on_event)
        await tasks.start(loop.serve, listener)
        async with linked(("127.0.0.1", listener.extra(SocketAttribute.local_port))):
            while not handled:
                await anyio.sleep(0.001)
        server.due = loop.now() + 0.001
        loop._mind_earlier()
        while len(handled) < 4:
            server.due = server.due or loop.now()
            loop._mind_earlier()
            await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()


def test_peers() -> None:
    class From(ScriptedStream):
        def __init__(self, address: Any) -> None:
            super().__init__()
            self.address = address
            self._pieces.close()
            self._arriving.close()

        @property
        def extra_attributes(self) -> Any:
            return {SocketAttribute.remote_address: lambda: self.address}

    assert peer_of(From(("::1", 1, 0, 0))) == "::1"
    assert peer_of(From("/run/socket")) == "/run/socket"
    assert peer_of(From("")) != peer_of(From(""))
