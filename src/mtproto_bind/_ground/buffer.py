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
        if size < 0 or at < 0:
            raise ValueError(f"expected a size and a place of at least 0, got {size} and {at}")
        start = self._start + at
        with memoryview(self._data) as whole, whole[start : start + size] as part:
            return bytes(part)

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes off the front. ValueError where fewer are there; nothing is taken then."""
        if size > len(self):
            raise ValueError(f"expected at least {size} bytes in the buffer, got {len(self)}")
        taken = self.peek(size)
        self._start += size
        if 2 * self._start >= len(self._data):
            del self._data[: self._start]
            self._start = 0
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._data = bytearray()
        self._start = 0
