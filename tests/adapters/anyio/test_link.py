"""What tasks do with a client connection, over real sockets."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kit.loops import linked, serving
from kit.serving import QUERY, turn_around
from mtproto_bind import CallReceived, Event, LocalProtocolError, NotRun, OutcomeUnknown, RpcError, ServerConnection
from mtproto_bind_adapters.anyio import AnyioServer, CallUnanswered
from mtproto_bind_adapters.clock import Clock

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


async def test_from_nothing_to_an_answered_call() -> None:
    async with serving() as (_, address), linked(address) as link:
        bound = await link.bound()
        assert await link.call(QUERY) == QUERY[::-1]
        assert await link.bound() == bound
        assert link.round_trips == 8
        assert link.status.temporary_key_id == bound.key_id
        assert link.connection.status == link.status
        key = link.bound_key().key
        assert key.id == bound.key_id
        assert key.reveal() in link.save(temporary_key=True)
        assert key.reveal() not in link.save()


async def test_many_tasks_call_at_once() -> None:
    bodies = [number.to_bytes(4, "big") * (1 + number) for number in range(100)]
    answers: dict[int, bytes] = {}

    async with serving() as (_, address), linked(address) as link, anyio.create_task_group() as tasks:

        async def call(number: int) -> None:
            answers[number] = await link.call(bodies[number])

        for number in range(100):
            tasks.start_soon(call, number)
    assert answers == {number: body[::-1] for number, body in enumerate(bodies)}


async def test_a_megabyte_goes_both_ways() -> None:
    body = bytes(range(256)) * 4000
    async with serving() as (_, address), linked(address) as link:
        assert await link.call(body) == body[::-1]


async def test_a_renewal_loses_no_call() -> None:
    async with serving() as (_, address), linked(address) as link:
        with pytest.raises(LocalProtocolError, match="nothing to renew"):
            link.renew()
        first = await link.bound()
        link.renew()
        for _ in range(20):
            assert await link.call(QUERY) == QUERY[::-1]
            if (await link.bound()).renewal:
                break
        second = await link.bound()
        assert second.renewal
        assert second.key_id != first.key_id


async def test_the_owner_may_use_the_machine_itself() -> None:
    async with serving() as (_, address), linked(address) as link:
        first = await link.bound()
        link.connection.renew(Clock().now())
        link.wake()
        while await link.bound() == first:
            await link.call(QUERY)


def refuse(connection: ServerConnection, event: Event, now: float) -> None:
    if isinstance(event, CallReceived):
        connection.send_error(event, 400, "INPUT_METHOD_INVALID", now)


async def test_a_refused_call_says_how() -> None:
    async with serving(refuse) as (_, address), linked(address) as link:
        with pytest.raises(CallUnanswered, match="INPUT_METHOD_INVALID") as failed:
            await link.call(QUERY)
        assert failed.value.reason == RpcError(400, "INPUT_METHOD_INVALID")


def ignore(_connection: ServerConnection, _event: Event, _now: float) -> None:
    """Answers nothing."""


async def test_a_call_is_given_up_in_its_time() -> None:
    async with serving(ignore) as (_, address), linked(address) as link:
        with pytest.raises(CallUnanswered) as failed:
            await link.call(QUERY, give_up_after=0.0)
        assert isinstance(failed.value.reason, NotRun)
        await link.bound()
        with pytest.raises(CallUnanswered) as failed:
            await link.call(QUERY, give_up_after=0.2)
        assert isinstance(failed.value.reason, OutcomeUnknown)


async def test_calls_that_follow_others_and_other_wishes() -> None:
    heard: list[bytes] = []

    def listen(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            heard.append(event.body)
        turn_around(connection, event, now)

    async with serving(listen) as (_, address), linked(address) as link:
        first = link.begin(b"number 1")
        second = link.begin(b"number 2", after=[first.id], updates=False, repeat=True)
        assert await second == b"2 rebmun"
        assert await first == b"1 rebmun"
        # it was answered; there is nothing to cancel
        first.cancel()
        assert await first == b"1 rebmun"
    assert len(heard) == 2
    assert heard[0] == b"number 1"
    assert heard[1].endswith(b"number 2")


async def test_a_call_that_is_cancelled_is_told_to_the_machine() -> None:
    async with serving(ignore) as (_, address), linked(address) as link:
        await link.bound()
        with anyio.move_on_after(0.01) as scope:
            await link.call(QUERY)
        assert scope.cancelled_caught
        assert link.status.calls == 0
        begun = link.begin(QUERY)
        begun.cancel()
        with pytest.raises(CallUnanswered, match="cancelled"):
            await begun
        with anyio.move_on_after(0) as scope:
            await link.bound()


async def test_what_is_no_call_is_refused_at_once() -> None:
    async with serving() as (_, address), linked(address) as link:
        with pytest.raises(ValueError, match="multiple of 4"):
            await link.call(b"abc")
        with pytest.raises(TypeError, match="bytes"):
            await link.call("text")  # type: ignore[arg-type]
        assert await link.call(QUERY) == QUERY[::-1]


def updating(loops: list[AnyioServer], number: int) -> Any:
    """Sends so many updates before it answers a call."""

    def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            for each in range(number):
                loops[0].server.send_update(event.key_id, event.session_id, b"update%02d" % each, now)
        turn_around(connection, event, now)

    return on_event


async def test_updates_come_in_their_order_and_the_oldest_make_room() -> None:
    loops: list[AnyioServer] = []
    async with serving(updating(loops, 5)) as (loop, address), linked(address, updates_held=3) as link:
        loops.append(loop)
        updates = link.updates()
        await link.call(QUERY)
        assert [await anext(updates) for _ in range(3)] == [b"update02", b"update03", b"update04"]
        assert link.updates_missed == 2


async def test_updates_are_waited_for_and_end_with_the_link() -> None:
    loops: list[AnyioServer] = []
    heard: list[bytes] = []
    ends: list[str] = []
    async with serving(updating(loops, 2)) as (loop, address), anyio.create_task_group() as tasks:
        loops.append(loop)
        async with linked(address) as link:

            async def listen(name: str) -> None:
                async for update in link.updates():
                    heard.append(update)  # noqa: PERF401  counted as they come
                ends.append(name)

            tasks.start_soon(listen, "first")
            tasks.start_soon(listen, "second")
            with anyio.move_on_after(0.001):
                # one that is cancelled takes nothing with it
                await anext(link.updates())
            await link.call(QUERY)
            await link.call(QUERY)
            while len(heard) < 4:
                await anyio.lowlevel.checkpoint()
    assert sorted(heard) == [b"update00", b"update00", b"update01", b"update01"]
    assert sorted(ends) == ["first", "second"]
    assert [update async for update in link.updates()] == []


async def test_a_link_may_be_closed_before_its_block_ends() -> None:
    async with serving(ignore) as (_, address), linked(address) as link:
        await link.bound()
        begun = link.begin(QUERY)
        await link.aclose()
        await link.aclose()
        with pytest.raises(CallUnanswered, match="closed"):
            await begun
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            await link.call(QUERY)
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            await link.bound()
        assert link.status.closed
