"""The authorization key, 256 bytes, and the two hashes that name it.

https://core.telegram.org/mtproto/description
"""

from __future__ import annotations

import hashlib

from .._ground import id_from_bytes, to_fixed
from .secret import Secret

__all__ = ["AUTH_KEY_LENGTH", "AuthKey"]

AUTH_KEY_LENGTH = 256


class AuthKey(Secret):
    """An authorization key: a :class:`Secret` of 256 bytes. ValueError for another length.

    ``id`` is the key's public name, the lower 64 bits of its SHA-1, as the number that stands little-endian on the wire.
    ``aux_hash`` is the upper 64 bits (8 bytes), which the handshake's proofs and ``retry_id`` use.
    """

    __slots__ = ("aux_hash", "id")

    def __init__(self, value: bytes) -> None:
        if len(value) != AUTH_KEY_LENGTH:
            raise ValueError(f"expected an authorization key of {AUTH_KEY_LENGTH} bytes, got {len(value)}")
        super().__init__(value)
        digest = hashlib.sha1(value).digest()
        self.id = id_from_bytes(digest[12:20])
        self.aux_hash = digest[:8]

    @classmethod
    def from_number(cls, number: int) -> AuthKey:
        """The key g^ab mod dh_prime. Its leading zeros belong to it: one key in 256 has some."""
        return cls(to_fixed(number, AUTH_KEY_LENGTH))

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"AuthKey(id={self.id:016x})"
