"""The Diffie-Hellman group: which primes, generators and shares are good.

https://core.telegram.org/mtproto/auth_key and
https://core.telegram.org/mtproto/security_guidelines#diffie-hellman-key-exchange
"""

from __future__ import annotations

from .._errors import Check, require

__all__ = ["KNOWN_PRIME", "PRIME_BITS", "ProvenPrimes", "check_generator", "check_prime_size", "in_range"]

PRIME_BITS = 2048
MARGIN = 1 << PRIME_BITS - 64

# The one that Telegram's servers use: a safe prime, for which 3, 4 and 7 are good generators.
KNOWN_PRIME = int(
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f"
    "48198a0aa7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c37"
    "20fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64"
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4"
    "a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754"
    "fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4"
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f"
    "0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b",
    16,
)

# For each g: a modulus, and the residues of dh_prime by it for which g is a square modulo dh_prime.
# Then g generates the subgroup of prime order, and a power of g does not tell whether its exponent is even.
SQUARE_WHEN = {
    2: (8, {7}),
    3: (3, {2}),
    4: (1, {0}),
    5: (5, {1, 4}),
    6: (24, {19, 23}),
    7: (7, {3, 5, 6}),
}


def check_prime_size(dh_prime: int) -> None:
    """Check.DH_PRIME_SIZE: 2^2047 < dh_prime < 2^2048."""
    require(dh_prime >> PRIME_BITS - 1 == 1, Check.DH_PRIME_SIZE, f"got {dh_prime.bit_length()} bits")


def check_generator(g: int, dh_prime: int) -> None:
    """Check.DH_GENERATOR: g is 2 to 7, and a quadratic residue modulo the safe prime ``dh_prime``."""
    modulus, residues = SQUARE_WHEN.get(g, (1, set()))
    require(dh_prime % modulus in residues, Check.DH_GENERATOR, f"got g = {g}")


def in_range(share: int, dh_prime: int) -> bool:
    """Whether g_a or g_b keeps 2^1984 away from 0 and from ``dh_prime``, and so is none of the few weak values."""
    return MARGIN <= share <= dh_prime - MARGIN


class ProvenPrimes:
    """The primes that need no proof any more: the known one, and what has been proven since, the latest few.

    Share one between connections. A proof costs 33 powers, so a hostile server must not make us forget the known prime.
    """

    CEILING = 16

    def __init__(self) -> None:
        self._proven: dict[int, None] = {}

    def __contains__(self, dh_prime: int) -> bool:
        return dh_prime == KNOWN_PRIME or dh_prime in self._proven

    def add(self, dh_prime: int) -> None:
        """Remember a prime that has been proven safe; the one proven longest ago gives way."""
        self._proven[dh_prime] = None
        while len(self._proven) > self.CEILING:
            del self._proven[next(iter(self._proven))]

    def __repr__(self) -> str:
        return f"ProvenPrimes(<the known one and {len(self._proven)} more>)"
