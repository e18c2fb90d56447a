"""The face for tasks: what it gives, and what it raises."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kit.keys import SERVER_KEY
from kit.page import URL, Page, ServedPeer
from mtproto_bind import (
    KeyBound,
    LocalProtocolError,
    OutcomeUnknown,
    ServerConnection,
)
from mtproto_bind.testing import make_client_config
from mtproto_bind_adapters.browser import CallUnanswered, Link, connect

CONFIG = make_client_config(SERVER_KEY)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(peer=ServedPeer(now=time.time)).install(monkeypatch)


def the_peer(page: Page) -> ServedPeer:
    assert isinstance(page.peer, ServedPeer)
    return page.peer


def use(scene: Callable[[Link], Awaitable[None]], **how: Any) -> None:
    async def run() -> None:
        async with connect(CONFIG, URL, **how) as link:
            await scene(link)

    asyncio.run(run())


def test_calls_leave_in_the_order_in_which_they_begin(page: Page) -> None:
    async def scene(link: Link) -> None:
        calls = [link.submit(bytes([number] * 8)) for number in range(5)]
        assert [await call for call in reversed(calls)] == [bytes([number] * 8) for number in reversed(range(5))]
        after = link.submit(b"12345678", after=[calls[0].id], updates=False, repeat=True)
        assert await after == await after == b"87654321"

    use(scene)


def test_a_call_that_is_cancelled_is_cancelled(page: Page) -> None:
    async def scene(link: Link) -> None:
        waiting = asyncio.create_task(link.call(b"12345678"))
        await asyncio.sleep(0)
        assert link.status.calls == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert link.status.calls == 0
        call = link.submit(b"12345678")
        call.cancel()
        with pytest.raises(CallUnanswered) as raised:
            await call
        assert raised.value.reason == OutcomeUnknown("the call was cancelled")

    use(scene)


def test_a_call_may_be_given_up(page: Page) -> None:
    async def scene(link: Link) -> None:
        the_peer(page).silent = True
        with pytest.raises(CallUnanswered):
            await link.call(b"12345678", timeout=0.01)

    use(scene)


def test_whoever_waits_for_a_binding_may_stop(page: Page) -> None:
    async def scene(link: Link) -> None:
        waiting = asyncio.create_task(link.bound())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert link._client.board._for_binding == {}
        assert isinstance(await link.bound(), KeyBound)

    use(scene)


def send_update(page: Page, link: Link, body: bytes) -> None:
    """An update of the server's own accord."""
    peer, bound = the_peer(page), link.bound_key()
    connection = peer.server.send_update(bound.key.id, bound.session_id, body, time.time())
    assert isinstance(connection, ServerConnection)
    peer.go_on(page.sockets[-1])


def test_updates_come_and_those_before_are_held(page: Page) -> None:
    async def scene(link: Link) -> None:
        await link.call(b"12345678")
        send_update(page, link, b"one!")
        send_update(page, link, b"two!")
        updates = link.updates()
        assert [await anext(updates) for _ in range(2)] == [b"one!", b"two!"]
        waiting = asyncio.ensure_future(anext(updates))
        while not link._client._for_updates:
            await asyncio.sleep(0)
        send_update(page, link, b"more")
        assert await waiting == b"more"
        assert link.updates_missed == 0

    use(scene)


def test_of_more_updates_than_are_held_the_oldest_are_missed(page: Page) -> None:
    async def scene(link: Link) -> None:
        await link.call(b"12345678")
        for body in (b"one!", b"two!"):
            send_update(page, link, body)
        assert await link.call(b"12345678") == b"87654321"
        assert link.updates_missed == 1
        async for update in link.updates():
            assert update == b"two!"
            break

    use(scene, updates_held=1)


def test_updates_end_with_the_link(page: Page) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        waiting = asyncio.create_task(gather(link))
        while not link._client._for_updates:
            await asyncio.sleep(0)
        await link.aclose()
        assert await waiting == []
        assert await gather(link) == []
        with pytest.raises(LocalProtocolError, match="closed"):
            link.submit(b"12345678")
        await link.aclose()
        link.wake()

    use(scene)


async def gather(link: Link) -> list[bytes]:
    return [update async for update in link.updates()]


def test_updates_raise_what_ended_the_link(page: Page) -> None:
    def on_event(event: object) -> None:
        if isinstance(event, KeyBound):
            raise ZeroDivisionError

    async def scene(link: Link) -> None:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await gather(link)

    use(scene, on_event=on_event)


def test_a_key_is_renewed_saved_and_handed_over(page: Page) -> None:
    renewals: list[bool] = []

    def on_event(event: object) -> None:
        if isinstance(event, KeyBound):
            renewals.append(event.renewal)

    async def scene(link: Link) -> None:
        with pytest.raises(LocalProtocolError):
            link.bound_key()
        with pytest.raises(LocalProtocolError):
            link.renew()
        first = await link.bound()
        assert link.bound_key().key.id == first.key_id == link.status.temporary_key_id
        assert len(link.save(temporary_key=True)) > len(link.save())
        link.renew()
        while len(renewals) < 2:
            await asyncio.sleep(0)
        assert link.bound_key().key.id != first.key_id
        assert link.round_trips >= 7
        link.wake()
        link.wake()

    use(scene, on_event=on_event)
    assert renewals == [False, True]
