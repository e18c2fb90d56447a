"""Which filling of the seam this machine has."""

from __future__ import annotations

from functools import cache

from .native import CryptgIge, GmpPowers
from .pure import PureCrypto
from .seam import Crypto

__all__ = ["default_crypto"]


@cache
def default_crypto() -> Crypto:
    """The fastest filling that is installed: OpenSSL or plain Python, with ``gmpy2`` and ``cryptg`` where they are.

    None of the packages is imported before the first call.
    """
    crypto: Crypto = _ciphers()
    for part in (GmpPowers, CryptgIge):
        try:
            crypto = part(crypto)
        except ImportError:
            continue
    return crypto


def _ciphers() -> Crypto:
    try:
        from .openssl import OpenSSLCrypto
    except ImportError:
        return PureCrypto()
    return OpenSSLCrypto()
