"""A server in one event loop: many clients, a few tasks for each."""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
from anyio import TASK_STATUS_IGNORED, CapacityLimiter
from anyio.abc import ByteStream, Listener, SocketAttribute, TaskGroup, TaskStatus

from mtproto_bind import Server, ServerConnection, ServerTransport, Transport

from ..clock import Clock
from ..stores import Store
from .groups import alone
from .layers import Opening, laid_bare, opened
from .pump import one_a_core
from .served import OnClientEvent, Served
from .wire import GONE

__all__ = ["AnyioServer", "serve"]

logger = logging.getLogger("mtproto_bind_adapters.anyio")

FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
BREATH = 1.0
"""Seconds until the next try where the machine has no room for another stream."""


class AnyioServer:
    """Serves ``server`` on any number of listeners.

    ``store`` answers the questions of the connections; it may return awaitables. One that raises is logged, and taken for
    ``UNAVAILABLE``. ``on_event`` is given every other event with the connection it came from (``CallReceived`` wants an answer:
    ``connection.send_result``) and the time; it may be a coroutine function, and that client waits for it. What it raises ends
    that client alone, and is logged. ``transport``: what is spoken; None: whatever a client begins with.

    A stream beyond ``max_clients``, or beyond ``max_clients_per_peer`` from one address, is closed at once, and logged. Streams
    count from when they are accepted, those too that have yet to open TLS or a WebSocket; those that tell no address count for
    themselves. ``limiter``: how many computations run at once, in threads; None: one a core.
    """

    def __init__(
        self,
        server: Server,
        store: Store,
        *,
        on_event: OnClientEvent,
        transport: ServerTransport | None = None,
        max_clients: int = 1000,
        max_clients_per_peer: int = 100,
        limiter: CapacityLimiter | None = None,
    ) -> None:
        self.server = server
        self._clock = Clock()
        self.now = self._clock.now
        self._store = store
        self._on_event = on_event
        self._transport = transport or Transport.detect()
        self._max_clients = max_clients
        self._max_clients_per_peer = max_clients_per_peer
        self._limiter = limiter or one_a_core()
        self._clients: dict[ServerConnection, Served] = {}
        self._here = 0
        """Streams, with those on which TLS or a WebSocket is not open yet."""
        self._peers: Counter[Hashable] = Counter()
        self._minded: float | None = None
        self._earlier = anyio.Event()

    @property
    def clients(self) -> tuple[ServerConnection, ...]:
        """Those that are connected, and have opened what they had to."""
        return tuple(self._clients)

    async def serve(self, listener: Listener[Any], *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Serves until it is cancelled, or ``listener`` closed, and then closes the streams that came from there.

        Results and acknowledgements that are due then have a second to leave, all clients together; what ``on_event`` has not
        said yet is not waited for. To close the listener is for the caller. Raises what the listener raises, but where there is
        no room for another stream, it tries again. May run for several listeners at once.

        Of a ``TLSListener``, of a ``WebSocketListener`` and of what else is a :class:`~.layers.Layer` the lowest listener is
        served, and the layers are opened on streams that are counted already. Other listeners that open something on a stream
        before they hand it over have to limit that themselves.
        """
        with alone():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._mind_the_time)
                task_status.started()
                with alone():
                    async with anyio.create_task_group() as accepting:
                        for lowest, openings in laid_bare(listener):
                            accepting.start_soon(self._accept, lowest, openings, tasks)
                tasks.cancel_scope.cancel()

    def flush(self, connection: ServerConnection) -> None:
        """Sends what ``connection`` has to say: after ``Server.send_update`` gave it back, or a late answer to a call."""
        if connection in self._clients:
            self._clients[connection].wake()

    async def _accept(self, listener: Listener[Any], openings: Sequence[Opening], tasks: TaskGroup) -> None:
        while True:
            try:
                with alone():
                    return await listener.serve(partial(self._admit, openings), tasks)
            except Exception as error:
                reasons = [leaf for leaf in leaves(error) if not isinstance(leaf, anyio.ClosedResourceError)]
                if not reasons:
                    return None
                numbers = {number_of(leaf) for leaf in reasons}
                if not numbers <= {*FULL, errno.ECONNABORTED}:
                    raise
                if numbers.intersection(FULL):
                    logger.warning("no room is left for another client: %s", reasons[0].__cause__ or reasons[0])
                    await anyio.sleep(BREATH)

    async def _admit(self, openings: Sequence[Opening], stream: ByteStream) -> None:
        """A stranger, who counts from now on."""
        peer = peer_of(stream)
        if self._here >= self._max_clients or self._peers[peer] >= self._max_clients_per_peer:
            logger.warning("a client is turned away: %d are here, %d of them from there", self._here, self._peers[peer])
            with suppress(*GONE):
                await anyio.aclose_forcefully(stream)
            return
        self._here += 1
        self._peers[peer] += 1
        try:
            if (lies_on := await opened(stream, openings)) is not None:
                await self._serve(lies_on, peer)
        finally:
            self._here -= 1
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    async def _serve(self, stream: ByteStream, peer: Hashable) -> None:
        connection = self.server.accept(self._transport, peer, self.now())
        served = Served(
            connection, self._clock, self._limiter, store=self._store, on_event=self._on_event, turned=self._mind_earlier
        )
        self._clients[connection] = served
        try:
            await served.run(stream)
        finally:
            del self._clients[connection]

    async def _mind_the_time(self) -> None:
        """Sessions, handshakes and keys end in their time, whether clients come or not."""
        while True:
            self._minded = self.server.next_deadline()
            patience = None if self._minded is None else max(self._minded - self.now(), 0.0)
            earlier = self._earlier
            with anyio.move_on_after(patience):
                await earlier.wait()
            self.server.handle_timeout(self.now())

    def _mind_earlier(self) -> None:
        """A client may have brought something that ends before all else."""
        deadline = self.server.next_deadline()
        if deadline is not None and (self._minded is None or deadline < self._minded):
            self._minded = deadline
            earlier, self._earlier = self._earlier, anyio.Event()
            earlier.set()


async def serve(
    server: Server,
    store: Store,
    listener: Listener[Any],
    *,
    on_event: OnClientEvent,
    transport: ServerTransport | None = None,
    max_clients: int = 1000,
    max_clients_per_peer: int = 100,
    limiter: CapacityLimiter | None = None,
    task_status: TaskStatus[None] = TASK_STATUS_IGNORED,
) -> None:
    """Serves on one listener until it is cancelled; see :class:`AnyioServer`."""
    made = AnyioServer(
        server,
        store,
        on_event=on_event,
        transport=transport,
        max_clients=max_clients,
        max_clients_per_peer=max_clients_per_peer,
        limiter=limiter,
    )
    await made.serve(listener, task_status=task_status)


def peer_of(stream: ByteStream) -> Hashable:
    """Where a stream comes from: its address without the port, or something of its own."""
    address = stream.extra(SocketAttribute.remote_address, None)  # noqa: S610  no Django here
    if isinstance(address, tuple):
        return address[0]
    return address or object()


def leaves(error: Exception) -> Iterator[Exception]:
    """The errors in a group, or the one that there is."""
    if isinstance(error, ExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error


def number_of(error: Exception) -> int | None:
    """The number of what a listener raises; on trio it comes wrapped."""
    if isinstance(error, anyio.BrokenResourceError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    return error.errno if isinstance(error, OSError) else None
