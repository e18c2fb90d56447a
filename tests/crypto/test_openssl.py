"""What is particular to the filling by OpenSSL; what all have in common is in test_seam."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._crypto.openssl import OpenSSLCrypto
from mtproto_bind._ground import xor

CRYPTO = OpenSSLCrypto()
DATA = st.integers(1, 100).flatmap(lambda blocks: st.binary(min_size=16 * blocks, max_size=16 * blocks))
KEYS = st.binary(min_size=32, max_size=32)


@given(DATA, KEYS, KEYS)
def test_ige_is_as_defined(data: bytes, key: bytes, iv: bytes) -> None:
    encrypt = Cipher(AES(key), ECB()).encryptor().update
    last, before, expected = iv[:16], iv[16:], []
    for at in range(0, len(data), 16):
        block = data[at : at + 16]
        last, before = xor(encrypt(xor(block, last)), before), block
        expected.append(last)
    encrypted = CRYPTO.ige_encrypt(data, key, iv)
    assert encrypted == b"".join(expected)
    assert CRYPTO.ige_decrypt(encrypted, key, iv) == data


def test_its_powers_are_said_to_be_unsafe() -> None:
    assert CRYPTO.name == "openssl"
    assert CRYPTO.constant_time_powers is False
