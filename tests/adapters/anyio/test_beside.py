"""Both keys are made at once, on a connection each."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from kit.loops import cheap_client, cheap_server, linked, serving
from kit.serving import QUERY, turn_around
from mtproto_bind import (
    ClientConfig,
    ConnectionClosed,
    DataCenter,
    Event,
    Goal,
    KeyBound,
    LocalProtocolError,
    PermanentKeyCreated,
    PermanentKeyRequired,
    PermanentKeySuspected,
    Question,
    Retry,
    TemporaryKeyCreated,
    TransportErrorReceived,
    Verdict,
)
from mtproto_bind_adapters.anyio import tcp
from mtproto_bind_adapters.anyio.beside import Beside, one_at_a_time
from mtproto_bind_adapters.anyio.client import Client

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


async def test_five_round_trips_and_every_event_once() -> None:
    told: list[Event] = []
    streams: list[int] = []

    def on_event(connection: Any, event: Event, now: float) -> None:
        streams.append(len(loop.clients))
        turn_around(connection, event, now)

    async with serving(on_event) as (loop, address):
        async with linked(address, on_event=told.append, side_by_side=True) as link:
            assert await link.call(QUERY) == QUERY[::-1]
            assert link.round_trips == 5
            while len(loop.clients) > 1:
                # the first connection is closed when it has done its work
                await anyio.lowlevel.checkpoint()
        kinds = [type(event) for event in told]
        assert kinds.count(PermanentKeyCreated) == kinds.count(TemporaryKeyCreated) == 1
        assert kinds.count(ConnectionClosed) == kinds.count(KeyBound) == 1
        assert max(streams) == 2


async def test_with_a_pipeline_it_is_four() -> None:
    async with serving() as (_, address), linked(address, cheap_client(pipeline=True), side_by_side=True) as link:
        assert await link.call(QUERY) == QUERY[::-1]
        assert link.round_trips == 4


async def test_the_key_is_saved_before_it_is_used_and_nothing_is_told_beside_something_else() -> None:
    told: list[str] = []

    async def on_event(event: Event) -> None:
        told.append(f"{type(event).__name__} begins")
        await anyio.sleep(0.01)
        told.append(f"{type(event).__name__} ends")

    async with serving() as (_, address), linked(address, on_event=on_event, side_by_side=True) as link:
        await link.bound()
    assert [word.split()[1] for word in told] == ["begins", "ends"] * (len(told) // 2)
    assert told.index("PermanentKeyCreated ends") < told.index("KeyBound begins")


@pytest.mark.parametrize("changes", [{"goal": Goal.PERMANENT_KEY}, {"goal": Goal.TEMPORARY_KEY}])
async def test_where_there_is_nothing_to_do_side_by_side_one_connection_does(changes: dict[str, Any]) -> None:
    made = anyio.Event()

    def on_event(event: Event) -> None:
        if isinstance(event, PermanentKeyCreated | TemporaryKeyCreated):
            made.set()

    config = cheap_client(**changes)
    async with serving() as (loop, address), linked(address, config, on_event=on_event, side_by_side=True):
        await made.wait()
        assert len(loop.clients) == 1


async def test_a_key_at_hand_is_used() -> None:
    keys: list[PermanentKeyCreated] = []

    def on_event(event: Event) -> None:
        if isinstance(event, PermanentKeyCreated):
            keys.append(event)

    async with serving() as (_, address):
        async with linked(address, on_event=on_event, side_by_side=True) as link:
            await link.bound()
        async with linked(address, cheap_client(b"2", permanent_key=keys[0].key), on_event=on_event, side_by_side=True) as link:
            assert (await link.bound()).permanent_key_id == keys[0].key.key.id
    assert len(keys) == 1


async def test_where_the_key_cannot_be_made_the_link_ends() -> None:
    elsewhere = cheap_client(dc=DataCenter(4), retry=Retry(attempts=1))
    async with serving(config=cheap_server(dc=DataCenter(2))) as (_, address):
        with pytest.raises(TransportErrorReceived):
            async with linked(address, elsewhere, side_by_side=True) as link:
                await link.bound()


async def test_what_the_owner_does_wrong_with_the_key_comes_out() -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, PermanentKeyCreated):
            raise ZeroDivisionError

    async with serving() as (_, address):
        with pytest.raises(ZeroDivisionError):
            async with linked(address, on_event=on_event, side_by_side=True) as link:
                await link.bound()


async def test_a_key_that_was_given_up_is_made_anew() -> None:
    made: list[Event] = []
    async with serving() as (loop, address):
        carry = partial(Client, dial=tcp(*address), transport=None, retry=Retry())
        beside = Beside(cheap_client(), carry, made.append, None)  # type: ignore[arg-type]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(beside.make)
            first = await beside.answer_to(PermanentKeyRequired(number=1))
        second = await beside.answer_to(PermanentKeyRequired(number=2))
        assert first.key.id != second.key.id
        assert [event.key for event in made if isinstance(event, PermanentKeyCreated)] == [first, second]
        while loop.clients:
            await anyio.lowlevel.checkpoint()


async def test_questions_that_are_not_about_the_key_are_for_the_owner() -> None:
    def never(_config: ClientConfig, **_settings: Any) -> Any:
        raise NotImplementedError

    question = PermanentKeySuspected(number=1, permanent_key_id=1, verdict=None)  # type: ignore[arg-type]
    beside = Beside(cheap_client(), never, one_at_a_time(None), lambda question: Verdict.KEEP)
    assert await beside.answer_to(question) is Verdict.KEEP
    with pytest.raises(LocalProtocolError, match="give owner="):
        await Beside(cheap_client(), never, one_at_a_time(None), None).answer_to(question)
    assert isinstance(PermanentKeyRequired(number=1), Question)
