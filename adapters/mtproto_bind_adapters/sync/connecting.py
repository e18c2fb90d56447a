"""``connect``: a client connection with a thread of its own."""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any

from mtproto_bind import ClientConfig, ClientConnection, Event, LocalProtocolError, Retry, Transport

from .dialing import dial as dial_address
from .link import Link
from .pump import Dial, OnEvent, Owner, Pump
from .side_by_side import PairOfPumps, can_be_parted

__all__ = ["connect"]


def ignore(_event: Event) -> None:
    """What happens to an event that nobody asked for."""


def connect(
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
    timeout: float = 10.0,
) -> Link:
    """Dials, and returns a link which goes on by itself, in one daemon thread. Close it, or use it in ``with``.

    ``tls``: True checks the certificate of ``host`` as browsers do, a context in its own way. ``timeout``: seconds for each dial.
    ``dial``: returns a connected stream, in place of ``host`` and ``port``. It is called again for every stream, from threads
    that come and go, and with ``side_by_side`` from two at once.

    What the first dial raises comes out of here. Later ones are tried again, each after twice the wait, for ever, or
    ``retry.attempts`` times in a row; then the link ends with their ``OSError``. ``retry``: None for that of the configuration;
    a connection of your own (made with ``saved``) does not show its own, so there it is ``Retry()``.

    ``on_event``: called in the thread of the link with every event (computations apart), before the connection goes on: so a key
    can be saved before it is used. Nothing goes on until it returns, and what it raises ends the link with that error.

    ``owner``: answers questions (``BindingRequired``, ``PermanentKeyRequired``, ``PermanentKeySuspected``). Called in a thread of
    its own, while traffic goes on. What it raises ends the link with that error, as does a question where there is no ``owner``.

    ``side_by_side``: where there is no permanent key yet, a second connection, in a second thread, makes it while the first
    makes the temporary one; ``PermanentKeyCreated`` is told as if it were of the first. No effect where there is one.
    ``updates_held``: updates kept for ``updates()``; of more, the oldest make room.

    Raises ``TypeError`` where it is not told whom to dial, or twice, or where ``side_by_side`` is to be done with one connection;
    and ``LocalProtocolError`` for a connection that is in use or closed.
    """
    dial = dialler(host, port, dial, tls, timeout)
    refuse_what_cannot_be_driven(config_or_connection, side_by_side)
    settings: dict[str, Any] = {"retry": retry, "on_event": on_event or ignore, "owner": owner, "updates_held": updates_held}
    stream = dial()
    try:
        pump = make_pump(config_or_connection, dial, transport, side_by_side=side_by_side, **settings)
    except BaseException:
        stream.close()
        raise
    pump.start(stream)
    return Link(pump)


def dialler(host: str | None, port: int | None, dial: Dial | None, tls: bool | ssl.SSLContext, timeout: float) -> Dial:
    """Whatever dials. Raises ``TypeError``."""
    if dial is not None and tls is not False:
        raise TypeError("expected no tls= with a dial= of your own: let that return an ssl.SSLSocket")
    if dial is not None and host is None and port is None:
        return dial
    if dial is None and host is not None and port is not None:
        return partial(dial_address, host, port, timeout=timeout, tls=tls)
    raise TypeError("expected host and port, or dial= in place of both")


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


def make_pump(
    given: ClientConfig | ClientConnection,
    dial: Dial,
    transport: Transport | None,
    *,
    side_by_side: bool,
    retry: Retry | None,
    **settings: Any,
) -> Pump:
    """What carries the connection; ``settings`` are those of every pump."""
    if isinstance(given, ClientConnection):
        return Pump(given, dial, transport, retry=retry or Retry(), **settings)
    retry = retry or given.retry
    if side_by_side and can_be_parted(given):
        return PairOfPumps(given, dial, transport, retry=retry, **settings)
    return Pump(ClientConnection(given), dial, transport, retry=retry, **settings)
