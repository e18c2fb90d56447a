"""From an opened message to the messages that it holds.

https://core.telegram.org/mtproto/service_messages#containers
"""

from __future__ import annotations

from attrs import field, frozen

from .._errors import Check, MalformedMessage, require
from .._limits import Limits
from .._tl import GzipPacked, MsgContainer, Reader, read_container, unpack
from .._wire import Opened

__all__ = ["Received", "Unrolled", "constructor_id", "unpacked", "unroll"]

CONTAINER_ID = MsgContainer.constructor.id
GZIP_ID = GzipPacked.constructor.id


@frozen(kw_only=True)
class Received:
    """One message of the other side, out of its container. ``body`` may still be packed."""

    msg_id: int
    seq_no: int
    body: bytes = field(repr=False)
    contained: bool = field(default=False, eq=False)
    """It came in a container, as what is sent again does."""

    @property
    def content_related(self) -> bool:
        """It has to be acknowledged."""
        return bool(self.seq_no & 1)


@frozen(kw_only=True)
class Unrolled:
    """The outer message, and what it holds: itself, or the messages of a container in their order."""

    msg_id: int
    seq_no: int
    is_container: bool
    messages: tuple[Received, ...]

    @property
    def first_msg_id(self) -> int:
        """The lowest message id that came, inner ones included."""
        return min((message.msg_id for message in self.messages), default=self.msg_id)


def unroll(opened: Opened, limits: Limits) -> Unrolled:
    """Take a container apart; all of its messages or none."""
    if constructor_id(opened.body) != CONTAINER_ID:
        alone = Received(msg_id=opened.msg_id, seq_no=opened.seq_no, body=opened.body)
        return Unrolled(msg_id=opened.msg_id, seq_no=opened.seq_no, is_container=False, messages=(alone,))
    held = read_container(opened.body, limit=limits.container_messages).messages
    for message in held:
        require(constructor_id(message.body) != CONTAINER_ID, Check.CONTAINER_NESTED)
        require(message.msg_id < opened.msg_id, Check.CONTAINER_IDS)
    messages = tuple(Received(msg_id=one.msg_id, seq_no=one.seqno, body=one.body, contained=True) for one in held)
    return Unrolled(msg_id=opened.msg_id, seq_no=opened.seq_no, is_container=True, messages=messages)


def unpacked(body: bytes, limits: Limits) -> bytes:
    """``body``, out of gzip_packed if it is packed; packed twice is refused.

    Raises SecurityError(GZIP), MalformedMessage.
    """
    if constructor_id(body) != GZIP_ID:
        return body
    reader = Reader(body, offset=4)
    plain = unpack(reader.string(), limit=limits.unpacked)
    if reader.remaining:
        raise MalformedMessage(f"{reader.remaining} bytes follow gzip_packed", reader.offset)
    require(constructor_id(plain) != GZIP_ID, Check.GZIP, "packed twice")
    return plain


def constructor_id(body: bytes) -> int:
    """The first four bytes as a number; 0 where there are fewer (no constructor has it)."""
    return int.from_bytes(body[:4], "little") if len(body) >= 4 else 0
