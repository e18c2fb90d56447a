"""One client of the server: what is read, what is answered, and how it ends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketAttribute, TaskGroup
from attrs import define, field

from kit.byte_streams import ScriptedStream
from kit.loops import cheap_client, cheap_server, linked, serving
from kit.serving import PATIENCE, QUERY, turn_around
from mtproto_bind import (
    NEED_DATA,
    UNAVAILABLE,
    CallAnswered,
    CallReceived,
    ClientConnection,
    Computation,
    ConnectionClosed,
    Event,
    KeyBound,
    KeyOffered,
    Question,
    Retry,
    Server,
    ServerConnection,
    Timeouts,
    Transport,
)
from mtproto_bind_adapters.anyio import AnyioServer
from mtproto_bind_adapters.anyio import served as module
from mtproto_bind_adapters.anyio.pump import one_a_core
from mtproto_bind_adapters.anyio.served import Served
from mtproto_bind_adapters.clock import Clock
from mtproto_bind_adapters.stores import MemoryStore

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]

CLOCK = Clock()


@define
class Ends:
    """The server's side of a stream, and a client that the test drives."""

    stream: ScriptedStream
    served: Served
    told: list[Event]
    client: ClientConnection
    tasks: TaskGroup
    heard: list[Event] = field(factory=list)

    async def turn(self) -> None:
        """The client hears what was written, and says what it has to."""
        now = CLOCK.now()
        while self.stream.written:
            self.client.receive_data(self.stream.written.pop(0), now)
        while (event := self.client.next_event()) is not NEED_DATA:
            if isinstance(event, Computation):
                self.client.answer(event, event.run(), now)
            else:
                self.heard.append(event)
        if data := self.client.data_to_send(now):
            self.stream.arrive(data)
        await anyio.sleep(0)

    async def bind(self) -> None:
        while not any(isinstance(event, KeyBound) for event in self.heard):
            await self.turn()

    async def bind_and_stall(self) -> None:
        """Until the server writes the answer to a call, which is not taken."""
        await self.bind()
        await anyio.wait_all_tasks_blocked()
        self.stream.stall()
        self.client.call(QUERY, CLOCK.now())
        while not self.count_calls():
            await self.turn()

    def answers(self) -> list[bytes]:
        return [event.body for event in self.heard if isinstance(event, CallAnswered)]

    def count_calls(self) -> int:
        return sum(isinstance(event, CallReceived) for event in self.told)


@asynccontextmanager
async def ends(
    on_event: Callable[[ServerConnection, Event, float], Any] = turn_around, *, store: Any = None
) -> AsyncIterator[Ends]:
    stream, told = ScriptedStream(), list[Event]()

    def note(connection: ServerConnection, event: Event, now: float) -> Any:
        told.append(event)
        return on_event(connection, event, now)

    connection = Server(cheap_server()).accept(Transport.detect(), "peer", CLOCK.now())
    served = Served(
        connection, CLOCK, one_a_core(), store=MemoryStore() if store is None else store, on_event=note, turned=lambda: None
    )
    client = ClientConnection(cheap_client())
    client.transport_opened(Transport(), CLOCK.now())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(served.run, stream)
        yield Ends(stream, served, told, client, tasks)
        tasks.cancel_scope.cancel()
    assert stream.closed


async def test_a_client_that_does_not_take_its_answers_is_asked_for_no_more() -> None:
    async with ends() as both:
        await both.bind()
        both.stream.stall()
        for _ in range(3):
            both.client.call(QUERY, CLOCK.now())
            await both.turn()
        # what had been asked for before the answer was to be written, and no more
        await anyio.sleep(0.01)
        assert both.count_calls() <= 2
        assert not both.served.hungry
        reads = both.stream.reads
        await anyio.sleep(0.01)
        assert both.stream.reads == reads
        both.stream.taking.set()
        while both.count_calls() < 3:
            await both.turn()


