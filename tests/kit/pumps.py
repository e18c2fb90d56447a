"""The smallest driver over an anyio stream: one task, computations inline."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import anyio
from anyio.abc import ByteStream

from mtproto_bind import NEED_DATA, ClientConnection, Computation, ConnectionClosed, Event, ServerConnection, TransportEnded
from mtproto_bind_adapters.clock import Clock


async def pump(connection: ClientConnection | ServerConnection, stream: ByteStream, tell: Callable[[Event], None]) -> None:
    """Carries ``connection`` over ``stream`` until one of them ends. ``tell`` is given every event, questions too."""
    now = Clock().now
    while True:
        while (event := connection.next_event()) is not NEED_DATA:
            if isinstance(event, Computation):
                connection.answer(event, event.run(), now())
                continue
            tell(event)
            if isinstance(event, TransportEnded | ConnectionClosed):
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await stream.send(connection.data_to_send(now()))
                await stream.aclose()
                return
        try:
            if data := connection.data_to_send(now()):
                await stream.send(data)
            with anyio.move_on_after(seconds_until(connection.next_deadline(), now())):
                connection.receive_data(await stream.receive(), now())
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            connection.transport_lost(now())
        connection.handle_timeout(now())


def seconds_until(deadline: float | None, now: float) -> float | None:
    return None if deadline is None else max(deadline - now, 0.0)
