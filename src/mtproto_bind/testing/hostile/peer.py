"""What both hostile peers have in common: a script, and points at which one value may be altered.

Written from the specification on the primitives of the library, beside its machines and without them: where both agree,
neither is tested by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from struct import Struct
from typing import Any, TypeVar

from attrs import define

from ..._crypto import AuthKey, Crypto, Entropy, Side, aes_v2, msg_key_large_v2
from ..._errors import RemoteProtocolError, UnexpectedMessage
from ..._ground import id_to_bytes
from ..._limits import Limits
from ..._tl import API, BOOL_FALSE, BOOL_TRUE, SERVICE, BadMsgNotification, MsgContainer, RpcError, RpcResult, TLObject
from ..._wire import ServerTransport, Stream, Transport, pack_plain, transport_error
from .breach import Breach

__all__ = ["Complaint", "Peer", "Session", "Steps"]

T = TypeVar("T")

Steps = Generator[None, bytes, T]
"""A script: it is sent a frame at every ``yield``."""

_INNER = Struct("<QQQii")
"""salt, session_id, msg_id, seq_no, message_data_length."""
_CONTAINED = Struct("<Qii")
"""msg_id, seqno, bytes."""


class Complaint(Exception):
    """The other side is wrong. Ends the script; told by :attr:`Peer.complaint`."""


@define
class Session:
    """One session: where it is, and what it has numbered."""

    key: AuthKey
    id: int
    salt: int
    content_related: int = 0

    def next_seq_no(self, *, content_related: bool) -> int:
        """https://core.telegram.org/mtproto/description#message-sequence-number-msg-seqno"""
        number = 2 * self.content_related + content_related
        self.content_related += content_related
        return number


