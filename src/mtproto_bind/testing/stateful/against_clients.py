"""Servers against which somebody else's client is tested: they keep what it does wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Final

from ..._connection import Server, ServerConnection
from ..._crypto import PrivateKey
from ..._errors import Check, PeerTimedOut, RemoteProtocolError, Scope, SecurityError
from ..._events import CallReceived, ConnectionClosed
from ..._handshake import DataCenter, KeyKind
from ..._limits import Limits
from ..._questions import NEED_DATA, KeyOffered, Question, Stored
from ..._wire import Transport
from ..cheap import CheapCrypto
from ..configs import make_server_config
from ..entropy import SeededEntropy
from ..hostile import Breach, HostileServer
from ..pair import Owner

__all__ = ["BreachingServer", "HonestServer", "ServerSide"]

Answer = Callable[[bytes], bytes]

BIND: Final = "auth.bindTempAuthKey"
NO_FAULTS: Final = frozenset(
    [Check.MSG_ID_SEEN, Check.MSG_ID_WINDOW, Check.CONTAINER_SEEN, Check.SERVER_SALT, Check.HANDSHAKES_PER_PEER]
)
"""What happens to right clients too: something is sent again, a clock or a salt has to be learned, a guest comes often."""
FORGOTTEN: Final = frozenset([Check.KEY_KNOWN, Check.HANDSHAKE_KNOWN])
"""What happens to them where the server has lost its memory."""


class ServerSide(ABC):
    """One server, and one stream after another. ``faults``: what the client has done wrong, in words."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.ended = False
        """Whether the server has ended the stream."""

    @abstractmethod
    def open(self, now: float) -> None:
        """The client opens a stream."""

    @abstractmethod
    def hear(self, data: bytes, now: float) -> None:
        """Bytes of the client."""

    @abstractmethod
    def say(self, now: float) -> bytes:
        """The bytes for the client."""

    @abstractmethod
    def pass_time(self, now: float) -> None:
        """The clock says so, and the stream may be gone."""

    @abstractmethod
    def lose(self, now: float) -> None:
        """The stream is lost."""

    @abstractmethod
    def answered(self, query: bytes) -> None:
        """The client holds ``query`` for answered."""


class ForgetfulOwner(Owner):
    """Loses keys on request, and says of the next ``refusals`` keys that their ids are taken."""

    refusals = 0

    def answer(self, question: Question[Any]) -> Any:
        """The answer to any question of a server."""
        if isinstance(question, KeyOffered) and self.refusals:
            self.refusals -= 1
            return Stored.TAKEN
        return super().answer(question)

    def forget_temporary_keys(self) -> None:
        """As if the store of the keys that need not be stored had been emptied."""
        self.keys = {key_id: record for key_id, record in self.keys.items() if record.kind is KeyKind.PERMANENT}
        self.bindings = {}


