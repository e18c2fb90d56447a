"""Where one message ends and the next begins: https://core.telegram.org/mtproto/mtproto-transports.

A frame is never longer than a ceiling, and that is looked at when its length is announced, before anything is awaited.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from enum import Enum
from typing import Final, NamedTuple

from .._errors import Check, MalformedMessage, require
from .._ground import Buffer

__all__ = ["Frame", "FrameCodec", "Framing", "codec_for"]

LONGEST_SENT: Final = (1 << 24) - 1
"""Bytes that a frame of ours is announced with at most; every peer stops reading far earlier."""

_SHORTEST_FULL: Final = 12
_TOP_BIT: Final = 1 << 31
_QUICK_ACK_MARK: Final = b"\xff\xff\xff\xff"


class Framing(Enum):
    """A way to cut the stream into frames."""

    ABRIDGED = "abridged"
    INTERMEDIATE = "intermediate"
    PADDED = "padded"
    FULL = "full"

    @property
    def tag(self) -> bytes:
        """What the client sends once, first: 1 byte, 4 bytes, or nothing for ``FULL``."""
        return _TAGS[self]

    @property
    def obfuscated_tag(self) -> bytes:
        """The same inside an obfuscated header: 4 bytes; none for ``FULL``, which is never obfuscated."""
        return _TAGS[self] * (4 // len(_TAGS[self])) if _TAGS[self] else b""


_TAGS: Final = {
    Framing.ABRIDGED: b"\xef",
    Framing.INTERMEDIATE: b"\xee" * 4,
    Framing.PADDED: b"\xdd" * 4,
    Framing.FULL: b"",
}


class Frame(NamedTuple):
    """A frame that came in. ``quick_ack``: the client asks for a quick acknowledgement."""

    payload: bytes
    quick_ack: bool


class FrameCodec(ABC):
    """Both directions of one stream under one framing.

    ``server``: whether we are the server. ``limit``: bytes that a frame may be announced with.
    """

    def __init__(self, *, server: bool, limit: int) -> None:
        self._server = server
        self._limit = limit

    @abstractmethod
    def encode(self, payload: bytes, *, padding: bytes = b"", quick_ack: bool = False) -> bytes:
        """The frame of a payload. ``ValueError`` for what the framing cannot carry."""

    @abstractmethod
    def decode(self, buffer: Buffer) -> Frame | None:
        """The next frame, taken out of ``buffer``; None while it is not whole.

        :class:`MalformedMessage`, or :class:`SecurityError` with ``FRAME_LIMIT``; the buffer is then as it was.
        """

    @abstractmethod
    def encode_quick_ack(self, token: int) -> bytes:
        """A server's quick acknowledgement. ``token``: 32 bits, the highest of them set.

        https://core.telegram.org/mtproto/mtproto-transports#quick-ack. ``ValueError`` where the framing has none.
        """

    def _check_announced(self, size: int) -> None:
        require(size <= self._limit, Check.FRAME_LIMIT, f"{size} bytes")

    def _check_quick_ack(self, asked: bool) -> None:
        # we never ask for one, so nothing that a server sends has the mark
        if asked and not self._server:
            raise MalformedMessage("a quick acknowledgement that was not asked for")


class Abridged(FrameCodec):
    """One byte of length in words, or ``7f`` and three bytes."""

    def encode(self, payload: bytes, *, padding: bytes = b"", quick_ack: bool = False) -> bytes:
        _check_payload(payload, padding)
        words = len(payload) // 4
        mark = 0x80 if quick_ack else 0
        if words < 0x7F:
            return bytes((words | mark,)) + payload
        return bytes((0x7F | mark,)) + words.to_bytes(3, "little") + payload

    def decode(self, buffer: Buffer) -> Frame | None:
        head = buffer.peek(1)
        if not head:
            return None
        quick_ack = head[0] >= 0x80
        self._check_quick_ack(quick_ack)
        words = head[0] & 0x7F
        if words == 0x7F:
            head = buffer.peek(4)
            if len(head) < 4:
                return None
            words = int.from_bytes(head[1:], "little")
            if words < 0x7F:
                raise MalformedMessage(f"the long form of a length for {words} words")
        if not words:
            raise MalformedMessage("a frame of no bytes")
        self._check_announced(4 * words)
        if len(buffer) < len(head) + 4 * words:
            return None
        buffer.drop(len(head))
        return Frame(buffer.take(4 * words), quick_ack)

    def encode_quick_ack(self, token: int) -> bytes:
        # the other way round than everywhere else, so that the marked byte comes first
        return token.to_bytes(4, "big")


class Intermediate(FrameCodec):
    """Four bytes of length."""

    _word = 4

    def encode(self, payload: bytes, *, padding: bytes = b"", quick_ack: bool = False) -> bytes:
        _check_payload(payload, padding)
        return self._frame(quick_ack, payload)

    def decode(self, buffer: Buffer) -> Frame | None:
        head = buffer.peek(4)
        if len(head) < 4:
            return None
        announced = int.from_bytes(head, "little")
        quick_ack = announced >= _TOP_BIT
        self._check_quick_ack(quick_ack)
        size = announced & ~_TOP_BIT
        self._check_announced(size)
        if size < 4 or size % self._word:
            raise MalformedMessage(f"a frame of {size} bytes")
        if len(buffer) < 4 + size:
            return None
        self._check_payload(buffer, size)
        buffer.drop(4)
        return Frame(buffer.take(size), quick_ack)

    def encode_quick_ack(self, token: int) -> bytes:
        return token.to_bytes(4, "little")

    def _check_payload(self, buffer: Buffer, size: int) -> None:
        """Nothing more to be seen from outside."""

    @staticmethod
    def _frame(quick_ack: bool, *parts: bytes) -> bytes:
        size = sum(map(len, parts))
        return b"".join(((size | (_TOP_BIT if quick_ack else 0)).to_bytes(4, "little"), *parts))


class Padded(Intermediate):
    """Four bytes of length, which counts up to 15 bytes behind the payload too.

    How many there are cannot be seen here: the payload comes with them.
    """

    _word = 1

    def encode(self, payload: bytes, *, padding: bytes = b"", quick_ack: bool = False) -> bytes:
        if len(padding) > 15:
            raise ValueError(f"{len(padding)} bytes of padding; at most 15 are allowed")
        _check_payload(payload, b"", overhead=len(padding))
        return self._frame(quick_ack, payload, padding)

    def encode_quick_ack(self, token: int) -> bytes:
        # without padding, which may be there: TDLib fails on the longest
        return self._frame(False, _QUICK_ACK_MARK, token.to_bytes(4, "little"))

    def _check_payload(self, buffer: Buffer, size: int) -> None:
        # here the server's token lies in a frame of its own, instead of a bit in the length
        self._check_quick_ack(8 <= size <= 16 and buffer.peek(4, 4) == _QUICK_ACK_MARK)


class Full(FrameCodec):
    """Length of the whole frame, number in its direction, payload, CRC32 of all three."""

    def __init__(self, *, server: bool, limit: int) -> None:
        super().__init__(server=server, limit=limit)
        self._sent = 0
        self._received = 0

    def encode(self, payload: bytes, *, padding: bytes = b"", quick_ack: bool = False) -> bytes:
        size = _SHORTEST_FULL + len(payload)
        if padding or quick_ack or size % 4 or size > LONGEST_SENT:
            raise ValueError("a full frame is whole words, without padding or quick acknowledgement")
        head = size.to_bytes(4, "little") + self._sent.to_bytes(4, "little")
        self._sent = (self._sent + 1) % (1 << 32)
        return b"".join((head, payload, zlib.crc32(payload, zlib.crc32(head)).to_bytes(4, "little")))

    def decode(self, buffer: Buffer) -> Frame | None:
        head = buffer.peek(4)
        if len(head) < 4:
            return None
        size = int.from_bytes(head, "little")
        self._check_announced(size)
        if size < _SHORTEST_FULL or size % 4:
            raise MalformedMessage(f"a full frame of {size} bytes")
        number = buffer.peek(4, 4)
        if len(number) < 4:
            return None
        if int.from_bytes(number, "little") != self._received:
            raise MalformedMessage(f"frame {int.from_bytes(number, 'little')} where {self._received} is next", 4)
        if len(buffer) < size:
            return None
        with buffer.view(size - 4) as summed:
            crc = zlib.crc32(summed)
        if buffer.peek(4, size - 4) != crc.to_bytes(4, "little"):
            raise MalformedMessage("the CRC32 of a frame is wrong", size - 4)
        self._received = (self._received + 1) % (1 << 32)
        buffer.drop(8)
        payload = buffer.take(size - _SHORTEST_FULL)
        buffer.drop(4)
        return Frame(payload, quick_ack=False)

    def encode_quick_ack(self, token: int) -> bytes:
        raise ValueError(f"full frames know no quick acknowledgement, so {token:08x} was not asked for")


_CODECS: Final[dict[Framing, type[FrameCodec]]] = {
    Framing.ABRIDGED: Abridged,
    Framing.INTERMEDIATE: Intermediate,
    Framing.PADDED: Padded,
    Framing.FULL: Full,
}


def codec_for(framing: Framing, *, server: bool, limit: int) -> FrameCodec:
    """A fresh codec for one stream. ``limit``: bytes in a frame."""
    return _CODECS[framing](server=server, limit=limit)


def _check_payload(payload: bytes, padding: bytes, *, overhead: int = 0) -> None:
    """``overhead``: what else is counted in the length of the frame."""
    if not payload or len(payload) % 4 or len(payload) + overhead > LONGEST_SENT:
        raise ValueError(f"a payload of {len(payload)} bytes; whole words are needed, {LONGEST_SENT - overhead} bytes at most")
    if padding:
        raise ValueError("only padded frames have padding")
