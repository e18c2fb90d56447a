"""The WebSocket of the page: what it brings is handed on inside the event that brings it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

__all__ = ["Receiver", "WebSocket", "WebSocketFailed", "check_url"]

SUBPROTOCOL = "binary"
NORMAL = 1000
UNSUPPORTED_DATA = 1003
UNSUPPORTED_DATA_OF_A_PAGE = 4003
"""Browsers let a page say no code below 3000 but 1000."""
ABNORMAL = 1006
PROPER = {NORMAL, 1001, 1005}
FAREWELL = 1.0
"""Seconds for the peer to close its side."""
REASON_CEILING = 200


class WebSocketFailed(ConnectionError):
    """A WebSocket could not be opened, or has ended improperly. ``code``: the close code, None: we ended it, or never had it."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class Receiver(Protocol):
    """Is told what becomes of a WebSocket; nothing more once it has ended, or was left."""

    @property
    def room(self) -> int:
        """Bytes that it can take at present."""

    def opened(self) -> None:
        """Bytes may be sent."""

    def received(self, data: bytes) -> None:
        """Some bytes; where a frame ends means nothing."""

    def ended(self, error: WebSocketFailed | None) -> None:
        """No more bytes come. None: the peer has closed it properly."""


def check_url(url: str) -> str:
    """``url`` itself. ``ValueError`` for what is no ``ws://`` or ``wss://`` URL."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and not parts.fragment and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"expected a URL like wss://host/apiws or ws://host:port/apiws, got {url!r}")
    return url


class WebSocket:
    """A WebSocket to ``url``, about which ``receiver`` is told. :class:`WebSocketFailed` where the page may not have it.

    Handlers are proxies that JavaScript holds; each is destroyed when the WebSocket has ended, however that came.
    """

    def __init__(self, url: str, receiver: Receiver) -> None:
        import js
        from pyodide.ffi import create_proxy, to_js

        self._url = url
        self._receiver = receiver
        self._to_js = to_js
        self._proxies: dict[str, Any] = {}
        self._told = True
        self._was_open = False
        self._gone = asyncio.Event()
        self._last_call: asyncio.TimerHandle | None = None
        try:
            self._socket = js.WebSocket.new(url, to_js([SUBPROTOCOL]))
        except Exception as error:
            raise WebSocketFailed(f"expected a WebSocket at {url}, but the page may not open it: {first_line(error)}") from None
        self._socket.binaryType = "arraybuffer"
        # it says nothing that "close" does not; but the one of Node throws where nobody listens, also when all else is destroyed
        self._socket.addEventListener("error", js.Function.prototype)
        for name, handler in (("open", self._on_open), ("message", self._on_message), ("close", self._on_close)):
            proxy = self._proxies[name] = create_proxy(handler)
            self._socket.addEventListener(name, proxy)

    @property
    def backlog(self) -> int:
        """Bytes that were sent, and that the browser has yet to write."""
        return int(self._socket.bufferedAmount)

    def send(self, data: bytes) -> None:
        """Sends bytes. What cannot be sent any more is lost, and the end of the WebSocket is told soon."""
        with suppress(Exception):
            self._socket.send(self._to_js(data))

    def leave(self) -> None:
        """Says goodbye; nothing more is told. May be called twice."""
        self._leave(NORMAL)

    async def gone(self) -> None:
        """After :meth:`leave`, until the peer has said goodbye too; for a second at most."""
        await self._gone.wait()

    def _on_open(self, _event: Any) -> None:
        self._was_open = True
        if self._socket.protocol != SUBPROTOCOL:
            self._fail(f"expected the server at {self._url} to choose the subprotocol {SUBPROTOCOL!r}, it chose none", NORMAL)
        else:
            self._receiver.opened()

    def _on_message(self, event: Any) -> None:
        data = event.data
        if isinstance(data, str):
            self._fail("expected binary frames, came a text frame: is that a server of MTProto?", UNSUPPORTED_DATA)
        elif data.byteLength > self._receiver.room:
            size, room = int(data.byteLength), self._receiver.room
            self._fail(f"expected no more than {room} bytes while earlier ones are looked at, came {size}", NORMAL)
        else:
            self._receiver.received(bytes(data.to_bytes()))

    def _on_close(self, event: Any) -> None:
        told, self._told = self._told, False
        code = int(event.code)
        self._finish()
        if told:
            proper = self._was_open and code in PROPER
            self._receiver.ended(None if proper else WebSocketFailed(self._why(code, str(event.reason)), code))

    def _why(self, code: int, reason: str) -> str:
        """What a close code means, as far as a browser tells."""
        said = f" ({shown(reason)})" if reason else ""
        if self._was_open:
            hidden = ", for which the browser gives no reason" if code == ABNORMAL else ""
            return f"the WebSocket to {self._url} was lost with code {code}{said}{hidden}"
        return (
            f"expected a WebSocket at {self._url}, came its end with code {code}{said} before it was open; a browser does not "
            f"say why: is the server up, is the address right, and does it speak the subprotocol {SUBPROTOCOL!r}?"
        )

    def _fail(self, text: str, code: int) -> None:
        self._leave(code)
        self._receiver.ended(WebSocketFailed(text))

    def _leave(self, code: int) -> None:
        if not self._told:
            return
        self._told = False
        self._release("open", "message")
        try:
            self._socket.close(code)
        except Exception:
            self._socket.close(NORMAL if code == NORMAL else UNSUPPORTED_DATA_OF_A_PAGE)
        self._last_call = asyncio.get_running_loop().call_later(FAREWELL, self._finish)

    def _finish(self) -> None:
        """Nothing comes any more."""
        if self._last_call is not None:
            self._last_call.cancel()
        self._release(*self._proxies)
        self._gone.set()

    def _release(self, *names: str) -> None:
        for name in names:
            proxy = self._proxies.pop(name)
            self._socket.removeEventListener(name, proxy)
            proxy.destroy()


def shown(text: str) -> str:
    """What a peer has written, as far as it may be shown."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:REASON_CEILING])


def first_line(error: Exception) -> str:
    """What a JavaScript error says, without its stack."""
    return (str(error).splitlines() or [type(error).__name__])[0]
