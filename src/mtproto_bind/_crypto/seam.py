"""What the library asks of cryptography, and nothing more: one small protocol that can be filled in several ways."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

__all__ = ["Crypto", "Entropy"]

Entropy = Callable[[int], bytes]
"""Gives that many bytes, each time others, that nobody can foresee."""


class Crypto(Protocol):
    """Pure functions: no state, no randomness. Every filling gives the same bytes for the same arguments.

    ValueError for arguments of a wrong length or range; the text says what was expected, never a value.
    """

    @property
    def name(self) -> str:
        """What it is made of, for logs."""
        ...

    @property
    def constant_time_powers(self) -> bool:
        """Whether the time of a secret power tells nothing of its exponent. Where it does, RSA is blinded."""
        ...

    def sha1(self, data: bytes) -> bytes:
        """20 bytes."""
        ...

    def sha256(self, data: bytes) -> bytes:
        """32 bytes."""
        ...

    def ige_encrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        """AES-256-IGE of whole blocks of 16 bytes, at least one; key and iv of 32 bytes.

        The iv is the ciphertext before the first block (16 bytes), then the plaintext before it (16 bytes).
        """
        ...

    def ige_decrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        """The inverse of :meth:`ige_encrypt`. It proves nothing: what comes out must be checked by a hash."""
        ...

    def ctr(self, key: bytes, iv: bytes) -> Callable[[bytes], bytes]:
        """AES-256-CTR; key of 32, iv of 16 bytes. The function goes on with the keystream from call to call."""
        ...

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        """``base ** exponent % modulus``; an odd modulus above 1. ``secret``: the exponent must not show in the time."""
        ...

    def factorize(self, pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
        """Slices of the search for the prime factors (p, q), p < q, of pq; None where ``curves`` curves do not find them."""
        ...
