"""Clients against which somebody else's server is tested: they keep what it does wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..._config import ClientConfig
from ..._connection import ClientConnection
from ..._crypto import Powers, PublicKey, in_range
from ..._errors import Check, PeerTimedOut
from ..._events import BindRefused, CallAnswered, CallFailed, CallId, ConnectionClosed, KeyBound, KeyExpired, TransportEnded
from ..._handshake import DataCenter
from ..._questions import NEED_DATA, Computation, Event
from ..._wire import Transport
from ..cheap import CheapCrypto
from ..entropy import SeededEntropy
from ..hostile import Breach, HostileClient

__all__ = ["BreachingClient", "HonestClient"]

SHORT: Final = 1 << 2040
"""Numbers below begin with a zero, as one key in 256 does."""
AGREED: Final = frozenset(["server_DH_params_ok", "dh_gen_ok"])
DONE: Final = frozenset(["boolTrue", "rpc_result"])
ASIDE: Final = frozenset(["msgs_ack", "new_session_created", "pong", "future_salts", "resPQ", "update"])
"""What a server says beside, whatever it thinks of a request."""
TWICE: Final = frozenset([Check.MSG_ID_SEEN, Check.CONTAINER_SEEN])
"""The first of two that are the same is right, and is answered."""


class HonestClient:
    """Our client, on one stream after another. ``faults``: what the server has done wrong, in words."""

    def __init__(
        self,
        server_key: PublicKey,
        answer: Callable[[bytes], bytes | None],
        *,
        dc: int,
        tolerates: Iterable[Check] = (),
        seed: bytes = b"",
    ) -> None:
        self.faults: list[str] = []
        self.ended = False
        """Whether the client has ended the stream."""
        self.answered = 0
        self.bound = 0
        """How many keys were bound."""
        self.short_keys = 0
        """The next so many keys begin with a zero."""
        self.excused = False
        """Something went wrong that was not the server's fault: calls may fail, keys may be lost."""
        self.spoiled = False
        """Somebody has changed what this stream carries."""
        self._tolerates = frozenset([Check.MSG_ID_SEEN, *tolerates])
        self._answer = answer
        self._calls: dict[CallId, bytes] = {}
        config = ClientConfig(
            server_keys=(server_key,),
            dc=DataCenter.from_number(dc),
            entropy=SeededEntropy(b"client" + seed),
            crypto=CheapCrypto(),
        )
        self.client = ClientConnection(config)

    def open(self, transport: Transport, now: float) -> None:
        """A new stream to the server."""
        self.client.transport_opened(transport, now)
        self.ended = self.spoiled = False
        self._go_on(now)

    def call(self, query: bytes, now: float) -> None:
        """Call, as soon as a key is bound."""
        self._calls[self.client.call(query, now)] = query

    def renew(self, now: float) -> None:
        """Another temporary key, if there is one."""
        if self.client.status.temporary_key_state == "BOUND":
            self.client.renew(now)

    @property
    def waiting(self) -> int:
        """Calls that have neither been answered nor failed."""
        return len(self._calls)

    def hear(self, data: bytes, now: float) -> None:
        """Bytes of the server."""
        self.client.receive_data(data, now)
        self._go_on(now)

    def say(self, now: float) -> bytes:
        """The bytes for the server."""
        return self.client.data_to_send(now)

    def lose(self, now: float) -> None:
        """The stream is lost."""
        self.client.transport_lost(now)
        self._go_on(now)
        self.ended = True

    def pass_time(self, now: float) -> None:
        """The clock says so."""
        self.client.handle_timeout(now)
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        while (event := self.client.next_event()) is not NEED_DATA:
            if isinstance(event, Computation):
                self.client.answer(event, self._computed(event), now)
            else:
                self._told(event)
        for check in self.client.status.dropped.keys() - self._tolerates if not self.excused else ():
            self.faults.append(f"a message was dropped, as it is not so that {check.text} ({check.name})")

    def _told(self, event: Event) -> None:
        match event:
            case TransportEnded(error=error) | ConnectionClosed(error=error):
                self.ended = True
                # whether it came at all is seen at the end
                blamed = error is not None and not isinstance(error, PeerTimedOut) and not self.spoiled
                if blamed and getattr(error, "check", None) not in self._tolerates:
                    self.faults.append(f"the stream was ended: {error}")
            case KeyBound():
                self.bound += 1
            case BindRefused(verdict=verdict) if not self.excused:
                self.faults.append(f"the binding was refused: {verdict.why}")
            case KeyExpired(verdict=lost) if not self.excused:
                self.faults.append(f"the key is lost: {lost.why}")
            case CallAnswered(call_id=call_id, body=body):
                self._check_answer(self._calls.pop(call_id), body)
            case CallFailed(call_id=call_id, reason=reason):
                del self._calls[call_id]
                if not self.excused:
                    self.faults.append(f"a call has failed: {reason}")

    def _check_answer(self, query: bytes, body: bytes) -> None:
        self.answered += 1
        if self._answer(query) not in (body, None):
            self.faults.append("a call has a wrong answer")

    def _computed(self, question: Computation[object]) -> object:
        value = question.run()
        if not self.short_keys or not isinstance(question.work, Powers) or not isinstance(value, tuple):
            return value
        self.short_keys -= 1
        # the same with greater and greater exponents: a multiplication each
        powers, bases, modulus = value, question.work.bases, question.work.modulus
        while powers[1] >= SHORT or not in_range(powers[0], modulus):
            powers = tuple(power * base % modulus for power, base in zip(powers, bases, strict=True))
        return powers


class BreachingClient:
    """A :class:`HostileClient` on one stream. ``faults``: what the server believed that it must not."""

    def __init__(self, server_key: PublicKey, breach: Breach, query: bytes, *, dc: int, now: float) -> None:
        self.faults: list[str] = []
        self._breach = breach
        self._now = now
        self._mark: int | None = None
        self._peer = HostileClient(
            server_key,
            breach,
            entropy=SeededEntropy(b"hostile"),
            clock=lambda: self._now,
            dc=dc,
            query=query,
            crypto=CheapCrypto(),
        )

    @property
    def ended(self) -> bool:
        """Whether it is at the end of what it has to say."""
        return self._peer.finished

    def hear(self, data: bytes, now: float) -> None:
        """Bytes of the server."""
        self._now = now
        self._look()
        self._peer.receive(data)
        self._judge()

    def say(self, now: float) -> bytes:
        """The bytes for the server."""
        self._now = now
        data = self._peer.data_to_send()
        self._look()
        return data

    def _look(self) -> None:
        if self._mark is None and self._peer.reached:
            self._mark = len(self._peer.heard)

    def _judge(self) -> None:
        """The first thing that a server says to what is wrong must not be that it is done."""
        breach = self._breach
        if self._mark is None or breach.check in TWICE:
            return
        # what is refused by a result is wrong in a request, and handshakes may come before that
        aside = ASIDE if breach.says.startswith("transport_error") or not breach.says else ASIDE | AGREED
        said = [name for name in self._peer.heard[self._mark :] if name not in aside][:1]
        if (AGREED | DONE).intersection(said) and not self.faults:
            self.faults.append(f"{said[0]} was the answer to {breach.how} ({breach.check.name})")
