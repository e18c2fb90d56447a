"""Listeners that lie on others, for TLS or WebSocket: what is below them, and what they open on its streams.

Their own ``serve`` shows a stream only when it is open, and nobody has counted it until then.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, runtime_checkable

import anyio
from anyio.abc import AnyByteStream, ByteStream, Listener
from anyio.streams.stapled import MultiListener
from anyio.streams.tls import TLSListener, TLSStream

from .wire import GONE

__all__ = ["Layer", "Opening", "laid_bare", "opened"]

logger = logging.getLogger("mtproto_bind_adapters.anyio")

Opening = Callable[[Any], Awaitable[ByteStream | None]]
"""Opens a stream on another, in its own time; None: it is refused, and closed."""


@runtime_checkable
class Layer(Protocol):
    """A listener that opens something on every stream of another one; ``WebSocketListener`` is one."""

    listener: Listener[Any]
    """The one below."""

    async def open_on(self, stream: AnyByteStream) -> ByteStream | None:
        """What lies on ``stream``. None: the client is refused, and ``stream`` closed. Limits its own time."""


def laid_bare(listener: Listener[Any]) -> Iterator[tuple[Listener[Any], tuple[Opening, ...]]]:
    """The lowest listeners, and what is opened on their streams one after the other."""
    if isinstance(listener, MultiListener):
        for one in listener.listeners:
            yield from laid_bare(one)
    elif isinstance(listener, TLSListener):
        for below, openings in laid_bare(listener.listener):
            yield below, (*openings, partial(open_tls, listener))
    elif isinstance(listener, Layer):
        for below, openings in laid_bare(listener.listener):
            yield below, (*openings, listener.open_on)
    else:
        yield listener, ()


async def opened(stream: ByteStream, openings: Sequence[Opening]) -> ByteStream | None:
    """What is opened on ``stream`` at last. None: a stranger who does not manage, or a layer that fails, which is logged."""
    lies_on: ByteStream | None = stream
    try:
        for opening in openings:
            if lies_on is None:
                break
            lies_on = await opening(lies_on)
    except Exception:
        logger.exception("a client is dropped: a layer of the listener failed")
        with suppress(*GONE):
            await anyio.aclose_forcefully(stream)
        return None
    return lies_on


async def open_tls(listener: TLSListener, stream: ByteStream) -> ByteStream | None:
    """As ``TLSListener.serve`` does it."""
    try:
        with anyio.fail_after(listener.handshake_timeout):
            return await TLSStream.wrap(
                stream, ssl_context=listener.ssl_context, standard_compatible=listener.standard_compatible
            )
    except BaseException as error:
        # raises it where it is a cancellation
        await listener.handle_handshake_error(error, stream)
        return None
