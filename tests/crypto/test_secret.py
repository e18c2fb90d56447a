from __future__ import annotations

import copy
import pickle
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._crypto import AuthKey, Secret, same

VALUE = bytes(range(100, 132))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_same_is_equality(a: bytes, b: bytes) -> None:
    assert same(a, b) == (a == b)
    assert same(a, bytes(bytearray(a)))


def test_a_secret_reveals_itself_only_when_asked() -> None:
    secret = Secret(VALUE)
    assert secret.reveal() == VALUE
    assert repr(secret) == str(secret) == f"{secret}" == "Secret(<32 bytes>)"
    assert not hasattr(secret, "__dict__")


def test_it_does_not_change_with_what_it_was_made_of() -> None:
    source = bytearray(VALUE)
    secret = Secret(cast(bytes, source))
    source[0] ^= 1
    assert secret.reveal() == VALUE


def test_length_and_truth() -> None:
    assert len(Secret(VALUE)) == 32
    assert Secret(b"")


def test_equality() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret(VALUE[:-1] + b"x")
    assert Secret(VALUE) != VALUE
    assert Secret(bytes(256)) != AuthKey(bytes(256))
    assert AuthKey(bytes(256)) != Secret(bytes(256))


def test_the_hash_tells_nothing() -> None:
    assert hash(Secret(VALUE)) == hash(Secret(b"something else"))
    assert len({Secret(VALUE), Secret(VALUE), Secret(b"")}) == 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickling(protocol: int) -> None:
    for secret in (Secret(VALUE), AuthKey(bytes(256))):
        with pytest.raises(TypeError, match=f"a {type(secret).__name__} is not pickled"):
            pickle.dumps(secret, protocol)


def test_a_copy_is_the_thing_itself() -> None:
    secret = Secret(VALUE)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret]) == [secret]
