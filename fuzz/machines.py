"""Targets: both machines and the session, by rows of operations that are read off the bytes."""

from __future__ import annotations

from typing import Any

from decoders import KEY, require, server_key
from reading import Orders, allowed

from mtproto_bind import (
    NEED_DATA,
    UNAVAILABLE,
    AuthKey,
    BindingRequired,
    CallAnswered,
    CallFailed,
    CallReceived,
    ClientConnection,
    Computation,
    ConnectionClosed,
    Framing,
    KeyKind,
    LocalProtocolError,
    PermanentKey,
    PermanentKeySuspected,
    Question,
    Server,
    ServerConnection,
    StoredKey,
    Transport,
    TransportEnded,
    Verdict,
)
from mtproto_bind._crypto import Side
from mtproto_bind._wire import encode_transport_error, pack_plain, seal
from mtproto_bind.testing import (
    CheapCrypto,
    HostileClient,
    HostileServer,
    Owner,
    SeededEntropy,
    make_client_config,
    make_server_config,
)

START = 1_800_000_000.25
QUERY = bytes.fromhex("2d7a1f0e")
TEMPORARY = AuthKey(bytes(range(256))[::-1])
SESSION = 7
STEPS = (0.0, 0.05, 1.0, 20.0, 70.0, 700.0, 90_000.0, -0.5, -50.0, -4000.0)
MOST = 1000
"""Events in a row; more are without end."""
CRYPTO = CheapCrypto()


def framed(payload: bytes) -> bytes:
    """An intermediate frame."""
    return len(payload).to_bytes(4, "little") + payload


def forged(orders: Orders, key: AuthKey, side: Side, session_id: int, now: float) -> bytes:
    """A frame sealed under ``key``: ids, salt, numbers and body as the orders have them."""
    near = (int(now * (1 << 32)) & ~3) + (orders.number(256) << 20) - (128 << 20)
    body = orders.words()
    padding = bytes(12 + -(32 + len(body) + 12) % 16)
    fields = {
        "salt": orders.number(1 << 64) if orders.number(4) == 0 else 0,
        "session_id": session_id ^ (orders.number(8) == 0),
        "msg_id": near + orders.number(4),
        "seq_no": orders.number(256),
    }
    return seal(key, side, body=body, padding=padding, crypto=CRYPTO, **fields)


