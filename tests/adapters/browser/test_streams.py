"""One WebSocket after the other: when it is opened, given up and opened again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from attrs import define, field

from kit.page import URL, Page, Socket
from mtproto_bind import Retry
from mtproto_bind_adapters.browser.streams import HIGH_WATER, Streams
from mtproto_bind_adapters.browser.websocket import WebSocketFailed


@define
class Scene:
    """Streams at a time that the test decides."""

    page: Page
    retry: Retry
    time: float = 1000.0
    changes: int = 0
    streams: Streams = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.streams = Streams(URL, retry=self.retry, ceiling=100, now=lambda: self.time, on_change=self.changed)

    def changed(self) -> None:
        self.changes += 1

    @property
    def socket(self) -> Socket:
        """The other end of the last WebSocket."""
        return self.page.sockets[-1]

    def opened(self) -> None:
        """A stream is there, and looked at."""
        self.streams.see_to()
        self.socket.accept()
        self.streams.fresh = False

    def troubles(self) -> list[str]:
        """What was not told yet."""
        told, self.streams.troubles = self.streams.troubles, []
        return [str(error) for error in told]


Play = Callable[[Callable[[Scene], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page().install(monkeypatch)


def play(page: Page, act: Callable[[Scene], Coroutine[Any, Any, None]], retry: Retry | None = None) -> None:
    async def run() -> None:
        scene = Scene(page, retry or Retry(delay=1, ceiling=3))
        await act(scene)
        scene.streams.hang_up(b"")
        if scene.streams.left is not None:
            await scene.streams.left.gone()

    asyncio.run(run())
    assert page.proxies == []


def test_what_comes_is_kept_until_it_is_taken(page: Page) -> None:
    async def act(scene: Scene) -> None:
        streams = scene.streams
        assert (streams.is_open, streams.ready) == (False, False)
        streams.send(b"nowhere to")
        scene.opened()
        assert (streams.is_open, streams.ready, streams.room) == (True, True, 100)
        await streams.first
        scene.socket.bring(b"one")
        scene.socket.bring(b"two")
        assert (streams.room, streams.take(), streams.take(), streams.room) == (94, b"onetwo", b"", 100)
        streams.send(b"back")
        assert scene.socket.sent == [b"back"]
        assert scene.changes == 3

    play(page, act)


def test_the_last_words_are_sent_only_where_somebody_listens(page: Page) -> None:
    async def act(scene: Scene) -> None:
        scene.opened()
        scene.socket.bring(b"of no use any more")
        scene.streams.hang_up(b"farewell")
        assert scene.socket.sent == [b"farewell"]
        assert (scene.streams.take(), scene.streams.is_open) == (b"", False)
        scene.streams.see_to()
        scene.streams.hang_up(b"unheard")
        assert scene.socket.sent == []
        assert len(page.sockets) == 2

    play(page, act)


def test_the_first_one_that_fails_is_the_last(page: Page) -> None:
    async def act(scene: Scene) -> None:
        scene.streams.see_to()
        scene.socket.end(1006)
        with pytest.raises(WebSocketFailed, match="before it was open"):
            await scene.streams.first
        assert scene.streams.failure is not None
        scene.time += 100
        scene.streams.see_to()
        assert len(page.sockets) == 1
        assert scene.streams.times() == []

    play(page, act)


def test_later_ones_are_tried_again_and_each_pause_is_longer(page: Page) -> None:
    async def act(scene: Scene) -> None:
        scene.opened()
        scene.socket.end(1006)
        assert scene.streams.lost
        scene.streams.see_to()
        assert len(page.sockets) == 1, "nobody has heard of the loss yet"
        scene.streams.lost = False
        pauses = []
        for _ in range(4):
            scene.streams.see_to()
            scene.socket.end(1006)
            (again,) = scene.streams.times()
            pauses.append(again - scene.time)
            scene.streams.see_to()
            scene.time = again
        assert pauses == [1, 2, 3, 3]
        assert len(page.sockets) == 5
        scene.opened()
        scene.socket.end(1000)
        scene.streams.lost = False
        scene.streams.see_to()
        scene.socket.end(1006)
        assert scene.streams.times() == [scene.time + 1], "a stream that was open counts as a fresh start"
        assert len(scene.troubles()) == 6

    play(page, act)


def test_as_many_tries_as_there_shall_be(page: Page) -> None:
    async def act(scene: Scene) -> None:
        scene.opened()
        scene.socket.end(1006)
        scene.streams.lost = False
        for _ in range(2):
            scene.streams.see_to()
            scene.socket.end(1006)
            scene.time += 10
        assert "before it was open" in str(scene.streams.failure)
        assert len(scene.troubles()) == 2

    play(page, act, Retry(attempts=2, delay=1))


def test_a_page_that_may_not_open_one(page: Page) -> None:
    async def act(scene: Scene) -> None:
        scene.opened()
        scene.socket.end(1000)
        scene.streams.lost = False
        page.forbids = "SecurityError"
        scene.streams.see_to()
        (trouble,) = scene.troubles()
        assert "may not open it: SecurityError" in trouble

    play(page, act)


def test_one_that_does_not_open_is_given_up(page: Page) -> None:
    async def act(scene: Scene) -> None:
        scene.opened()
        scene.socket.end(1000)
        scene.streams.lost = False
        scene.streams.see_to()
        assert scene.streams.times() == [1010]
        scene.time = 1010
        scene.streams.see_to()
        assert scene.socket.closed_with == 1000
        assert scene.troubles() == [f"expected a WebSocket at {URL}, nothing came in 10 s"]
        assert scene.streams.times() == [1011]

    play(page, act)


def test_one_that_takes_nothing_is_given_up(page: Page) -> None:
    async def act(scene: Scene) -> None:
        scene.opened()
        scene.socket.bufferedAmount = HIGH_WATER + 1
        assert not scene.streams.ready
        assert scene.streams.times() == [1000.05]
        scene.time = 1020
        scene.streams.see_to()
        scene.socket.bufferedAmount = HIGH_WATER
        assert scene.streams.ready, "it has taken something"
        assert scene.streams.times() == []
        scene.socket.bufferedAmount = HIGH_WATER + 1
        assert not scene.streams.ready
        scene.time = 1050
        assert not scene.streams.ready
        scene.streams.see_to()
        assert scene.streams.lost
        assert scene.troubles() == [f"expected {URL} to take what is sent, it took nothing for 30 s"]
        assert scene.socket.closed_with == 1000

    play(page, act)


def test_one_that_is_closed_before_it_is_open_is_no_stream_even_if_it_is_polite(page: Page) -> None:
    async def act(scene: Scene) -> None:
        scene.streams.see_to()
        scene.streams.ended(None)
        with pytest.raises(WebSocketFailed, match="closed before it was open"):
            await scene.streams.first
        scene.socket.end(1000)

    play(page, act)
