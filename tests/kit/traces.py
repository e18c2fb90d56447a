"""One script for every driver, the server that it is played to, and the events that it has to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mtproto_bind import (
    CallAnswered,
    CallFailed,
    CallReceived,
    ConnectionClosed,
    Event,
    KeyBound,
    RpcError,
    ServerConnection,
    TransportEnded,
    UpdateReceived,
)
from mtproto_bind_adapters.sync import SyncServer
from mtproto_bind_adapters.websocket import ServerCarrier

from .serving import QUERY, make_loop, running

UPDATE, CUT, REFUSED = (name.encode() for name in ("updt", "cut.", "no.."))
"""Calls that the server does something particular with."""
NEWS = b"news"

Step = str | bytes
SCRIPT: tuple[Step, ...] = ("bound", QUERY, UPDATE, "renew", QUERY, CUT, "lost", QUERY, REFUSED)
"""Bytes are a call, whose end is waited for; ``lost`` waits for the end of the stream. Then the connection is closed."""

TOLD = (
    "PermanentKeyCreated",
    "TemporaryKeyCreated",
    "KeyBound renewal=False",
    f"CallAnswered {QUERY[::-1].hex()}",
    f"UpdateReceived {NEWS.hex()}",
    f"CallAnswered {UPDATE[::-1].hex()}",
    "TemporaryKeyCreated",
    "KeyBound renewal=True",
    f"CallAnswered {QUERY[::-1].hex()}",
    f"CallAnswered {CUT[::-1].hex()}",
    "TransportEnded None",
    f"CallAnswered {QUERY[::-1].hex()}",
    "CallFailed 400 REFUSED",
    "ConnectionClosed None",
)
"""The events of :data:`SCRIPT`, in order."""


def name(event: Event) -> str:
    """What of an event is the same in every run."""
    match event:
        case KeyBound():
            detail = f" renewal={event.renewal}"
        case CallAnswered() | UpdateReceived():
            detail = f" {event.body.hex()}"
        case CallFailed(reason=RpcError() as reason):
            detail = f" {reason.code} {reason.message}"
        case TransportEnded() | ConnectionClosed():
            detail = f" {event.error}"
        case _:
            detail = ""
    return type(event).__name__ + detail


class Playing:
    """The server of the script."""

    def __init__(self) -> None:
        self.loop: SyncServer = make_loop(self.on_event)

    def on_event(self, connection: ServerConnection, event: Event, now: float) -> None:
        if not isinstance(event, CallReceived):
            return
        if event.body == REFUSED:
            connection.send_error(event, 400, "REFUSED", now)
            return
        if event.body == UPDATE:
            self.loop.server.send_update(event.key_id, event.session_id, NEWS, now)
        connection.send_result(event, event.body[::-1], now)
        if event.body == CUT:
            connection.close(now)


@contextmanager
def playing() -> Iterator[tuple[tuple[str, int], str]]:
    """The server of the script; its address, and its URL for WebSockets."""
    server = Playing()
    host, port = server.loop.listen("127.0.0.1", 0, carrier=ServerCarrier)
    with running(server.loop) as address:
        yield address, f"ws://{host}:{port}/apiws"


Play = Callable[[tuple[str, int], str], list[str]]
"""Plays :data:`SCRIPT` to the server at an address or a URL, and returns the names of the events."""
