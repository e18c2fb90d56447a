"""The algebra of IGE by CBC, with a toy block cipher, against the definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._crypto.ige import decrypt_by_feedback, encrypt_by_cbc
from mtproto_bind._ground import xor

DATA = st.integers(1, 20).flatmap(lambda blocks: st.binary(min_size=16 * blocks, max_size=16 * blocks))
IVS = st.binary(min_size=32, max_size=32)


def toy_encrypt(block: bytes) -> bytes:
    return bytes((byte * 5 + place) % 256 for place, byte in enumerate(block[3:] + block[:3]))


def toy_decrypt(block: bytes) -> bytes:
    turned = bytes((byte - place) * 205 % 256 for place, byte in enumerate(block))
    return turned[-3:] + turned[:-3]


def blocks(data: bytes) -> list[bytes]:
    return [data[at : at + 16] for at in range(0, len(data), 16)]


def by_definition(data: bytes, iv: bytes) -> bytes:
    last, before, encrypted = iv[:16], iv[16:], []
    for block in blocks(data):
        last = xor(toy_encrypt(xor(block, last)), before)
        before = block
        encrypted.append(last)
    return b"".join(encrypted)


def toy_cbc(iv: bytes, data: bytes) -> bytes:
    encrypted = [iv]
    for block in blocks(data):
        encrypted.append(toy_encrypt(xor(block, encrypted[-1])))
    return b"".join(encrypted[1:])


class ToyCbcDecryptor:
    def __init__(self) -> None:
        self.last = bytes(16)

    def update(self, data: bytes) -> bytes:
        decrypted = []
        for block in blocks(data):
            decrypted.append(xor(toy_decrypt(block), self.last))
            self.last = block
        return b"".join(decrypted)


@given(DATA)
def test_the_toy_is_a_cipher(data: bytes) -> None:
    assert toy_decrypt(toy_encrypt(data[:16])) == data[:16]
    assert ToyCbcDecryptor().update(toy_cbc(bytes(16), data)) == data


@given(DATA, IVS)
def test_one_cbc_call_encrypts(data: bytes, iv: bytes) -> None:
    assert encrypt_by_cbc(data, iv, toy_cbc) == by_definition(data, iv)


@given(DATA, IVS)
def test_a_fed_back_cbc_decryptor_decrypts(data: bytes, iv: bytes) -> None:
    assert decrypt_by_feedback(by_definition(data, iv), iv, ToyCbcDecryptor().update) == data
