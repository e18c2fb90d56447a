"""Servers and clients on loopback, for the tests of what drives them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Thread

from mtproto_bind import (
    NEED_DATA,
    CallReceived,
    ClientConfig,
    ClientConnection,
    Computation,
    DataCenter,
    Event,
    Framing,
    PrivateKey,
    Retry,
    Server,
    ServerConfig,
    ServerConnection,
    Transport,
)
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import SyncDriver, SyncServer, dial

from .keys import SERVER_KEY_PEM

SERVER_KEY = PrivateKey.from_pem(SERVER_KEY_PEM)
DC = DataCenter(2)
QUERY = bytes.fromhex("0102030405060708")
"""An API call that means nothing to the library, as none does."""
PATIENCE = 60.0
"""Seconds after which a test gives up; none is meant to last so long."""


def turn_around(connection: ServerConnection, event: Event, now: float) -> None:
    """Answers every call with its bytes in reverse order."""
    if isinstance(event, CallReceived):
        connection.send_result(event, event.body[::-1], now)


def make_loop(
    on_event: Callable[[ServerConnection, Event, float], None] = turn_around,
    max_clients: int = 1000,
    max_clients_per_peer: int = 1000,
) -> SyncServer:
    """A server that nobody drives yet. All clients of a test come from one address."""
    server = Server(ServerConfig(private_keys=(SERVER_KEY,), dc=DC))
    limits = {"max_clients": max_clients, "max_clients_per_peer": max_clients_per_peer}
    return SyncServer(server, MemoryStore(), on_event=on_event, **limits)


@contextmanager
def running(loop: SyncServer) -> Iterator[tuple[str, int]]:
    """``loop`` in a thread of its own, on loopback; its address."""
    with loop:
        address = loop.listen("127.0.0.1", 0)
        thread = Thread(target=loop.run)
        thread.start()
        try:
            yield address
        finally:
            loop.stop()
            thread.join(PATIENCE)
            if thread.is_alive():
                raise RuntimeError("the server does not stop")


CONFIG = ClientConfig(server_keys=(SERVER_KEY.public,), dc=DC, retry=Retry(delay=0.01))
"""A client that trusts our server and tries again without much ado."""


def make_driver(
    address: tuple[str, int],
    *,
    config: ClientConfig = CONFIG,
    transport: Transport | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
) -> SyncDriver:
    """A client of the server at ``address``."""
    return SyncDriver(ClientConnection(config), partial(dial, *address), transport=transport, on_event=on_event)


@contextmanager
def listening() -> Iterator[tuple[socket.socket, tuple[str, int]]]:
    """A listener of the test's own, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener, listener.getsockname()


def closed_port() -> tuple[str, int]:
    """An address where nobody listens: it was given back a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
    return host, port


class Client:
    """A client whose every read and write the test decides, at a time that stands still."""

    def __init__(self, stream: socket.socket, now: float, framing: Framing = Framing.ABRIDGED) -> None:
        self.stream = stream
        self.now = now
        self.heard: list[Event] = []
        self.connection = ClientConnection(CONFIG)
        self.connection.transport_opened(Transport(framing=framing), now)
        stream.setblocking(False)

    def write(self, *, calls: int = 0) -> None:
        """Says what it has to say, and ``calls`` more, and hears nothing."""
        for _ in range(calls):
            self.connection.call(QUERY, self.now)
        while (event := self.connection.next_event()) is not NEED_DATA:
            if isinstance(event, Computation):
                self.connection.answer(event, event.run(), self.now)
            else:
                self.heard.append(event)
        if data := self.connection.data_to_send(self.now):
            self.stream.sendall(data)

    def read(self) -> None:
        """Hears what there is."""
        with suppress(BlockingIOError):
            while data := self.stream.recv(1 << 20):
                self.connection.receive_data(data, self.now)

    def has_heard(self, kind: type[Event], times: int = 1) -> bool:
        """Whether so many events of this kind have come."""
        return sum(isinstance(event, kind) for event in self.heard) >= times
