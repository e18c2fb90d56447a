"""The RSA keys of servers: numbers, fingerprints, PEM.

https://core.telegram.org/mtproto/auth_key
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha1
from typing import NoReturn

from attrs import field, frozen

from .._ground import id_from_bytes, to_minimal
from .._tl import rsa_public_key
from .pem import PKCS1_PRIVATE, PKCS1_PUBLIC, armour, private_numbers, public_numbers, sequence_of_integers

__all__ = ["MODULUS_BITS", "PrivateKey", "PublicKey", "known_keys"]

MODULUS_BITS = 2048


@frozen(repr=False)
class PublicKey:
    """The public half: modulus ``n`` of 2048 bits and exponent ``e``. ValueError for other sizes.

    ``fingerprint`` is the lower 64 bits of the SHA-1 of the bare TL object ``rsa_public_key n:string e:string``.
    """

    n: int
    e: int
    fingerprint: int = field(init=False, eq=False)

    @fingerprint.default
    def _hash(self) -> int:
        # RSA_PAD makes 256 bytes of the data, and what it sends has the length of the modulus
        if self.n >> MODULUS_BITS - 1 != 1 or not self.n & 1:
            raise ValueError(f"expected an odd modulus of {MODULUS_BITS} bits, got {self.n.bit_length()} bits")
        if not 3 <= self.e < self.n or not self.e & 1:
            raise ValueError("expected an odd public exponent of at least 3 and below the modulus")
        return id_from_bytes(sha1(rsa_public_key(to_minimal(self.n), to_minimal(self.e))).digest()[12:20])

    @classmethod
    def from_pem(cls, text: str) -> PublicKey:
        """Read PKCS#1 (``RSA PUBLIC KEY``) or SubjectPublicKeyInfo (``PUBLIC KEY``). ValueError says what was wrong."""
        return cls(*public_numbers(text))

    def to_pem(self) -> str:
        """PKCS#1, the form in which Telegram's keys are published."""
        return armour(PKCS1_PUBLIC, sequence_of_integers(self.n, self.e))

    def __repr__(self) -> str:
        return f"PublicKey(fingerprint={self.fingerprint:016x})"


@frozen(repr=False)
class PrivateKey:
    """A server's key. ``n``, ``e``, ``d`` and the primes ``p``, ``q``; ValueError where they do not belong together.

    Never pickled, never shown. Two keys with the same public half are equal.
    """

    n: int
    e: int
    d: int = field(eq=False)
    p: int = field(eq=False)
    q: int = field(eq=False)
    public: PublicKey = field(init=False, eq=False)
    inverse: int = field(init=False, eq=False)
    """Of q, modulo p."""

    @public.default
    def _public_half(self) -> PublicKey:
        return PublicKey(self.n, self.e)

    @inverse.default
    def _invert(self) -> int:
        if min(self.p, self.q) < 3 or self.p == self.q or self.p * self.q != self.n:
            raise ValueError("expected two primes whose product is the modulus")
        product = self.e * self.d
        if product % (self.p - 1) != 1 or product % (self.q - 1) != 1:
            raise ValueError("expected a private exponent that undoes the public one")
        return pow(self.q, -1, self.p)

    @classmethod
    def from_pem(cls, text: str) -> PrivateKey:
        """Read PKCS#1 (``RSA PRIVATE KEY``) or PKCS#8 (``PRIVATE KEY``), not encrypted. ValueError says what was wrong."""
        return cls(*private_numbers(text))

    def to_pem(self) -> str:
        """PKCS#1. Keep it secret."""
        p, q, d = self.p, self.q, self.d
        parts = (d % (p - 1), d % (q - 1), self.inverse)
        return armour(PKCS1_PRIVATE, sequence_of_integers(0, self.n, self.e, d, p, q, *parts))

    @classmethod
    def generate(cls, bits: int = MODULUS_BITS) -> PrivateKey:
        """A new key, drawn by OpenSSL. ValueError for other than 2048 bits; RuntimeError without ``cryptography``."""
        if bits != MODULUS_BITS:
            raise ValueError(f"expected {MODULUS_BITS} bits, the one size that the protocol can use, got {bits}")
        try:
            from cryptography.hazmat.primitives.asymmetric import rsa
        except ImportError:
            raise RuntimeError("drawing a key needs the package cryptography: pip install cryptography") from None

        def draw() -> PrivateKey:
            numbers = rsa.generate_private_key(public_exponent=65537, key_size=bits).private_numbers()
            return cls(numbers.public_numbers.n, numbers.public_numbers.e, numbers.d, numbers.p, numbers.q)

        return first_usable(draw)

    def __repr__(self) -> str:
        return f"PrivateKey(fingerprint={self.public.fingerprint:016x})"

    def __copy__(self) -> PrivateKey:
        return self

    def __deepcopy__(self, memo: object) -> PrivateKey:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a PrivateKey is not pickled; store its to_pem() where secrets belong")


def first_usable(draw: Callable[[], PrivateKey]) -> PrivateKey:
    """Draw until a key has no 0 as the top digit of its fingerprint: some clients drop that digit and find no key."""
    while True:
        key = draw()
        if key.public.fingerprint >> 60:
            return key


def known_keys(*, test: bool) -> tuple[PublicKey, ...]:
    """Telegram's present key for the production servers, or for the test servers.

    Retired keys, which servers still offer, are not trusted: one of them would do for a man in the middle.
    """
    return (_read(_TEST if test else _PRODUCTION),)


@cache
def _read(pem: str) -> PublicKey:
    return PublicKey.from_pem(pem)


_PRODUCTION = """\
-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEA6LszBcC1LGzyr992NzE0ieY+BSaOW622Aa9Bd4ZHLl+TuFQ4lo4g
5nKaMBwK/BIb9xUfg0Q29/2mgIR6Zr9krM7HjuIcCzFvDtr+L0GQjae9H0pRB2OO
62cECs5HKhT5DZ98K33vmWiLowc621dQuwKWSQKjWf50XYFw42h21P2KXUGyp2y/
+aEyZ+uVgLLQbRA1dEjSDZ2iGRy12Mk5gpYc397aYp438fsJoHIgJ2lgMv5h7WY9
t6N/byY9Nw9p21Og3AoXSL2q/2IJ1WRUhebgAdGVMlV1fkuOQoEzR7EdpqtQD9Cs
5+bfo3Nhmcyvk5ftB0WkJ9z6bNZ7yxrP8wIDAQAB
-----END RSA PUBLIC KEY-----
"""

_TEST = """\
-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAyMEdY1aR+sCR3ZSJrtztKTKqigvO/vBfqACJLZtS7QMgCGXJ6XIR
yy7mx66W0/sOFa7/1mAZtEoIokDP3ShoqF4fVNb6XeqgQfaUHd8wJpDWHcR2OFwv
plUUI1PLTktZ9uW2WE23b+ixNwJjJGwBDJPQEQFBE+vfmH0JP503wr5INS1poWg/
j25sIWeYPHYeOrFp/eXaqhISP6G+q2IeTaWTXpwZj4LzXq5YOpk4bYEQ6mvRq7D1
aHWfYmlEGepfaYR8Q0YqvvhYtMte3ITnuSJs171+GDqpdKcSwHnd6FudwGO4pcCO
j4WcDuXc2CTHgH8gFTNhp/Y8/SpDOhvn9QIDAQAB
-----END RSA PUBLIC KEY-----
"""
