"""The filling that needs nothing but the standard library: for browsers, and for machines without a compiler."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator

from .._ground import factor, xor
from .aes import AES256, Words, pack_words, unpack_words
from .ige import BLOCK, check_ctr, check_ige

__all__ = ["PureCrypto", "check_power"]

_COUNTER_END = 1 << 8 * BLOCK


def check_power(base: int, exponent: int, modulus: int) -> None:
    """ValueError unless a modular power of these is allowed: the routes differ in what they do else."""
    if modulus < 2 or not modulus & 1:
        raise ValueError("expected an odd modulus above 1")
    if base < 0 or exponent < 0:
        raise ValueError("expected a base and an exponent of at least 0")


class PureCrypto:
    """AES in Python, powers by ``pow()``. Made to be derived from: override what you can do better.

    Neither takes a time that is independent of its secrets: with neighbours that can measure it, install ``cryptography``
    and ``gmpy2``.
    """

    name: str = "pure"
    constant_time_powers: bool = False

    def sha1(self, data: bytes) -> bytes:
        return hashlib.sha1(data).digest()

    def sha256(self, data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def ige_encrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        check_ige(data, key, iv)
        encrypt = AES256(key).encrypt
        (c0, c1, c2, c3), (p0, p1, p2, p3) = unpack_words(iv)
        encrypted: list[Words] = []
        for x0, x1, x2, x3 in unpack_words(data):
            y0, y1, y2, y3 = encrypt(x0 ^ c0, x1 ^ c1, x2 ^ c2, x3 ^ c3)
            c0, c1, c2, c3 = block = y0 ^ p0, y1 ^ p1, y2 ^ p2, y3 ^ p3
            p0, p1, p2, p3 = x0, x1, x2, x3
            encrypted.append(block)
        return pack_words(encrypted)

    def ige_decrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        check_ige(data, key, iv)
        decrypt = AES256(key).decrypt
        (c0, c1, c2, c3), (p0, p1, p2, p3) = unpack_words(iv)
        decrypted: list[Words] = []
        for x0, x1, x2, x3 in unpack_words(data):
            y0, y1, y2, y3 = decrypt(x0 ^ p0, x1 ^ p1, x2 ^ p2, x3 ^ p3)
            p0, p1, p2, p3 = block = y0 ^ c0, y1 ^ c1, y2 ^ c2, y3 ^ c3
            c0, c1, c2, c3 = x0, x1, x2, x3
            decrypted.append(block)
        return pack_words(decrypted)

    def ctr(self, key: bytes, iv: bytes) -> Callable[[bytes], bytes]:
        check_ctr(key, iv)
        return _Counter(key, iv).update

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        del secret  # pow() has only the one way
        check_power(base, exponent, modulus)
        return pow(base, exponent, modulus)

    def factorize(self, pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
        return factor(pq, curves=curves)


class _Counter:
    """The keystream of AES-256-CTR, and how much of it is used."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._encrypt = AES256(key).encrypt
        self._counter = int.from_bytes(iv, "big")
        self._left = b""

    def update(self, data: bytes) -> bytes:
        missing = -(-(len(data) - len(self._left)) // BLOCK)
        blocks: list[Words] = []
        for _ in range(missing):
            (words,) = unpack_words(self._counter.to_bytes(BLOCK, "big"))
            blocks.append(self._encrypt(*words))
            self._counter = (self._counter + 1) % _COUNTER_END
        stream = self._left + pack_words(blocks)
        self._left = stream[len(data) :]
        return xor(data, stream[: len(data)])
