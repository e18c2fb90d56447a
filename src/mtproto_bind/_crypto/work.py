"""Arithmetic as a value: what is to be computed, its entropy already drawn, for whoever has the time to do it.

Every piece of work is frozen, pure and bounded. It may run at once, in another thread, or slice by slice (each at most one
modular power or one curve), twice, or never.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

from attrs import field, frozen

from .._ground import prove_safe_prime, to_fixed, to_int
from .rsa import MODULUS_BITS, PrivateKey
from .seam import Crypto
from .secret import Secret

__all__ = ["Factor", "Powers", "ProvePrime", "RsaOpen", "Work"]

T_co = TypeVar("T_co", covariant=True)

WITNESSES = 32
SEED_LENGTH = 32
RSA_LENGTH = MODULUS_BITS // 8
# 64 bits more than the numbers have: what remains after the division is then as good as evenly spread
EXPANDED_LENGTH = RSA_LENGTH + 32


class Work(ABC, Generic[T_co]):
    """Something to compute. Derived classes are frozen and keep secrets out of their repr."""

    __slots__ = ()

    @abstractmethod
    def slices(self, crypto: Crypto) -> Generator[None, None, T_co]:
        """The computation in bounded slices; its return value is the answer."""

    def run(self, crypto: Crypto) -> T_co:
        """The whole computation at once."""
        slices = self.slices(crypto)
        while True:
            try:
                next(slices)
            except StopIteration as end:
                answer: T_co = end.value
                return answer


@frozen
class Factor(Work["tuple[int, int] | None"]):
    """The prime factors (p, q) of pq, p < q; None where there are none such, or ``curves`` curves do not find them."""

    pq: int
    curves: int

    def slices(self, crypto: Crypto) -> Generator[None, None, tuple[int, int] | None]:
        return crypto.factorize(self.pq, curves=self.curves)


@frozen
class ProvePrime(Work[bool]):
    """Whether p and (p - 1) / 2 are prime. 32 witnesses are expanded from a seed of 32 bytes that the peer cannot foresee.

    A composite passes with probability 2^-64 at most (https://core.telegram.org/mtproto/auth_key asks for 2^-60).
    """

    p: int
    seed: Secret

    def __attrs_post_init__(self) -> None:
        if len(self.seed) != SEED_LENGTH:
            raise ValueError(f"expected a seed of {SEED_LENGTH} bytes, got {len(self.seed)}")

    def slices(self, crypto: Crypto) -> Generator[None, None, bool]:
        return prove_safe_prime(self.p, witnesses=self._witnesses(crypto), power=crypto.modexp)

    def _witnesses(self, crypto: Crypto) -> Iterator[int]:
        for number in range(WITNESSES):
            yield to_int(_expand(self.seed.reveal() + bytes([number]), crypto))


@frozen
class Powers(Work["tuple[int, ...]"]):
    """Each of the bases to the power of one secret exponent; a slice each."""

    bases: tuple[int, ...]
    exponent: Secret
    modulus: int

    def slices(self, crypto: Crypto) -> Generator[None, None, tuple[int, ...]]:
        exponent = to_int(self.exponent.reveal())
        powers: list[int] = []
        for base in self.bases:
            if powers:
                yield
            powers.append(crypto.modexp(base, exponent, self.modulus, secret=True))
        return tuple(powers)


@frozen
class RsaOpen(Work[bytes]):
    """The private RSA power of encrypted_data, 256 bytes below the modulus: 256 bytes. A slice for each prime.

    ``blinding``, 32 bytes, is expanded to the factor that hides the base where powers do not take a constant time.
    """

    encrypted: bytes = field(repr=False)
    key: PrivateKey
    blinding: Secret

    def __attrs_post_init__(self) -> None:
        if len(self.encrypted) != RSA_LENGTH or to_int(self.encrypted) >= self.key.n:
            raise ValueError(f"expected {RSA_LENGTH} bytes below the modulus, got {len(self.encrypted)} bytes")
        if len(self.blinding) < SEED_LENGTH:
            raise ValueError(f"expected at least {SEED_LENGTH} bytes of blinding, got {len(self.blinding)}")

    def slices(self, crypto: Crypto) -> Generator[None, None, bytes]:
        key, value = self.key, to_int(self.encrypted)
        factor = 1
        if not crypto.constant_time_powers:
            factor = to_int(_expand(self.blinding.reveal(), crypto)) % key.n
            value = value * crypto.modexp(factor, key.e, key.n) % key.n
        # the Chinese remainder theorem: two powers of half the size are four times as fast as one
        by_p = crypto.modexp(value % key.p, key.d % (key.p - 1), key.p, secret=True)
        yield
        by_q = crypto.modexp(value % key.q, key.d % (key.q - 1), key.q, secret=True)
        opened = by_q + (by_p - by_q) * key.inverse % key.p * key.q
        return to_fixed(opened * pow(factor, -1, key.n) % key.n, RSA_LENGTH)


def _expand(seed: bytes, crypto: Crypto) -> bytes:
    """SHA-256 over the seed and a counter, as long as the modular numbers need."""
    return b"".join(crypto.sha256(seed + bytes([counter])) for counter in range(EXPANDED_LENGTH // 32))
