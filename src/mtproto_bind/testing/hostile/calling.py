"""A client under a key: the binding and calls.

https://core.telegram.org/method/auth.bindTempAuthKey, https://core.telegram.org/mtproto/description
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any

from attrs import field, frozen

from ..._crypto import AuthKey, Side, aes_v1, msg_key_v1
from ..._ground import id_from_bytes, id_to_bytes
from ..._limits import Limits
from ..._tl import (
    BadMsgNotification,
    BadServerSalt,
    BindAuthKeyInner,
    BindTempAuthKey,
    GzipPacked,
    MsgsAck,
    Ping,
    RpcResult,
    is_container,
    pack,
    read_container,
)
from ..._wire import key_id_of, open_sealed
from .peer import Complaint, Peer, Session, Steps, describe, read

__all__ = ["Agreed", "Calling"]

_INNER_HEAD = Struct("<QII")
"""msg_id, seq_no, length, after 16 random bytes."""
ODD = 1


@frozen
class Agreed:
    """A key, fresh from its handshake. ``expires_at``: server unix seconds."""

    key: AuthKey
    salt: int = field(repr=False)
    expires_at: int


class Calling(Peer):
    """Says everything that is said under a key; the handshake is added to it in ``client.py``."""

    _side = Side.CLIENT

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._sessions: dict[int, Session] = {}
        self._to_acknowledge: list[int] = []
        super().__init__(*arguments, **named)

    def _bind(self, permanent: Agreed, temporary: Agreed) -> Steps[None]:
        """Bind the temporary key; the answer is looked at by nobody but :attr:`heard`."""
        carrier = permanent if self._twist("bind.under_permanent", False) else temporary
        session = self._session(carrier)
        msg_id, seq_no = self._next_id(0), session.next_seq_no(content_related=True)
        expires_at = self._twist("bind.expires_at", temporary.expires_at)
        nonce = id_from_bytes(self._entropy(8))
        inner = BindAuthKeyInner(
            nonce=self._twist("bind_inner.nonce", nonce),
            temp_auth_key_id=self._twist("bind_inner.temp_auth_key_id", carrier.key.id),
            perm_auth_key_id=self._twist("bind_inner.perm_auth_key_id", permanent.key.id),
            temp_session_id=self._twist("bind_inner.temp_session_id", session.id),
            expires_at=self._twist("bind_inner.expires_at", expires_at),
        )
        request = BindTempAuthKey(
            perm_auth_key_id=permanent.key.id,
            nonce=nonce,
            expires_at=expires_at,
            encrypted_message=self._sealed(permanent.key, inner.to_bytes(), msg_id),
        )
        sent = self._seal("bind", session, request.to_bytes(), (msg_id, seq_no))
        yield from self._await(session, {sent})

    def _sealed(self, permanent_key: AuthKey, inner: bytes, msg_id: int) -> bytes:
        """encrypted_message, as MTProto 1.0 was: https://core.telegram.org/mtproto/description_v1"""
        twist, crypto = self._twist, self._crypto
        key = twist("bind.sealing_key", permanent_key)
        head = _INNER_HEAD.pack(
            twist("bind_message.msg_id", msg_id), twist("bind_message.seq_no", 0), twist("bind_message.length", len(inner))
        )
        plaintext = self._entropy(16) + head + twist("bind_inner.constructor", inner[:4]) + inner[4:]
        msg_key = twist("bind_message.msg_key", msg_key_v1(plaintext, crypto))
        plaintext += twist("bind_message.padding", self._entropy(8))
        return id_to_bytes(key.id) + msg_key + crypto.ige_encrypt(plaintext, *aes_v1(key, msg_key, Side.CLIENT, crypto))

    def _call(self, name: str, session: Session, query: bytes) -> Steps[None]:
        """One call, and whatever is the answer to it."""
        body = query = self._twist(f"{name}.query", query)
        if self._twist(f"{name}.packed", False):
            body = GzipPacked(packed_data=self._twist(f"{name}.packed_data", pack(query))).to_bytes()
        if not self._twist(f"{name}.in_container", False):
            msg_id = self._seal(name, session, body, (self._next_id(0), session.next_seq_no(content_related=True)))
            yield from self._await(session, {msg_id})
            return
        ping = Ping(ping_id=id_from_bytes(self._entropy(8))).to_bytes()
        messages = [
            (self._next_id(0), session.next_seq_no(content_related=False), ping),
            (self._next_id(0), session.next_seq_no(content_related=True), body),
        ]
        self._contain(name, session, messages, 0)
        yield from self._await(session, {messages[1][0], self._earlier[f"{name}.msg_id"]})

    def _acknowledge(self, session: Session) -> None:
        """Everything content-related that has come."""
        msg_ids = self._twist("ack.msg_ids", tuple(self._to_acknowledge))
        body = MsgsAck(msg_ids=msg_ids).to_bytes()
        self._seal("ack", session, body, (self._next_id(0), session.next_seq_no(content_related=False)))
        self._to_acknowledge.clear()

    def _session(self, agreed: Agreed) -> Session:
        """The one session under this key."""
        if agreed.key.id not in self._sessions:
            self._sessions[agreed.key.id] = Session(agreed.key, id_from_bytes(self._entropy(8)), agreed.salt)
        return self._sessions[agreed.key.id]

    def _await(self, session: Session, msg_ids: set[int]) -> Steps[None]:
        """Until one of ``msg_ids`` is answered or refused."""
        while True:
            frame = yield
            if key_id_of(frame) != session.key.id:
                raise Complaint("a message under another key than was used")
            opened = open_sealed(frame, session.key, Side.SERVER, self._crypto)
            if opened.session_id != session.id or not opened.msg_id & ODD:
                raise Complaint("a message of another session, or with an id that no server gives")
            answered = [self._hear(session, message) for message in self._messages(opened.msg_id, opened.seq_no, opened.body)]
            if msg_ids & set(answered):
                return

    def _messages(self, msg_id: int, seq_no: int, body: bytes) -> Iterator[bytes]:
        """Every message, out of its container; what is content-related is to be acknowledged."""
        if is_container(body):
            for held in read_container(body, limit=Limits().container_messages).messages:
                yield from self._messages(held.msg_id, held.seqno, held.body)
            return
        if seq_no & ODD:
            self._to_acknowledge.append(msg_id)
        yield body

    def _hear(self, session: Session, body: bytes) -> int | None:
        """The message of ours that is answered or refused, if it is one."""
        message = read(body)
        self.heard.append(describe(message) if message is not None else "update")
        match message:
            case RpcResult(req_msg_id, _):
                return req_msg_id
            case BadServerSalt():
                session.salt = message.new_server_salt
                return message.bad_msg_id
            case BadMsgNotification():
                return message.bad_msg_id
            case _:
                return None
