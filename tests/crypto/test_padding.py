from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.fillings import FILLINGS
from kit.keys import SERVER_KEY
from kit.vectors import load
from mtproto_bind._crypto import (
    Crypto,
    Over,
    PublicKey,
    RsaOpen,
    Secret,
    default_crypto,
    known_keys,
    old_pad_open,
    rsa_pad,
    rsa_pad_open,
)
from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._ground import to_fixed, to_int

KNOWN = {f"{key.fingerprint:016x}": key for test in (False, True) for key in known_keys(test=test)}
CRYPTO = default_crypto()
VECTORS = load("rsa_pad")
(OLD,) = load("rsa_sha1_padding_legacy")
every_filling = pytest.mark.parametrize("crypto", FILLINGS, ids=lambda crypto: crypto.name)


class Script:
    """Entropy that gives what it was told to, in this order."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def __call__(self, size: int) -> bytes:
        piece = self.pieces.pop(0)
        assert len(piece) == size
        return piece


class Blocks(Over):
    """Remembers what the powers were taken of."""

    def __init__(self, base: Crypto) -> None:
        super().__init__(base)
        self.seen: list[bytes] = []

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        self.seen.append(to_fixed(base, 256))
        return super().modexp(base, exponent, modulus, secret=secret)


def entropy_of(vector: dict[str, Any]) -> Script:
    names = ["random_padding", "temp_key_rejected", "temp_key"]
    return Script(*(bytes.fromhex(vector[name]) for name in names if name in vector))


@every_filling
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(crypto: Crypto, vector: dict[str, Any]) -> None:
    """Conduct.RSA_PAD_FRESH: a temp_key that does not do is replaced, the padding stays."""
    entropy, blocks, data = entropy_of(vector), Blocks(crypto), bytes.fromhex(vector["data"])
    encrypted = rsa_pad(data, KNOWN[vector["rsa_fingerprint_hex_be"]], entropy=entropy, crypto=blocks)
    assert encrypted.hex() == vector["encrypted_data"]
    assert [block.hex() for block in blocks.seen] == [vector["key_aes_encrypted"]]
    assert entropy.pieces == []
    assert rsa_pad_open(blocks.seen[0], crypto) == data + bytes.fromhex(vector["random_padding"])


def counting() -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        yield CRYPTO.sha256(bytes([number]))


@every_filling
@pytest.mark.parametrize("size", [0, 1, 96, 144])
def test_the_private_key_opens_it(crypto: Crypto, size: int) -> None:
    stream = counting()
    encrypted = rsa_pad(b"d" * size, SERVER_KEY.public, entropy=lambda n: (next(stream) * 6)[:n], crypto=crypto)
    assert len(encrypted) == 256
    opened = rsa_pad_open(RsaOpen(encrypted, SERVER_KEY, Secret(b"b" * 32)).run(crypto), crypto)
    assert opened[:size] == b"d" * size
    assert len(opened) == 192


def block_of(data: bytes) -> bytes:
    blocks = Blocks(CRYPTO)
    stream = counting()
    rsa_pad(data, SERVER_KEY.public, entropy=lambda n: (next(stream) * 6)[:n], crypto=blocks)
    return blocks.seen[0]


@given(st.integers(0, 256 * 8 - 1))
def test_every_bit_of_the_block_counts(bit: int) -> None:
    wrong = to_int(block_of(b"data")) ^ 1 << bit
    with pytest.raises(SecurityError) as caught:
        rsa_pad_open(to_fixed(wrong, 256), CRYPTO)
    assert caught.value.check is Check.RSA_PAD_HASH


def test_too_much_data_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 144 bytes of data, got 145"):
        rsa_pad(bytes(145), SERVER_KEY.public, entropy=bytes, crypto=CRYPTO)


@pytest.mark.parametrize("more", [-1, 1])
def test_entropy_of_another_length_is_refused(more: int) -> None:
    with pytest.raises(ValueError, match=f"92 bytes of entropy, got {92 + more}"):
        rsa_pad(bytes(100), SERVER_KEY.public, entropy=lambda size: bytes(size + more), crypto=CRYPTO)


def test_entropy_that_repeats_itself_does_not_hang() -> None:
    # with this modulus, the lowest of its size, hardly any block will do
    lowest = PublicKey((1 << 2047) + 1, 3)
    high = next(key for key in counting() if to_int(block_with(key)) >= lowest.n)
    with pytest.raises(ValueError, match="entropy that varies"):
        rsa_pad(bytes(100), lowest, entropy=lambda size: high if size == 32 else bytes(size), crypto=CRYPTO)


def block_with(temp_key: bytes) -> bytes:
    blocks = Blocks(CRYPTO)
    highest = PublicKey((1 << 2048) - 1, 3)
    rsa_pad(bytes(100), highest, entropy=lambda size: temp_key if size == 32 else bytes(size), crypto=blocks)
    return blocks.seen[0]


def test_the_old_form() -> None:
    block = bytes.fromhex(OLD["data_with_hash_255"])
    assert old_pad_open(b"\0" + block) == block
    old_key = next(v for v in load("rsa_keys_fingerprints") if v["fingerprint_hex_be"] == OLD["rsa_fingerprint_hex_be"])
    encrypted = CRYPTO.modexp(to_int(block), old_key["e"], int(old_key["n_hex"], 16))
    assert to_fixed(encrypted, 256).hex() == OLD["encrypted_data"]


def test_a_block_that_cannot_be_of_the_old_form() -> None:
    with pytest.raises(SecurityError) as caught:
        old_pad_open(b"\1" + bytes(255))
    assert caught.value.check is Check.RSA_PAD_HASH


@pytest.mark.parametrize("size", [255, 257])
def test_a_block_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"a block of 256 bytes, got {size}"):
        rsa_pad_open(bytes(size), CRYPTO)
    with pytest.raises(ValueError, match=f"a block of 256 bytes, got {size}"):
        old_pad_open(bytes(size))
