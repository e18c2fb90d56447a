"""Cryptography that remembers gives what the real one gives."""

from __future__ import annotations

from collections.abc import Callable, Generator

from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind import default_crypto
from mtproto_bind.testing import CheapCrypto

REAL = default_crypto()


class Counting:
    """Real powers and factors, counted."""

    name = "counting"
    constant_time_powers = False

    def __init__(self) -> None:
        self.powers = 0
        self.factored = 0

    def __getattr__(self, name: str) -> Callable[..., bytes]:
        return getattr(REAL, name)  # type: ignore[no-any-return]  # everything else is the real one

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        self.powers += 1
        return pow(base, exponent, modulus)

    def factorize(self, pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
        self.factored += 1
        return (yield from REAL.factorize(pq, curves=curves))


@given(st.binary(min_size=16, max_size=64).filter(lambda data: len(data) % 16 == 0), st.binary(min_size=32, max_size=32))
def test_the_rest_is_passed_on(data: bytes, key: bytes) -> None:
    cheap = CheapCrypto()
    assert cheap.sha1(data) == REAL.sha1(data)
    assert cheap.sha256(data) == REAL.sha256(data)
    sealed = cheap.ige_encrypt(data, key, key)
    assert sealed == REAL.ige_encrypt(data, key, key)
    assert cheap.ige_decrypt(sealed, key, key) == data
    assert cheap.ctr(key, key[:16])(data) == REAL.ctr(key, key[:16])(data)
    assert cheap.name == f"cheap {REAL.name}"
    assert cheap.constant_time_powers is REAL.constant_time_powers


def run(work: Generator[None, None, tuple[int, int] | None]) -> tuple[int, int] | None:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what a generator returns


def test_powers_and_factors_are_computed_once() -> None:
    counting = Counting()
    cheap = CheapCrypto(counting)  # type: ignore[arg-type]  # it passes for one
    prime = 1_000_000_007_000_003
    assert cheap.modexp(3, 123_456_789, prime) == cheap.modexp(3, 123_456_789, prime, secret=True) == pow(3, 123_456_789, prime)
    pq = 1_229_739_323 * 1_402_015_859
    assert run(cheap.factorize(pq, curves=199)) == run(cheap.factorize(pq, curves=199)) == (1_229_739_323, 1_402_015_859)
    assert (counting.powers, counting.factored) == (1, 1)
