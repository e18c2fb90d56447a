"""A client and a server in memory, bound or on the way; words put into the server's mouth; a look at what passes."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from kit.keys import SERVER_KEY
from mtproto_bind import CallReceived, ClientConnection, Event, KeyBound, Limits, Server, ServerConnection
from mtproto_bind._connection.server.sessions import ServerSession
from mtproto_bind._crypto import Side
from mtproto_bind._session import REPLY, Item, Received, unroll
from mtproto_bind._tl import API, SERVICE, TLObject
from mtproto_bind._wire import Stream, Transport, key_id_of, open_sealed, seal
from mtproto_bind.testing import (
    CheapCrypto,
    Direction,
    Network,
    Owner,
    Pair,
    SeededEntropy,
    make_client_config,
    make_server_config,
)

QUERY = bytes.fromhex("6b18f9c4")
"""help.getConfig#c4f9186b, which may be called under any key."""
OTHER_QUERY = bytes.fromhex("2d7a1f0e00000000")
"""Some query that nobody knows."""
UPDATE = bytes.fromhex("7ee4e8fa")
"""updatesTooLong."""


def make_pair(
    *,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    saved: bytes | None = None,
    owner: Owner | None = None,
    **pair: Any,
) -> Pair:
    """A pair whose settings differ from the usual ones by what is given."""
    connection = ClientConnection(make_client_config(SERVER_KEY, **(client or {})), saved=saved)
    endpoint = Server(make_server_config(SERVER_KEY, **(server or {})))
    return Pair(connection, endpoint, owner=owner, **pair)


def bound_pair(**settings: Any) -> Pair:
    """The same, with its first temporary key bound."""
    pair = make_pair(**settings)
    pair.run_until(KeyBound)
    pair.run(0.5)
    return pair


def session_of(pair: Pair) -> ServerSession:
    """The server's side of the session in use."""
    key = pair.client.bound_key()
    session = pair.server.sessions.find(key.key.id, key.session_id)
    if session is None:
        raise LookupError("the server does not have the session of the client")
    return session


def keep_calls(pair: Pair) -> list[CallReceived]:
    """From now on the owner keeps calls to itself, here."""
    kept: list[CallReceived] = []
    answer = pair._server_event

    def take(link: ServerConnection, event: Event) -> None:
        if isinstance(event, CallReceived):
            kept.append(event)
        else:
            answer(link, event)

    pair._server_event = take  # type: ignore[method-assign]  # an owner of the test's own
    return kept


def say(
    pair: Pair, thing: TLObject | bytes, *, content_related: bool = False, remainder: int = REPLY, seconds: float = 0.5
) -> None:
    """Let the server say something of its own to the client, and let it arrive."""
    body = thing if isinstance(thing, bytes) else thing.to_bytes()
    session_of(pair).say(Item(body=body, content_related=content_related, remainder=remainder))
    pair.run(seconds)


def forge(pair: Pair, **changes: int | bytes) -> bytes:
    """A message of the server to the session in use, with some fields as the test wants them."""
    session = session_of(pair)
    fields: dict[str, int | bytes] = {
        "salt": 0,
        "session_id": session.session.session_id,
        "msg_id": session.session.ids.next(pair.now, REPLY),
        "seq_no": 1,
        **changes,
    }
    body = changes.get("body", UPDATE)
    fields |= {"body": body, "padding": bytes(12 + -(32 + len(bytes(body)) + 12) % 16)}
    key = session.session.key
    return seal(key, Side.SERVER, crypto=CheapCrypto(), **fields)  # type: ignore[arg-type]  # the names are those of seal


def deliver(pair: Pair, frame: bytes) -> None:
    pair.client.receive_data(len(frame).to_bytes(4, "little") + frame, pair.client_now)
    pair.run(0.01)


@frozen
class Sent:
    """What one end wrote, opened: the outer message and those in it."""

    key_id: int
    msg_id: int
    seq_no: int
    salt: int
    is_container: bool
    messages: tuple[Received, ...]


class Wiretap(Network):
    """A network that keeps what the client writes, and opens it with the owner's keys."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.written: list[bytes] = []
        self._streams: dict[int, Stream] = {}
        self.frames: list[bytes] = []

    def write(self, data: bytes, direction: Direction, stream: int, now: float) -> None:
        if direction is Direction.TO_SERVER:
            reader = self._streams.setdefault(stream, self._reader())
            reader.receive(data)
            while (frame := reader.next_frame()) is not None:
                self.frames.append(frame)
        super().write(data, direction, stream, now)

    def sealed(self, pair: Pair) -> list[Sent]:
        """Everything the client has sealed so far, in order."""
        return [self._open(frame, pair) for frame in self.frames if key_id_of(frame)]

    def take(self, pair: Pair) -> list[Sent]:
        """What it has sealed since the last time."""
        sealed = self.sealed(pair)
        self.frames.clear()
        return sealed

    def _open(self, frame: bytes, pair: Pair) -> Sent:
        key_id = key_id_of(frame)
        opened = open_sealed(frame, pair.owner.keys[key_id].key, Side.CLIENT, CheapCrypto())
        unrolled = unroll(opened, pair.server.config.limits)
        return Sent(key_id, opened.msg_id, opened.seq_no, opened.salt, unrolled.is_container, unrolled.messages)

    def _reader(self) -> Stream:
        return Stream(Transport.detect(), server=True, limits=Limits(), entropy=SeededEntropy(b"tap"), crypto=CheapCrypto())


def tap(pair: Pair) -> Wiretap:
    """The network of a pair that was made with a tap. TypeError where it was not."""
    if not isinstance(pair.network, Wiretap):
        raise TypeError("the pair was made without a tap")
    return pair.network


def tapped_pair(**settings: Any) -> Pair:
    """A bound pair with a tap that has kept nothing yet."""
    pair = bound_pair(network=Wiretap(), **settings)
    tap(pair).frames.clear()
    return pair


def said(pair: Pair, kind: type[TLObject]) -> list[tuple[int, Any]]:
    """What the client said of one kind since the tap was last looked at, each with its message id."""
    return [
        (message.msg_id, SERVICE.read_whole(message.body))
        for sent in tap(pair).take(pair)
        for message in sent.messages
        if SERVICE.name_of(message.body) == kind.constructor.name
    ]


def queries(pair: Pair) -> list[int]:
    """The message ids under which OTHER_QUERY has left since the tap was last looked at."""
    messages = [message for sent in tap(pair).take(pair) for message in sent.messages]
    return [message.msg_id for message in messages if message.body == OTHER_QUERY]


def binds_in(sealed: list[Sent]) -> list[tuple[int, Any, Sent]]:
    """Every auth.bindTempAuthKey: its message id, the request, and what it came in."""
    return [
        (message.msg_id, API.read_whole(message.body), sent)
        for sent in sealed
        for message in sent.messages
        if API.name_of(message.body) == "auth.bindTempAuthKey"
    ]
