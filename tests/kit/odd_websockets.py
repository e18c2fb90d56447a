"""WebSocket servers that a client should get to know: they refuse, speak of something else, or go without a word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from threading import Thread
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from .serving import closed_port

CODES: list[int | None] = []
"""With what code clients have ended the WebSocket that brought them a text frame."""


def refuse(connection: ServerConnection, request: Any) -> Any:
    """Answers 404 at one path."""
    return connection.respond(HTTPStatus.NOT_FOUND, "no\n") if request.path == "/404" else None


def choose(connection: ServerConnection, offered: Any) -> Subprotocol | None:
    """Speaks no subprotocol at one path."""
    path = connection.request.path if connection.request else ""
    return None if path == "/chat" else Subprotocol("binary")


def handle(connection: ServerConnection) -> None:
    """What each path is for."""
    path = connection.request.path if connection.request else ""
    with suppress(ConnectionClosed):
        connection.recv(timeout=10)
        if path == "/text":
            connection.send("hello")
            with suppress(ConnectionClosed):
                while True:
                    connection.recv(timeout=10)
            CODES.append(connection.protocol.close_code)
        elif path == "/abort":
            # to close it so resets the stream
            connection.socket.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
            connection.socket.close()


@contextmanager
def odd_websockets() -> Iterator[dict[str, str]]:
    """Servers on loopback; their URLs by what is odd about them."""
    host, port = closed_port()
    with serve(
        handle, "127.0.0.1", 0, subprotocols=[Subprotocol("binary")], select_subprotocol=choose, process_request=refuse
    ) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            base = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
            yield {"nobody": f"ws://{host}:{port}/", **{name: f"{base}/{name}" for name in ("404", "chat", "text", "abort")}}
        finally:
            server.shutdown()
            thread.join()
