from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.slices import finish
from kit.vectors import load
from mtproto_bind._crypto import default_crypto
from mtproto_bind._ground import is_prime, prove_safe_prime
from mtproto_bind._ground.primes import sieve

SAFE = [0x127219EF57B036B4F, 0xAB82610B0C7D7263B709CFBF]
HALF_COMPOSITE = 0xB053C30CF210C1B3AD095F6F
COMPOSITE = 0xD16F56865C6FFFB836838A63
# The first composites that deceive the witnesses 2; 2 and 3; ...; the nine smallest primes
DECEIVERS = [2047, 1373653, 25326001, 3215031751, 2152302898747, 3474749660383, 341550071728321, 3825123056546413051]
VECTORS = [vector for vector in load("dh_checks") if "dh_prime" in vector]


def by_division(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def test_sieve_finds_the_primes() -> None:
    assert sieve(2000) == [number for number in range(2000) if by_division(number)]


@pytest.mark.parametrize(("limit", "primes"), [(0, []), (1, []), (2, []), (3, [2])])
def test_sieve_has_an_end(limit: int, primes: list[int]) -> None:
    assert sieve(limit) == primes


def test_small_numbers() -> None:
    assert [number for number in range(-3, 5000) if is_prime(number)] == sieve(5000)


@given(st.integers(2, 1 << 24))
def test_like_trial_division(number: int) -> None:
    assert is_prime(number) == by_division(number)


@pytest.mark.parametrize("number", [*DECEIVERS, 561, 1 << 63, (1 << 64) - 1, 1215127483 * 1358722049])
def test_composites(number: int) -> None:
    assert not is_prime(number)


@pytest.mark.parametrize("number", [(1 << 31) - 1, (1 << 61) - 1, (1 << 63) - 25, (1 << 64) - 59])
def test_primes(number: int) -> None:
    assert is_prime(number)


def test_doubt_is_not_answered() -> None:
    with pytest.raises(ValueError, match="below 2\\^64, got 65 bits"):
        is_prime(1 << 64)


def witnesses(count: int = 8) -> Iterator[int]:
    return (3**k for k in range(200, 200 + count))


@given(st.integers(0, 10000))
def test_small_safe_primes(number: int) -> None:
    safe = finish(prove_safe_prime(number, witnesses=witnesses(), power=pow))
    assert safe == (by_division(number) and by_division((number - 1) // 2))


@pytest.mark.parametrize("number", SAFE)
def test_safe_primes_take_one_power_and_one_for_each_witness(number: int) -> None:
    powers = []

    def power(base: int, exponent: int, modulus: int) -> int:
        powers.append(modulus)
        return pow(base, exponent, modulus)

    proof = prove_safe_prime(number, witnesses=witnesses(5), power=power)
    for slices in range(1, 6):
        next(proof)
        assert len(powers) == slices
    assert finish(proof) is True
    assert powers == [number] + 5 * [number >> 1]


# even, half even, small factor, small factor of the half
@pytest.mark.parametrize(
    "number", [SAFE[1] + 1, SAFE[1] + 2, 7 * SAFE[1] + 2, 3 * SAFE[0], 1999 * SAFE[1] + 2, 2 * 7 * SAFE[1] + 1]
)
def test_cheap_refusals_cost_no_power(number: int) -> None:
    assert finish(prove_safe_prime(number, witnesses=witnesses(), power=never)) is False


def never(base: int, exponent: int, modulus: int) -> int:
    raise AssertionError("a power was asked for")


@pytest.mark.parametrize("number", [HALF_COMPOSITE, COMPOSITE])
def test_composites_without_small_factors_are_refused(number: int) -> None:
    assert finish(prove_safe_prime(number, witnesses=witnesses(), power=pow)) is False


def test_no_witness_is_trivial() -> None:
    bases = []

    def power(base: int, exponent: int, modulus: int) -> int:
        bases.append(base)
        return pow(base, exponent, modulus)

    half = SAFE[1] >> 1
    trivial = [-2, -1, 0, half - 4, half - 3, half - 2, half - 1, half, half + 1]
    assert finish(prove_safe_prime(SAFE[1], witnesses=trivial, power=power))
    assert all(1 < base < half - 1 for base in bases[1:])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    prime = int(vector["dh_prime"], 16)
    bases = islice(witnesses(), 4)
    safe = finish(prove_safe_prime(prime, witnesses=bases, power=default_crypto().modexp))
    assert safe == bool(vector["is_prime"] and vector.get("half_is_prime"))
