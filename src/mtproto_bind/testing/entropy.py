"""Sources of entropy that can be foreseen: for tests and recordings, never for a key that is to be secret."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .._crypto import Crypto, default_crypto

__all__ = ["ScriptedEntropy", "SeededEntropy"]


class ScriptedEntropy:
    """Gives out ``draws`` one by one, each exactly when asked for as many bytes.

    AssertionError when asked for another number of bytes or for more than is there, and from :meth:`finish` when
    something is left: so a recording pins down every draw, and their order.
    """

    def __init__(self, draws: Iterable[bytes]) -> None:
        self._draws = deque(draws)
        self._given = 0

    def __call__(self, size: int) -> bytes:
        if not self._draws:
            raise AssertionError(f"draw {self._given + 1} of {size} bytes is one too many")
        if len(self._draws[0]) != size:
            raise AssertionError(f"draw {self._given + 1} is of {size} bytes, the script has {len(self._draws[0])}")
        self._given += 1
        return self._draws.popleft()

    def finish(self) -> None:
        """Say that nothing more will be drawn."""
        if self._draws:
            raise AssertionError(f"{len(self._draws)} draws are left after {self._given}")


class SeededEntropy:
    """An endless stream that follows from ``seed``: the SHA-256 of the seed and a counter, over and over."""

    def __init__(self, seed: bytes, crypto: Crypto | None = None) -> None:
        self._seed = seed
        self._crypto = crypto or default_crypto()
        self._counter = 0
        self._ready = b""

    def __call__(self, size: int) -> bytes:
        while len(self._ready) < size:
            self._ready += self._crypto.sha256(self._seed + self._counter.to_bytes(8, "big"))
            self._counter += 1
        drawn, self._ready = self._ready[:size], self._ready[size:]
        return drawn