async def test_a_client_that_never_takes_them_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ends() as both:
        await both.bind()
        monkeypatch.setattr("mtproto_bind_adapters.anyio.wire.STALLED", 0.01)
        both.stream.stall()
        both.client.call(QUERY, CLOCK.now())
        await both.turn()
        while not both.stream.closed:
            await anyio.sleep(0.001)
        assert both.told[-1] == ConnectionClosed(error=None)


async def test_a_client_that_leaves_is_told_of() -> None:
    async with ends() as both:
        await both.bind()
        both.stream.end()
        while not both.stream.closed:
            await anyio.sleep(0)
        assert both.told[-1] == ConnectionClosed(error=None)
        # there is nobody to say good-bye to
        assert not both.stream.half_closed


async def test_a_client_that_is_refused_hears_why_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAREWELL", 0.01)
    async with ends() as both:
        both.stream.arrive(b"\xee\xee\xee\xee" + (b"\x10\0\0\0" + b"\xaa" * 16) * 3)
        while not both.stream.closed:
            await anyio.sleep(0.001)
        assert both.stream.written == [b"\4\0\0\0" + (-404).to_bytes(4, "little", signed=True)]
        assert both.stream.half_closed


async def test_what_the_owner_awaits_that_client_waits_for() -> None:
    go_on = anyio.Event()

    async def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            await go_on.wait()
        turn_around(connection, event, now)

    async with serving(on_event) as (_, address), linked(address) as link, linked(address, cheap_client(b"2")) as other:
        await other.bound()
        call = link.submit(QUERY)
        while not link.status.calls:
            await anyio.sleep(0.001)
        go_on.set()
        assert await call == await other.call(QUERY) == QUERY[::-1]


async def test_what_the_owner_does_wrong_costs_one_client(caplog: pytest.LogCaptureFixture) -> None:
    async def stumble(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived) and event.body == QUERY:
            raise ZeroDivisionError
        turn_around(connection, event, now)

    async with serving(stumble) as (_, address), linked(address, cheap_client(b"2")) as good, linked(address) as bad:
        await good.bound()
        call = bad.submit(QUERY)
        while "the owner's code failed" not in caplog.text:
            await anyio.sleep(0.001)
        call.cancel()
        assert "ZeroDivisionError" in caplog.text
        assert await good.call(QUERY * 2) == (QUERY * 2)[::-1]
        assert await bad.call(QUERY * 2) == (QUERY * 2)[::-1]


