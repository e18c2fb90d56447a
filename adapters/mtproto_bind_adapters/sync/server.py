"""A server in one selector loop: many clients, one thread."""

from __future__ import annotations

import errno
import logging
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from mtproto_bind import Event, Server, ServerConnection, ServerTransport, Transport

from ..carrier import Carrier
from ..clock import Clock
from ..stores import Store
from .served import Served

__all__ = ["SyncServer"]

logger = logging.getLogger("mtproto_bind_adapters.sync")

BACKLOG = 1024
OPENING = 10.0
"""Seconds within which a carrier must be open."""


class Manner(NamedTuple):
    """How clients of one listener are spoken with."""

    transport: ServerTransport
    carrier: Callable[[], Carrier] | None = None


class SyncServer:
    """Serves ``server`` on the addresses it is told to :meth:`listen` on, in the thread that calls :meth:`run`.

    ``store`` answers the questions of the connections. ``on_event`` is given every other event with the connection it came from
    (``CallReceived`` wants an answer: ``connection.send_result``), and the time. What it raises ends that client alone, and is
    logged. ``transport``: what is spoken; None: whatever a client begins with. Of more than ``max_clients`` the rest wait to be
    accepted.
    """

    def __init__(
        self,
        server: Server,
        store: Store,
        *,
        on_event: Callable[[ServerConnection, Event, float], None],
        transport: ServerTransport | None = None,
        max_clients: int = 1000,
    ) -> None:
        self.server = server
        self.now = Clock().now
        self._store = store
        self._on_event = on_event
        self._manner = Manner(transport or Transport.detect())
        self._max_clients = max_clients
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[socket.socket, Manner] = {}
        self._clients: dict[ServerConnection, Served] = {}
        self._accepting = False
        self._stopping = False
        self._full_until: float | None = None
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def listen(
        self, host: str, port: int, *, carrier: Callable[[], Carrier] | None = None, transport: ServerTransport | None = None
    ) -> tuple[str, int]:
        """Listens on one more address; port 0 picks a free one. Returns the address. Raises ``OSError``.

        ``carrier`` makes what each client's stream lies in, for example a ``ServerCarrier``; then, where no ``transport`` is
        given, only obfuscated streams are taken. ``transport``: instead of what the server was made with.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        listener.setblocking(False)
        self._pause_accepting()
        default = self._manner.transport if carrier is None else Transport.detect(obfuscated_only=True)
        self._listeners[listener] = Manner(transport or default, carrier)
        self._accept_if_there_is_room()
        bound = listener.getsockname()
        return bound[0], bound[1]

    def run(self) -> None:
        """Serves until :meth:`stop`; may be called again."""
        while not self._stopping:
            self.step()
        self._stopping = False

    def stop(self) -> None:
        """Ends :meth:`run`. May be called from another thread and from a signal handler."""
        self._stopping = True
        # A full pipe is no failure: then the loop is about to wake up anyway.
        with suppress(BlockingIOError):
            self._waker.send(b"\0")

    def close(self) -> None:
        """Closes every stream and listener."""
        for client in tuple(self._clients.values()):
            client.ended = True
            self._watch(client)
        for end in (*self._listeners, self._waker, self._woken):
            end.close()
        self._selector.close()

    def step(self, timeout: float | None = None) -> None:
        """One turn of the loop: waits for a stream that is ready, for a deadline or for ``timeout`` seconds."""
        for key, mask in self._selector.select(self._patience(timeout)):
            key.data(mask)
        now = self.now()
        if is_due(self.server.next_deadline(), now):
            self.server.handle_timeout(now)
        for client in [client for client in self._clients.values() if is_due(client.deadline, now)]:
            self._turn(client, partial(client.handle_timeout, now))
        self._accept_if_there_is_room()

    def flush(self, connection: ServerConnection) -> None:
        """Sends what ``connection`` has to say: after ``Server.send_update`` gave it back, or a late answer to a call."""
        if connection in self._clients:
            self._serve(self._clients[connection], 0)

    def _patience(self, timeout: float | None) -> float | None:
        """Seconds to wait at most."""
        now = self.now()
        deadlines = [self.server.next_deadline(), self._full_until, *(client.deadline for client in self._clients.values())]
        waits = [max(time - now, 0.0) for time in deadlines if time is not None]
        return min(waits if timeout is None else [timeout, *waits], default=None)

    def _serve(self, client: Served, mask: int) -> None:
        self._turn(client, partial(client.serve, mask, self.now()))

    def _turn(self, client: Served, action: Callable[[], None]) -> None:
        """Lets a client go on. What goes wrong with it is its own affair."""
        try:
            action()
        except Exception:
            logger.exception("a client is dropped: the owner's code failed")
            client.ended = True
        self._watch(client)

    def _watch(self, client: Served) -> None:
        """Tells the selector what the client now waits for; closes the stream of one that has ended."""
        interest = 0 if client.ended else client.interest
        if interest and client.watched:
            if interest != client.watched:
                self._selector.modify(client.stream, interest, partial(self._serve, client))
        elif interest:
            self._selector.register(client.stream, interest, partial(self._serve, client))
        elif client.watched:
            self._selector.unregister(client.stream)
        client.watched = interest
        if client.ended:
            client.stream.close()
            self._clients.pop(client.connection, None)

    def _accept(self, listener: socket.socket, _mask: int) -> None:
        try:
            stream, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                logger.warning("no file descriptor is left for another client")
                self._full_until = self.now() + 1.0
            return
        stream.setblocking(False)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        manner, now = self._listeners[listener], self.now()
        connection = self.server.accept(manner.transport, address[0], now)
        carrier = None if manner.carrier is None else manner.carrier()
        opens_by = None if carrier is None else now + OPENING
        client = Served(stream, connection, self._store, self._on_event, carrier=carrier, opens_by=opens_by)
        self._clients[connection] = client
        self._serve(client, 0)

    def _accept_if_there_is_room(self) -> None:
        """Listens while there is room; where there is none, clients wait in the backlog."""
        if is_due(self._full_until, self.now()):
            self._full_until = None
        if len(self._clients) >= self._max_clients or self._full_until is not None:
            self._pause_accepting()
        elif not self._accepting:
            self._accepting = True
            for listener in self._listeners:
                self._selector.register(listener, selectors.EVENT_READ, partial(self._accept, listener))

    def _pause_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            for listener in self._listeners:
                self._selector.unregister(listener)

    def _wake(self, _mask: int) -> None:
        self._woken.recv(4096)


def is_due(deadline: float | None, now: float) -> bool:
    """Whether there is a deadline and it has come."""
    return deadline is not None and deadline <= now
