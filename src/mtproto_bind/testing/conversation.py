"""One whole conversation of a machine with a straight peer, honest or with one rule broken, recorded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from .._connection import ClientConnection, ServerConnection
from .._crypto import PrivateKey
from .._events import CallReceived, ConnectionClosed, TransportEnded
from .._handshake import DataCenter
from .._questions import NEED_DATA, Event, Question
from .._wire import Transport
from .cheap import CheapCrypto
from .configs import make_client_config, make_server_config
from .entropy import SeededEntropy
from .hostile import Breach, HostileClient, HostileServer, Role
from .pair import Owner
from .recording import Recorder
from .transcript import Transcript

__all__ = ["converse"]

START: Final = 1_800_000_000.25
ROUND: Final = 0.05
"""Seconds to the other side and back."""
DC: Final = DataCenter(2)
QUERY: Final = bytes.fromhex("2d7a1f0e")
"""A query that nobody knows. A short one: its result leaves padding to be shortened."""

Cut = Callable[[bytes], list[bytes]]


def converse(
    private_key: PrivateKey,
    role: Role,
    breach: Breach | None = None,
    *,
    seed: bytes = b"",
    cut: Cut = lambda data: [data],
    query: bytes = QUERY,
) -> Transcript:
    """What befalls our machine of ``role`` from the first byte to an answered call, or to where ``breach`` ends it.

    The peer is a :class:`HostileServer` or :class:`HostileClient`. Everything drawn follows from ``seed``; what the peer
    writes arrives as ``cut`` cuts it. ValueError for a breach by the same role.
    """
    if breach is not None and breach.by is role:
        raise ValueError(f"{breach.name} is broken by a {breach.by.value}, and that is who is recorded")
    recorder = Recorder()
    talk = _ClientTalk if role is Role.CLIENT else _ServerTalk
    talk(recorder, private_key, breach, seed, query).run(cut)
    return recorder.transcript()


class _Talk(ABC):
    """A machine and its peer on a clock of their own."""

    machine: ClientConnection | ServerConnection
    peer: HostileClient | HostileServer

    def __init__(self, recorder: Recorder, private_key: PrivateKey, breach: Breach | None, seed: bytes, query: bytes) -> None:
        self.now = START
        self._owner = Owner()
        self._make(recorder, private_key, breach, seed, query)

    def run(self, cut: Cut) -> None:
        """To the end, or as long as anything is said: both sides have a script that ends."""
        going_on = True
        while going_on:
            going_on = self._step()
            said = self.machine.data_to_send(self.now)
            self.peer.receive(said)
            self.now += ROUND
            answer = self.peer.data_to_send()
            going_on = going_on and bool(said or answer)
            for piece in cut(answer) if going_on else ():
                self.machine.receive_data(piece, self.now)
                going_on = self._step() and going_on
        self.machine.close(self.now)
        self._step()

    @abstractmethod
    def _make(self, recorder: Recorder, private_key: PrivateKey, breach: Breach | None, seed: bytes, query: bytes) -> None:
        """Both of them, with a stream between them."""

    def _step(self) -> bool:
        """Everything that is due; whether the stream is still there."""
        open_still = True
        while (event := self.machine.next_event()) is not NEED_DATA:
            if isinstance(event, Question):
                self.machine.answer(event, self._owner.answer(event), self.now)
            open_still = open_still and not isinstance(event, TransportEnded | ConnectionClosed)
            self._told(event)
        return open_still

    @abstractmethod
    def _told(self, event: Event) -> None:
        """An event, after it was answered if it is a question."""


class _ClientTalk(_Talk):
    def _make(self, recorder: Recorder, private_key: PrivateKey, breach: Breach | None, seed: bytes, query: bytes) -> None:
        client = recorder.client(make_client_config(private_key, seed=seed + b"client", dc=DC))
        client.transport_opened(Transport(), self.now)
        client.call(query, self.now)
        self.machine = client
        entropy = SeededEntropy(seed + b"server")
        self.peer = HostileServer(private_key, breach, entropy=entropy, clock=lambda: self.now, crypto=CheapCrypto())

    def _told(self, event: Event) -> None:
        """Its owner has nothing to do."""


class _ServerTalk(_Talk):
    machine: ServerConnection

    def _make(self, recorder: Recorder, private_key: PrivateKey, breach: Breach | None, seed: bytes, query: bytes) -> None:
        server = recorder.server(make_server_config(private_key, seed=seed + b"server", dc=DC))
        self.machine = server.accept(Transport.detect(), "peer", self.now)
        self.peer = HostileClient(
            private_key.public,
            breach,
            entropy=SeededEntropy(seed + b"client"),
            clock=lambda: self.now,
            dc=DC.number,
            query=query,
            crypto=CheapCrypto(),
        )
        self.machine.receive_data(self.peer.data_to_send(), self.now)

    def _told(self, event: Event) -> None:
        if isinstance(event, CallReceived):
            self.machine.send_result(event, self._owner.handle_call(event.body), self.now)
