"""Links of the sync adapter on loopback, and servers for what they are tried with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from mtproto_bind import CallReceived, ClientConfig, Event, Retry, ServerConnection, Timeouts
from mtproto_bind_adapters.sync import Link, connect

from .serving import CONFIG, make_loop, running, turn_around

UPDATE = b"update to"
"""A call that begins so is answered, and followed by as many updates as its last byte says."""
REFUSED = b"refuse it..."
"""A call that the server refuses."""
IGNORED = b"ignore it..."
"""A call that the server does not answer."""
IMPATIENT = evolve(CONFIG, timeouts=Timeouts(handshake=0.05, bind=0.05), retry=Retry(delay=0.01, ceiling=0.02))
"""A client that gives up at once on a peer that says nothing, and tries again at once."""


class Versatile:
    """What a server does with calls; ``received`` has their bodies in the order in which they came."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.loop = make_loop(self.on_event)

    def on_event(self, connection: ServerConnection, event: Event, now: float) -> None:
        if not isinstance(event, CallReceived):
            return
        self.received.append(event.body)
        if event.body == REFUSED:
            connection.send_error(event, 400, "INPUT_METHOD_INVALID", now)
        elif event.body != IGNORED:
            turn_around(connection, event, now)
        if event.body.startswith(UPDATE):
            for number in range(event.body[-1]):
                self.loop.server.send_update(event.key_id, event.session_id, update(number), now)


def update(number: int) -> bytes:
    """The update of this number."""
    return b"new" + bytes([number])


def asking_for_updates(count: int) -> bytes:
    """The call that has ``count`` updates sent."""
    return UPDATE + bytes([0, 0, count])


@contextmanager
def linked(config: ClientConfig = CONFIG, **settings: Any) -> Iterator[tuple[Link, Versatile]]:
    """A link to a server of its own."""
    server = Versatile()
    with running(server.loop) as address, connect(config, *address, **settings) as link:
        yield link, server
