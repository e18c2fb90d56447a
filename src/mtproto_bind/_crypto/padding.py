"""RSA_PAD, the form in which the client's inner data goes to the server; and, opened only, the form before it.

https://core.telegram.org/mtproto/auth_key
"""

from __future__ import annotations

from .._errors import Check, require
from .._ground import to_fixed, to_int, xor
from .rsa import PublicKey
from .seam import Crypto, Entropy
from .secret import same

__all__ = ["old_pad_open", "rsa_pad", "rsa_pad_open"]

DATA_CEILING = 144
PADDED_LENGTH = 192
TEMP_KEY_LENGTH = 32
BLOCK_LENGTH = 256
# At most every second block is not below the modulus, so that so many in a row mean entropy that repeats itself.
TRIES = 128

_IGE_IV = bytes(32)


def rsa_pad(data: bytes, key: PublicKey, *, entropy: Entropy, crypto: Crypto) -> bytes:
    """encrypted_data, 256 bytes, of at most 144 bytes of data. ValueError for more.

    Draws the padding once (192 bytes less the data), then a temp_key of 32 bytes, again until the block is below the modulus.
    """
    if len(data) > DATA_CEILING:  # 1.
        raise ValueError(f"expected at most {DATA_CEILING} bytes of data, got {len(data)}")
    padded = data + entropy(PADDED_LENGTH - len(data))  # 2.
    if len(padded) != PADDED_LENGTH:
        raise ValueError(f"expected {PADDED_LENGTH - len(data)} bytes of entropy, got {len(padded) - len(data)}")
    for _ in range(TRIES):
        temp_key = entropy(TEMP_KEY_LENGTH)  # 4.
        # the hash is over the data as it is, though the data is encrypted reversed
        with_hash = padded[::-1] + crypto.sha256(temp_key + padded)  # 3., 5.
        encrypted = crypto.ige_encrypt(with_hash, temp_key, _IGE_IV)  # 6.
        block = to_int(xor(temp_key, crypto.sha256(encrypted)) + encrypted)  # 7., 8.
        if block < key.n:  # 9.
            return to_fixed(crypto.modexp(block, key.e, key.n), BLOCK_LENGTH)  # 10.
    raise ValueError(f"expected entropy that varies, got {TRIES} times a temp_key that does not do")


def rsa_pad_open(block: bytes, crypto: Crypto) -> bytes:
    """The 192 bytes of data and padding in a block of 256 bytes, as the private power yields it. Check.RSA_PAD_HASH."""
    _check_block(block)
    masked, encrypted = block[:TEMP_KEY_LENGTH], block[TEMP_KEY_LENGTH:]
    temp_key = xor(masked, crypto.sha256(encrypted))
    with_hash = crypto.ige_decrypt(encrypted, temp_key, _IGE_IV)
    padded, digest = with_hash[:PADDED_LENGTH][::-1], with_hash[PADDED_LENGTH:]
    require(same(digest, crypto.sha256(temp_key + padded)), Check.RSA_PAD_HASH)
    return padded


def old_pad_open(block: bytes) -> bytes:
    """The 255 bytes ``SHA1(data) || data || padding`` in a block of 256 bytes of the form before 2021.

    Only who parses the data knows where it ends: the caller compares the SHA-1 (20 bytes) with that of the bytes it has
    parsed, by :func:`same`. Check.RSA_PAD_HASH where the block is not one of 255 bytes and a zero before them.
    """
    _check_block(block)
    require(block[0] == 0, Check.RSA_PAD_HASH)
    return block[1:]


def _check_block(block: bytes) -> None:
    if len(block) != BLOCK_LENGTH:
        raise ValueError(f"expected a block of {BLOCK_LENGTH} bytes, got {len(block)}")
