"""The WebSocket of the page: what it brings, how it ends, and that nothing of ours is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from attrs import define, field

from kit.page import URL, Page, Socket
from mtproto_bind_adapters.browser import websocket
from mtproto_bind_adapters.browser.websocket import WebSocket, WebSocketFailed, check_url


@define
class Log:
    """Somebody who is told."""

    room: int = 100
    told: list[object] = field(factory=list)

    def opened(self) -> None:
        self.told.append("opened")

    def received(self, data: bytes) -> None:
        self.told.append(data)

    def ended(self, error: WebSocketFailed | None) -> None:
        self.told.append(error)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page().install(monkeypatch)


Scene = Callable[[WebSocket, Socket, Log], Awaitable[None]]


def play(page: Page, scene: Scene) -> Log:
    """``scene`` with a WebSocket and its other end; afterwards JavaScript holds nothing of ours."""
    log = Log()

    async def run() -> None:
        ours = WebSocket(URL, log)
        assert len(page.proxies) == 3
        await scene(ours, page.sockets[0], log)
        ours.leave()
        await ours.gone()
        assert page.proxies == []
        assert page.sockets[0].listened_to == {"error"}

    asyncio.run(run())
    return log


def error_of(log: Log) -> WebSocketFailed:
    """What was told last."""
    assert isinstance(log.told[-1], WebSocketFailed)
    return log.told[-1]


def test_bytes_come_and_go(page: Page) -> None:
    async def scene(ours: WebSocket, theirs: Socket, _log: Log) -> None:
        assert (theirs.url, theirs.protocols, theirs.binaryType) == (URL, ["binary"], "arraybuffer")
        theirs.accept()
        ours.send(b"there")
        theirs.bufferedAmount = 7
        assert ours.backlog == 7
        theirs.bring(b"back")
        theirs.bring(b"")
        ours.leave()
        theirs.bring(b"unheard")

    assert play(page, scene).told == ["opened", b"back", b""]
    assert page.sockets[0].sent == [b"there"]
    assert page.sockets[0].closed_with == 1000


@pytest.mark.parametrize("code", [1000, 1001, 1005])
def test_a_proper_end_is_no_error(page: Page, code: int) -> None:
    async def scene(ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.accept()
        theirs.end(code)
        ours.send(b"too late")

    assert play(page, scene).told == ["opened", None]


def test_a_loss_says_its_code_and_what_a_browser_hides(page: Page) -> None:
    async def scene(_ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.accept()
        theirs.end(1006)

    error = error_of(play(page, scene))
    assert error.code == 1006
    assert str(error) == f"the WebSocket to {URL} was lost with code 1006, for which the browser gives no reason"


def test_a_reason_is_told_as_far_as_it_can_be_shown(page: Page) -> None:
    async def scene(_ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.accept()
        theirs.end(1011, "out\nof order" + "!" * 500)

    text = str(error_of(play(page, scene)))
    assert "with code 1011 (out?of order!!" in text
    assert len(text) < 300


def test_an_end_before_the_beginning(page: Page) -> None:
    async def scene(_ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.end(1006)

    error = error_of(play(page, scene))
    assert error.code == 1006
    assert "before it was open; a browser does not say why: is the server up" in str(error)


def test_even_a_proper_end_before_the_beginning_is_an_error(page: Page) -> None:
    async def scene(_ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.end(1000)

    assert error_of(play(page, scene)).code == 1000


@pytest.mark.parametrize("protocol", ["", "chat"])
def test_another_subprotocol(page: Page, protocol: str) -> None:
    async def scene(_ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.accept(protocol)
        theirs.bring(b"unheard")

    log = play(page, scene)
    assert "choose the subprotocol 'binary'" in str(error_of(log))
    assert len(log.told) == 1
    assert page.sockets[0].closed_with == 1000


@pytest.mark.parametrize(("any_code", "code"), [(True, 1003), (False, 4003)])
def test_a_text_frame(page: Page, any_code: bool, code: int) -> None:
    page.any_code = any_code

    async def scene(_ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.accept()
        theirs.bring("hello")
        theirs.bring(b"unheard")

    log = play(page, scene)
    assert "came a text frame" in str(error_of(log))
    assert len(log.told) == 2
    assert page.sockets[0].closed_with == code


def test_more_than_there_is_room_for(page: Page) -> None:
    async def scene(_ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.accept()
        theirs.bring(bytes(100))
        theirs.bring(bytes(101))

    log = play(page, scene)
    assert log.told[:2] == ["opened", bytes(100)]
    assert "expected no more than 100 bytes" in str(error_of(log))


def test_a_peer_that_says_no_goodbye_is_not_waited_for_long(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "FAREWELL", 0.01)
    page.says_goodbye = False

    async def scene(_ours: WebSocket, theirs: Socket, _log: Log) -> None:
        theirs.accept()

    assert play(page, scene).told == ["opened"]


def test_what_the_page_may_not_open(page: Page) -> None:
    page.forbids = "SecurityError: an insecure WebSocket from a secure page"
    with pytest.raises(WebSocketFailed, match=r"may not open it: SecurityError: an insecure WebSocket from a secure page$"):
        asyncio.run(open_one())
    page.forbids = ""
    with pytest.raises(WebSocketFailed, match="may not open it"):
        asyncio.run(open_one())
    assert page.proxies == []


async def open_one() -> None:
    WebSocket(URL, Log())


@pytest.mark.parametrize("url", ["ws://localhost/", "wss://host/apiws", "ws://[::1]:80/apiws?x=1"])
def test_urls(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url", ["", "http://host/", "ws:///apiws", "ws://host:99999/", "ws://host:0/", "wss://host/#here", "ws://[::1/"]
)
def test_other_urls(url: str) -> None:
    with pytest.raises(ValueError, match="expected a URL like wss://host/apiws"):
        check_url(url)
