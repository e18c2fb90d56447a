"""A connection of a page for the time of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mtproto_bind import ClientConfig, ClientConnection, Retry, Transport

from .client import Client, OnEvent, OnTrouble, Owner
from .link import Link
from .websocket import FAREWELL, check_url

__all__ = ["connect"]

QUEUE_CEILING = 1 << 23
"""Bytes; twice what one frame of the protocol may have."""


@asynccontextmanager
async def connect(
    config: ClientConfig | ClientConnection,
    url: str,
    *,
    transport: Transport | None = None,
    on_event: OnEvent | None = None,
    on_trouble: OnTrouble | None = None,
    owner: Owner | None = None,
    updates_held: int = 1000,
    queue_ceiling: int = QUEUE_CEILING,
    retry: Retry | None = None,
) -> AsyncIterator[Link]:
    """A client of the server whose WebSocket is at ``url``, ``ws://`` or ``wss://``. Only in Pyodide.

    ``transport`` has to be obfuscated; by default it is intermediate inside. ``on_event`` is given every event that is no
    question, and is awaited, if it has to be, before the connection goes on, so that a permanent key can be saved before it is
    used; it must not wait for the link. ``owner`` answers the questions that only the owner of the connection can answer.
    ``on_trouble`` is told why a WebSocket was lost or could not be opened, where another one follows. What any of them raises
    ends the link, and so does a question where there is no ``owner``.

    ``updates_held``: updates kept until somebody takes them. ``queue_ceiling``: bytes that may come in one frame, and while
    ``on_event`` is awaited; of more, the WebSocket is given up. ``retry``: how one is opened again; None: as ``config`` says.

    Raises :class:`WebSocketFailed` where the first WebSocket cannot be opened, and ``ValueError`` for what is no such URL or
    transport. What ends the connection later is raised where somebody waits for it; where nobody does, the block is cancelled
    and raises it.
    """
    if transport is None:
        transport = Transport(obfuscated=True)
    elif not transport.obfuscated:
        raise ValueError("expected an obfuscated transport: nothing else is spoken in a WebSocket")
    if retry is None:
        retry = config.retry if isinstance(config, ClientConfig) else Retry()
    client = Client(
        ClientConnection(config) if isinstance(config, ClientConfig) else config,
        check_url(url),
        transport=transport,
        on_event=on_event,
        on_trouble=on_trouble,
        owner=owner,
        retry=retry,
        updates_held=updates_held,
        queue_ceiling=queue_ceiling,
    )
    try:
        await client.open()
        async with carried(client):
            yield Link(client)
    finally:
        client.cut()


@asynccontextmanager
async def carried(client: Client) -> AsyncIterator[None]:
    """The block is cancelled, and raises, where the connection ends by an error of which nobody hears."""
    block = Block()
    client.on_unheard = block.cancel
    try:
        yield
    except asyncio.CancelledError:
        if not block.is_cancelled_by_us():
            raise
    except Exception as error:
        # a call that has failed does not say why the connection did
        error.__cause__ = error.__cause__ or client.unheard
        raise
    finally:
        block.over = True
        try:
            async with asyncio.timeout(FAREWELL):
                await client.close()
        except TimeoutError:
            # whoever is asked, or told, takes his time: cut short
            pass
    if client.unheard is not None:
        raise client.unheard


class Block:
    """The block of a task, to be cancelled from outside of it."""

    def __init__(self) -> None:
        self.over = False
        self._task = asyncio.current_task()
        self._cancelled = False
        self._before = self._task.cancelling() if self._task is not None else 0

    def cancel(self) -> None:
        """Cancels what the block waits for."""
        if self._task is not None and not self.over:
            self._cancelled = True
            self._task.cancel()

    def is_cancelled_by_us(self) -> bool:
        """Whether it was cancelled by :meth:`cancel`, and by nobody else. To be asked when it was."""
        if self._task is None or not self._cancelled:
            return False
        return self._task.uncancel() <= self._before
