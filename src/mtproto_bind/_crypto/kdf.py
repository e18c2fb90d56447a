"""What is derived from keys and nonces: message keys, AES keys, proofs of the handshake, salts.

https://core.telegram.org/mtproto/description (2.0), /mtproto/description_v1 (1.0, which the binding still uses),
/mtproto/auth_key (the handshake).
"""

from __future__ import annotations

import hmac
from enum import Enum

from .._ground import id_from_bytes, id_to_bytes, xor
from .auth_key import AuthKey
from .seam import Crypto
from .secret import Secret

__all__ = [
    "Side",
    "aes_v1",
    "aes_v2",
    "first_salt",
    "later_salt",
    "msg_key_large_v2",
    "msg_key_v1",
    "new_nonce_hash",
    "new_nonce_hash_fail",
    "tmp_aes",
]


class Side(Enum):
    """Who wrote a message. The value is the specification's x, the place in the key where the derivation begins."""

    CLIENT = 0
    SERVER = 8


def msg_key_large_v2(key: AuthKey, plaintext: bytes, side: Side, crypto: Crypto) -> bytes:
    """32 bytes: msg_key is [8:24] of them, the token of a quick acknowledgement [0:4]. The padding is hashed too."""
    x = side.value
    return crypto.sha256(key.reveal()[88 + x : 120 + x] + plaintext)


def aes_v2(key: AuthKey, msg_key: bytes, side: Side, crypto: Crypto) -> tuple[bytes, bytes]:
    """(aes_key, aes_iv), 32 bytes each, for a message with this msg_key of 16 bytes."""
    _check("a msg_key", 16, msg_key)
    x, ak = side.value, key.reveal()
    a = crypto.sha256(msg_key + ak[x : x + 36])
    b = crypto.sha256(ak[40 + x : 76 + x] + msg_key)
    return a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:]


def msg_key_v1(plaintext: bytes, crypto: Crypto) -> bytes:
    """16 bytes. The plaintext is taken without its padding."""
    return crypto.sha1(plaintext)[4:20]


def aes_v1(key: AuthKey, msg_key: bytes, side: Side, crypto: Crypto) -> tuple[bytes, bytes]:
    """(aes_key, aes_iv), 32 bytes each, as MTProto 1.0 derives them. The binding message has Side.CLIENT."""
    _check("a msg_key", 16, msg_key)
    x, ak = side.value, key.reveal()
    a = crypto.sha1(msg_key + ak[x : x + 32])
    b = crypto.sha1(ak[32 + x : 48 + x] + msg_key + ak[48 + x : 64 + x])
    c = crypto.sha1(ak[64 + x : 96 + x] + msg_key)
    d = crypto.sha1(msg_key + ak[96 + x : 128 + x])
    return a[:8] + b[8:] + c[4:16], a[8:] + b[:8] + c[16:] + d[:8]


def tmp_aes(new_nonce: bytes, server_nonce: bytes, crypto: Crypto) -> tuple[bytes, bytes]:
    """(tmp_aes_key, tmp_aes_iv), 32 bytes each, of one handshake: for both encrypted parts, every time from the start."""
    _check("a new_nonce", 32, new_nonce)
    _check("a server_nonce", 16, server_nonce)
    new_server = crypto.sha1(new_nonce + server_nonce)
    server_new = crypto.sha1(server_nonce + new_nonce)
    new_new = crypto.sha1(new_nonce + new_nonce)
    return new_server + server_new[:12], server_new[12:] + new_new + new_nonce[:4]


def new_nonce_hash(new_nonce: bytes, number: int, aux_hash: bytes, crypto: Crypto) -> bytes:
    """new_nonce_hash1, 2 or 3 (16 bytes): who sends it knows new_nonce and the key with this auth_key_aux_hash."""
    _check("a new_nonce", 32, new_nonce)
    _check("an auth_key_aux_hash", 8, aux_hash)
    if number not in (1, 2, 3):
        raise ValueError(f"expected new_nonce_hash 1, 2 or 3, got {number}")
    return crypto.sha1(new_nonce + bytes([number]) + aux_hash)[4:20]


def new_nonce_hash_fail(new_nonce: bytes, crypto: Crypto) -> bytes:
    """The new_nonce_hash of server_DH_params_fail (16 bytes), when there is no key yet."""
    _check("a new_nonce", 32, new_nonce)
    return crypto.sha1(new_nonce)[4:20]


def first_salt(new_nonce: bytes, server_nonce: bytes) -> int:
    """The server salt with which a key begins."""
    _check("a new_nonce", 32, new_nonce)
    _check("a server_nonce", 16, server_nonce)
    return id_from_bytes(xor(new_nonce[:8], server_nonce[:8]))


def later_salt(secret: Secret, auth_key_id: int, period: int) -> int:
    """The salt of a server's key in a later period of time, so that salts need not be stored.

    ``secret`` is the server's own, for this only; who lacks it cannot foresee a salt.
    """
    message = id_to_bytes(auth_key_id) + id_to_bytes(period)
    return id_from_bytes(hmac.digest(secret.reveal(), message, "sha256")[:8])


def _check(what: str, expected: int, got: bytes) -> None:
    if len(got) != expected:
        raise ValueError(f"expected {what} of {expected} bytes, got {len(got)}")
