"""Reading and writing the primitive values of TL, with strict bounds.

https://core.telegram.org/mtproto/serialize and https://core.telegram.org/mtproto/TL

All identifiers that TL calls ``long`` are unsigned here: ``0 <= value < 2**64``. ``int`` is signed, ``#`` is not.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, unpack_from
from typing import Any, Final, TypeVar

from .._errors import MalformedMessage

__all__ = ["LONGEST_STRING", "VECTOR", "Reader", "Writer"]

T = TypeVar("T")

VECTOR: Final = 0x1CB5C415
"""``vector#1cb5c415``, the constructor in front of a boxed vector."""

LONGEST_STRING: Final = (1 << 24) - 1
"""Bytes in a string: the long form has three bytes for the length."""

_INT = Struct("<i")
_UINT = Struct("<I")
_LONG = Struct("<Q")


class Reader:
    """A place in ``data``, moving forward and never past ``end``.

    Every method raises :class:`MalformedMessage` where the bytes do not suffice or are not what they should be, before
    anything is allocated for them.
    """

    __slots__ = ("_data", "_end", "offset")

    def __init__(self, data: bytes, offset: int = 0, end: int | None = None) -> None:
        limit = len(data) if end is None else end
        if not 0 <= offset <= limit <= len(data):
            raise ValueError(f"bytes {offset} to {limit} do not lie within {len(data)} bytes")
        self._data = data
        self._end = limit
        self.offset = offset

    @property
    def remaining(self) -> int:
        """Bytes between here and the end."""
        return self._end - self.offset

    def int32(self) -> int:
        """``int``: 4 bytes, signed."""
        return self._number(_INT)

    def uint32(self) -> int:
        """``#``: 4 bytes, unsigned; constructor ids too."""
        return self._number(_UINT)

    def long(self) -> int:
        """``long``: 8 bytes, read unsigned."""
        return self._number(_LONG)

    def int128(self) -> bytes:
        """16 bytes, in the order they came."""
        return self.raw(16)

    def int256(self) -> bytes:
        """32 bytes, in the order they came."""
        return self.raw(32)

    def raw(self, size: int) -> bytes:
        """The next ``size`` bytes as they are."""
        start = self._advance(size)
        return self._data[start : self.offset]

    def rest(self) -> bytes:
        """Everything up to the end."""
        return self.raw(self.remaining)

    def since(self, start: int) -> bytes:
        """What was read from offset ``start`` up to here."""
        return self._data[start : self.offset]

    def string(self) -> bytes:
        """``string`` or ``bytes``. The long form is taken for a short string too, and filling bytes may be anything."""
        self._need(4)
        length, head = self._data[self.offset], 1
        # the seven-byte length of TDLib is in no public text, and no message of ours is as long
        if length == 0xFF:
            raise MalformedMessage("a string begins with ff", self.offset)
        if length == 0xFE:
            length, head = int.from_bytes(self._data[self.offset + 1 : self.offset + 4], "little"), 4
        start = self._advance(-(-(head + length) // 4) * 4)
        return self._data[start + head : start + head + length]

    def vector(self, read_item: Callable[[Reader], T], *, smallest: int, boxed: bool = True) -> tuple[T, ...]:
        """``Vector<t>`` (``boxed``) or ``vector<t>``. ``smallest``: the fewest bytes that one item can take, at least 1."""
        return tuple([read_item(self) for _ in range(self.count(smallest, boxed=boxed))])

    def longs(self) -> tuple[int, ...]:
        """``Vector<long>``, in one step."""
        count = self.count(8)
        return unpack_from(f"<{count}Q", self._data, self._advance(8 * count))

    def count(self, smallest: int, *, boxed: bool = True) -> int:
        """The head of a vector: how many items follow, each of at least ``smallest`` bytes."""
        start = self.offset
        if boxed and self.uint32() != VECTOR:
            raise MalformedMessage("no vector where one should be", start)
        count = self.int32()
        # before anything is allocated for the items
        if not 0 <= count * smallest <= self.remaining:
            raise MalformedMessage(f"a vector of {count} items in {self.remaining} bytes", start)
        return count

    def _number(self, form: Struct) -> int:
        start = self._advance(form.size)
        value: int = form.unpack_from(self._data, start)[0]
        return value

    def _advance(self, size: int) -> int:
        """Move on; the offset where the step began."""
        self._need(size)
        start = self.offset
        self.offset += size
        return start

    def _need(self, size: int) -> None:
        if size > self.remaining:
            raise MalformedMessage(f"{size} bytes expected, {self.remaining} left", self.offset)


class Writer:
    """Bytes being put together. Every method raises ``ValueError`` for a value that its type does not hold."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def to_bytes(self) -> bytes:
        """What was written so far."""
        return bytes(self._data)

    def int32(self, value: int) -> None:
        """``int``: 4 bytes, signed."""
        self._number(value, 4, signed=True)

    def uint32(self, value: int) -> None:
        """``#``: 4 bytes, unsigned; constructor ids too."""
        self._number(value, 4)

    def long(self, value: int) -> None:
        """``long``: 8 bytes, unsigned."""
        self._number(value, 8)

    def int128(self, value: bytes) -> None:
        """16 bytes as they are."""
        self._fixed(value, 16)

    def int256(self, value: bytes) -> None:
        """32 bytes as they are."""
        self._fixed(value, 32)

    def raw(self, value: bytes) -> None:
        """Bytes as they are."""
        self._data += value

    def string(self, value: bytes) -> None:
        """``string`` or ``bytes``, in the shortest form."""
        length = len(value)
        if length > LONGEST_STRING:
            raise ValueError(f"a string of {length} bytes; at most {LONGEST_STRING} fit")
        head = bytes((length,)) if length < 0xFE else b"\xfe" + length.to_bytes(3, "little")
        self._data += head + value + bytes(-(len(head) + length) % 4)

    def vector(self, items: tuple[Any, ...], write_item: Callable[[Writer, Any], None], *, boxed: bool = True) -> None:
        """``Vector<t>`` (``boxed``) or ``vector<t>``."""
        if boxed:
            self.uint32(VECTOR)
        self.int32(len(items))
        for item in items:
            write_item(self, item)

    def longs(self, values: tuple[int, ...]) -> None:
        """``Vector<long>``."""
        self.vector(values, Writer.long)

    def _number(self, value: int, size: int, *, signed: bool = False) -> None:
        try:
            self._data += value.to_bytes(size, "little", signed=signed)
        except OverflowError:
            kind = "signed" if signed else "unsigned"
            raise ValueError(f"{value} is no {kind} number of {size} bytes") from None

    def _fixed(self, value: bytes, size: int) -> None:
        if len(value) != size:
            raise ValueError(f"{len(value)} bytes where {size} belong")
        self._data += value
