"""One suite for every filling: whichever is installed, the bytes are the same, and so are the refusals."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.fillings import FILLINGS
from kit.slices import count
from kit.vectors import load
from mtproto_bind._crypto import Crypto
from mtproto_bind._crypto.pure import PureCrypto
from mtproto_bind._ground import factor

every_filling = pytest.mark.parametrize("crypto", FILLINGS, ids=lambda crypto: crypto.name)
every_other_filling = pytest.mark.parametrize("crypto", FILLINGS[1:], ids=lambda crypto: crypto.name)

PURE = PureCrypto()
KEYS = st.binary(min_size=32, max_size=32)
BLOCKS = st.integers(1, 8).flatmap(lambda blocks: st.binary(min_size=16 * blocks, max_size=16 * blocks))
NUMBERS = st.integers(0, 1 << 200)
MODULI = st.integers(1, 1 << 200).map(lambda half: 2 * half + 1)


def octets(vector: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


@every_filling
@pytest.mark.parametrize("vector", load("aes_ige"), ids=lambda vector: vector["name"])
def test_ige_vectors(crypto: Crypto, vector: dict[str, Any]) -> None:
    plaintext, ciphertext, key, iv = octets(vector, "plaintext", "ciphertext", "key", "iv")
    assert crypto.ige_encrypt(plaintext, key, iv) == ciphertext
    assert crypto.ige_decrypt(ciphertext, key, iv) == plaintext


@every_other_filling
@given(data=BLOCKS, key=KEYS, iv=KEYS)
def test_ige_is_everywhere_the_same(crypto: Crypto, data: bytes, key: bytes, iv: bytes) -> None:
    encrypted = crypto.ige_encrypt(data, key, iv)
    assert encrypted == PURE.ige_encrypt(data, key, iv)
    decrypted = crypto.ige_decrypt(data, key, iv)
    assert decrypted == PURE.ige_decrypt(data, key, iv)
    assert crypto.ige_decrypt(encrypted, key, iv) == data
    assert crypto.ige_encrypt(decrypted, key, iv) == data


@every_other_filling
@pytest.mark.parametrize("blocks", [1023, 4096])
def test_long_messages_come_back(crypto: Crypto, blocks: int) -> None:
    data = hashlib.shake_128(b"long").digest(16 * blocks)
    key, iv = bytes(range(32)), bytes(range(32, 64))
    encrypted = crypto.ige_encrypt(data, key, iv)
    assert encrypted[:96] == PURE.ige_encrypt(data[:96], key, iv)
    assert crypto.ige_decrypt(encrypted, key, iv) == data


@every_filling
@pytest.mark.parametrize(
    ("data", "key", "iv", "text"),
    [
        (0, 32, 32, "whole blocks of 16 bytes, at least one, got 0"),
        (15, 32, 32, "whole blocks of 16 bytes, at least one, got 15"),
        (17, 32, 32, "whole blocks of 16 bytes, at least one, got 17"),
        (16, 16, 32, "a key of 32 bytes, got 16"),
        (16, 33, 32, "a key of 32 bytes, got 33"),
        (16, 32, 16, "an IGE iv of 32 bytes, got 16"),
        (16, 32, 33, "an IGE iv of 32 bytes, got 33"),
    ],
)
def test_ige_lengths(crypto: Crypto, data: int, key: int, iv: int, text: str) -> None:
    for operation in (crypto.ige_encrypt, crypto.ige_decrypt):
        with pytest.raises(ValueError, match=text):
            operation(bytes(data), bytes(key), bytes(iv))


@every_filling
@pytest.mark.parametrize("vector", load("aes_ctr"), ids=lambda vector: vector["name"])
def test_ctr_vectors(crypto: Crypto, vector: dict[str, Any]) -> None:
    data, key, iv = octets(vector, "input", "key", "iv")
    cipher = crypto.ctr(key, iv)
    assert [cipher(data).hex() for _ in vector["outputs"]] == vector["outputs"]


@every_filling
@given(pieces=st.lists(st.binary(max_size=40), max_size=8), key=KEYS, iv=st.binary(min_size=16, max_size=16))
def test_ctr_goes_on_from_piece_to_piece(crypto: Crypto, pieces: list[bytes], key: bytes, iv: bytes) -> None:
    cipher = crypto.ctr(key, iv)
    whole = PURE.ctr(key, iv)(b"".join(pieces))
    assert b"".join(cipher(piece) for piece in pieces) == whole


@every_filling
def test_ctr_counts_over_the_end(crypto: Crypto) -> None:
    ending, starting = crypto.ctr(bytes(32), bytes([255] * 16)), crypto.ctr(bytes(32), bytes(16))
    ending(bytes(16))
    assert ending(bytes(40)) == starting(bytes(40))


@every_filling
def test_two_ctr_streams_are_apart(crypto: Crypto) -> None:
    one, other = (crypto.ctr(bytes(32), bytes(16)) for _ in range(2))
    one(b"x")
    assert other(bytes(5)) == crypto.ctr(bytes(32), bytes(16))(bytes(5))


@every_filling
@pytest.mark.parametrize(("key", "iv", "text"), [(16, 16, "a key of 32 bytes, got 16"), (32, 32, "a CTR iv of 16 bytes, got 32")])
def test_ctr_lengths(crypto: Crypto, key: int, iv: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        crypto.ctr(bytes(key), bytes(iv))


@every_filling
@given(base=NUMBERS, exponent=NUMBERS, modulus=MODULI)
def test_powers(crypto: Crypto, base: int, exponent: int, modulus: int) -> None:
    expected = pow(base, exponent, modulus)
    for secret in (False, True):
        power = crypto.modexp(base, exponent, modulus, secret=secret)
        assert power == expected
        assert type(power) is int


@every_filling
@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize(("base", "exponent"), [(0, 0), (0, 5), (5, 0), (7, 1), (6, 1 << 300), (1 << 300, 3)])
def test_powers_at_the_edges(crypto: Crypto, base: int, exponent: int, secret: bool) -> None:
    assert crypto.modexp(base, exponent, 7, secret=secret) == pow(base, exponent, 7)


@every_filling
@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize(
    ("base", "exponent", "modulus", "text"),
    [
        (2, 3, 8, "odd modulus"),
        (2, 3, 1, "odd modulus"),
        (2, 3, 0, "odd modulus"),
        (2, 3, -7, "odd modulus"),
        (-2, 3, 7, "at least 0"),
        (2, -3, 7, "at least 0"),
    ],
)
def test_powers_refused(crypto: Crypto, base: int, exponent: int, modulus: int, text: str, secret: bool) -> None:
    with pytest.raises(ValueError, match=text):
        crypto.modexp(base, exponent, modulus, secret=secret)


@every_filling
@pytest.mark.parametrize(
    "vector",
    [vector for vector in load("rsa_keys_fingerprints") if "raw_rsa_input_hex" in vector],
    ids=lambda vector: vector["name"],
)
def test_raw_rsa_vector(crypto: Crypto, vector: dict[str, Any]) -> None:
    base, modulus = int(vector["raw_rsa_input_hex"], 16), int(vector["n_hex"], 16)
    assert crypto.modexp(base, int(vector["e"]), modulus) == int(vector["raw_rsa_output_hex"], 16)


@every_filling
@given(data=st.binary(max_size=200))
def test_hashes(crypto: Crypto, data: bytes) -> None:
    assert crypto.sha1(data) == hashlib.sha1(data).digest()
    assert crypto.sha256(data) == hashlib.sha256(data).digest()


@every_filling
@pytest.mark.parametrize("vector", load("pq_factorisation"), ids=lambda vector: vector["pq_hex_be"])
def test_factors(crypto: Crypto, vector: dict[str, Any]) -> None:
    found = count(crypto.factorize(vector["pq"], curves=200))
    assert found == ((vector["p"], vector["q"]), count(factor(vector["pq"], curves=200))[1])


@every_filling
def test_factors_end_with_the_curves(crypto: Crypto) -> None:
    assert count(crypto.factorize(1215127483 * 1358722049, curves=1)) == (None, 1)
