"""The filling for ordinary machines: AES by OpenSSL, through the package ``cryptography``."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR

from .ige import BLOCK, check_ctr, check_ige, decrypt_by_feedback, encrypt_by_cbc
from .pure import PureCrypto

__all__ = ["OpenSSLCrypto"]

_ZEROS = bytes(BLOCK)


class OpenSSLCrypto(PureCrypto):
    """AES by OpenSSL; the rest as in :class:`PureCrypto`.

    Modular powers are not OpenSSL's: ``cryptography`` offers them only inside finite-field Diffie-Hellman, which it has
    deprecated, and which proves the prime again for every key.
    """

    name = "openssl"

    def ige_encrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        check_ige(data, key, iv)
        return encrypt_by_cbc(data, iv, lambda start, blocks: Cipher(AES(key), CBC(start)).encryptor().update(blocks))

    def ige_decrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        check_ige(data, key, iv)
        return decrypt_by_feedback(data, iv, Cipher(AES(key), CBC(_ZEROS)).decryptor().update)

    def ctr(self, key: bytes, iv: bytes) -> Callable[[bytes], bytes]:
        check_ctr(key, iv)
        return Cipher(AES(key), CTR(iv)).encryptor().update
