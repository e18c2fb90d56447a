"""What a row of bytes means to a target: numbers, pieces, choices, until it is used up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Orders", "allowed"]


class Orders:
    """Reads choices off ``data``. At its end everything is 0 or empty, and it is false."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        """Up to so many bytes."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def number(self, below: int) -> int:
        """A number from 0, one byte for small ones, eight for great ones."""
        return int.from_bytes(self.take(1 if below <= 256 else 8), "little") % below

    def piece(self) -> bytes:
        """Bytes with their length before them: one byte, or 255 and two more."""
        size = self.number(256)
        return self.take(size if size < 255 else int.from_bytes(self.take(2), "little"))

    def words(self) -> bytes:
        """The same, filled to whole words, and not empty."""
        data = self.piece() or bytes(4)
        return data + bytes(-len(data) % 4)


@contextmanager
def allowed(*errors: type[Exception]) -> Iterator[None]:
    """These errors are an answer; any other is a finding."""
    with suppress(*errors):
        yield
