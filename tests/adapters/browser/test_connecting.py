"""A connection for the time of a block: how it begins, and what comes out of the block."""

from __future__ import annotations

import asyncio
import time

import pytest

from kit.keys import SERVER_KEY
from kit.page import URL, Page, ServedPeer, Socket
from mtproto_bind import ClientConnection, KeyBound, Retry, Transport
from mtproto_bind.testing import make_client_config
from mtproto_bind_adapters.browser import CallUnanswered, Link, WebSocketFailed, connect, connecting

CONFIG = make_client_config(SERVER_KEY, retry=Retry(attempts=2, delay=0.001))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(peer=ServedPeer(now=time.time)).install(monkeypatch)


def the_peer(page: Page) -> ServedPeer:
    assert isinstance(page.peer, ServedPeer)
    return page.peer


def nothing_is_left(page: Page) -> None:
    assert page.proxies == []
    assert all(socket.over or socket.closed_with is not None for socket in page.sockets)
    assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()


def test_a_block_from_nothing_to_bound(page: Page) -> None:
    async def run() -> None:
        async with connect(CONFIG, URL) as link:
            assert isinstance(await link.bound(), KeyBound)
            assert await link.call(b"12345678") == b"87654321"
        nothing_is_left(page)

    asyncio.run(run())
    assert page.sockets[0].closed_with == 1000


def test_a_connection_may_be_given_instead_of_a_config(page: Page) -> None:
    async def run() -> None:
        connection = ClientConnection(CONFIG)
        async with connect(connection, URL, transport=Transport(obfuscated=True)) as link:
            assert link.connection is connection
            await link.bound()

    asyncio.run(run())


def test_the_first_websocket_has_to_do(page: Page) -> None:
    the_peer(page).refusals = 1

    async def run() -> None:
        with pytest.raises(WebSocketFailed, match="code 1006 before it was open") as raised:
            async with connect(CONFIG, URL):
                raise RuntimeError("the block has begun")
        assert raised.value.code == 1006
        nothing_is_left(page)

    asyncio.run(run())


def test_cancelled_while_it_dials_it_leaves_nothing(page: Page) -> None:
    async def run() -> None:
        page.peer = type("Deaf", (), {"opened": lambda *_: None, "received": lambda *_: None})()
        dialling = asyncio.create_task(connect(CONFIG, URL).__aenter__())
        await asyncio.sleep(0)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        await asyncio.sleep(0)
        nothing_is_left(page)

    asyncio.run(run())


def test_what_it_cannot_be_made_of(page: Page) -> None:
    async def run(url: str, transport: Transport | None) -> None:
        async with connect(CONFIG, url, transport=transport):
            pass

    with pytest.raises(ValueError, match="expected a URL"):
        asyncio.run(run("http://host/", None))
    with pytest.raises(ValueError, match="obfuscated"):
        asyncio.run(run(URL, Transport()))
    assert page.sockets == []


async def lose(page: Page, link: Link) -> None:
    """The stream of a bound connection, and every further one; then time passes."""
    await link.bound()
    the_peer(page).refusals = 9
    page.sockets[-1].end()
    await asyncio.sleep(60)


def test_an_error_of_which_nobody_hears_cancels_the_block(page: Page) -> None:
    async def block() -> None:
        async with connect(CONFIG, URL) as link:
            await lose(page, link)

    async def run() -> None:
        with pytest.raises(WebSocketFailed):
            await block()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        nothing_is_left(page)

    asyncio.run(run())


def test_an_error_that_comes_as_the_block_ends_is_raised_too(page: Page) -> None:
    async def run() -> None:
        with pytest.raises(ZeroDivisionError):
            async with connect(CONFIG, URL, on_event=lambda _event: 1 // 0) as link:  # type: ignore[arg-type, return-value]
                link.connection.close(0)
        nothing_is_left(page)

    asyncio.run(run())


def test_an_error_that_somebody_hears_comes_out_where_he_waits(page: Page) -> None:
    async def run() -> None:
        async with connect(CONFIG, URL) as link:
            await link.bound()
            the_peer(page).refusals = 9
            page.sockets[-1].end()
            with pytest.raises(WebSocketFailed):
                await link.call(b"12345678")
            with pytest.raises(WebSocketFailed):
                await link.bound()
        nothing_is_left(page)

    asyncio.run(run())


def test_an_error_of_the_block_says_why_the_connection_ended(page: Page) -> None:
    async def block() -> None:
        async with connect(CONFIG, URL) as link:
            try:
                await lose(page, link)
            except asyncio.CancelledError:
                raise KeyError("mine") from None

    async def run() -> None:
        with pytest.raises(KeyError) as raised:
            await block()
        assert isinstance(raised.value.__cause__, WebSocketFailed)
        nothing_is_left(page)

    asyncio.run(run())


def test_cancelled_from_outside_it_is_cancelled(page: Page) -> None:
    async def block(links: list[Link]) -> None:
        async with connect(CONFIG, URL) as link:
            links.append(link)
            await link.bound()
            await asyncio.sleep(60)

    async def run() -> None:
        links: list[Link] = []
        task = asyncio.create_task(block(links))
        while not links or links[0].status.temporary_key_state != "BOUND":
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert links[0].status.closed
        nothing_is_left(page)

    asyncio.run(run())


def test_cancelled_from_both_sides_it_is_cancelled(page: Page) -> None:
    async def block(links: list[Link]) -> None:
        async with connect(CONFIG, URL) as link:
            links.append(link)
            await asyncio.sleep(60)

    async def run() -> None:
        links: list[Link] = []
        task = asyncio.create_task(block(links))
        while not links:
            await asyncio.sleep(0)
        client = links[0]._client
        client.on_unheard()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_who_takes_his_time_is_cut_short(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "FAREWELL", 0.01)
    begun: list[str] = []

    async def on_event(event: object) -> None:
        begun.append(type(event).__name__)
        await asyncio.sleep(60)

    async def run() -> None:
        async with connect(CONFIG, URL, on_event=on_event):
            while not begun:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        nothing_is_left(page)

    asyncio.run(run())
    assert begun == ["PermanentKeyCreated"]


def test_calls_that_are_under_way_are_told_of_the_end(page: Page) -> None:
    async def run() -> None:
        async with connect(CONFIG, URL) as link:
            call = link.submit(b"12345678")
        with pytest.raises(CallUnanswered, match="closed"):
            await call

    asyncio.run(run())


def test_a_loss_is_told_and_another_stream_follows(page: Page) -> None:
    troubles: list[str] = []

    async def run() -> None:
        async with connect(CONFIG, URL, on_trouble=lambda error: troubles.append(str(error)), retry=Retry(delay=0.001)) as link:
            await link.bound()
            the_peer(page).refusals = 3
            page.sockets[-1].end()
            assert await link.call(b"12345678") == b"87654321"
        nothing_is_left(page)

    asyncio.run(run())
    assert [("lost" in text, "before it was open" in text) for text in troubles] == [(True, False), *[(False, True)] * 3]
    assert len(page.sockets) == 5


def test_a_last_socket_is_waited_for(page: Page) -> None:
    order: list[str] = []
    ends = Socket.end

    async def run() -> None:
        def end(socket: Socket, code: int = 1006, reason: str = "") -> None:
            ends(socket, code, reason)
            order.append("goodbye")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Socket, "end", end)
            async with connect(CONFIG, URL):
                pass
            order.append("block")

    asyncio.run(run())
    assert order == ["goodbye", "block"]
