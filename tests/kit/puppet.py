"""A client that says whatever a test wants, under keys that the owner of a server has; and a look at what it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from kit.keys import SERVER_KEY
from mtproto_bind import (
    NEED_DATA,
    AuthKey,
    Event,
    Framing,
    KeyKind,
    Limits,
    Question,
    Server,
    ServerConnection,
    ServerTransport,
    StoredKey,
    Transport,
)
from mtproto_bind._crypto import Side, aes_v2, msg_key_large_v2
from mtproto_bind._ground import id_to_bytes
from mtproto_bind._session import FROM_CLIENT, MessageIds, SequenceNumbers, unroll
from mtproto_bind._tl import SERVICE, ContainedMessage, RpcResult, TLObject, write_container
from mtproto_bind._wire import Stream, key_id_of, open_sealed, pack_plain, transport_error, unpack_plain
from mtproto_bind.testing import CheapCrypto, Owner, SeededEntropy, make_server_config

START = 1_800_000_000.25
DAY = 86_400
CRYPTO = CheapCrypto()
SALT = 0x5A17
SESSION = 0x5E5510
PERMANENT_KEY = AuthKey(bytes(range(256)))
KEYS = {name: AuthKey(bytes(reversed(range(256)))[name:] + bytes(range(name))) for name in range(8)}
"""Keys that were not made by a handshake; nobody asks how a key came into the owner's hands."""


def permanent_record() -> StoredKey:
    """The permanent key, made long ago."""
    return StoredKey(key=PERMANENT_KEY, kind=KeyKind.PERMANENT, media=False, created_at=START, expires_at=None, first_salt=SALT)


def temporary_record(name: int = 0, *, bound: bool = True, media: bool = False, lifetime: float = DAY) -> StoredKey:
    """A temporary key, made just now."""
    return StoredKey(
        key=KEYS[name],
        kind=KeyKind.TEMPORARY,
        media=media,
        created_at=START,
        expires_at=START + lifetime,
        first_salt=SALT,
        bound_to=PERMANENT_KEY.id if bound else None,
    )


@frozen
class Heard:
    """One message of the server, out of its container. ``thing``: a TL object, or bytes where it is none of the service's."""

    key_id: int
    session_id: int
    salt: int
    msg_id: int
    seq_no: int
    container: int | None
    """The id of the container it was in."""
    thing: Any
    body: bytes = field(repr=False)


class World:
    """A server and its owner, on a virtual clock, with any number of streams. ``hold``: questions that are not answered."""

    def __init__(self, *records: StoredKey, owner: Owner | None = None, **settings: Any) -> None:
        self.server = Server(make_server_config(SERVER_KEY, **settings))
        self.owner = owner if owner is not None else Owner()
        self.records = {record.key.id: record for record in records or (permanent_record(), temporary_record())}
        self.owner.keys.update(self.records)
        self.now = START
        self.hold: tuple[type[Question[Any]], ...] = ()
        self.lines: list[Line] = []

    def dial(self, transport: ServerTransport | Transport | None = None, *, peer: object = "peer", **stream: Any) -> Line:
        """A new stream."""
        line = Line(self, transport if transport is not None else Transport.detect(), peer, **stream)
        self.lines.append(line)
        return line

    def pass_time(self, seconds: float) -> None:
        """Every deadline that comes meanwhile is kept, at its moment."""
        end = self.now + seconds
        while True:
            deadlines = [self.server.next_deadline(), *(line.link.next_deadline() for line in self.lines)]
            due = [at for at in deadlines if at is not None and at <= end]
            if not due:
                break
            self.now = max(self.now, min(due))
            self._handle_timeouts()
        self.now = end
        self._handle_timeouts()

    def _handle_timeouts(self) -> None:
        self.server.handle_timeout(self.now)
        for line in self.lines:
            line.link.handle_timeout(self.now)
            line.run()


class Line:
    """One stream: a server connection, and a client end that frames what it is given."""

    def __init__(
        self,
        world: World,
        transport: ServerTransport | Transport,
        peer: Any,
        *,
        framing: Framing = Framing.INTERMEDIATE,
        obfuscated: bool = False,
    ) -> None:
        self.world = world
        self.link: ServerConnection = world.server.accept(transport, peer, world.now)
        self.end = Stream(
            Transport(framing, obfuscated=obfuscated),
            server=False,
            limits=Limits(),
            entropy=SeededEntropy(b"line"),
            crypto=CRYPTO,
        )
        self.events: list[Event] = []
        self.held: list[Question[Any]] = []
        self.heard: list[Heard] = []
        self.frames: list[list[Heard]] = []
        self.plain: list[bytes] = []
        self.plain_ids: list[int] = []
        self.codes: list[int] = []

    # ---- saying

    def write(self, data: bytes) -> None:
        """Bytes, as they are."""
        self.link.receive_data(data, self.world.now)
        self.run()

    def frame(self, *payloads: bytes) -> None:
        """Frames with these in them, all in one piece."""
        for payload in payloads:
            self.end.send(payload)
        self.write(self.end.data_to_send())

    def tell(self, body: bytes | TLObject, *, msg_id: int = 0) -> list[bytes]:
        """A message in the clear; what is answered in the clear."""
        before = len(self.plain)
        self.frame(pack_plain(msg_id, body if isinstance(body, bytes) else body.to_bytes()))
        return self.plain[before:]

    def lose(self) -> None:
        """The stream ends."""
        self.link.transport_lost(self.world.now)
        self.run()

    def answer(self, question: Question[Any], value: Any) -> None:
        """The owner answers at last."""
        self.link.answer(question, value, self.world.now)
        self.run()

    # ---- hearing

    def run(self) -> None:
        """Everything that happens without time passing."""
        while (event := self.link.next_event()) is not NEED_DATA:
            if not isinstance(event, Question):
                self.events.append(event)
            elif isinstance(event, self.world.hold):
                self.held.append(event)
            else:
                self.link.answer(event, self.world.owner.answer(event), self.world.now)
        self._hear(self.link.data_to_send(self.world.now))

    def told(self, kind: type[Event]) -> list[Any]:
        """What the owner was told of one kind."""
        return [event for event in self.events if type(event) is kind]

    def _hear(self, data: bytes) -> None:
        self.end.receive(data)
        while (frame := self.end.next_frame()) is not None:
            code = transport_error(frame)
            if code is not None:
                self.codes.append(code)
            elif key_id_of(frame) == 0:
                msg_id, body = unpack_plain(frame)
                self.plain.append(body)
                self.plain_ids.append(msg_id)
            else:
                opened = self._open(frame)
                self.heard += opened
                self.frames.append(opened)

    def _open(self, frame: bytes) -> list[Heard]:
        key_id = key_id_of(frame)
        # the last words under a key come when its owner has it no more
        known = self.world.owner.keys.get(key_id) or self.world.records[key_id]
        opened = open_sealed(frame, known.key, Side.SERVER, CRYPTO)
        unrolled = unroll(opened, Limits())
        return [
            Heard(
                key_id,
                opened.session_id,
                opened.salt,
                message.msg_id,
                message.seq_no,
                unrolled.msg_id if unrolled.is_container else None,
                SERVICE.read_whole(message.body) if SERVICE.name_of(message.body) is not None else message.body,
                message.body,
            )
            for message in unrolled.messages
        ]


