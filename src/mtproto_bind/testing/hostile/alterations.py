"""From a good value to a bad one: what both tables of breaches are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..._limits import Limits
from ..._tl import GzipPacked, InvokeWithoutUpdates, MsgContainer, MsgsAck, pack

__all__ = [
    "BEFORE",
    "SECOND",
    "Alter",
    "bomb",
    "changed",
    "crowded",
    "cut",
    "even_last",
    "flipped",
    "frames_too_long",
    "nested",
    "packed_in_wrapper",
    "packed_twice",
    "plus",
    "same_ids",
    "short_padding",
    "to",
    "twice",
]

Alter = Callable[[Any, Mapping[str, Any]], Any]
"""The bad value, of the good one and of all that were sent before, by their points."""
Held = list[tuple[int, int, int, bytes]]
"""The messages of a container: msg_id, seqno, bytes, body."""

SECOND: Final = 1 << 32
"""In the units of msg_id."""
BEFORE: Final = -(1 << 16)
"""In the units of msg_id, 15 microseconds earlier: before anything else that is sent at the same time."""


def to(value: Any) -> Alter:
    """Another value instead."""
    return lambda _value, _earlier: value


def plus(more: Any) -> Alter:
    """More behind it, or added to it."""
    return lambda value, _earlier: value + more


def flipped(value: Any, _earlier: Mapping[str, Any]) -> Any:
    """A number or bytes with the last bit turned."""
    return value ^ 1 if isinstance(value, int) else value[:-1] + bytes([value[-1] ^ 1])


def cut(value: bytes, _earlier: Mapping[str, Any]) -> bytes:
    """Without its last four bytes."""
    return value[:-4]


def twice(value: list[bytes], _earlier: Mapping[str, Any]) -> list[bytes]:
    """The same frame again."""
    return value * 2


def short_padding(padding: bytes, _earlier: Mapping[str, Any]) -> bytes:
    """A block less of padding, where that leaves fewer bytes than twelve; else nothing is altered."""
    return padding[: len(padding) % 16]


def frames_too_long(frames: list[bytes], _earlier: Mapping[str, Any]) -> list[bytes]:
    """Longer than a frame may be."""
    return [frame + bytes(Limits().frame & ~3) for frame in frames]


# ---- containers


def changed(place: int, change: Alter) -> Alter:
    """One field of the last message in a container: 0 msg_id, 1 seqno, 2 bytes, 3 body."""

    def alter(messages: Held, earlier: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        *others, last = messages
        return [*others, (*last[:place], change(last[place], earlier), *last[place + 1 :])]

    return alter


def same_ids(messages: Held, _earlier: Mapping[str, Any]) -> Held:
    """The last message has the id of the first."""
    return [*messages[:-1], (messages[0][0], *messages[-1][1:])]


def even_last(messages: Held, _earlier: Mapping[str, Any]) -> Held:
    """The first message comes last, with an id that is divisible by four."""
    first, *others = messages
    return [*others, (first[0] - 1, *first[1:])]


def crowded(messages: Held, _earlier: Mapping[str, Any]) -> Held:
    """One message more than a container may hold; those that are added acknowledge nothing."""
    body = MsgsAck(msg_ids=()).to_bytes()
    msg_id, seq_no, _, _ = messages[0]
    needed = Limits().container_messages + 1 - len(messages)
    return [*((msg_id - 4 * number, seq_no, len(body), body) for number in range(needed, 0, -1)), *messages]


def nested(messages: Held, _earlier: Mapping[str, Any]) -> Held:
    """The first message is a container, if an empty one."""
    body = MsgContainer(messages=()).to_bytes()
    return [(*messages[0][:2], len(body), body), *messages[1:]]


# ---- packed objects


def bomb(_packed: bytes, _earlier: Mapping[str, Any]) -> bytes:
    """A few kilobytes that unpack to more than anybody needs."""
    return pack(bytes(Limits().unpacked + 4))


def packed_twice(packed: bytes, _earlier: Mapping[str, Any]) -> bytes:
    """gzip_packed in gzip_packed."""
    return pack(GzipPacked(packed_data=packed).to_bytes())


def packed_in_wrapper(packed: bytes, _earlier: Mapping[str, Any]) -> bytes:
    """gzip_packed in a wrapper in gzip_packed."""
    return pack(InvokeWithoutUpdates(query=GzipPacked(packed_data=packed).to_bytes()).to_bytes())
