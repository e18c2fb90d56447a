"""Connections of a client for the time of a block."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from mtproto_bind import ClientConfig, ClientConnection, LocalProtocolError, Retry, Transport

from .beside import Beside, can_be_parted
from .client import Client, Owner, carried
from .dialing import TIMEOUT, Dial, tcp
from .link import Link
from .telling import OnEvent, Telling

__all__ = ["connect"]


@asynccontextmanager
async def connect(
    config_or_connection: ClientConfig | ClientConnection,
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
    timeout: float = TIMEOUT,
) -> AsyncIterator[Link]:
    """A client of the server at ``host`` and ``port``; or, without them, of the one that ``dial`` opens byte streams to.

    ``on_event`` is given every event, computations apart, and awaited before the connection goes on, so that a permanent key can
    be saved before it is used; it must not wait for the link. ``owner`` answers the questions that only the owner of the
    connection can answer, in a task of its own. What either raises ends the link, and so does a question where there is no
    ``owner``.

    ``tls``: True checks the server's certificate as browsers do; a context checks it in its own way. ``timeout``: seconds for
    each dial of ``host`` and ``port``; a ``dial`` has its own. ``side_by_side``: where there is no permanent key yet, a second
    connection makes it while the first makes the temporary one. ``updates_held``: updates kept until somebody takes them.
    ``retry``: how dialling is tried again; None: as a config says, ``Retry()`` for a connection of your own.

    Raises what the first dialling raised, ``TypeError`` for what does not fit together, and ``LocalProtocolError`` for a
    connection that is in use or closed. Afterwards streams are dialled again as ``retry`` says. What ends the connection is
    raised where somebody waits for it; where nobody does, the block is cancelled and raises it.
    """
    dial = dial_to(host, port, dial, tls, timeout)
    refuse_what_cannot_be_driven(config_or_connection, side_by_side)
    telling = Telling(on_event)
    if retry is None:
        retry = config_or_connection.retry if isinstance(config_or_connection, ClientConfig) else Retry()
    carry = partial(Client, dial=dial, transport=transport, retry=retry)
    beside = None
    if not isinstance(config_or_connection, ClientConfig):
        connection = config_or_connection
    elif side_by_side and can_be_parted(config_or_connection):
        beside = Beside(config_or_connection, carry, telling, owner)
        connection, owner = beside.connection, beside.answer_to
    else:
        connection = ClientConnection(config_or_connection)
    client = carry(connection, telling=telling, owner=owner, updates_held=updates_held, stream=await dial())
    if beside is not None:
        client.beside = beside.make
    async with carried(client):
        yield Link(client)


def dial_to(host: str | None, port: int | None, dial: Dial | None, tls: bool | ssl.SSLContext, timeout: float) -> Dial:
    """``dial``, or one to the server at ``host`` and ``port``. Raises ``TypeError`` where there is neither, or too much."""
    if dial is None:
        if host is None or port is None:
            raise TypeError("expected host and port, or dial= in place of both")
        return tcp(host, port, tls=tls, timeout=timeout)
    if host is not None or port is not None:
        raise TypeError("expected host and port, or dial= in place of both; came all of them")
    if tls is not False:
        raise TypeError("expected no tls with a dial of your own: let the dial speak TLS")
    return dial


def refuse_what_cannot_be_driven(given: object, side_by_side: bool) -> None:
    """Raises ``TypeError``, and ``LocalProtocolError`` for a connection that is in use or closed."""
    if isinstance(given, ClientConfig):
        return
    if not isinstance(given, ClientConnection):
        raise TypeError(f"expected a ClientConfig or a ClientConnection, got {type(given).__name__}")
    if side_by_side:
        raise TypeError("side_by_side makes two connections: give it a ClientConfig, not a connection")
    if given.status.closed or given.status.stream_open:
        raise LocalProtocolError("this connection is closed, or something else drives it: make another one")