class Puppet:
    """One session under one key. It numbers and salts its messages soundly, unless it is told otherwise."""

    def __init__(self, line: Line, record: StoredKey | None = None, session_id: int = SESSION) -> None:
        self.line = line
        self.world = line.world
        self.record = record if record is not None else temporary_record()
        self.session_id = session_id
        self.salt = SALT
        self.sent: list[int] = []
        self._ids = MessageIds()
        self._numbers = SequenceNumbers()
        self._padding = SeededEntropy(b"puppet")

    # ---- saying

    def number(self, *, content_related: bool = True, ago: float = 0.0) -> tuple[int, int]:
        """The next msg_id, as of some seconds ago, and the seq_no that belongs to it."""
        ids = MessageIds() if ago else self._ids
        return ids.next(self.world.now - ago, FROM_CLIENT), self._numbers.next(content_related=content_related)

    def hold(self, thing: TLObject | bytes, *, ago: float = 0.0, **numbers: int) -> ContainedMessage:
        """A message for a container. Bytes are a query, which is content-related; a service message is not."""
        msg_id, seq_no = self.number(content_related=isinstance(thing, bytes), ago=ago)
        body = thing if isinstance(thing, bytes) else thing.to_bytes()
        return ContainedMessage(numbers.get("msg_id", msg_id), numbers.get("seq_no", seq_no), body)

    def say(self, thing: TLObject | bytes, *, ago: float = 0.0, salt: int | None = None, **numbers: int) -> int:
        """A message of its own; its id."""
        message = self.hold(thing, ago=ago, **numbers)
        self.sent.append(message.msg_id)
        self.line.frame(self.seal(message, salt=salt))
        return message.msg_id

    def contain(self, *messages: ContainedMessage, salt: int | None = None, **numbers: int) -> int:
        """A container; its id."""
        msg_id, seq_no = self.number(content_related=False)
        outer = ContainedMessage(numbers.get("msg_id", msg_id), numbers.get("seq_no", seq_no), write_container(messages))
        self.line.frame(self.seal(outer, salt=salt))
        return outer.msg_id

    def repeat(self, message: ContainedMessage) -> None:
        """The same message again, which is done in a container only."""
        self.contain(message)

    def seal(self, message: ContainedMessage, *, salt: int | None = None) -> bytes:
        """A message as it goes into a frame."""
        padding = 12 + -(32 + len(message.body) + 12) % 16
        return self.seal_raw(
            message.msg_id, message.seqno, length=len(message.body), body=message.body, padding=padding, salt=salt
        )

    def seal_raw(self, msg_id: int, seq_no: int, *, length: int, body: bytes, padding: int, salt: int | None = None) -> bytes:
        """The same, with whatever length announced and whatever padding, if it fills the block."""
        numbers = (self.salt if salt is None else salt, self.session_id, msg_id)
        head = b"".join(each.to_bytes(8, "little") for each in numbers)
        head += seq_no.to_bytes(4, "little", signed=True) + length.to_bytes(4, "little", signed=True)
        plain = head + body + self._padding(padding)
        msg_key = msg_key_large_v2(self.record.key, plain, Side.CLIENT, CRYPTO)[8:24]
        keys = aes_v2(self.record.key, msg_key, Side.CLIENT, CRYPTO)
        return id_to_bytes(self.record.key.id) + msg_key + CRYPTO.ige_encrypt(plain, *keys)

    # ---- hearing

    def heard(self, kind: type[TLObject] | None = None) -> list[Any]:
        """What came for this session, on whatever line: all of it, or the objects of one kind."""
        mine = [
            each
            for line in self.world.lines
            for each in line.heard
            if (each.key_id, each.session_id) == (self.record.key.id, self.session_id)
        ]
        return mine if kind is None else [each.thing for each in mine if isinstance(each.thing, kind)]

    def results(self, msg_id: int | None = None) -> list[bytes]:
        """The results of one query, or of all."""
        return [each.result for each in self.heard(RpcResult) if msg_id in (None, each.req_msg_id)]


def kinds(heard: Sequence[Heard]) -> list[str]:
    """The names of what was heard, in order."""
    return [type(each.thing).__name__ for each in heard]
