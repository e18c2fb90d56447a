from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._ground import id_from_bytes, id_to_bytes, to_fixed, to_int, to_minimal, xor


@given(st.data(), st.binary(max_size=70))
def test_xor_is_bytewise_and_undoes_itself(data: st.DataObject, a: bytes) -> None:
    b = data.draw(st.binary(min_size=len(a), max_size=len(a)))
    assert xor(a, b) == bytes(x ^ y for x, y in zip(a, b, strict=True))
    assert xor(xor(a, b), b) == a


def test_xor_of_two_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="one length, got 2 and 3 bytes"):
        xor(b"ab", b"abc")


@given(st.integers(0, 1 << 300), st.integers(0, 20))
def test_big_numbers_come_back(number: int, zeros: int) -> None:
    minimal = to_minimal(number)
    assert not minimal.startswith(b"\0")
    assert to_int(minimal) == number
    assert to_fixed(number, len(minimal) + zeros) == bytes(zeros) + minimal


def test_nothing_is_zero() -> None:
    assert to_minimal(0) == b""
    assert to_int(b"") == 0
    assert to_fixed(0, 0) == b""


@pytest.mark.parametrize(("number", "text"), [(256, "got 9 bits"), (-1, "got a negative one")])
def test_a_number_that_does_not_fit_is_refused(number: int, text: str) -> None:
    with pytest.raises(ValueError, match=f"0 to 8 bits, {text}"):
        to_fixed(number, 1)


def test_no_minimal_form_below_zero() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        to_minimal(-1)


@given(st.integers(0, (1 << 64) - 1))
def test_ids_come_back(number: int) -> None:
    assert len(id_to_bytes(number)) == 8
    assert id_from_bytes(id_to_bytes(number)) == number


def test_ids_are_little_endian_and_unsigned() -> None:
    assert id_from_bytes(bytes.fromhex("85fd64de851d9dd0")) == 0xD09D1D85DE64FD85
    assert id_to_bytes(1) == b"\1" + bytes(7)


@pytest.mark.parametrize(("number", "text"), [(1 << 64, "got 65 bits"), (-1, "got a negative one")])
def test_an_id_out_of_range_is_refused(number: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        id_to_bytes(number)


@pytest.mark.parametrize("size", [0, 7, 9])
def test_an_id_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"8 bytes, got {size}"):
        id_from_bytes(bytes(size))
