"""What tasks do with a client connection, over real sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

from kit.loops import cheap_client, linked, serving
from kit.serving import PATIENCE, QUERY, turn_around
from mtproto_bind import (
    CallAnswered,
    CallReceived,
    Event,
    KeyBound,
    LocalProtocolError,
    NotRun,
    OutcomeUnknown,
    PermanentKeyCreated,
    RpcError,
    ServerConnection,
)
from mtproto_bind_adapters.anyio import AnyioServer, Call, CallUnanswered, Link
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
        while (second := await link.bound()) == first:
            await link.call(QUERY)
        assert second.renewal


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
            await link.call(QUERY, timeout=0.0)
        assert isinstance(failed.value.reason, NotRun)
        await link.bound()
        with pytest.raises(CallUnanswered) as failed:
            await link.call(QUERY, timeout=0.2)
        assert isinstance(failed.value.reason, OutcomeUnknown)


async def test_a_key_is_waited_for_as_long_as_was_said() -> None:
    async with serving() as (_, address), linked(address) as link:
        with pytest.raises(TimeoutError, match=r"no key was bound within 0\.001 s: status tells"):
            await link.bound(timeout=0.001)
        bound = await link.bound(timeout=PATIENCE)
        # one that is there is told, however little time there is
        assert await link.bound(timeout=0) == bound


async def test_calls_follow_calls_of_the_same_link_only() -> None:
    async with serving() as (_, address), linked(address) as link, linked(address, cheap_client(b"2")) as other:
        elsewhere = other.submit(QUERY)
        with pytest.raises(ValueError, match="a call of another link"):
            link.submit(QUERY, after=[elsewhere])
        with pytest.raises(ValueError, match="a call of another link"):
            await link.call(QUERY, after=[elsewhere])
        with pytest.raises(TypeError, match="calls of submit"):
            link.submit(QUERY, after=[1])  # type: ignore[list-item]
        assert await elsewhere == QUERY[::-1]


async def test_what_follows_a_call_that_has_failed_is_not_run() -> None:
    heard: list[bytes] = []

    def listen(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            heard.append(event.body)
        refuse(connection, event, now)

    async with serving(listen) as (_, address), linked(address) as link:
        first = link.submit(QUERY)
        with pytest.raises(CallUnanswered, match="INPUT_METHOD_INVALID"):
            await first
        cancelled = link.submit(QUERY * 2)
        cancelled.cancel()
        second = link.submit(QUERY * 3, after=[first])
        for follower in (second, link.submit(QUERY * 3, after=[cancelled]), link.submit(QUERY * 3, after=[second])):
            with pytest.raises(CallUnanswered, match="had to succeed first") as failed:
                await follower
            assert isinstance(failed.value.reason, NotRun)
            # it never was one
            follower.cancel()
        assert QUERY * 3 not in heard


async def test_calls_that_follow_others_and_other_wishes() -> None:
    heard: list[bytes] = []

    def listen(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            heard.append(event.body)
        turn_around(connection, event, now)

    async with serving(listen) as (_, address), linked(address) as link:
        first = link.submit(b"number 1")
        second = link.submit(b"number 2", after=[first], updates=False, repeat=True)
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
        begun = link.submit(QUERY)
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
        begun = link.submit(QUERY)
        await link.aclose()
        await link.aclose()
        with pytest.raises(CallUnanswered, match="closed"):
            await begun
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            await link.call(QUERY)
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            await link.bound()
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            link.submit(QUERY)
        assert link.status.closed


def depth(error: BaseException) -> int:
    """Frames in its traceback."""
    count, trace = 0, error.__traceback__
    while trace is not None:
        count, trace = count + 1, trace.tb_next
    return count


async def test_who_asks_a_dead_link_again_and_again_is_told_by_errors_of_their_own() -> None:
    async def ask(link: Link) -> list[Exception]:
        errors: list[Exception] = []
        for question in (link.bound, lambda: link.call(QUERY)):
            for _ in range(20):
                with pytest.raises(LocalProtocolError, match="the connection is closed") as raised:
                    await question()
                errors.append(raised.value)
        return errors

    async with serving() as (_, address), linked(address) as link:
        begun = link.submit(QUERY)
        await link.aclose()
        errors = await ask(link)
        assert len({id(error) for error in errors}) == len(errors)
        assert max(map(depth, errors)) < 10
        failures: list[Exception] = []
        for _ in range(20):
            with pytest.raises(CallUnanswered, match="closed") as raised:
                await begun
            failures.append(raised.value)
        assert len({id(error) for error in failures}) == len(failures)
        assert len({depth(error) for error in failures}) == 1


# ---- from within on_event


async def submitted(link: Link) -> bytes:
    return await link.submit(QUERY)


WAITS: dict[str, Callable[[Link], Awaitable[Any]]] = {
    "bound": lambda link: link.bound(),
    "call": lambda link: link.call(QUERY),
    "await a call": submitted,
    "updates": lambda link: anext(link.updates()),
}


async def hold(links: list[Link], linked: AbstractAsyncContextManager[Link]) -> None:
    """Puts a link into ``links``, and waits for its end."""
    async with linked as link:
        links.append(link)
        await anyio.sleep_forever()


@pytest.mark.parametrize("wait", WAITS)
async def test_what_would_wait_for_the_link_in_on_event_is_refused(wait: str) -> None:
    links: list[Link] = []

    async def on_event(event: Event) -> None:
        if isinstance(event, KeyBound):
            await WAITS[wait](links[0])

    async with serving() as (_, address):
        with pytest.raises(LocalProtocolError, match="would wait for the link, and the link waits for on_event") as raised:
            await hold(links, linked(address, on_event=on_event))
    assert raised.value.__cause__ is None


async def test_side_by_side_that_is_refused_too() -> None:
    links: list[Link] = []

    async def on_event(event: Event) -> None:
        if isinstance(event, PermanentKeyCreated):
            await links[0].bound()

    async with serving() as (_, address):
        with pytest.raises(LocalProtocolError, match=r"bound\(\) would wait"):
            await hold(links, linked(address, on_event=on_event, side_by_side=True))


async def test_what_does_not_wait_may_be_done_in_on_event() -> None:
    links: list[Link] = []
    calls: list[Call] = []

    async def on_event(event: Event) -> None:
        [link] = links
        if isinstance(event, KeyBound) and not event.renewal:
            calls.append(link.submit(QUERY))
            link.renew()
            link.save()
        elif isinstance(event, CallAnswered):
            # which ends nothing before this returns
            await link.aclose()
            calls.append(calls[0])

    async with serving() as (_, address), linked(address, on_event=on_event) as link:
        links.append(link)
        while not link.status.closed:
            await anyio.sleep(0.001)
        await link.aclose()
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            await link.bound()
        assert len(calls) == 2
        assert await calls[0] == QUERY[::-1]
        assert [update async for update in link.updates()] == []


async def test_an_answer_that_is_there_may_be_taken_in_on_event() -> None:
    links: list[Link] = []
    calls: list[Call] = []
    taken: list[bytes] = []

    async def on_event(event: Event) -> None:
        if isinstance(event, KeyBound) and event.renewal:
            taken.append(await calls[0])

    async with serving() as (_, address), linked(address, on_event=on_event) as link:
        links.append(link)
        calls.append(link.submit(QUERY))
        await calls[0]
        link.renew()
        while not taken:
            await link.call(QUERY)
    assert taken == [QUERY[::-1]]
