"""A server under a key: bindings, calls, service messages, and what a breach may add to them.

https://core.telegram.org/mtproto/description, https://core.telegram.org/method/auth.bindTempAuthKey
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from ..._crypto import AuthKey, Side
from ..._ground import id_from_bytes
from ..._limits import Limits
from ..._tl import (
    BOOL_TRUE,
    SERVICE,
    BadMsgNotification,
    BadServerSalt,
    BindTempAuthKey,
    DHGenOk,
    FutureSalt,
    FutureSalts,
    GetFutureSalts,
    GzipPacked,
    InitConnection,
    InvokeAfterMsg,
    InvokeAfterMsgs,
    InvokeWithLayer,
    InvokeWithoutUpdates,
    MsgsAck,
    NewSessionCreated,
    Ping,
    PingDelayDisconnect,
    Pong,
    RpcResult,
    TLObject,
    is_container,
    pack,
    read_container,
    unpack,
)
from ..._wire import BindingInner, Opened, encode_transport_error, key_id_of, open_binding, open_sealed
from .peer import Complaint, Peer, Session, read

__all__ = ["UPDATE", "Known", "Serving"]

REPLY, UNASKED = 1, 3
"""msg_id modulo 4: https://core.telegram.org/mtproto/description#message-identifier-msg-id"""
ID_TOO_LOW, WRONG_SALT = 16, 48
"""https://core.telegram.org/mtproto/service_messages_about_messages#notice-of-ignored-error-message"""
UPDATE = bytes.fromhex("7eaf17e3")
"""``updatesTooLong#e317af7e = Updates``, the shortest of all updates."""


@frozen
class Known:
    """A key of a client. ``lifetime``: seconds; None for a permanent key."""

    key: AuthKey
    salt: int = field(repr=False)
    lifetime: int | None