class Client:
    """A client, an honest server that is connected to it when it is called, and what is promised of a client."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.now = START
        key = PermanentKey(key=KEY, created_at=START - 1000) if orders.number(2) else None
        config = make_client_config(server_key(), permanent_key=key, temporary_lifetime=(86400, 60)[orders.number(2)])
        self.client = ClientConnection(config)
        self.server: HostileServer | None = None
        self.open = self.closed = False
        self.made: set[int] = set()
        self.ended: set[int] = set()
        self.questions: list[Question[Any]] = []

    def run(self) -> None:
        """All orders, and what has to hold in the end."""
        acts = (
            self.dial,
            self.talk,
            self.spoil,
            self.pour,
            self.frame,
            self.forge,
            self.wait,
            self.call,
            self.other,
            self.answer,
        )
        while self.orders:
            acts[self.orders.number(len(acts))]()
            self.drain()
        self.client.close(self.now)
        self.drain()
        require(self.closed and self.ended <= self.made, "the end is not told, or a call that nobody made")

    def dial(self) -> None:
        if not self.open and not self.closed:
            framing = (Framing.INTERMEDIATE, Framing.ABRIDGED, Framing.PADDED, Framing.FULL)[self.orders.number(4)]
            self.client.transport_opened(Transport(framing), self.now)
            self.server = HostileServer(
                server_key(),
                entropy=SeededEntropy(b"server"),
                clock=lambda: self.now,
                before=self.server,
                crypto=CRYPTO,
            )
            self.open = True

    def talk(self, spoil: int | None = None) -> None:
        if self.server is not None and self.open:
            self.server.receive(self.client.data_to_send(self.now))
            self.now += 0.05
            data = self.server.data_to_send()
            if spoil is not None and data:
                at = spoil % len(data)
                data = data[:at] + bytes([data[at] ^ 1 << self.orders.number(8)]) + data[at + 1 :]
            self.client.receive_data(data, self.now)

    def spoil(self) -> None:
        self.talk(self.orders.number(2000))

    def pour(self) -> None:
        self.client.receive_data(self.orders.piece(), self.now)

    def frame(self) -> None:
        kind = self.orders.number(3)
        data = self.orders.piece()
        if kind == 1:
            data = pack_plain((int(self.now * (1 << 32)) & ~3) + 1, data or bytes(4))
        elif kind == 2:
            data = encode_transport_error(-1 - self.orders.number(512))
        self.client.receive_data(framed(data), self.now)

    def forge(self) -> None:
        with allowed(LocalProtocolError):
            bound = self.client.bound_key()
            self.client.receive_data(framed(forged(self.orders, bound.key, Side.SERVER, bound.session_id, self.now)), self.now)

    def wait(self) -> None:
        self.now += STEPS[self.orders.number(len(STEPS))]
        self.client.handle_timeout(self.now)
        self.drain()
        deadline = self.client.next_deadline()
        require(deadline is None or deadline > self.now, "a deadline that is not in the future")

    def call(self) -> None:
        with allowed(LocalProtocolError):
            after = tuple(self.made)[-1:] if self.orders.number(4) == 0 else ()
            give_up = self.now + 30 if self.orders.number(4) == 0 else None
            self.made.add(self.client.call(QUERY, self.now, after=after, repeat=bool(self.orders.number(2)), give_up_at=give_up))

    def other(self) -> None:
        which = self.orders.number(6)
        with allowed(LocalProtocolError):
            if which == 0:
                self.client.renew(self.now)
            elif which == 1 and self.made:
                self.client.cancel(max(self.made), self.now)
            elif which == 2:
                self.client.transport_lost(self.now)
            elif which == 3:
                saved = self.client.save(temporary_key=bool(self.orders.number(2)))
                require(len(saved) >= 22, "nothing is saved")
            elif which == 4:
                require(repr(self.client.status) != "", "no status")
            elif self.orders.number(4) == 0:
                self.client.close(self.now)

    def answer(self) -> None:
        """One of the questions so far, once more or late."""
        if self.questions:
            question = self.questions[self.orders.number(256) % len(self.questions)]
            self.client.answer(question, self.value(question), self.now)

    def value(self, question: Question[Any]) -> Any:
        match question:
            case Computation():
                return question.run()
            case PermanentKeySuspected():
                return (Verdict.KEEP, Verdict.REPLACE)[self.orders.number(2)]
            case BindingRequired():
                return bytes(104)
        raise RuntimeError(f"a client asks no {type(question).__name__}")

    def drain(self) -> None:
        for _ in range(MOST):
            event = self.client.next_event()
            if event is NEED_DATA:
                return
            require(not self.closed, "something is told after the end")
            match event:
                case Question():
                    self.questions.append(event)
                    # now and then the answer is withheld
                    if self.orders.number(256) < 240:
                        self.client.answer(event, self.value(event), self.now)
                case TransportEnded() | ConnectionClosed():
                    self.open, self.closed = False, isinstance(event, ConnectionClosed)
                    self.client.data_to_send(self.now)
                case CallAnswered(call_id=call_id) | CallFailed(call_id=call_id):
                    require(call_id not in self.ended, "a call ends twice")
                    self.ended.add(call_id)
        raise RuntimeError("events without end")


def client(data: bytes) -> None:
    """A client: streams, bytes, time, calls, answers, in any order. LocalProtocolError for what cannot be asked now."""
    Client(Orders(data)).run()


class Endpoint:
    """A server with up to three streams, honest clients that speak when called, and keys that are known to both."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.now = START
        self.server = Server(make_server_config(server_key(), share_handshakes=bool(orders.number(2))))
        self.owner = Owner()
        ends = {"media": False, "created_at": START - 100, "first_salt": 0}
        permanent = StoredKey(key=KEY, kind=KeyKind.PERMANENT, expires_at=None, **ends)
        temporary = StoredKey(key=TEMPORARY, kind=KeyKind.TEMPORARY, expires_at=START + 5000, bound_to=KEY.id, **ends)
        self.owner.keys = {KEY.id: permanent, TEMPORARY.id: temporary}
        self.links: list[tuple[ServerConnection, HostileClient]] = []
        self.calls: list[CallReceived] = []
        self.held: list[tuple[ServerConnection, Question[Any]]] = []
        self.closed: set[int] = set()
        self.made = 0

    def run(self) -> None:
        """All orders, and what has to hold in the end."""
        acts = (
            self.accept,
            self.talk,
            self.pour,
            self.begin,
            self.forge,
            self.forge,
            self.wait,
            self.reply,
            self.other,
            self.release,
        )
        while self.orders:
            acts[self.orders.number(len(acts))]()
            self.drain()
        for link, _client in self.links:
            link.transport_lost(self.now)
        self.drain()
        require(len(self.closed) == len(self.links), "the end of a stream is not told")

    def accept(self) -> None:
        if len(self.links) < 3:
            self.made += 1
            client = HostileClient(
                server_key().public,
                entropy=SeededEntropy(b"client %d" % self.made),
                clock=lambda: self.now,
                query=QUERY,
                crypto=CRYPTO,
            )
            self.links.append((self.server.accept(Transport.detect(), "peer", self.now), client))

    def link(self) -> tuple[ServerConnection, HostileClient]:
        if not self.links:
            self.accept()
        return self.links[self.orders.number(256) % len(self.links)]

    def talk(self) -> None:
        link, client = self.link()
        client.receive(link.data_to_send(self.now))
        data, at = client.data_to_send(), self.orders.number(256)
        if data and at >= 250:
            at = self.orders.number(2000) % len(data)
            data = data[:at] + bytes([data[at] ^ 1 << self.orders.number(8)]) + data[at + 1 :]
        self.now += 0.05
        link.receive_data(data, self.now)

    def pour(self) -> None:
        self.link()[0].receive_data(self.orders.piece(), self.now)

    def begin(self) -> None:
        data = self.orders.piece()
        plain = pack_plain(int(self.now * (1 << 32)) & ~3, data or bytes(4)) if self.orders.number(2) else data
        self.link()[0].receive_data(Framing.INTERMEDIATE.tag * self.orders.number(2) + framed(plain), self.now)

    def forge(self) -> None:
        key = (TEMPORARY, KEY)[self.orders.number(4) == 0]
        frame = forged(self.orders, key, Side.CLIENT, SESSION, self.now)
        self.link()[0].receive_data(Framing.INTERMEDIATE.tag * self.orders.number(2) + framed(frame), self.now)

    def wait(self) -> None:
        self.now += STEPS[self.orders.number(len(STEPS))]
        self.server.handle_timeout(self.now)
        for link, _client in self.links:
            link.handle_timeout(self.now)
        self.drain()
        for deadline in (self.server.next_deadline(), *(link.next_deadline() for link, _client in self.links)):
            require(deadline is None or deadline > self.now, "a deadline that is not in the future")

    def reply(self) -> None:
        if self.calls:
            call, link = self.calls[self.orders.number(256) % len(self.calls)], self.link()[0]
            with allowed(LocalProtocolError):
                if self.orders.number(2):
                    link.send_result(call, self.orders.words(), self.now)
                else:
                    link.send_error(call, 400, "WRONG", self.now)

    def other(self) -> None:
        which, (link, _client) = self.orders.number(6), self.link()
        if which == 0:
            link.transport_lost(self.now)
        elif which == 1:
            link.close(self.now)
        elif which == 2:
            with allowed(LocalProtocolError):
                self.server.send_update(TEMPORARY.id, SESSION, QUERY, self.now)
        elif which == 3 and self.orders.number(8) == 0:
            self.server.forget_key(KEY.id, self.now)
        elif which == 4:
            link.data_to_send(self.now)
        else:
            require(repr(link.status) != "", "no status")

    def release(self) -> None:
        """What was held back is answered now, late or not."""
        held, self.held = self.held, []
        for link, question in held:
            lost = self.orders.number(4) == 0 and not isinstance(question, Computation)
            link.answer(question, UNAVAILABLE if lost else self.owner.answer(question), self.now)

    def drain(self) -> None:
        for number, (link, _client) in enumerate(self.links):
            for _ in range(MOST):
                event = link.next_event()
                if event is NEED_DATA:
                    break
                require(number not in self.closed, "something is told after the end")
                if isinstance(event, Question):
                    if self.orders.number(256) < 240:
                        link.answer(event, self.owner.answer(event), self.now)
                    else:
                        self.held.append((link, event))
                elif isinstance(event, CallReceived):
                    self.calls.append(event)
                elif isinstance(event, ConnectionClosed):
                    self.closed.add(number)
            else:
                raise RuntimeError("events without end")


def server(data: bytes) -> None:
    """A server: streams, bytes, time, answers of its owner, in any order. LocalProtocolError for what cannot be asked now."""
    Endpoint(Orders(data)).run()


def session(data: bytes) -> None:
    """What a bound client makes of messages that are sealed as they should be, with anything in them. Nothing is raised."""
    # a client that is bound by the shortest way, which all inputs have in common
    orders = Orders(data)
    bound = Client(Orders(bytes([0, 0])))
    bound.dial()
    for _ in range(12):
        bound.talk()
        bound.drain()
    bound.orders = orders
    require(bound.client.status.temporary_key_state == "BOUND", "the client is not bound")
    while orders:
        (bound.forge, bound.forge, bound.forge, bound.call, bound.talk, bound.wait)[orders.number(6)]()
        bound.drain()
        bound.client.data_to_send(bound.now)
