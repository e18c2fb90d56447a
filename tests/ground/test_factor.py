from __future__ import annotations

from math import gcd, prod

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kit.slices import count, finish
from kit.vectors import load
from mtproto_bind._ground import factor, is_prime
from mtproto_bind._ground.factor import _curve_plan, _Plan, _power_plan, _try_curve
from mtproto_bind._ground.primes import sieve

CURVES = 200
SMALL_PRIMES = sieve(9000)


def next_prime(number: int) -> int:
    while not is_prime(number):
        number += 1
    return number


def primes(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high).map(next_prime)


@pytest.mark.parametrize("vector", load("pq_factorisation"), ids=lambda vector: vector["pq_hex_be"])
def test_vectors(vector: dict[str, int]) -> None:
    assert finish(factor(vector["pq"], curves=CURVES)) == (vector["p"], vector["q"])


@given(primes(1 << 30, (1 << 31) - 1000), primes(1 << 30, (1 << 31) - 1000))
def test_as_servers_make_them(p: int, q: int) -> None:
    assume(p != q)
    pair, pauses = count(factor(p * q, curves=CURVES))
    assert pair == (min(p, q), max(p, q))
    assert pauses <= CURVES


@given(st.sampled_from(SMALL_PRIMES), st.sampled_from(SMALL_PRIMES))
def test_small_ones(p: int, q: int) -> None:
    assume(p != q)
    assert finish(factor(p * q, curves=CURVES)) == (min(p, q), max(p, q))


@given(st.sampled_from(SMALL_PRIMES), primes(1 << 40, 1 << 50))
def test_lopsided_ones(p: int, q: int) -> None:
    assert finish(factor(p * q, curves=CURVES)) == (p, q)


@given(primes(2, (1 << 64) - 100000))
def test_a_prime_is_found_out_at_once(prime: int) -> None:
    assert count(factor(prime, curves=CURVES)) == (None, 0)


@given(st.integers(0, (1 << 32) - 1))
def test_a_square_is_found_out_at_once(root: int) -> None:
    assert count(factor(root * root, curves=CURVES)) == (None, 0)


@given(st.lists(primes(2, 1 << 21), min_size=3, max_size=3, unique=True))
def test_three_primes_are_no_pair(three: list[int]) -> None:
    assume(prod(three) < 1 << 64)
    assert finish(factor(prod(three), curves=CURVES)) is None


@pytest.mark.parametrize("number", [-15, -1, 0, 1, 4, 8, 27, 6 * 6 * 6, 4099 * 4099 * 4111])
def test_no_pair(number: int) -> None:
    assert finish(factor(number, curves=CURVES)) is None


# p - 1 fails, and so do the first curves; the one that succeeds does so in its second stage, at the point at infinity
HARD = (1215127483, 1358722049)


def test_the_work_ends_with_the_curves() -> None:
    pair, pauses = count(factor(HARD[0] * HARD[1], curves=CURVES))
    assert pair == HARD
    assert pauses > 1
    assert count(factor(HARD[0] * HARD[1], curves=pauses)) == (HARD, pauses)
    assert count(factor(HARD[0] * HARD[1], curves=pauses - 1)) == (None, pauses - 1)
    assert count(factor(HARD[0] * HARD[1], curves=0)) == (None, 0)


def test_a_number_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 64 bits, got 65"):
        finish(factor(1 << 64, curves=CURVES))


def test_a_factor_that_spoils_the_curve_is_found_by_that() -> None:
    # 72^2 - 5 = 5179, and there is no such curve modulo 5179
    assert _try_curve(5179 * HARD[0], 72, _curve_plan()) == 5179


def test_tables_are_made_once() -> None:
    assert _curve_plan() is _curve_plan()
    assert _power_plan() is _power_plan()


@pytest.mark.parametrize("plan", [_power_plan(), _curve_plan()], ids=["power", "curve"])
def test_steps_are_the_multiples_that_they_should_be(plan: _Plan) -> None:
    # in the whole numbers, where it can be seen

    def add(a: int, b: int, difference: int) -> int:
        assert a - b == difference
        return a + b

    multiples = plan.steps(1, add, lambda a: 2 * a)
    giants = [210 * giant for giant in range(plan.first_giant, plan.first_giant + len(plan.picks))]
    assert multiples == plan.small + giants
    assert plan.small == [j for j in range(105) if gcd(j, 210) == 1]


@pytest.mark.parametrize(
    ("plan", "low", "high"), [(_power_plan(), 1000, 15000), (_curve_plan(), 200, 6000)], ids=["power", "curve"]
)
def test_the_second_stage_holds_every_prime_between_the_bounds(plan: _Plan, low: int, high: int) -> None:
    reached = set()
    for giant, pick in enumerate(plan.picks, plan.first_giant):
        for j in pick(plan.small):
            reached |= {210 * giant - j, 210 * giant + j}
    assert {prime for prime in sieve(high + 1) if prime > low} <= reached
    assert all(plan.exponent % number == 0 for number in range(1, low + 1))
    assert int("1" + "".join(map(str, plan.bits)), 2) == plan.exponent


@pytest.mark.parametrize("last", [997, 1009, 7919, 14983])
def test_a_factor_whose_predecessor_is_smooth_needs_no_curve(last: int) -> None:
    smooth = next(2 * last * k + 1 for k in range(1 << 18, 1 << 19) if is_prime(2 * last * k + 1) and max_prime(k) < 500)
    # no p - 1 finds the other: its half is prime
    assert count(factor(smooth * 2147483579, curves=0))[0] == tuple(sorted((smooth, 2147483579)))


def max_prime(number: int) -> int:
    largest = 1
    for prime in sieve(1000):
        while number % prime == 0:
            number, largest = number // prime, prime
    return max(largest, number)


def test_the_work_is_as_little_as_it_was() -> None:
    # curves for forty numbers; a slip in the second stages still gives the right factors, for several times the work
    starts = [((1 << 30) + 25_000_000 * k, (1 << 31) - 21_000_001 * k - 1000) for k in range(1, 41)]
    pauses = [count(factor(next_prime(low) * next_prime(high), curves=CURVES))[1] for low, high in starts]
    assert sum(pauses) <= 112
