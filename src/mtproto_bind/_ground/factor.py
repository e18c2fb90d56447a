"""Factor pq, a product of two primes: p - 1 once, then elliptic curves, in slices of a millisecond or so.

The server sends a pq below 2^63 and waits for its factors (https://core.telegram.org/mtproto/auth_key, steps 2 and 3).
A third of such numbers fall to Pollard's p - 1, a quarter of the rest to each curve: several times as fast as the usual rho,
and bounded by a count of curves whatever a hostile server sends.

After P. L. Montgomery, "Speeding the Pollard and elliptic curve methods of factorization" (1987), on the curves of
H. Suyama, whose order 12 divides.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cache
from math import gcd, isqrt, lcm, prod
from operator import itemgetter
from typing import TypeVar

from .primes import is_prime, sieve

__all__ = ["factor"]

SIZE_BITS = 64
# Below this, all curves of a factor are so smooth that they find both factors at once, which tells nothing.
TRIAL_LIMIT = 4096
FIRST_SIGMA = 6

Point = tuple[int, int]
"""X and Z of a point of a Montgomery curve; its x is X / Z."""
P = TypeVar("P", int, Point)


def factor(pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
    """Find (p, q) with p < q, both prime, p * q == pq: one slice for p - 1, then one for each curve, ``curves`` at most.

    None if pq is prime, a square, no product of two primes, or not factored within that work. A prime is found out at
    once: the libraries in use never return on one. ValueError for a pq of more than 64 bits.
    """
    if pq.bit_length() > SIZE_BITS:
        raise ValueError(f"expected a pq of at most 64 bits, got {pq.bit_length()}")
    if pq < 2 or isqrt(pq) ** 2 == pq or is_prime(pq):
        return None
    if gcd(pq, _trial_product()) > 1:
        return _pair(pq, next(prime for prime in sieve(TRIAL_LIMIT) if pq % prime == 0))
    divisor = _try_power(pq, _power_plan())
    for sigma in range(FIRST_SIGMA, FIRST_SIGMA + curves):
        if 1 < divisor < pq:
            break
        yield
        divisor = _try_curve(pq, sigma, _curve_plan())
    return _pair(pq, divisor) if 1 < divisor < pq else None


def _pair(pq: int, divisor: int) -> tuple[int, int] | None:
    p, q = sorted((divisor, pq // divisor))
    return (p, q) if p != q and is_prime(p) and is_prime(q) else None


class _Plan:
    """The tables of a two-stage search, the same for every number.

    Stage 1 multiplies by ``exponent``, which holds every prime power up to the first bound. Stage 2 finds one more prime
    up to the second bound: each is ``m * WHEEL - j`` or ``m * WHEEL + j``, and one difference of the m-th giant step and
    the j-th small one answers for both signs.
    """

    WHEEL = 210

    def __init__(self, first_bound: int, second_bound: int) -> None:
        half = self.WHEEL // 2
        self.exponent = lcm(*range(1, first_bound + 1))
        self.bits = [int(digit) for digit in f"{self.exponent:b}"[1:]]
        self.small = [j for j in range(1, half) if gcd(j, self.WHEEL) == 1]
        self.first_giant = max(1, (first_bound + half) // self.WHEEL)
        wanted = {prime for prime in sieve(second_bound + 1) if prime > first_bound}
        self.picks: list[Callable[[list[int]], tuple[int, ...]]] = []
        for giant in range(self.first_giant, (second_bound + half) // self.WHEEL + 1):
            middle = giant * self.WHEEL
            places = [place for place, j in enumerate(self.small) if middle - j in wanted or middle + j in wanted]
            # twice the first: itemgetter gives a tuple only for two places and more
            self.picks.append(itemgetter(places[0], *places))

    def steps(self, first: P, add: Callable[[P, P, P], P], double: Callable[[P], P]) -> list[P]:
        """Multiples of ``first`` for stage 2: the small ones, then the giant ones. ``add`` takes a, b and a - b."""
        second = double(first)
        third = add(second, first, first)
        fifth, sixth = add(third, second, first), double(third)
        found = {1: first, 5: fifth, 7: add(sixth, first, fifth), 11: add(sixth, fifth, first)}
        for k in range(13, self.small[-1] + 1, 2):
            if k % 3:
                found[k] = add(found[k - 6], sixth, found[k - 12])
        wheel, _ = _ladder(self.WHEEL, first, add, double)
        giant, following = _ladder(self.first_giant, wheel, add, double)
        multiples = [found[j] for j in self.small]
        for _ in self.picks:
            multiples.append(giant)
            giant, following = following, add(following, wheel, giant)
        return multiples

    def collect(self, multiples: list[int], modulus: int) -> int:
        """The product of all differences of stage 2: a divisor shares what some difference holds."""
        count = len(self.small)
        small, product = multiples[:count], 1
        for giant, pick in zip(multiples[count:], self.picks, strict=True):
            product = product * prod([giant - step for step in pick(small)]) % modulus
        return product


# Bounds measured on products of two 31-bit primes: a curve then costs 0.8 ms and finds a factor in one of four tries.
@cache
def _power_plan() -> _Plan:
    return _Plan(1000, 15000)


@cache
def _curve_plan() -> _Plan:
    return _Plan(200, 6000)


@cache
def _trial_product() -> int:
    return prod(sieve(TRIAL_LIMIT))


def _ladder(times: int, point: P, add: Callable[[P, P, P], P], double: Callable[[P], P]) -> tuple[P, P]:
    """``times`` and ``times + 1`` times the point."""
    low, high = point, double(point)
    for digit in f"{times:b}"[1:]:
        both = add(high, low, point)
        low, high = (both, double(high)) if digit == "1" else (double(low), both)
    return low, high


def _try_power(n: int, plan: _Plan) -> int:
    """Pollard's p - 1: a divisor of n, 1 or n if it has found none or both.

    Stage 2 works on a^k + a^-k, for which sums of exponents cost one multiplication.
    """
    power = pow(3, plan.exponent, n)
    divisor = gcd(power - 1, n)
    if divisor != 1:
        return divisor
    multiples = plan.steps(
        (power + pow(power, -1, n)) % n,
        lambda a, b, difference: (a * b - difference) % n,
        lambda a: (a * a - 2) % n,
    )
    return gcd(plan.collect(multiples, n), n)


def _try_curve(n: int, sigma: int, plan: _Plan) -> int:
    """Lenstra's method on the curve that ``sigma`` names: a divisor of n, 1 or n if it has found none or both."""
    u, v = sigma * sigma - 5, 4 * sigma
    u3, v3 = u**3, v**3
    denominator = 16 * u3 * v * v3
    divisor = gcd(denominator, n)
    if divisor != 1:
        return divisor
    inverse = pow(denominator, -1, n)
    slope = (v - u) ** 3 * (3 * u + v) * v3 * inverse % n  # (A + 2) / 4 of y^2 = x^3 + A x^2 + x
    start = u3 * 16 * u3 * v * inverse % n
    x, z = _multiply(n, start, slope, plan.bits)
    divisor = gcd(z, n)
    if divisor != 1:
        return divisor

    def add(a: Point, b: Point, difference: Point) -> Point:
        cross = (a[0] - a[1]) * (b[0] + b[1])
        other = (a[0] + a[1]) * (b[0] - b[1])
        total, apart = cross + other, cross - other
        return total * total % n * difference[1] % n, apart * apart % n * difference[0] % n

    def double(a: Point) -> Point:
        plus, minus = (a[0] + a[1]) ** 2, (a[0] - a[1]) ** 2
        apart = plus - minus
        return plus * minus % n, apart * (minus + slope * apart) % n

    divisor, multiples = _normalise(plan.steps((x * pow(z, -1, n) % n, 1), add, double), n)
    return divisor if divisor != 1 else gcd(plan.collect(multiples, n), n)


