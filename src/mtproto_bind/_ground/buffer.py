"""Bytes that came in and are not used up yet."""

from __future__ import annotations

__all__ = ["Buffer"]


class Buffer:
    """A queue of bytes: appended at the end, taken from the front.

    What has been taken is cut off only when it is more than half of what is held, so that a byte is moved once on
    average however small the pieces are.
    """

    __slots__ = ("_data", "_start")

    def __init__(self, data: bytes = b"") -> None:
        self._data = bytearray(data)
        self._start = 0

    def __len__(self) -> int:
        """How many bytes wait to be taken."""
        return len(self._data) - self._start

    def __repr__(self) -> str:
        # the contents may be plaintext
        return f"Buffer(<{len(self)} bytes>)"

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._data += data

    def peek(self, size: int, at: int = 0) -> bytes:
        """Up to ``size`` bytes, ``at`` bytes from the front; they stay. Shorter where fewer are there."""
        with self.view(size, at) as part:
            return bytes(part)

    def view(self, size: int, at: int = 0) -> memoryview:
        """What :meth:`peek` gives, without a copy. To be released before anything is appended or taken."""
        if size < 0 or at < 0:
            raise ValueError(f"expected a size and a place of at least 0, got {size} and {at}")
        start = self._start + at
        with memoryview(self._data) as whole:
            return whole[start : start + size]

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes off the front. ValueError where fewer are there; nothing is taken then."""
        self._check(size)
        taken = self.peek(size)
        self.drop(size)
        return taken

    def drop(self, size: int) -> None:
        """As :meth:`take`, where nobody wants the bytes."""
        self._check(size)
        self._start += size
        if 2 * self._start >= len(self._data):
            del self._data[: self._start]
            self._start = 0

    def clear(self) -> None:
        """Forget everything."""
        self._data = bytearray()
        self._start = 0

    def _check(self, size: int) -> None:
        if not 0 <= size <= len(self):
            raise ValueError(f"expected from 0 to {len(self)} bytes, which are in the buffer, got {size}")
