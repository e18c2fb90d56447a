"""Runs of a hostile peer against the real machine of the other role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kit.keys import SERVER_KEY
from mtproto_bind import (
    NEED_DATA,
    CallReceived,
    Check,
    ClientConnection,
    Computation,
    ConnectionClosed,
    DataCenter,
    Event,
    Question,
    Server,
    ServerConnection,
    Transport,
    TransportEnded,
)
from mtproto_bind.testing import CheapCrypto, Owner, SeededEntropy, make_client_config, make_server_config
from mtproto_bind.testing.hostile import Breach, HostileClient, HostileServer, Role

START = 1_800_000_000.25
ROUND = 0.05
"""Seconds from each end to the other and back."""
MANY_ROUNDS = 60
"""More than any script needs."""
DC = DataCenter(2)
QUERY = bytes.fromhex("2d7a1f0e")
"""Some query that nobody knows; four bytes, so that its result leaves padding to be shortened."""


def choosing(**given: Any) -> Breach:
    """No breach, but these choices, which the specification leaves open: ``dh_gen__fails=True`` for ``dh_gen.fails``."""
    return Breach(
        check=Check.NONCE,
        by=Role.SERVER,
        how="in no way",
        point="nothing",
        alter=lambda value, _earlier: value,
        given={name.replace("__", "."): value for name, value in given.items()},
    )


class ClientRun:
    """A real client, and the servers that it meets on its streams."""

    def __init__(self, seed: bytes = b"client", **changes: Any) -> None:
        self.now = START
        self.client = ClientConnection(make_client_config(SERVER_KEY, seed=seed, **changes))
        self.events: list[Event] = []
        self.server: HostileServer | None = None

    def meet(self, breach: Breach | None = None, **changes: Any) -> HostileServer:
        """A new stream to a server that does ``breach``, until nothing happens any more or the stream has ended."""
        seed = b"server" if self.server is None else b"server again"
        self.server = server = HostileServer(
            SERVER_KEY,
            breach,
            entropy=SeededEntropy(seed),
            clock=lambda: self.now,
            crypto=CheapCrypto(),
            before=self.server,
            **changes,
        )
        self.client.transport_opened(Transport(), self.now)
        self.go_on()
        return server

    def go_on(self) -> None:
        """Until nothing happens any more on this stream, or it has ended."""
        for _ in range(MANY_ROUNDS):
            data = self._step()
            if data is None or self.server is None:
                return
            self.server.receive(data)
            self.now += ROUND
            self.client.receive_data(self.server.data_to_send(), self.now)

    def lose(self) -> None:
        """The stream is lost."""
        self.client.transport_lost(self.now)
        self._step()

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def _step(self) -> bytes | None:
        """Everything that is due; what the client writes, or None where the stream has ended."""
        while (event := self.client.next_event()) is not NEED_DATA:
            if isinstance(event, Computation):
                self.client.answer(event, event.run(), self.now)
                continue
            self.events.append(event)
            if isinstance(event, TransportEnded | ConnectionClosed):
                self.client.data_to_send(self.now)
                return None
        return self.client.data_to_send(self.now)


class ServerRun:
    """A real server with its owner, and the clients that come to it."""

    def __init__(self, *, answer: Callable[[Owner, Question[Any]], Any] = Owner.answer, **changes: Any) -> None:
        self.now = START
        self.server = Server(make_server_config(SERVER_KEY, **{"dc": DC, **changes}))
        self.owner = Owner()
        self.events: list[Event] = []
        self._answer = answer
        self._clients = 0

    def meet(self, breach: Breach | None = None, peer: str = "peer", **changes: Any) -> HostileClient:
        """A client that does ``breach`` on a new stream, until nothing happens any more or the stream has ended."""
        self._clients += 1
        link = self.server.accept(Transport.detect(), peer, self.now)
        client = HostileClient(
            SERVER_KEY.public,
            breach,
            entropy=SeededEntropy(b"client %d" % self._clients),
            clock=lambda: self.now,
            crypto=CheapCrypto(),
            **{"dc": DC.number, "query": QUERY, **changes},
        )
        for _ in range(MANY_ROUNDS):
            link.receive_data(client.data_to_send(), self.now)
            going_on = self._step(link)
            self.now += ROUND
            client.receive(link.data_to_send(self.now))
            if not going_on:
                break
        return client

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def _step(self, link: ServerConnection) -> bool:
        """Everything that is due; whether the stream is still there."""
        while (event := link.next_event()) is not NEED_DATA:
            if isinstance(event, Question):
                link.answer(event, self._answer(self.owner, event), self.now)
                continue
            self.events.append(event)
            if isinstance(event, ConnectionClosed):
                return False
            if isinstance(event, CallReceived):
                self.owner.ran.append(event.body)
                link.send_result(event, self.owner.handle_call(event.body), self.now)
        return True


def hostile_pair(
    server_breach: Breach | None = None, client_breach: Breach | None = None, **changes: Any
) -> tuple[HostileServer, HostileClient]:
    """Both hostile peers against each other, to the end; ``changes`` are the client's."""
    now = START

    def clock() -> float:
        nonlocal now
        now += ROUND
        return now

    common: dict[str, Any] = {"clock": clock, "crypto": CheapCrypto()}
    server = HostileServer(SERVER_KEY, server_breach, entropy=SeededEntropy(b"server"), **common)
    client = HostileClient(SERVER_KEY.public, client_breach, entropy=SeededEntropy(b"client"), **common, **changes)
    for _ in range(MANY_ROUNDS):
        server.receive(client.data_to_send())
        client.receive(server.data_to_send())
    return server, client
