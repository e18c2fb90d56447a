"""A client connection through good and bad times: streams that are lost, and how it all ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import ByteStream
from attrs import define, field

from kit.async_proxies import BadCarrier, listening_with
from kit.byte_streams import ScriptedStream
from kit.loops import Address, cheap_client, cheap_server, linked, serving
from kit.serving import QUERY, closed_port
from mtproto_bind import (
    ClientConnection,
    ConnectionClosed,
    DataCenter,
    Event,
    KeyBound,
    LocalProtocolError,
    NotRun,
    PeerTimedOut,
    PendingKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    Question,
    Retry,
    TemporaryKeyCreated,
    Timeouts,
    TransportEnded,
    TransportErrorReceived,
)
from mtproto_bind_adapters.anyio import CallUnanswered, Link, connect, tcp
from mtproto_bind_adapters.anyio import wire as wire_module

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


@define
class Dialler:
    """Dials ``address``, and fails where it is told to."""

    address: Address
    streams: list[ByteStream] = field(factory=list)
    failures: list[Exception] = field(factory=list)
    failed: int = 0

    async def __call__(self) -> ByteStream:
        if self.streams and self.failures:
            self.failed += 1
            raise self.failures.pop()
        self.streams.append(await tcp(*self.address)())
        return self.streams[-1]


async def test_events_are_told_in_their_order_and_waited_for() -> None:
    told: list[type[Event]] = []

    async def on_event(event: Event) -> None:
        await anyio.sleep(0.001)
        told.append(type(event))

    async with serving() as (_, address), linked(address, on_event=on_event) as link:
        await link.bound()
    assert told == [PermanentKeyCreated, TemporaryKeyCreated, KeyBound, ConnectionClosed]


async def test_a_lost_stream_is_dialled_again_and_the_key_kept() -> None:
    async with serving() as (_, address):
        dialler = Dialler(address, failures=[OSError("down"), anyio.BrokenResourceError()])
        told: list[Event] = []
        async with connect(cheap_client(), dial=dialler, on_event=told.append) as link:
            bound = await link.bound()
            await dialler.streams[0].aclose()
            assert await link.call(QUERY) == QUERY[::-1]
            assert await link.bound() == bound
        assert (len(dialler.streams), dialler.failed) == (2, 2)
        assert sum(isinstance(event, TransportEnded) for event in told) == 1


async def test_dialling_is_given_up_after_so_many_failures_in_a_row() -> None:
    async with serving() as (_, address):
        errors: list[Exception] = [OSError("third"), OSError("second"), OSError("first")]
        dialler = Dialler(address, failures=errors)
        retry = Retry(delay=0.001, ceiling=0.002, attempts=3)

        async def lose() -> None:
            async with connect(ClientConnection(cheap_client()), dial=dialler, retry=retry) as link:
                await link.bound()
                await dialler.streams[0].aclose()
                await anyio.sleep_forever()

        with pytest.raises(OSError, match="third"):
            await lose()
        assert dialler.failed == 3


async def test_what_else_dialling_raises_ends_the_link() -> None:
    async with serving() as (_, address):
        dialler = Dialler(address, failures=[ZeroDivisionError()])

        async def lose() -> None:
            async with connect(cheap_client(), dial=dialler) as link:
                await dialler.streams[0].aclose()
                await link.call(QUERY)

        with pytest.raises(ZeroDivisionError):
            await lose()


async def test_the_time_for_the_next_stream_is_kept() -> None:
    async with serving() as (_, address):
        dialler = Dialler(address)
        ended = anyio.Event()
        config = cheap_client(retry=Retry(delay=1000.0, ceiling=1000.0))
        async with connect(config, dial=dialler, on_event=lambda event: ended.set()) as link:
            await dialler.streams[0].aclose()
            await ended.wait()
            with pytest.raises(CallUnanswered) as failed:
                await link.call(QUERY, timeout=0.001)
            assert isinstance(failed.value.reason, NotRun)
        assert len(dialler.streams) == 1


async def test_the_block_may_end_while_a_stream_is_dialled() -> None:
    async with serving() as (_, address):
        dialling = anyio.Event()
        dialler = Dialler(address)

        async def dial() -> ByteStream:
            if dialler.streams:
                dialling.set()
                await anyio.sleep_forever()
            return await dialler()

        async with connect(cheap_client(), dial=dial):
            await dialler.streams[0].aclose()
            await dialling.wait()


async def test_a_stream_that_comes_too_late_is_closed() -> None:
    stream = ScriptedStream()

    async def dial() -> ByteStream:
        return stream

    async with connect(cheap_client(), dial=dial):
        pass
    assert stream.closed
    assert stream.written == []


async def test_a_write_that_blocks_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "STALLED", 0.3)
    stalled = ScriptedStream()
    stalled.stall()
    async with serving() as (_, address):
        dials: list[ByteStream] = []

        async def dial() -> ByteStream:
            dials.append(stalled if not dials else await tcp(*address)())
            return dials[-1]

        async with connect(cheap_client(), dial=dial) as link:
            assert await link.call(QUERY) == QUERY[::-1]
        assert len(dials) == 2
        assert stalled.closed


async def test_a_half_open_stream_ends_when_the_machine_says_so() -> None:
    async with serving() as (_, address):
        carrier = BadCarrier(address, limit=600, half_open=True)
        told: list[Event] = []
        async with listening_with(carrier.handle) as proxied:
            config = cheap_client(timeouts=Timeouts(handshake=0.3))
            async with linked(proxied, config, on_event=told.append) as link:
                assert await link.call(QUERY) == QUERY[::-1]
        errors = [event.error for event in told if isinstance(event, TransportEnded)]
        assert isinstance(errors[0], PeerTimedOut)


async def test_a_byte_at_a_time() -> None:
    async with serving() as (_, address):
        carrier = BadCarrier(address, piece=1)
        async with listening_with(carrier.handle) as proxied, linked(proxied) as link:
            assert await link.call(QUERY) == QUERY[::-1]
        assert carrier.streams == 1


async def test_a_server_that_is_gone_in_the_midst_of_anything() -> None:
    async with serving() as (_, address):
        whole = BadCarrier(address)
        async with listening_with(whole.handle) as proxied, linked(proxied) as link:
            await link.call(QUERY)
        assert whole.carried > 2000
        for limit in range(0, whole.carried, 97):
            carrier = BadCarrier(address, limit=limit)
            async with listening_with(carrier.handle) as proxied, linked(proxied) as link:
                # what may have run is not said to have failed for nothing
                assert await link.call(QUERY, repeat=True) == QUERY[::-1]
            assert carrier.streams >= 2


# ---- how it ends


async def test_the_first_failure_to_dial_comes_out_as_it_is() -> None:
    with pytest.raises(ConnectionRefusedError):
        async with linked(closed_port()):
            raise NotImplementedError


ELSEWHERE = cheap_client(dc=DataCenter(4), retry=Retry(attempts=1))
AT_HOME = cheap_server(dc=DataCenter(2))


async def test_what_ends_the_connection_is_raised_where_somebody_waits() -> None:
    async with serving(config=AT_HOME) as (_, address), linked(address, ELSEWHERE) as link:
        with pytest.raises(TransportErrorReceived) as ended:
            await link.bound()
        assert ended.value.code == -444
        # whoever asks later is told the same; the block goes on, and ends in peace
        for question in (link.bound, lambda: link.call(QUERY), lambda: anext(link.updates())):
            with pytest.raises(TransportErrorReceived):
                await question()
        await anyio.lowlevel.checkpoint()


def origin(error: BaseException) -> BaseException:
    """What a copy of an error, or a copy of that, is a copy of."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


