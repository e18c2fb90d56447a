from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha1, sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.vectors import load
from mtproto_bind._crypto import (
    AuthKey,
    Secret,
    Side,
    aes_v1,
    aes_v2,
    first_salt,
    later_salt,
    msg_key_large_v2,
    msg_key_v1,
    new_nonce_hash,
    new_nonce_hash_fail,
    tmp_aes,
)
from mtproto_bind._crypto.pure import PureCrypto
from mtproto_bind._ground import id_to_bytes

CRYPTO = PureCrypto()
KEY = AuthKey(bytes(range(256)))
NEW_NONCE, SERVER_NONCE = bytes(range(32)), bytes(range(50, 66))
KEYS_V1 = [vector for vector in load("kdf_v1") if "aes_key" in vector]
MSG_KEYS_V1 = [vector for vector in load("kdf_v1") if "plaintext" in vector]


@pytest.mark.parametrize("vector", load("kdf_v2"), ids=lambda vector: vector["name"])
def test_v2_vectors(vector: dict[str, Any]) -> None:
    key, msg_key = AuthKey(bytes.fromhex(vector["auth_key"])), bytes.fromhex(vector["msg_key"])
    aes_key, aes_iv = aes_v2(key, msg_key, Side(vector["x"]), CRYPTO)
    assert (aes_key.hex(), aes_iv.hex()) == (vector["aes_key"], vector["aes_iv"])


@pytest.mark.parametrize("vector", KEYS_V1, ids=lambda vector: vector["name"])
def test_v1_vectors(vector: dict[str, Any]) -> None:
    key, msg_key = AuthKey(bytes.fromhex(vector["auth_key"])), bytes.fromhex(vector["msg_key"])
    aes_key, aes_iv = aes_v1(key, msg_key, Side(vector["x"]), CRYPTO)
    assert (aes_key.hex(), aes_iv.hex()) == (vector["aes_key"], vector["aes_iv"])


@pytest.mark.parametrize("vector", MSG_KEYS_V1, ids=lambda vector: vector["name"])
def test_v1_message_key_vectors(vector: dict[str, Any]) -> None:
    assert msg_key_v1(bytes.fromhex(vector["plaintext"]), CRYPTO).hex() == vector["msg_key"]


def test_v1_of_the_server_is_eight_bytes_further_on() -> None:
    moved = AuthKey(KEY.reveal()[8:] + bytes(8))
    assert aes_v1(KEY, bytes(16), Side.SERVER, CRYPTO) == aes_v1(moved, bytes(16), Side.CLIENT, CRYPTO)


@pytest.mark.parametrize(("side", "start"), [(Side.CLIENT, 88), (Side.SERVER, 96)])
def test_v2_message_key_is_over_part_of_the_key_and_the_plaintext(side: Side, start: int) -> None:
    expected = sha256(bytes(range(start, start + 32)) + b"plaintext").digest()
    assert msg_key_large_v2(KEY, b"plaintext", side, CRYPTO) == expected


@pytest.mark.parametrize("vector", load("tmp_aes_key_iv"), ids=lambda vector: vector["name"])
def test_temporary_keys(vector: dict[str, Any]) -> None:
    """Conduct.NONCE_BYTES: among the vectors are nonces that begin with zeros."""
    key, iv = tmp_aes(bytes.fromhex(vector["new_nonce"]), bytes.fromhex(vector["server_nonce"]), CRYPTO)
    assert (key.hex(), iv.hex()) == (vector["tmp_aes_key"], vector["tmp_aes_iv"])


@pytest.mark.parametrize("number", [1, 2, 3])
def test_new_nonce_hashes(number: int) -> None:
    expected = sha1(NEW_NONCE + bytes([number]) + b"aux hash").digest()[4:]
    assert new_nonce_hash(NEW_NONCE, number, b"aux hash", CRYPTO) == expected


def test_new_nonce_hash_of_failure() -> None:
    assert new_nonce_hash_fail(NEW_NONCE, CRYPTO) == sha1(NEW_NONCE).digest()[4:]


def test_first_salt_is_the_sum_of_both_nonces() -> None:
    assert first_salt(b"\x01" + bytes(31), b"\x03\x01" + bytes(14)) == 0x0102
    assert first_salt(NEW_NONCE, SERVER_NONCE) == first_salt(NEW_NONCE[:8] + bytes(24), SERVER_NONCE[:8] + bytes(8))


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 32))
def test_later_salts(key_id: int, period: int) -> None:
    digest = hmac.digest(b"secret", id_to_bytes(key_id) + id_to_bytes(period), "sha256")
    salt = later_salt(Secret(b"secret"), key_id, period)
    assert id_to_bytes(salt) == digest[:8]
    assert salt != later_salt(Secret(b"secret"), key_id, period + 1)
    assert salt != later_salt(Secret(b"secret"), key_id ^ 1, period)
    assert salt != later_salt(Secret(b"Secret"), key_id, period)


REFUSED: dict[str, list[Callable[[], object]]] = {
    "a msg_key of 16 bytes, got 15": [
        lambda: aes_v1(KEY, bytes(15), Side.CLIENT, CRYPTO),
        lambda: aes_v2(KEY, bytes(15), Side.CLIENT, CRYPTO),
    ],
    "a new_nonce of 32 bytes, got 31": [
        lambda: tmp_aes(bytes(31), SERVER_NONCE, CRYPTO),
        lambda: new_nonce_hash(bytes(31), 1, bytes(8), CRYPTO),
        lambda: new_nonce_hash_fail(bytes(31), CRYPTO),
        lambda: first_salt(bytes(31), SERVER_NONCE),
    ],
    "a server_nonce of 16 bytes, got 17": [
        lambda: tmp_aes(NEW_NONCE, bytes(17), CRYPTO),
        lambda: first_salt(NEW_NONCE, bytes(17)),
    ],
    "an auth_key_aux_hash of 8 bytes, got 20": [lambda: new_nonce_hash(NEW_NONCE, 1, bytes(20), CRYPTO)],
    "new_nonce_hash 1, 2 or 3, got 4": [lambda: new_nonce_hash(NEW_NONCE, 4, bytes(8), CRYPTO)],
    "new_nonce_hash 1, 2 or 3, got 0": [lambda: new_nonce_hash(NEW_NONCE, 0, bytes(8), CRYPTO)],
}


@pytest.mark.parametrize("text", REFUSED)
def test_wrong_lengths_are_refused(text: str) -> None:
    for wrong in REFUSED[text]:
        with pytest.raises(ValueError, match=text):
            wrong()
