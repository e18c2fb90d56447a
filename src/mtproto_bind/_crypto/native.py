"""Faster parts for another filling: powers by ``gmpy2``, IGE by ``cryptg`` (the extra ``[speed]``)."""

from __future__ import annotations

from collections.abc import Callable, Generator

from .ige import check_ige
from .pure import check_power
from .seam import Crypto

__all__ = ["CryptgIge", "GmpPowers", "Over"]


class Over:
    """A filling that does as another one does, but for what a subclass overrides."""

    def __init__(self, base: Crypto) -> None:
        self._base = base

    @property
    def name(self) -> str:
        return self._base.name

    @property
    def constant_time_powers(self) -> bool:
        return self._base.constant_time_powers

    def sha1(self, data: bytes) -> bytes:
        return self._base.sha1(data)

    def sha256(self, data: bytes) -> bytes:
        return self._base.sha256(data)

    def ige_encrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        return self._base.ige_encrypt(data, key, iv)

    def ige_decrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        return self._base.ige_decrypt(data, key, iv)

    def ctr(self, key: bytes, iv: bytes) -> Callable[[bytes], bytes]:
        return self._base.ctr(key, iv)

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        return self._base.modexp(base, exponent, modulus, secret=secret)

    def factorize(self, pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
        return self._base.factorize(pq, curves=curves)


class GmpPowers(Over):
    """Powers by ``gmpy2``: a secret one takes a constant time, and neither holds up other threads.

    ImportError where ``gmpy2`` is absent.
    """

    def __init__(self, base: Crypto) -> None:
        super().__init__(base)
        import gmpy2

        self._gmpy2 = gmpy2

    @property
    def name(self) -> str:
        return f"{self._base.name}+gmpy2"

    @property
    def constant_time_powers(self) -> bool:
        return True

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        check_power(base, exponent, modulus)
        if exponent == 0:  # powmod_sec refuses it
            return 1
        power = self._gmpy2.powmod_sec if secret else self._gmpy2.powmod
        # the context is per thread; without the lock released two threads are no faster than one
        with self._gmpy2.context(allow_release_gil=True):
            return int(power(base, exponent, modulus))


class CryptgIge(Over):
    """IGE by ``cryptg``; nothing else of it: its factorisation never returns on a prime.

    ImportError where ``cryptg`` is absent.
    """

    def __init__(self, base: Crypto) -> None:
        super().__init__(base)
        import cryptg

        self._encrypt: Callable[[bytes, bytes, bytes], bytes] = cryptg.encrypt_ige
        self._decrypt: Callable[[bytes, bytes, bytes], bytes] = cryptg.decrypt_ige

    @property
    def name(self) -> str:
        return f"{self._base.name}+cryptg"

    def ige_encrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        check_ige(data, key, iv)
        return self._encrypt(data, key, iv)

    def ige_decrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        check_ige(data, key, iv)
        return self._decrypt(data, key, iv)
