"""Two ends on a virtual clock: a client, a server and its owner, and the network between them."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf, nextafter
from typing import Any

from attrs import evolve, field, frozen

from .._connection import ClientConnection, Server, ServerConnection
from .._events import CallReceived, ConnectionClosed, TransportEnded
from .._handshake import KeyKind
from .._questions import (
    NEED_DATA,
    Binding,
    BindRequested,
    CallClaimed,
    Computation,
    Destruction,
    DestructionRequested,
    Event,
    HandshakeAdvanced,
    HandshakeNeeded,
    KeyNeeded,
    KeyOffered,
    Question,
    Stored,
    StoredKey,
)
from .._wire import Transport
from .network import Direction, Network

__all__ = ["Owner", "Pair", "Told"]

MANY_STEPS = 100_000
"""A run of more steps than this at one moment of the clock goes round in circles."""


class Owner:
    """The owner of a server, in memory: keys, bindings, and what calls answer.

    ``handle_call``: from the body of a call to the body of its result; by default the call itself.
    """

    def __init__(self, handle_call: Callable[[bytes], bytes] = lambda body: body) -> None:
        self.keys: dict[int, StoredKey] = {}
        self.bindings: dict[tuple[int, bool], int] = {}
        self.handshakes: dict[tuple[bytes, bytes], bytes] = {}
        self.claims: dict[tuple[int, int, int], int] = {}
        self.ran: list[bytes] = []
        self.handle_call = handle_call

    def answer(self, question: Question[Any]) -> Any:
        """The answer to any question of a server."""
        match question:
            case Computation():
                return question.run()
            case KeyOffered(record=record):
                return Stored.KEPT if self.keys.setdefault(record.key.id, record) == record else Stored.TAKEN
            case KeyNeeded():
                return self.keys.get(question.key_id)
            case BindRequested():
                return self._bind(question)
            case DestructionRequested():
                return self._destroy(question.permanent_key_id)
            case HandshakeNeeded():
                return self.handshakes.get((question.nonce, question.server_nonce))
            case HandshakeAdvanced():
                return self._advance(question)
            case CallClaimed():
                call = (question.key_id, question.session_id, question.msg_id)
                return self.claims.setdefault(call, question.claimant) == question.claimant
            case _:
                raise TypeError(f"a server asks no {type(question).__name__}")

    def _bind(self, question: BindRequested) -> Binding:
        old = self.bindings.get((question.permanent_key_id, question.media))
        if old in self.keys:
            self.keys[old] = evolve(self.keys[old], bound_to=None)
        new = self.keys[question.temporary_key_id]
        self.keys[question.temporary_key_id] = evolve(new, bound_to=question.permanent_key_id)
        self.bindings[question.permanent_key_id, question.media] = question.temporary_key_id
        return Binding.MADE

    def _destroy(self, permanent_key_id: int) -> Destruction:
        known = self.keys.get(permanent_key_id)
        if known is None or known.kind is not KeyKind.PERMANENT:
            return Destruction.NONE
        for key_id in [each for each, record in self.keys.items() if permanent_key_id in (each, record.bound_to)]:
            del self.keys[key_id]
        for media in (False, True):
            self.bindings.pop((permanent_key_id, media), None)
        return Destruction.DONE

    def _advance(self, question: HandshakeAdvanced) -> bool:
        name = (question.nonce, question.server_nonce)
        if self.handshakes.get(name) != question.before:
            return False
        self.handshakes.pop(name, None)
        if question.after is not None:
            self.handshakes[name] = question.after
        return True


@frozen
class Told:
    """An event, and the virtual time at which it was told."""

    at: float
    event: Event = field()


class Pair:
    """Drives a client against a server until nothing happens any more, or as far as you like.

    The clocks of the ends are ``client_skew`` and ``server_skew`` seconds ahead of ``now``. Events are kept in ``told``
    (client) and ``server_told``. With ``hold`` set, computations of the client are kept in ``held`` instead of run; with
    ``server_hold`` set, calls and the server's questions in ``server_held``. The client's other questions are answered by
    ``answer_client``, from question to value; where it returns None they stay open.
    """

    def __init__(
        self,
        client: ClientConnection,
        server: Server,
        *,
        network: Network | None = None,
        owner: Owner | None = None,
        transport: Transport | None = None,
        start: float = 1_800_000_000.25,
        client_skew: float = 0.0,
        server_skew: float = 0.0,
        answer_client: Callable[[Question[Any]], Any] = lambda _question: None,
    ) -> None:
        self.client = client
        self.server = server
        self.network = network if network is not None else Network()
        self.owner = owner if owner is not None else Owner()
        self.transport = transport if transport is not None else Transport()
        self.now = start
        self.client_skew = client_skew
        self.server_skew = server_skew
        self.answer_client = answer_client
        self.told: list[Told] = []
        self.server_told: list[Told] = []
        self.held: list[Computation[Any]] = []
        self.hold = False
        self.server_held: list[tuple[ServerConnection, Question[Any] | CallReceived]] = []
        self.server_hold = False
        self.link: ServerConnection | None = None
        self.streams = 0
        self._dial_at: float | None = start
        self._client_up = False
        self._closed = False
        self._later: list[tuple[float, int, Callable[[Pair], None]]] = []
        self._numbered = 0

    # ---- driving

    def run(self, seconds: float, until: Callable[[Pair], bool] = lambda _pair: False) -> bool:
        """Let ``seconds`` pass, or fewer if ``until`` becomes true; whether it did."""
        end = self.now + seconds
        standing = 0
        while standing < MANY_STEPS:
            self._settle()
            if until(self):
                return True
            at = self._next_moment()
            if at is None or at > end:
                self.now = end
                return False
            standing = standing + 1 if at <= self.now else 0
            self.now = max(self.now, at)
            self._pass_time()
        raise AssertionError("time stands still: something is always due, and never done")

    def run_until(self, kind: type[Event], seconds: float = 60.0) -> Event:
        """The next event of ``kind`` that the client is told; AssertionError where none comes in time."""
        seen = len(self.told)
        found = self.run(seconds, lambda pair: any(type(told.event) is kind for told in pair.told[seen:]))
        if not found:
            names = [type(told.event).__name__ for told in self.told]
            raise AssertionError(f"no {kind.__name__} within {seconds:g} s; told were {names}; {self.client.status}")
        return next(told.event for told in self.told[seen:] if type(told.event) is kind)

    def later(self, seconds: float, action: Callable[[Pair], None]) -> None:
        """Have ``action`` done to this pair ``seconds`` from now, as it runs."""
        self._numbered += 1
        heappush(self._later, (self.now + seconds, self._numbered, action))

    def cut(self) -> None:
        """The present stream is lost, for both ends, with everything under way."""
        self.network.end(self.streams)
        self._tell_cut()

    def restart_server(self) -> None:
        """The server's process ends and another begins: streams, sessions and handshakes are lost, keys are with the owner."""
        self.cut()
        self.link = None
        self.server_held.clear()
        self.server = Server(self.server.config)

    def release(self) -> None:
        """Hold the client's computations no longer, and answer those that were held."""
        held, self.hold, self.held = self.held, False, []
        for computation in held:
            self.client.answer(computation, computation.run(), self.client_now)

    def server_release(self) -> None:
        """The same for the server's calls and questions; what was withdrawn meanwhile is not done."""
        held, self.server_hold, self.server_held = self.server_held, False, []
        for link, event in held:
            if isinstance(event, CallReceived) or event in link.open_questions:
                self._answer(link, event)

    @property
    def client_now(self) -> float:
        """What the client's clock says."""
        return self.now + self.client_skew

    @property
    def server_now(self) -> float:
        """What the server's clock says."""
        return self.now + self.server_skew

    def events(self, kind: type[Event]) -> list[Any]:
        """What the client was told of one kind."""
        return [told.event for told in self.told if type(told.event) is kind]

    def server_events(self, kind: type[Event]) -> list[Any]:
        """What the server's owner was told of one kind."""
        return [told.event for told in self.server_told if type(told.event) is kind]

    # ---- inside

    def _settle(self) -> None:
        """Everything that happens without time passing."""
        for _ in range(MANY_STEPS):
            if not (self._step_client() | self._step_server()):
                return
        raise AssertionError("the machines go round in circles")

    def _step_client(self) -> bool:
        moved = False
        while (event := self.client.next_event()) is not NEED_DATA:
            moved = True
            self._client_event(event)
        if data := self.client.data_to_send(self.client_now):
            moved = True
            self.network.write(data, Direction.TO_SERVER, self.streams, self.now)
        return moved

    def _client_event(self, event: Event) -> None:
        if isinstance(event, Computation):
            if self.hold:
                self.held.append(event)
            else:
                self.client.answer(event, event.run(), self.client_now)
            return
        self.told.append(Told(self.now, event))
        if isinstance(event, TransportEnded | ConnectionClosed):
            self._hang_up()
            self._closed = isinstance(event, ConnectionClosed)
            self._dial_at = event.retry_at - self.client_skew if isinstance(event, TransportEnded) else None
        elif isinstance(event, Question):
            value = self.answer_client(event)
            if value is not None:
                self.client.answer(event, value, self.client_now)

    def _hang_up(self) -> None:
        """The client closes its stream; what it wrote last still arrives."""
        if data := self.client.data_to_send(self.client_now):
            self.network.write(data, Direction.TO_SERVER, self.streams, self.now)
        self._client_up = False
        if self.link is not None:
            for piece in self.network.take_due(float("inf")):
                if piece.direction is Direction.TO_SERVER:
                    self.link.receive_data(piece.data, self.server_now)
            self.link.transport_lost(self.server_now)
        self.network.end(self.streams)

    def _step_server(self) -> bool:
        moved = False
        while self.link is not None and (event := self.link.next_event()) is not NEED_DATA:
            moved = True
            self._server_event(self.link, event)
        if self.link is not None and (data := self.link.data_to_send(self.server_now)):
            moved = True
            self.network.write(data, Direction.TO_CLIENT, self.streams, self.now)
        return moved

    def _server_event(self, link: ServerConnection, event: Event) -> None:
        if not isinstance(event, Question):
            self.server_told.append(Told(self.now, event))
        if isinstance(event, CallReceived):
            self.owner.ran.append(event.body)
        if isinstance(event, Question | CallReceived):
            if self.server_hold:
                self.server_held.append((link, event))
            else:
                self._answer(link, event)
        elif isinstance(event, ConnectionClosed):
            if data := link.data_to_send(self.server_now):
                self.network.write(data, Direction.TO_CLIENT, self.streams, self.now)
            self.link = None
            self.network.cut_streams.add(self.streams)

    def _answer(self, link: ServerConnection, event: Question[Any] | CallReceived) -> None:
        if isinstance(event, CallReceived):
            link.send_result(event, self.owner.handle_call(event.body), self.server_now)
        else:
            link.answer(event, self.owner.answer(event), self.server_now)

    def _next_moment(self) -> float | None:
        moments = [self.network.next_due(), None if self._client_up else self._dial_at]
        moments.append(_moment(self.client.next_deadline(), self.client_skew))
        moments.append(_moment(self.server.next_deadline(), self.server_skew))
        moments.append(_moment(self.link.next_deadline(), self.server_skew) if self.link is not None else None)
        if self._later:
            moments.append(self._later[0][0])
        if self.network.cut_streams:
            moments.append(self.now + self.network.latency)
        return min((at for at in moments if at is not None), default=None)

    def _pass_time(self) -> None:
        while self._later and self._later[0][0] <= self.now:
            _at, _number, action = heappop(self._later)
            action(self)
        for piece in self.network.take_due(self.now):
            self._deliver(piece.direction, piece.data)
        if self.streams in self.network.cut_streams and self.network.next_due() is None:
            self._tell_cut()
        self.network.cut_streams -= set(range(self.streams))
        self.server.handle_timeout(self.server_now)
        if self.link is not None:
            self.link.handle_timeout(self.server_now)
        self.client.handle_timeout(self.client_now)
        if not self._client_up and self._dial_at is not None and self._dial_at <= self.now and not self._closed:
            self._dial()

    def _deliver(self, direction: Direction, data: bytes) -> None:
        if direction is Direction.TO_CLIENT and self._client_up:
            self.client.receive_data(data, self.client_now)
        elif direction is Direction.TO_SERVER and self.link is not None:
            self.link.receive_data(data, self.server_now)

    def _dial(self) -> None:
        self.streams += 1
        secrets = [] if self.transport.secret is None else [self.transport.secret]
        self.link = self.server.accept(Transport.detect(secrets=secrets), "client", self.server_now)
        self._client_up, self._dial_at = True, None
        self.client.transport_opened(self.transport, self.client_now)

    def _tell_cut(self) -> None:
        self.network.cut_streams.discard(self.streams)
        if self._client_up:
            self.client.transport_lost(self.client_now)
        if self.link is not None:
            self.link.transport_lost(self.server_now)


def _moment(at: float | None, skew: float) -> float | None:
    """When a clock that is ``skew`` seconds ahead says ``at``, and not a rounding error before."""
    if at is None:
        return None
    moment = at - skew
    return moment if moment + skew >= at else nextafter(moment, inf)