async def test_each_of_those_who_wait_is_told_by_an_error_of_its_own() -> None:
    told: list[Exception] = []

    async def wait(question: Callable[[], Awaitable[Any]]) -> None:
        with pytest.raises(TransportErrorReceived) as raised:
            await question()
        told.append(raised.value)

    async with serving(config=AT_HOME) as (_, address), linked(address, ELSEWHERE) as link:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(wait, link.bound)
                tasks.start_soon(wait, lambda: anext(link.updates()))
        for question in (link.bound, lambda: link.call(QUERY), lambda: anext(link.updates())):
            await wait(question)
        assert len({id(error) for error in told}) == len(told) == 7
        assert {id(origin(error)) for error in told} == {id(link._client.board.end)}


async def test_those_who_wait_for_updates_are_told_too() -> None:
    async with serving(config=AT_HOME) as (_, address), linked(address, ELSEWHERE) as link:
        with pytest.raises(TransportErrorReceived):
            await anext(link.updates())


async def test_where_nobody_waits_the_block_is_cancelled_and_raises() -> None:
    async with serving(config=AT_HOME) as (_, address):
        with pytest.raises(TransportErrorReceived):
            async with linked(address, ELSEWHERE):
                await anyio.sleep_forever()


async def test_a_call_that_fails_with_the_connection_says_from_what() -> None:
    async with serving(config=AT_HOME) as (_, address):
        with pytest.raises(CallUnanswered) as failed:
            async with linked(address, ELSEWHERE) as link:
                await link.call(QUERY)
        assert isinstance(failed.value.reason, NotRun)
        assert isinstance(failed.value.__cause__, TransportErrorReceived)


