"""Is a number prime: small ones for certain, a large safe prime by proof of one half and tests of the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import cache
from math import gcd, isqrt, prod

__all__ = ["is_prime", "prove_safe_prime", "sieve"]

CERTAIN_BITS = 64
# Together they find every composite below 2^64: Jim Sinclair's set, https://miller-rabin.appspot.com
CERTAIN_WITNESSES = (2, 325, 9375, 28178, 450775, 9780504, 1795265022)
TRIAL_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
SMALL_LIMIT = 2000

Power = Callable[[int, int, int], int]


def is_prime(number: int) -> bool:
    """Whether a number below 2^64 is prime; no doubt is left. ValueError for a larger one."""
    if number.bit_length() > CERTAIN_BITS:
        raise ValueError(f"expected a number below 2^64, got {number.bit_length()} bits")
    if number < 2:
        return False
    for small in TRIAL_PRIMES:
        if number % small == 0:
            return number == small
    return all(_passes(number, witness % number, pow) for witness in CERTAIN_WITNESSES)


def prove_safe_prime(number: int, *, witnesses: Iterable[int], power: Power) -> Generator[None, None, bool]:
    """Whether ``number`` and its half, (number - 1) / 2, are both prime. Every slice costs one power at most.

    The half is tested with one Miller-Rabin round for each witness (any numbers that the peer could not foresee); a
    composite half passes a round with probability 1/4 at most. If the half is prime, the first power is a *proof*
    (Pocklington) that the number is: so the powers are one more than the witnesses, not twice as many.

    https://core.telegram.org/mtproto/auth_key asks for both to be prime.
    """
    half = number >> 1
    if number.bit_length() <= CERTAIN_BITS:
        return is_prime(number) and is_prime(half)
    if number & 3 != 3 or gcd(number, _small_product()) != 1 or gcd(half, _small_product()) != 1:
        return False
    # 2^(number-1) = 1 and gcd(2^2 - 1, number) = 1, where number - 1 = 2 * half; 3 is among the small primes
    if power(2, number - 1, number) != 1:
        return False
    for witness in witnesses:
        yield
        if not _passes(half, 2 + witness % (half - 3), power):
            return False
    return True


def sieve(limit: int) -> list[int]:
    """The primes below ``limit``."""
    flags = bytearray([1]) * limit
    flags[:2] = bytes(len(flags[:2]))
    for number in range(2, isqrt(limit) + 1):
        if flags[number]:
            flags[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number, flag in enumerate(flags) if flag]


def _passes(number: int, witness: int, power: Power) -> bool:
    """One Miller-Rabin round. ``number`` is odd, ``witness`` reduced; a witness of 0 says nothing."""
    if witness == 0:
        return True
    odd, twos = number - 1, 0
    while not odd & 1:
        odd >>= 1
        twos += 1
    value = power(witness, odd, number)
    if value in (1, number - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % number
        if value == number - 1:
            return True
    return False


@cache
def _small_product() -> int:
    return prod(sieve(SMALL_LIMIT))
