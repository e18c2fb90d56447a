"""Both keys are made at once, on a connection each."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from attrs import define

from kit.loops import cheap_client, cheap_server, linked, serving
from kit.serving import QUERY, turn_around
from mtproto_bind import (
    ClientConnection,
    ConnectionClosed,
    DataCenter,
    Event,
    Goal,
    KeyBound,
    LocalProtocolError,
    PendingKey,
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
from mtproto_bind_adapters.anyio.beside import Beside, can_be_parted
from mtproto_bind_adapters.anyio.client import Client
from mtproto_bind_adapters.anyio.telling import Telling

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


async def test_a_key_that_was_to_come_from_the_owner_is_made_here() -> None:
    def owner(question: Question[Any]) -> Any:
        raise NotImplementedError

    config = cheap_client(permanent_key=PendingKey())
    async with serving() as (_, address), linked(address, config, side_by_side=True, owner=owner) as link:
        assert await link.call(QUERY) == QUERY[::-1]
    assert can_be_parted(config)
    assert can_be_parted(cheap_client())
    assert not can_be_parted(cheap_client(goal=Goal.TEMPORARY_KEY))


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


@define
class Asking:
    """Stands in for the connection that waits for the key."""

    open_questions: tuple[Question[Any], ...]


async def test_a_key_that_was_given_up_is_made_anew_and_one_that_came_too_late_is_not() -> None:
    made: list[Event] = []
    early, first, second = [PermanentKeyRequired(number=number) for number in (1, 2, 3)]
    async with serving() as (loop, address):
        carry = partial(Client, dial=tcp(*address), transport=None, retry=Retry())
        beside = Beside(cheap_client(), carry, Telling(made.append), None)
        # nobody waits any more for the answer to the first question
        beside.connection = Asking((first, second))  # type: ignore[assignment]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(beside.make)
            key = await beside.answer_to(early)
        assert await beside.answer_to(first) is key
        another = await beside.answer_to(second)
        assert another.key.id != key.key.id
        assert [event.key for event in made if isinstance(event, PermanentKeyCreated)] == [key, another]
        while loop.clients:
            await anyio.lowlevel.checkpoint()


async def test_questions_that_are_not_about_the_key_are_for_the_owner() -> None:
    def never(_connection: ClientConnection, **_settings: Any) -> Any:
        raise NotImplementedError

    question = PermanentKeySuspected(number=1, permanent_key_id=1, verdict=None)  # type: ignore[arg-type]
    beside = Beside(cheap_client(), never, Telling(None), lambda question: Verdict.KEEP)
    assert await beside.answer_to(question) is Verdict.KEEP
    with pytest.raises(LocalProtocolError, match="give owner="):
        await Beside(cheap_client(), never, Telling(None), None).answer_to(question)
    assert isinstance(PermanentKeyRequired(number=1), Question)
