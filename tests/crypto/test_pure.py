"""What is particular to the filling in plain Python; what all have in common is in test_seam."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._crypto import Crypto, Factor, Powers, PureCrypto, Secret
from mtproto_bind._crypto.pure import _Counter, check_power


class InABrowser(PureCrypto):
    """As a user would derive it."""

    name = "browser"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        self.asked.append("power")
        return super().modexp(base, exponent, modulus, secret=secret)

    def factorize(self, pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
        self.asked.append("factors")
        return super().factorize(pq, curves=curves)


def test_it_can_be_derived_from() -> None:
    mine = InABrowser()
    crypto: Crypto = mine
    assert Powers((3,), Secret(b"\5"), 7).run(crypto) == (5,)
    assert Factor(15, 1).run(crypto) == (3, 5)
    assert mine.asked == ["power", "factors"]
    assert crypto.sha1(b"") == PureCrypto().sha1(b"")


def test_its_powers_are_said_to_be_unsafe() -> None:
    assert PureCrypto.constant_time_powers is False


def test_a_refusal_shows_no_number() -> None:
    for base, exponent, modulus in [(12345, 67890, 4242), (-12345, 67890, 4243), (12345, -67890, 4243)]:
        with pytest.raises(ValueError, match=r"^[^0-9]*[01]$"):
            check_power(base, exponent, modulus)


@given(st.lists(st.integers(0, 50), max_size=20))
def test_no_more_of_a_stream_is_made_than_needed(sizes: list[int]) -> None:
    counter = _Counter(bytes(32), bytes(16))
    for size in sizes:
        counter.update(bytes(size))
        assert len(counter._left) < 16


def test_a_stream_of_nothing_asks_for_no_block() -> None:
    cipher = PureCrypto().ctr(bytes(32), bytes(16))
    assert cipher(b"") == b""
    assert cipher(bytes(3)) + cipher(b"") + cipher(bytes(13)) == PureCrypto().ctr(bytes(32), bytes(16))(bytes(16))
