"""A page without a browser: what ``js`` and ``pyodide`` are to the adapter, with WebSockets that the test plays."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from attrs import define, field, frozen

from mtproto_bind import (
    NEED_DATA,
    CallReceived,
    ConnectionClosed,
    Question,
    Server,
    ServerConnection,
    Transport,
    TransportEnded,
)
from mtproto_bind.testing import Owner, make_server_config

from .keys import SERVER_KEY

URL = "ws://127.0.0.1:8445/apiws"


@frozen
class Octets:
    """An ArrayBuffer, or a view of one."""

    data: bytes

    @property
    def byteLength(self) -> int:
        return len(self.data)

    def to_bytes(self) -> bytes:
        return self.data


class Proxy:
    """A Python function as JavaScript holds it."""

    def __init__(self, page: Page, function: Callable[..., Any]) -> None:
        self._page = page
        self._function: Callable[..., Any] | None = function
        page.proxies.append(self)

    def __call__(self, *arguments: Any) -> Any:
        if self._function is None:
            raise RuntimeError("this proxy was destroyed")
        return self._function(*arguments)

    def destroy(self) -> None:
        if self._function is None:
            raise RuntimeError("this proxy was destroyed already")
        self._function = None
        self._page.proxies.remove(self)


class Peer:
    """The other end of a WebSocket; does nothing of its own accord."""

    def opened(self, socket: Socket) -> None:
        """Somebody dials."""

    def received(self, socket: Socket, data: bytes) -> None:
        """Somebody writes."""


class Socket:
    """A WebSocket as JavaScript has it, and what the test does to it: :meth:`accept`, :meth:`bring`, :meth:`end`."""

    def __init__(self, page: Page, url: str, protocols: Any) -> None:
        self.url = url
        self.protocols = list(protocols)
        self.protocol = ""
        self.binaryType = "blob"
        self.bufferedAmount = 0
        self.sent: list[bytes] = []
        self.closed_with: int | None = None
        self.over = False
        self._page = page
        self._listeners: dict[str, list[Any]] = {}

    # ---- as JavaScript has it

    def addEventListener(self, name: str, listener: Any) -> None:
        self._listeners.setdefault(name, []).append(listener)

    def removeEventListener(self, name: str, listener: Any) -> None:
        self._listeners[name].remove(listener)

    def send(self, data: Octets) -> None:
        if self.over:
            raise RuntimeError("the WebSocket is closed")
        self.sent.append(data.data)
        self._page.peer.received(self, data.data)

    def close(self, code: int) -> None:
        if code != 1000 and not 3000 <= code < 5000 and not self._page.any_code:
            raise RuntimeError(f"InvalidAccessError: {code} is no code for a page to say")
        self.closed_with = code
        if self._page.says_goodbye:
            asyncio.get_running_loop().call_soon(self.end, code)

    # ---- what the test does

    @property
    def listened_to(self) -> set[str]:
        return {name for name, listeners in self._listeners.items() if listeners}

    def accept(self, protocol: str = "binary") -> None:
        self.protocol = protocol
        self._dispatch("open")

    def bring(self, data: bytes | str) -> None:
        if not self.over:
            self._dispatch("message", data=data if isinstance(data, str) else Octets(data))

    def end(self, code: int = 1006, reason: str = "") -> None:
        if not self.over:
            self.over = True
            if code == 1006:
                self._dispatch("error")
            self._dispatch("close", code=code, reason=reason)

    def _dispatch(self, name: str, **values: Any) -> None:
        for listener in list(self._listeners.get(name, [])):
            listener(SimpleNamespace(type=name, **values))


@define(eq=False)
class Page:
    """What a page is to the adapter. ``peer`` is at the other end of every WebSocket."""

    peer: Peer = field(factory=Peer)
    sockets: list[Socket] = field(factory=list)
    proxies: list[Proxy] = field(factory=list)
    """Those that JavaScript holds."""
    scripts: list[str] = field(factory=list)
    forbids: str | None = None
    """Why WebSockets may not be opened."""
    strict: bool = False
    """No JavaScript may be made from text."""
    any_code: bool = False
    """A page may say any close code, as under Node."""
    says_goodbye: bool = True
    functions: Any = None
    """What a script evaluates to."""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Page:
        modules: dict[str, dict[str, Any]] = {
            "js": {
                "WebSocket": SimpleNamespace(new=self.open),
                "Function": SimpleNamespace(prototype=lambda *_arguments: None),
            },
            "pyodide": {},
            "pyodide.ffi": {
                "create_proxy": lambda function: Proxy(self, function),
                "to_js": lambda value: Octets(value) if isinstance(value, bytes) else value,
            },
            "pyodide.code": {"run_js": self.run},
        }
        for name, values in modules.items():
            module = ModuleType(name)
            vars(module).update(values)
            monkeypatch.setitem(sys.modules, name, module)
        return self

    def open(self, url: str, protocols: Any) -> Socket:
        if self.forbids is not None:
            raise RuntimeError(f"{self.forbids}\n    at some line of a script")
        socket = Socket(self, url, protocols)
        self.sockets.append(socket)
        self.peer.opened(socket)
        return socket

    def run(self, script: str) -> Any:
        if self.strict:
            raise RuntimeError("EvalError: unsafe-eval")
        self.scripts.append(script)
        return self.functions


class ServedPeer(Peer):
    """A server of the core in the same loop: what it says comes in pieces of ``cut`` bytes, each in an event of its own."""

    def __init__(self, owner: Owner | None = None, *, now: Callable[[], float], cut: int = 4096, **settings: Any) -> None:
        self.server = Server(make_server_config(SERVER_KEY, **settings))
        self.owner = owner if owner is not None else Owner(lambda body: body[::-1])
        self.now = now
        self.refusals = 0
        """So many WebSockets are refused first."""
        self.silent = False
        """Nothing is answered."""
        self.connections: dict[Socket, ServerConnection] = {}
        self._cut = cut

    def opened(self, socket: Socket) -> None:
        if self.refusals:
            self.refusals -= 1
            asyncio.get_running_loop().call_soon(socket.end)
            return
        transport = Transport.detect(obfuscated_only=True)
        self.connections[socket] = self.server.accept(transport, "page", self.now())
        asyncio.get_running_loop().call_soon(socket.accept)

    def received(self, socket: Socket, data: bytes) -> None:
        if not self.silent:
            self.connections[socket].receive_data(data, self.now())
            self.go_on(socket)

    def go_on(self, socket: Socket) -> None:
        """Whatever the server has to do for this client."""
        connection, loop, over = self.connections[socket], asyncio.get_running_loop(), False
        while (event := connection.next_event()) is not NEED_DATA:
            if isinstance(event, Question):
                connection.answer(event, self.owner.answer(event), self.now())
            elif isinstance(event, CallReceived):
                connection.send_result(event, self.owner.handle_call(event.body), self.now())
            over = over or isinstance(event, TransportEnded | ConnectionClosed)
        words = connection.data_to_send(self.now())
        for start in range(0, len(words), self._cut):
            loop.call_soon(socket.bring, words[start : start + self._cut])
        if over:
            loop.call_soon(socket.end, 1000)
