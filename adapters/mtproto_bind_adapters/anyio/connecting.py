"""Connections of a client for the time of a block."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from attrs import evolve

from mtproto_bind import ClientConfig, ClientConnection, Goal, PendingKey, Retry, Transport

from .beside import Beside, one_at_a_time
from .client import Client, OnEvent, Owner, carried
from .dialing import Dial, tcp
from .link import Link

__all__ = ["connect"]


@asynccontextmanager
async def connect(
    config: ClientConfig | ClientConnection,
    host: str | None = None,
    port: int | None = None,
    *,
    dial: Dial | None = None,
    tls: bool | ssl.SSLContext = False,
    transport: Transport | None = None,
    on_event: OnEvent | None = None,
    owner: Owner | None = None,
    side_by_side: bool = False,
    updates_held: int = 1000,
    retry: Retry | None = None,
) -> AsyncIterator[Link]:
    """A client of the server at ``host`` and ``port``; or, without them, of the one that ``dial`` opens byte streams to.

    ``on_event`` is given every event that is no question, and awaited before the connection goes on, so that a permanent key can
    be saved before it is used; it must not wait for the link. ``owner`` answers the questions that only the owner of the
    connection can answer, in a task of its own. What either raises ends the link, and so does a question where there is no
    ``owner``.

    ``side_by_side``: where ``config`` has no permanent key, a second connection makes it while the first makes the temporary one.
    ``updates_held``: updates kept until somebody takes them. ``retry``: how dialling is tried again; None: as ``config`` says.

    Raises what the first dialling raised. Afterwards streams are dialled again as ``retry`` says. What ends the connection is
    raised where somebody waits for it; where nobody does, the block is cancelled and raises it.
    """
    dial = dial_to(host, port, dial, tls)
    if retry is None:
        retry = config.retry if isinstance(config, ClientConfig) else Retry()
    carry = partial(Client, dial=dial, transport=transport, retry=retry)
    beside = None
    if side_by_side and not isinstance(config, ClientConfig):
        raise ValueError("expected a ClientConfig with side_by_side: two connections are made of it")
    if isinstance(config, ClientConfig):
        if side_by_side and config.permanent_key is None and config.goal is Goal.BOUND:
            on_event = one_at_a_time(on_event)
            beside = Beside(config, carry, on_event, owner)
            config, owner = evolve(config, permanent_key=PendingKey()), beside.answer_to
        config = ClientConnection(config)
    client = carry(config, on_event=on_event, owner=owner, updates_held=updates_held, stream=await dial())
    if beside is not None:
        client.beside = beside.make
    async with carried(client):
        yield Link(client)


def dial_to(host: str | None, port: int | None, dial: Dial | None, tls: bool | ssl.SSLContext) -> Dial:
    """``dial``, or one to the server at ``host`` and ``port``. Raises ``ValueError`` where there is neither, or too much."""
    if dial is None:
        if host is None or port is None:
            raise ValueError("expected host and port, or a dial, came neither")
        return tcp(host, port, tls=tls)
    if tls is not False:
        raise ValueError("expected no tls with a dial of your own: let the dial speak TLS")
    return dial