def _multiply(n: int, start: int, slope: int, bits: list[int]) -> Point:
    """Stage 1, the multiple by an exponent of these bits (the top one left out): the ladder, written out for speed."""
    x1, z1 = start, 1
    plus, minus = (start + 1) ** 2, (start - 1) ** 2
    apart = plus - minus
    x2, z2 = plus * minus % n, apart * (minus + slope * apart) % n
    for bit in bits:
        a, b, c, d = x1 + z1, x1 - z1, x2 + z2, x2 - z2
        cross, other = b * c, a * d
        total, apart = cross + other, cross - other
        if bit:
            x1, z1 = total * total % n, apart * apart % n * start % n
            c *= c
            d *= d
            apart = c - d
            x2, z2 = c * d % n, apart * (d + slope * apart) % n
        else:
            x2, z2 = total * total % n, apart * apart % n * start % n
            a *= a
            b *= b
            apart = a - b
            x1, z1 = a * b % n, apart * (b + slope * apart) % n
    return x1, z1


def _normalise(points: list[Point], n: int) -> tuple[int, list[int]]:
    """(1, the x of every point) by one inversion for them all, or (a divisor of n, nothing) where that fails."""
    product, before = 1, []
    for _, z in points:
        before.append(product)
        product = product * z % n
    divisor = gcd(product, n)
    if divisor != 1:
        return divisor, []
    inverse = pow(product, -1, n)
    found = []
    for (x, z), others in zip(reversed(points), reversed(before), strict=True):
        found.append(x * (inverse * others % n) % n)
        inverse = inverse * z % n
    return 1, found[::-1]
