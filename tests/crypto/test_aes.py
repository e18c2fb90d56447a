from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._crypto.aes import AES256, pack_words, unpack_words

KEY = bytes(range(32))
PLAINTEXT = bytes.fromhex("00112233445566778899aabbccddeeff")
CIPHERTEXT = bytes.fromhex("8ea2b7ca516745bfeafc49904b496089")


def test_the_example_of_the_standard() -> None:
    # FIPS 197, appendix C.3
    cipher = AES256(KEY)
    assert pack_words(cipher.encrypt(*words) for words in unpack_words(PLAINTEXT)) == CIPHERTEXT
    assert pack_words(cipher.decrypt(*words) for words in unpack_words(CIPHERTEXT)) == PLAINTEXT


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_blocks_come_back(key: bytes, block: bytes) -> None:
    cipher = AES256(key)
    (words,) = unpack_words(block)
    assert cipher.decrypt(*cipher.encrypt(*words)) == words
    assert cipher.encrypt(*cipher.decrypt(*words)) == words


def test_words_are_big_endian() -> None:
    assert list(unpack_words(PLAINTEXT)) == [(0x00112233, 0x44556677, 0x8899AABB, 0xCCDDEEFF)]


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_words_come_back(blocks: int) -> None:
    data = KEY[:16] * blocks
    assert pack_words(unpack_words(data)) == data
