from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.vectors import load
from mtproto_bind._crypto import KNOWN_PRIME, ProvenPrimes, check_generator, check_prime_size, in_range
from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._ground import is_prime, to_fixed
from mtproto_bind._ground.primes import sieve

KNOWN = next(vector for vector in load("dh_checks") if "g_allowed" in vector)
RANGES = [vector for vector in load("dh_checks") if "value_hex" in vector]
SMALL_SAFE_PRIMES = [prime for prime in sieve(3000) if prime > 7 and is_prime(prime // 2)]


def generates(g: int, dh_prime: int) -> bool:
    """Whether the check lets it pass."""
    with suppress(SecurityError):
        check_generator(g, dh_prime)
        return True
    return False


def test_the_known_prime() -> None:
    assert f"{KNOWN_PRIME:x}" == KNOWN["dh_prime"]
    assert sha256(to_fixed(KNOWN_PRIME, 256)).hexdigest() == KNOWN["sha256_of_prime"]
    check_prime_size(KNOWN_PRIME)


@pytest.mark.parametrize("prime", [0, 1 << 2046, (1 << 2047) - 1, 1 << 2048, -KNOWN_PRIME], ids=int.bit_length)
def test_other_sizes_are_refused(prime: int) -> None:
    with pytest.raises(SecurityError) as caught:
        check_prime_size(prime)
    assert caught.value.check is Check.DH_PRIME_SIZE


@pytest.mark.parametrize("g", range(2, 8))
def test_generators_of_the_known_prime(g: int) -> None:
    assert generates(g, KNOWN_PRIME) == KNOWN["g_allowed"][str(g)]


@pytest.mark.parametrize("g", range(2, 8))
def test_a_generator_is_a_quadratic_residue(g: int) -> None:
    # Euler's criterion
    for prime in SMALL_SAFE_PRIMES:
        assert generates(g, prime) == (pow(g, prime >> 1, prime) == 1)


@pytest.mark.parametrize("g", [-3, -1, 0, 1, 8, 9, 24])
def test_other_generators_are_refused(g: int) -> None:
    for prime in [KNOWN_PRIME, *SMALL_SAFE_PRIMES]:
        with pytest.raises(SecurityError, match=f"g = {g}") as caught:
            check_generator(g, prime)
        assert caught.value.check is Check.DH_GENERATOR


# the two exact bounds, on which libraries differ, have no verdict in the vectors
@pytest.mark.parametrize("vector", RANGES, ids=lambda vector: vector["name"])
def test_share_vectors(vector: dict[str, Any]) -> None:
    expected = True if vector["accept"] is None else vector["accept"]
    assert in_range(int(vector["value_hex"], 16), KNOWN_PRIME) == expected


@given(st.integers(-(1 << 1984), (1 << 1984) - 1))
def test_shares_near_the_ends_are_refused(distance: int) -> None:
    assert not in_range(distance, KNOWN_PRIME)
    assert not in_range(KNOWN_PRIME - distance, KNOWN_PRIME)


@given(st.integers(1 << 1984, KNOWN_PRIME - (1 << 1984)))
def test_shares_in_the_middle_are_taken(share: int) -> None:
    assert in_range(share, KNOWN_PRIME)


def test_proven_primes_are_remembered() -> None:
    proven = ProvenPrimes()
    assert KNOWN_PRIME in proven
    assert 23 not in proven
    proven.add(23)
    assert 23 in proven
    assert 23 not in ProvenPrimes()


def test_the_memory_for_primes_is_bounded_and_keeps_the_known_one() -> None:
    proven = ProvenPrimes()
    for prime in SMALL_SAFE_PRIMES[:30]:
        proven.add(prime)
    assert [prime for prime in SMALL_SAFE_PRIMES if prime in proven] == SMALL_SAFE_PRIMES[14:30]
    assert KNOWN_PRIME in proven
    assert repr(proven) == "ProvenPrimes(<the known one and 16 more>)"