class Serving(Peer):
    """Answers everything that comes under a key; the handshake is added to it in ``server.py``."""

    _side = Side.SERVER

    def __init__(self, before: Serving | None, handle_call: Callable[[bytes], bytes], *arguments: Any, **named: Any) -> None:
        self._keys: dict[int, Known] = before._keys if before is not None else {}
        self._sessions: dict[tuple[int, int], Session] = before._sessions if before is not None else {}
        self.bound: dict[int, int] = before.bound if before is not None else {}
        """From each bound temporary key to its permanent key, by their ids."""
        self._handle_call = handle_call
        super().__init__(*arguments, **named)

    def _receive_sealed(self, frame: bytes) -> None:
        known = self._keys.get(key_id_of(frame))
        if known is None:
            self._stream.send(encode_transport_error(-404))
            raise Complaint("a message under a key that does not exist")
        opened = open_sealed(frame, known.key, Side.CLIENT, self._crypto)
        messages = _messages(opened)
        session = self._session(known, opened.session_id, min(msg_id for msg_id, _ in messages))
        for msg_id, body in messages:
            self._receive(session, msg_id, _peeled(body))

    def _session(self, known: Known, session_id: int, first: int) -> Session:
        """The session; it is announced where it is new."""
        name = known.key.id, session_id
        if name not in self._sessions:
            self._sessions[name] = Session(known.key, session_id, known.salt)
            announced = NewSessionCreated(
                first_msg_id=first, unique_id=id_from_bytes(self._entropy(8)), server_salt=self._sessions[name].salt
            )
            self._tell("new_session_created", self._sessions[name], announced.to_bytes(), UNASKED, content_related=True)
        return self._sessions[name]

    def _receive(self, session: Session, msg_id: int, body: bytes) -> None:
        message = read(body)
        self.heard.append(message.constructor.name if message is not None else "call")
        match message:
            case Ping(ping_id) | PingDelayDisconnect(ping_id):
                pong = Pong(msg_id=msg_id, ping_id=ping_id)
                self._tell("pong", session, pong.to_bytes(), REPLY, content_related=False)
            case GetFutureSalts():
                self._tell("future_salts", session, self._salts(msg_id, session), REPLY, content_related=False)
            case BindTempAuthKey():
                self._verify(session, msg_id, message)
                self.bound[session.key.id] = message.perm_auth_key_id
                result = RpcResult(req_msg_id=msg_id, result=self._twist("bind_result.result", BOOL_TRUE))
                self._tell("bind_result", session, result.to_bytes(), REPLY, content_related=True)
            case _ if SERVICE.name_of(body) is None:
                self._answer_call(session, msg_id, body)
            case _:
                pass

    def _verify(self, session: Session, msg_id: int, request: BindTempAuthKey) -> None:
        """A client that binds wrongly is told so, in our own words."""
        permanent = self._keys.get(request.perm_auth_key_id)
        if permanent is None or permanent.lifetime is not None:
            raise Complaint("the binding names no permanent key")
        inner = open_binding(request.encrypted_message, permanent.key, crypto=self._crypto)
        wanted = BindingInner(
            perm_auth_key_id=request.perm_auth_key_id,
            temp_auth_key_id=session.key.id,
            temp_session_id=session.id,
            nonce=request.nonce,
            msg_id=msg_id,
            expires_at=request.expires_at,
            seq_no=0,
        )
        if inner != wanted:
            raise Complaint("the sealed binding does not fit the request around it")

    def _answer_call(self, session: Session, msg_id: int, body: bytes) -> None:
        if self._twist("plain.unasked", False):
            self._plain("plain", DHGenOk(*(self._entropy(16) for _ in range(3))))
        nothing: int | None = None
        unasked = self._twist("salts.unasked", nothing)
        if unasked is not None:
            self._tell("future_salts", session, self._salts(msg_id + unasked, session), REPLY, content_related=False)
        if self._twist("update.sent", False):
            self._tell("update", session, UPDATE, UNASKED, content_related=True)
        if self._refuse(session, msg_id, self._twist("call.refused", "")):
            return
        result = self._handle_call(body)
        if self._twist("result.packed", False):
            result = GzipPacked(packed_data=self._twist("result.packed_data", pack(result))).to_bytes()
        answer = RpcResult(req_msg_id=self._twist("result.req_msg_id", msg_id), result=result).to_bytes()
        if self._twist("result.in_container", False):
            ack = (self._next_id(REPLY), session.next_seq_no(content_related=False), MsgsAck(msg_ids=(msg_id,)).to_bytes())
            held = (self._next_id(REPLY), session.next_seq_no(content_related=True), answer)
            self._contain("result", session, [ack, held], REPLY)
        else:
            self._tell("result", session, answer, REPLY, content_related=True)

    def _refuse(self, session: Session, msg_id: int, reason: str) -> bool:
        """A server may want another salt, or id, at any time; whether it was this call that was refused."""
        if not reason:
            return False
        named = self._twist("refusal.bad_msg_id", msg_id)
        refusal: TLObject = BadMsgNotification(bad_msg_id=named, bad_msg_seqno=1, error_code=ID_TOO_LOW)
        if reason == "salt":
            session.salt ^= 1
            refusal = BadServerSalt(bad_msg_id=named, bad_msg_seqno=1, error_code=WRONG_SALT, new_server_salt=session.salt)
        self._tell("refusal", session, refusal.to_bytes(), REPLY, content_related=False)
        return named == msg_id

    def _salts(self, asked: int, session: Session) -> bytes:
        now = int(self._clock())
        salts = (FutureSalt(valid_since=now, valid_until=now + 3600, salt=session.salt),)
        return FutureSalts(req_msg_id=asked, now=now, salts=salts).to_bytes()

    def _tell(self, name: str, session: Session, body: bytes, remainder: int, *, content_related: bool) -> None:
        seq_no = session.next_seq_no(content_related=content_related)
        self._seal(name, session, body, (self._next_id(remainder), seq_no))

    def _plain(self, name: str, message: TLObject) -> None:
        self._send_plain(name, message, REPLY)


def _messages(opened: Opened) -> list[tuple[int, bytes]]:
    """msg_id and body of every message, out of its container."""
    if not is_container(opened.body):
        return [(opened.msg_id, opened.body)]
    held = read_container(opened.body, limit=Limits().container_messages).messages
    return [(message.msg_id, message.body) for message in held]


def _peeled(body: bytes) -> bytes:
    """A query out of all its wrappers, in whatever order they are."""
    while True:
        match read(body):
            case GzipPacked(packed):
                body = unpack(packed, limit=Limits().unpacked)
            case (
                InvokeWithLayer() | InitConnection() | InvokeAfterMsg() | InvokeAfterMsgs() | InvokeWithoutUpdates()
            ) as wrapper:
                body = wrapper.query
            case _:
                return body
