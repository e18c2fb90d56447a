"""Cryptography that remembers: a pair of machines in a test costs 200 ms in modular powers without it."""

from __future__ import annotations

from collections.abc import Callable, Generator

from .._crypto import Crypto, default_crypto

__all__ = ["CheapCrypto"]


class CheapCrypto:
    """A filling of the crypto seam that remembers powers and factors by their arguments, for the whole process.

    The results are those of ``crypto``. Never for keys that are to be secret: it keeps every secret exponent.
    """

    _powers: dict[tuple[int, int, int], int] = {}  # noqa: RUF012  the memory is meant to be shared by all
    _factors: dict[tuple[int, int], tuple[int, int] | None] = {}  # noqa: RUF012  likewise

    def __init__(self, crypto: Crypto | None = None) -> None:
        self._crypto = crypto if crypto is not None else default_crypto()
        self.name = f"cheap {self._crypto.name}"

    @property
    def constant_time_powers(self) -> bool:
        return self._crypto.constant_time_powers

    def sha1(self, data: bytes) -> bytes:
        return self._crypto.sha1(data)

    def sha256(self, data: bytes) -> bytes:
        return self._crypto.sha256(data)

    def ige_encrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        return self._crypto.ige_encrypt(data, key, iv)

    def ige_decrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        return self._crypto.ige_decrypt(data, key, iv)

    def ctr(self, key: bytes, iv: bytes) -> Callable[[bytes], bytes]:
        return self._crypto.ctr(key, iv)

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        name = (base, exponent, modulus)
        if name not in self._powers:
            self._powers[name] = self._crypto.modexp(base, exponent, modulus, secret=secret)
        return self._powers[name]

    def factorize(self, pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
        name = (pq, curves)
        if name not in self._factors:
            self._factors[name] = yield from self._crypto.factorize(pq, curves=curves)
        return self._factors[name]
