"""``msg_container``: several messages in one. https://core.telegram.org/mtproto/service_messages#containers"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen

from .._errors import Check, MalformedMessage, require
from .codec import Reader, Writer
from .table import Constructor, parse_line

__all__ = ["ContainedMessage", "MsgContainer", "is_container", "read_container", "write_container"]

_HEAD = 8 + 4 + 4
"""Bytes of a contained message before its body."""


@frozen
class ContainedMessage:
    """One message of a container. ``body``: one boxed object, whole 4-byte words."""

    msg_id: int
    seqno: int
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")


@frozen
class MsgContainer:
    """The messages in the order in which they lie in the container."""

    constructor: ClassVar[Constructor] = parse_line("msg_container#73f1f8dc messages:vector<%Message> = MessageContainer")

    messages: tuple[ContainedMessage, ...]

    def to_bytes(self) -> bytes:
        """See :func:`write_container`."""
        return write_container(self.messages)


def is_container(body: bytes) -> bool:
    """Whether ``body`` begins as a container does."""
    return body[:4] == MsgContainer.constructor.id.to_bytes(4, "little")


def read_container(data: bytes, *, limit: int) -> MsgContainer:
    """The container that ``data`` is, with at most ``limit`` messages.

    :class:`SecurityError` with ``CONTAINER_COUNT`` or ``CONTAINER_BOUNDS``; :class:`MalformedMessage` if it is none. What
    the bodies hold, another container perhaps, is not looked at.
    """
    if not is_container(data):
        raise MalformedMessage("no msg_container where one should be")
    require(len(data) >= 8, Check.CONTAINER_BOUNDS, f"{len(data)} bytes in all")
    reader = Reader(data, 4)
    count = reader.int32()
    require(0 <= count <= limit, Check.CONTAINER_COUNT, f"{count} messages")
    messages = tuple([_read_message(reader) for _ in range(count)])
    require(not reader.remaining, Check.CONTAINER_BOUNDS, f"{reader.remaining} bytes follow the last message")
    return MsgContainer(messages)


def write_container(messages: Sequence[ContainedMessage]) -> bytes:
    """The container, boxed. ``ValueError`` for a body that is empty or not whole words."""
    writer = Writer()
    writer.uint32(MsgContainer.constructor.id)
    writer.int32(len(messages))
    for message in messages:
        if not message.body or len(message.body) % 4:
            raise ValueError(f"a message of {len(message.body)} bytes")
        writer.long(message.msg_id)
        writer.int32(message.seqno)
        writer.int32(len(message.body))
        writer.raw(message.body)
    return writer.to_bytes()


def _read_message(reader: Reader) -> ContainedMessage:
    require(reader.remaining >= _HEAD, Check.CONTAINER_BOUNDS, f"{reader.remaining} bytes left for a message")
    msg_id, seqno, length = reader.long(), reader.int32(), reader.int32()
    whole = length >= 4 and length % 4 == 0 and length <= reader.remaining
    require(whole, Check.CONTAINER_BOUNDS, f"a message of {length} bytes, {reader.remaining} left")
    return ContainedMessage(msg_id, seqno, reader.raw(length))