class HonestServer(ServerSide):
    """Our server. ``binds``: whether traffic under the permanent key is a fault."""

    def __init__(
        self, private_key: PrivateKey, answer: Answer, *, dc: int, binds: bool = True, tolerates: Iterable[Check] = ()
    ) -> None:
        super().__init__()
        limits = Limits(handshakes_per_peer=10_000)
        self._config = make_server_config(private_key, dc=DataCenter.from_number(dc), limits=limits)
        self._server = Server(self._config)
        self._link: ServerConnection | None = None
        self._binds = binds
        self._excused = NO_FAULTS | frozenset(tolerates)
        self.owner = ForgetfulOwner(answer)
        self.spoiled = False
        """Somebody has changed what this stream carries: what the client makes of it is no fault."""

    def open(self, now: float) -> None:
        self._link = self._server.accept(Transport.detect(), "client", now)
        self.ended = self.spoiled = False

    def hear(self, data: bytes, now: float) -> None:
        if self._link is not None:
            self._link.receive_data(data, now)
            self._go_on(self._link, now)

    def say(self, now: float) -> bytes:
        return b"" if self._link is None else self._link.data_to_send(now)

    def pass_time(self, now: float) -> None:
        self._server.handle_timeout(now)
        if self._link is not None:
            self._link.handle_timeout(now)
            self._go_on(self._link, now)

    def lose(self, now: float) -> None:
        if self._link is not None:
            self._link.transport_lost(now)
            self._go_on(self._link, now)
            self._link = None

    def restart(self, now: float) -> None:
        """The process ends and another begins: handshakes and sessions are lost, keys are not."""
        self.lose(now)
        self._excused |= FORGOTTEN
        self._server = Server(self._config)

    def forget_temporary_keys(self, now: float) -> None:
        """They are lost, as after a restart without a store for them."""
        self.restart(now)
        self.owner.forget_temporary_keys()

    def answered(self, query: bytes) -> None:
        if query not in self.owner.ran:
            self.faults.append("a call is answered that never came to the server")

    def _go_on(self, link: ServerConnection, now: float) -> None:
        while (event := link.next_event()) is not NEED_DATA:
            if isinstance(event, Question):
                link.answer(event, self.owner.answer(event), now)
            elif isinstance(event, CallReceived):
                self.owner.ran.append(event.body)
                link.send_result(event, self.owner.handle_call(event.body), now)
            elif isinstance(event, ConnectionClosed):
                self.ended = True
                self._blame(event.error)
        for check in link.status.dropped:
            self._blame_for(check, "a message was refused")
        under = {key_id for key_id, _session in link.status.sessions}
        kinds = {self.owner.keys[key_id].kind for key_id in under & self.owner.keys.keys()}
        if self._binds and KeyKind.PERMANENT in kinds:
            self.faults.append("there is traffic under the permanent key")

    def _blame(self, error: RemoteProtocolError | None) -> None:
        if isinstance(error, SecurityError):
            self._blame_for(error.check, "the stream was ended")
        elif not (error is None or isinstance(error, PeerTimedOut) or self.spoiled):
            self.faults.append(f"the stream was ended: {error}")

    def _blame_for(self, check: Check, what: str) -> None:
        if check is Check.UNBOUND_CALL or not (check in self._excused or self.spoiled):
            self.faults.append(f"{what}, as it is not so that {check.text} ({check.name})")


class BreachingServer(ServerSide):
    """A :class:`HostileServer` that breaks one rule on its first stream; on those that follow it is honest."""

    def __init__(self, private_key: PrivateKey, answer: Answer, breach: Breach) -> None:
        super().__init__()
        self._private_key = private_key
        self._answer = answer
        self._breach = breach
        self._now = 0.0
        self._peer: HostileServer | None = None
        self._first = True
        self._mark: int | None = None
        self._altered = b""
        self._unproven = 0

    def open(self, now: float) -> None:
        self._now = now
        self._peer = HostileServer(
            self._private_key,
            self._breach if self._first else None,
            entropy=SeededEntropy(b"server" if self._first else b"later server"),
            clock=lambda: self._now,
            before=self._peer,
            handle_call=self._handle_call,
            crypto=CheapCrypto(),
        )
        self._first, self._mark, self.ended = False, None, False

    def hear(self, data: bytes, now: float) -> None:
        self._now = now
        peer = self._peer
        if peer is None or self.ended:
            return
        peer.receive(data)
        self.ended = peer.finished
        if not peer.reached:
            if peer.complaint is not None:
                self.faults.append(f"the stream was ended: {peer.complaint}")
        elif self._mark is None:
            # what came in one piece with the question that the breach answered was said before
            self._mark = len(peer.heard)
            if self._breach.point.startswith("dh_gen_ok."):
                *_, self._unproven = peer._keys
        else:
            self._judge(peer.heard[self._mark :])
        if self._unproven in {*peer.bound, *peer.bound.values(), *(key_id for key_id, _session in peer._sessions)}:
            self.faults.append(f"a key is used that came with {self._breach.how}")

    def say(self, now: float) -> bytes:
        self._now = now
        return b"" if self._peer is None else self._peer.data_to_send()

    def pass_time(self, now: float) -> None:
        self._now = now

    def lose(self, now: float) -> None:
        self._now = now

    def answered(self, query: bytes) -> None:
        if self._mark is not None and self._breach.point.startswith("result.") and query == self._altered:
            self.faults.append(f"a result is believed that came with {self._breach.how}")

    def _handle_call(self, body: bytes) -> bytes:
        if self._peer is not None and not self._peer.reached:
            # if a result is altered, it is the one of this call
            self._altered = body
        return self._answer(body)

    def _judge(self, heard: list[str]) -> None:
        """What the client has said since it had the bad value."""
        scope, how = self._breach.check.scope, self._breach.how
        if scope is Scope.EXCHANGE and heard and not heard[0].startswith("req_pq"):
            self.faults.append(f"the handshake went on, with {heard[0]}, after {how}")
        before = heard[: heard.index(BIND)] if BIND in heard else heard
        if scope is Scope.BIND and "call" in before:
            self.faults.append(f"a call was made after {how}")
