"""A server in one selector loop: many clients, one thread."""

from __future__ import annotations

import errno
import logging
import selectors
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from mtproto_bind import Event, Server, ServerConnection, ServerTransport, Transport

from ..carrier import Carrier
from ..clock import Clock
from ..stores import Store
from .late import AskedFor, LateAnswers, LateStore
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
    logged. ``transport``: what is spoken; None: whatever a client begins with.

    Of more than ``max_clients`` the rest wait to be accepted. A stream beyond ``max_clients_per_peer`` from one address is closed
    at once, and logged: if it waited, others would wait behind it. Those who come through a proxy all have its address.

    ``store_threads``: 0: the store is asked in the loop, and all clients wait with the one who asks; more: in so many
    threads, for a store that is slow. With more than one it has to be thread-safe.
    """

    def __init__(
        self,
        server: Server,
        store: Store,
        *,
        on_event: Callable[[ServerConnection, Event, float], None],
        transport: ServerTransport | None = None,
        max_clients: int = 1000,
        max_clients_per_peer: int = 100,
        store_threads: int = 0,
    ) -> None:
        self.server = server
        self.now = Clock().now
        self._store = store
        self._on_event = on_event
        self._manner = Manner(transport or Transport.detect())
        self._max_clients = max_clients
        self._max_clients_per_peer = max_clients_per_peer
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[socket.socket, Manner] = {}
        self._clients: dict[ServerConnection, Served] = {}
        self._peers: Counter[str] = Counter()
        self._accepting = False
        self._stopping = False
        self._full_until: float | None = None
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)
        self._late: LateAnswers[Served] | None = LateAnswers(store, store_threads, self._poke) if store_threads else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def listen(
        self,
        host: str,
        port: int,
        *,
        carrier: Callable[[], Carrier] | None = None,
        transport: ServerTransport | None = None,
        reuse_port: bool = False,
    ) -> tuple[str, int]:
        """Listens on one more address; port 0 picks a free one. Returns the address. Raises ``OSError``.

        ``carrier`` makes what each client's stream lies in, for example a ``ServerCarrier``; then, where no ``transport`` is
        given, only obfuscated streams are taken. ``transport``: instead of what the server was made with. ``reuse_port``: other
        processes may listen there too, and the kernel spreads the streams (Linux).
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=reuse_port)
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
        self._poke()

    def close(self) -> None:
        """Closes every stream and listener."""
        for client in tuple(self._clients.values()):
            client.abandon(self.now())
            self._watch(client)
        if self._late is not None:
            self._late.close()
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
        self._take_late_answers(now)
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
            client.abandon(self.now())
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
            self._forget(client)

    def _forget(self, client: Served) -> None:
        """Makes room for another. May be said twice."""
        if self._clients.pop(client.connection, None) is None:
            return
        self._peers[client.peer] -= 1
        if not self._peers[client.peer]:
            del self._peers[client.peer]

    def _accept(self, listener: socket.socket, _mask: int) -> None:
        try:
            stream, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                logger.warning("no file descriptor is left for another client")
                self._full_until = self.now() + 1.0
            return
        peer = address[0]
        if self._peers[peer] >= self._max_clients_per_peer:
            logger.warning("a client is turned away: %d are here from its address", self._peers[peer])
            stream.close()
            return
        stream.setblocking(False)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        manner, now = self._listeners[listener], self.now()
        connection = self.server.accept(manner.transport, peer, now)
        carrier = None if manner.carrier is None else manner.carrier()
        opens_by = None if carrier is None else now + OPENING
        late = None if self._late is None else LateStore(self._late)
        client = Served(stream, connection, late or self._store, self._on_event, carrier=carrier, opens_by=opens_by)
        if late is not None:
            late.client = client
        client.peer = peer
        self._clients[connection] = client
        self._peers[peer] += 1
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

    def _take_late_answers(self, now: float) -> None:
        while self._late is not None and (late := self._late.take()) is not None:
            self._turn(late.client, partial(self._hand_over, late, now))

    @staticmethod
    def _hand_over(late: AskedFor[Served], now: float) -> None:
        # what the store raised is raised here, as where it is asked in the loop
        late.client.answer(late.question, late.outcome.result(), now)

    def _poke(self) -> None:
        """Wakes the loop; from any thread."""
        # A full pipe is no failure: then the loop is about to wake up anyway. A closed one has no loop.
        with suppress(OSError):
            self._waker.send(b"\0")

    def _wake(self, _mask: int) -> None:
        self._woken.recv(4096)


def is_due(deadline: float | None, now: float) -> bool:
    """Whether there is a deadline and it has come."""
    return deadline is not None and deadline <= now