async def test_the_error_itself_may_be_met_before_the_block_is_cancelled() -> None:
    async def wait_too_long(link: Link) -> None:
        with anyio.CancelScope(shield=True):
            while not link._client.unheard:
                await anyio.lowlevel.checkpoint()
            link.submit(QUERY)

    async with serving(config=AT_HOME) as (_, address):
        with pytest.raises(TransportErrorReceived) as raised:
            async with linked(address, ELSEWHERE) as link:
                await wait_too_long(link)
        # what was raised in the block is an error of its own
        assert isinstance(raised.value.__cause__, TransportErrorReceived)


def stumble(event: Event) -> None:
    raise ZeroDivisionError(type(event).__name__)


async def stumble_later(event: Event) -> None:
    await anyio.lowlevel.checkpoint()
    stumble(event)


@pytest.mark.parametrize("on_event", [stumble, stumble_later])
@pytest.mark.parametrize("waits", [True, False])
async def test_what_the_owner_does_wrong_comes_out_of_the_block(
    on_event: Callable[[Event], Awaitable[None] | None], waits: bool
) -> None:
    async with serving() as (_, address):
        with pytest.raises(ZeroDivisionError, match="PermanentKeyCreated"):
            async with linked(address, on_event=on_event) as link:
                await (link.bound() if waits else anyio.sleep_forever())


async def test_a_key_that_could_not_be_saved_is_never_used() -> None:
    told: list[Event] = []

    def on_event(_connection: Any, event: Event, _now: float) -> None:
        told.append(event)

    async with serving(on_event) as (_, address):
        with pytest.raises(ZeroDivisionError):
            async with linked(address, on_event=stumble) as link:
                await link.bound()
    assert not any(isinstance(event, KeyBound) for event in told)


async def test_the_owner_answers_in_a_task_of_its_own() -> None:
    asked: list[Question[Any]] = []
    keys: list[PermanentKeyCreated] = []

    async with serving() as (_, address):

        def keep(event: Event) -> None:
            if isinstance(event, PermanentKeyCreated):
                keys.append(event)

        async with linked(address, on_event=keep) as link:
            await link.bound()

        async def owner(question: Question[Any]) -> Any:
            asked.append(question)
            await anyio.sleep(0.001)
            return keys[0].key

        config = cheap_client(b"other", permanent_key=PendingKey())
        told: list[Event] = []
        async with linked(address, config, owner=owner, on_event=told.append) as link:
            bound = await link.bound()
        assert bound.permanent_key_id == keys[0].key.key.id
        assert [type(question) for question in asked] == [PermanentKeyRequired]
        # and told of, before
        assert [type(event) for event in told] == [TemporaryKeyCreated, PermanentKeyRequired, KeyBound, ConnectionClosed]
        # one that knows the answer at once
        async with linked(address, config, owner=lambda question: keys[0].key) as link:
            assert (await link.bound()).permanent_key_id == bound.permanent_key_id


async def test_a_question_that_has_lost_its_point_when_it_was_told_is_not_asked() -> None:
    links: list[Link] = []
    begun = anyio.Event()

    async def on_event(event: Event) -> None:
        if isinstance(event, PermanentKeyRequired):
            await begun.wait()
            await links[0].aclose()

    def owner(question: Question[Any]) -> Any:
        raise NotImplementedError

    config = cheap_client(permanent_key=PendingKey())
    async with serving() as (_, address), linked(address, config, owner=owner, on_event=on_event) as link:
        links.append(link)
        begun.set()
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            await link.bound()


async def test_an_answer_that_is_none_ends_the_link() -> None:
    async with serving() as (_, address):
        with pytest.raises(TypeError, match="expected PermanentKey"):
            async with linked(address, cheap_client(permanent_key=PendingKey()), owner=lambda question: None) as link:
                await link.bound()


async def test_a_question_that_nobody_answers_ends_the_link() -> None:
    async with serving() as (_, address):
        with pytest.raises(LocalProtocolError, match=r"PermanentKeyRequired is for the owner .* give owner="):
            async with linked(address, cheap_client(permanent_key=PendingKey())) as link:
                await link.bound()


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    async with serving() as (_, address):
        with pytest.raises(ZeroDivisionError) as raised:
            async with linked(address) as link:
                await stumble_later(await link.bound())
        assert raised.value.__cause__ is None


async def test_an_owner_who_is_busy_is_cut_short_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtproto_bind_adapters.anyio.client.FAREWELL", 0.01)
    busy = anyio.Event()

    async def on_event(event: Event) -> None:
        busy.set()
        await anyio.sleep_forever()

    async with serving() as (loop, address):
        async with linked(address, on_event=on_event):
            await busy.wait()
        while loop.clients:
            await anyio.lowlevel.checkpoint()
