"""One event is told after the other, and whoever is told must not wait for what waits for it."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from mtproto_bind import Event, LocalProtocolError, UpdateReceived
from mtproto_bind_adapters.anyio.telling import Telling

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]

NEWS = UpdateReceived(body=b"news")


async def test_where_nobody_listens_nothing_is_told() -> None:
    telling = Telling(None)
    await telling(NEWS)
    assert not telling.is_current


async def test_two_tell_one_after_the_other() -> None:
    told: list[str] = []

    async def on_event(event: Event) -> None:
        told.append("begins")
        await anyio.lowlevel.checkpoint()
        told.append("ends")

    telling = Telling(on_event)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(telling, NEWS)
    assert told == ["begins", "ends"] * 3


async def test_the_task_that_is_told_must_not_wait_and_others_may() -> None:
    refused: list[str] = []

    async def on_event(event: Event) -> None:
        with pytest.raises(LocalProtocolError, match=r"bound\(\) would wait for the link.* use submit\(\)") as raised:
            telling.refuse_to_wait("bound()")
        refused.append(str(raised.value))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)

    async def wait() -> None:
        telling.refuse_to_wait("bound()")

    telling = Telling(on_event)
    await telling(NEWS)
    assert len(refused) == 1
    await wait()


async def test_what_the_owner_raises_comes_out_and_is_over() -> None:
    def stumble(event: Event) -> None:
        raise ZeroDivisionError

    telling = Telling(stumble)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await telling(NEWS)
    telling.refuse_to_wait("bound()")