class AwaitedStore:
    """Another store, far away."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    async def answer(self, question: Question[Any], now: float) -> Any:
        await anyio.sleep(0)
        return self.store.answer(question, now)


async def test_a_store_that_has_to_be_awaited() -> None:
    async with serving(store=AwaitedStore()) as (_, address), linked(address) as link:
        assert await link.call(QUERY) == QUERY[::-1]


class FailingStore(MemoryStore):
    """Fails the first time that it is asked for something of ``kind``: raises ``error``, or gives it."""

    def __init__(self, kind: type[Question[Any]], error: Any) -> None:
        super().__init__()
        self.kind, self.error, self.failed = kind, error, 0

    def answer(self, question: Question[Any], now: float) -> Any:
        if isinstance(question, self.kind) and not self.failed:
            self.failed += 1
            if isinstance(self.error, Exception):
                raise self.error
            return self.error
        return super().answer(question, now)


async def test_a_store_that_fails_costs_the_client_nothing(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore(KeyOffered, OSError("disk full"))
    async with serving(store=store) as (_, address), linked(address) as link:
        assert await link.call(QUERY) == QUERY[::-1]
    assert store.failed == 1
    assert "the store failed" in caplog.text
    assert "disk full" in caplog.text


async def test_a_store_that_is_not_available_says_so(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore(KeyOffered, UNAVAILABLE)
    async with serving(store=store) as (_, address), linked(address) as link:
        assert await link.call(QUERY) == QUERY[::-1]
    assert store.failed == 1
    assert caplog.records == []


async def test_what_is_no_answer_ends_that_client_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    store = FailingStore(KeyOffered, "stored")
    async with serving(store=store) as (_, address), linked(address) as link:
        assert await link.call(QUERY) == QUERY[::-1]
    assert "TypeError" in caplog.text


async def test_a_store_that_does_not_answer_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAREWELL", 0.01)
    asked, ended = anyio.Event(), anyio.Event()

    class Slow(MemoryStore):
        def answer(self, question: Question[Any], now: float) -> Any:
            return self.wait() if isinstance(question, KeyOffered) else super().answer(question, now)

        async def wait(self) -> None:
            asked.set()
            try:
                await anyio.sleep_forever()
            finally:
                ended.set()

    async with ends(store=Slow()) as both:
        while not asked.is_set():
            await both.turn()
        later = CLOCK.now() + Timeouts().owner + 1.0
        both.served.now = lambda: later
        both.served.wake()
        await ended.wait()
        while not both.stream.closed:
            await anyio.sleep(0)
        assert both.told[-1] == ConnectionClosed(error=None)


# ---- cancelled


async def test_a_result_leaves_though_the_server_was_cancelled_before_it_could() -> None:
    cancelled: list[anyio.CancelScope] = []

    def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        turn_around(connection, event, now)
        if isinstance(event, CallReceived):
            cancelled.append(both.tasks.cancel_scope)
            both.tasks.cancel_scope.cancel()

    async with ends(on_event) as both:
        await both.bind()
        both.client.call(QUERY, CLOCK.now())
        with anyio.CancelScope(shield=True):
            while not both.stream.half_closed:
                await both.turn()
            both.stream.end()
            await both.turn()
    assert cancelled
    assert both.answers() == [QUERY[::-1]]


async def test_a_result_that_is_being_written_is_not_cut() -> None:
    async with ends() as both:
        await both.bind_and_stall()
        both.tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
            both.stream.taking.set()
            while not both.stream.half_closed:
                await both.turn()
            both.stream.end()
            await both.turn()
    assert both.answers() == [QUERY[::-1]]


async def test_one_who_does_not_take_it_is_not_waited_for_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CUT_SHORT", 0.01)
    async with ends() as both:
        await both.bind_and_stall()
        both.tasks.cancel_scope.cancel()
    assert both.answers() == []


async def test_where_nothing_is_due_the_stream_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CUT_SHORT", PATIENCE * 2)
    async with ends() as both:
        await both.bind()
        await anyio.wait_all_tasks_blocked()
        both.tasks.cancel_scope.cancel()
    assert not both.stream.half_closed


async def test_a_server_that_is_cancelled_lets_all_its_clients_hear_their_answers() -> None:
    scopes: list[anyio.CancelScope] = []
    called = anyio.Event()
    waiting: list[tuple[ServerConnection, CallReceived]] = []

    async def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            waiting.append((connection, event))
        if len(waiting) == 3:
            for one, call in waiting:
                one.send_result(call, call.body[::-1], now)
            scopes[0].cancel()
            called.set()

    answers: list[bytes] = []
    server = AnyioServer(Server(cheap_server()), MemoryStore(), on_event=on_event)
    retry = Retry(delay=1000.0, ceiling=1000.0)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        address = ("127.0.0.1", listener.extra(SocketAttribute.local_port))

        async def serve() -> None:
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                await server.serve(listener)

        async def call(number: int) -> None:
            async with linked(address, cheap_client(bytes([number]), retry=retry)) as link:
                answers.append(await link.call(QUERY * (1 + number), timeout=PATIENCE))

        tasks.start_soon(serve)
        for number in range(3):
            tasks.start_soon(call, number)
        await called.wait()
    assert sorted(answers) == [(QUERY * number)[::-1] for number in (1, 2, 3)]
