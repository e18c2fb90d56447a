from __future__ import annotations

from hashlib import sha1

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.vectors import load
from mtproto_bind._crypto import KNOWN_PRIME, AuthKey, default_crypto
from mtproto_bind._ground import id_from_bytes, id_to_bytes

SHORT = next(vector for vector in load("edge_cases") if "auth_key_256" in vector)


def test_a_key_with_leading_zeros_keeps_them() -> None:
    """Conduct.AUTH_KEY_WIDTH."""
    number = default_crypto().modexp(int(SHORT["g_a"], 16), int(SHORT["b"], 16), KNOWN_PRIME, secret=True)
    key = AuthKey.from_number(number)
    assert key.reveal().hex() == SHORT["auth_key_256"]
    assert key.reveal()[0] == 0
    assert id_to_bytes(key.id).hex() == SHORT["auth_key_id_wire_le"]
    assert key.aux_hash.hex() == SHORT["auth_key_aux_hash"]


@given(st.binary(min_size=256, max_size=256))
def test_id_and_aux_hash_are_the_ends_of_the_sha1(value: bytes) -> None:
    key, digest = AuthKey(value), sha1(value).digest()
    assert key.id == id_from_bytes(digest[12:])
    assert key.aux_hash == digest[:8]


@pytest.mark.parametrize("size", [0, 255, 257])
def test_other_lengths_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"256 bytes, got {size}"):
        AuthKey(bytes(size))


@pytest.mark.parametrize("number", [-1, 1 << 2048])
def test_other_numbers_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="0 to 2048 bits"):
        AuthKey.from_number(number)


def test_equality_and_hash() -> None:
    key = AuthKey(bytes(256))
    assert key == AuthKey.from_number(0)
    assert key != AuthKey.from_number(1)
    assert hash(key) == hash(AuthKey.from_number(0)) == hash(key.id)


def test_only_the_id_is_shown() -> None:
    key = AuthKey.from_number(1)
    assert repr(key) == str(key) == f"AuthKey(id={key.id:016x})"