class Peer(ABC):
    """One end of one stream, sans-IO. ``clock`` gives unix seconds; everything random comes from ``entropy``."""

    _side: Side

    def __init__(
        self,
        transport: Transport | ServerTransport,
        *,
        breach: Breach | None,
        entropy: Entropy,
        crypto: Crypto,
        clock: Callable[[], float],
    ) -> None:
        self.reached = False
        """Whether the altered value was sent."""
        self.heard: list[str] = []
        """What the other side said: constructors, ``transport_error -404``, ``rpc_error 400 NAME`` and the like."""
        self.complaint: str | None = None
        """What the other side did wrong, if anything."""
        self.finished = False
        """The script is at its end; the stream may be closed."""
        self._breach = breach
        self._entropy = entropy
        self._crypto = crypto
        self._clock = clock
        self._earlier: dict[str, Any] = {}
        self._last_id = 0
        is_server = self._side is Side.SERVER
        self._stream = Stream(transport, server=is_server, limits=Limits(), entropy=entropy, crypto=crypto)
        self._steps = self._script()
        self._go_on(lambda: next(self._steps))

    def receive(self, data: bytes) -> None:
        """Bytes of the other side, however they are cut."""
        self._stream.receive(data)
        self._go_on(self._read)

    def data_to_send(self) -> bytes:
        """The bytes to write now; the first ones show what is spoken here."""
        data = self._stream.data_to_send()
        begun = not data or "stream.beginning" in self._earlier
        return data if begun else self._twist("stream.beginning", data)

    @abstractmethod
    def _script(self) -> Steps[None]:
        """What is said and awaited, from top to bottom."""

    def _read(self) -> None:
        while (frame := self._stream.next_frame()) is not None:
            code = transport_error(frame)
            if code is not None:
                self.heard.append(f"transport_error {code}")
                self.finished = True
            if self.finished:
                return
            self._steps.send(frame)

    def _go_on(self, step: Callable[[], None]) -> None:
        if self.finished:
            return
        try:
            step()
        except StopIteration:
            self.finished = True
        except (Complaint, RemoteProtocolError) as error:
            self.complaint = str(error)
            self.finished = True

    # ---- what is altered

    def _twist(self, point: str, value: T) -> T:
        """``value``, or what the breach makes of it; every value that is sent passes through here under its name."""
        breach = self._breach
        if breach is not None and not self.reached:
            value = breach.given.get(point, value)
            if point == breach.point:
                altered: T = breach.alter(value, self._earlier)
                self.reached = altered != value
                value = altered
        self._earlier[point] = value
        return value

    # ---- what is sent

    def _next_id(self, remainder: int) -> int:
        """https://core.telegram.org/mtproto/description#message-identifier-msg-id"""
        wanted = int(self._clock() * (1 << 32)) & ~3 | remainder
        if wanted <= self._last_id:
            wanted = (self._last_id & ~3) + 4 | remainder
        self._last_id = wanted
        return wanted

    def _send_plain(self, name: str, message: TLObject, remainder: int) -> None:
        msg_id = self._twist(f"{name}.msg_id", self._next_id(remainder))
        self._stream.send(pack_plain(msg_id, message.to_bytes()))

    def _contain(self, name: str, session: Session, messages: list[tuple[int, int, bytes]], remainder: int) -> None:
        """Send ``messages`` (msg_id, seqno, body) in one container."""
        measured = [(msg_id, seq_no, len(body), body) for msg_id, seq_no, body in messages]
        measured = self._twist(f"{name}.messages", measured)
        body = MsgContainer.constructor.id.to_bytes(4, "little")
        body += self._twist(f"{name}.count", len(measured)).to_bytes(4, "little", signed=True)
        for msg_id, seq_no, length, inner in measured:
            body += _CONTAINED.pack(msg_id, seq_no, length) + inner
        body += self._twist(f"{name}.tail", b"")
        self._seal(name, session, body, (self._next_id(remainder), session.next_seq_no(content_related=False)))

    def _seal(self, name: str, session: Session, body: bytes, numbers: tuple[int, int]) -> int:
        """Send one encrypted message with these msg_id and seq_no; the msg_id as it was sent.

        https://core.telegram.org/mtproto/description#encrypted-message
        """
        twist, key, crypto = self._twist, session.key, self._crypto
        msg_id = twist(f"{name}.msg_id", numbers[0])
        seq_no = twist(f"{name}.seq_no", numbers[1])
        salt = twist(f"{name}.salt", session.salt)
        session_id = twist(f"{name}.session_id", session.id)
        length = twist(f"{name}.length", len(body))
        plaintext = _INNER.pack(salt, session_id, msg_id, seq_no, length) + body
        plaintext += twist(f"{name}.padding", self._entropy(12 + -(len(plaintext) + 12) % 16))
        msg_key = twist(f"{name}.msg_key", msg_key_large_v2(key, plaintext, self._side, crypto)[8:24])
        key_id = twist(f"{name}.key_id", key.id)
        frame = id_to_bytes(key_id) + msg_key + crypto.ige_encrypt(plaintext, *aes_v2(key, msg_key, self._side, crypto))
        for each in twist(f"{name}.frames", [frame]):
            self._stream.send(each)
        return msg_id


def describe(message: TLObject) -> str:
    """A message in a few words, for :attr:`Peer.heard`."""
    if isinstance(message, BadMsgNotification):
        return f"bad_msg_notification {message.error_code}"
    if isinstance(message, RpcResult):
        return describe_result(message.result)
    return message.constructor.name


def describe_result(result: bytes) -> str:
    """What an rpc_result holds, in a few words."""
    match read(result):
        case RpcError(code, text):
            return f"rpc_error {code} {text.decode('utf-8', 'replace')}"
        case _:
            return {BOOL_TRUE: "boolTrue", BOOL_FALSE: "boolFalse"}.get(result, "rpc_result")


def read(body: bytes) -> TLObject | None:
    """A service message, or a query that is known here; None for anything else."""
    for schema in (SERVICE, API):
        try:
            return schema.read_whole(body)
        except UnexpectedMessage:
            continue
    return None
