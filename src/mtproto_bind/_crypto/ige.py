"""AES in IGE mode out of what a library offers: one CBC call to encrypt, a CBC decryptor fed with its own output to decrypt.

IGE is not a mode that libraries have: ``c_i = E(p_i ^ c_{i-1}) ^ p_{i-1}``, where the 32 bytes of the iv are c_0, then p_0.
https://core.telegram.org/mtproto/description
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from .._ground import to_fixed, to_int, xor

__all__ = ["check_ctr", "check_ige", "decrypt_by_feedback", "encrypt_by_cbc"]

BLOCK = 16
KEY_LENGTH = 32

_BLOCKS = Struct("16s")


def check_ige(data: bytes, key: bytes, iv: bytes) -> None:
    """ValueError unless the lengths are right. Libraries differ in what they do else: one pads, one reads on."""
    if not data or len(data) % BLOCK:
        raise ValueError(f"expected whole blocks of {BLOCK} bytes, at least one, got {len(data)} bytes")
    _check_length("a key", KEY_LENGTH, key)
    _check_length("an IGE iv", 2 * BLOCK, iv)


def check_ctr(key: bytes, iv: bytes) -> None:
    """ValueError unless the lengths are right."""
    _check_length("a key", KEY_LENGTH, key)
    _check_length("a CTR iv", BLOCK, iv)


def encrypt_by_cbc(data: bytes, iv: bytes, cbc: Callable[[bytes, bytes], bytes]) -> bytes:
    """IGE by one call of ``cbc(iv, data)``, CBC encryption without padding under the same key.

    With y_i = c_i ^ p_{i-1}, the definition reads y_i = E(y_{i-1} ^ p_i ^ p_{i-2}), where p_{-1} is nothing: this is CBC
    over the sums of plaintext blocks two apart.
    """
    # whole-buffer numbers: their shifts and sums are the only fast loops there are
    size, plain = len(data), to_int(data)
    earlier = (to_int(iv[BLOCK:]) << 8 * size | plain) >> 8 * BLOCK  # p_0 ... p_{n-1}
    y = cbc(iv[:BLOCK], to_fixed(plain ^ earlier >> 8 * BLOCK, size))
    return to_fixed(to_int(y) ^ earlier, size)


def decrypt_by_feedback(data: bytes, iv: bytes, feed: Callable[[bytes], bytes]) -> bytes:
    """IGE by ``feed``, the update function of a fresh CBC decryptor whose iv is all zeros.

    With u_i = p_i ^ c_{i+1}, the input of the next block, the definition reads u_i = D(u_{i-1}) ^ c_{i-1} ^ c_{i+1}.
    A CBC decryptor adds the block before to what comes out: fed z and u it answers (something), D(u) ^ z. So the sums
    c_{i-1} ^ c_{i+1} are made for all blocks at once, and one call a block is left, without any arithmetic in Python.
    """
    size, later = len(data), to_int(data[BLOCK:] + bytes(BLOCK))  # c_2 ... c_n, nothing
    around = to_fixed(later ^ to_int(iv[:BLOCK] + data[:-BLOCK]), size)
    u = xor(data[:BLOCK], iv[BLOCK:])
    decrypted = b"".join([u := feed(z + u)[BLOCK:] for (z,) in _BLOCKS.iter_unpack(around)])
    return to_fixed(to_int(decrypted) ^ later, size)


def _check_length(what: str, expected: int, got: bytes) -> None:
    if len(got) != expected:
        raise ValueError(f"expected {what} of {expected} bytes, got {len(got)}")
