"""Every filling of the crypto seam that this machine can make."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from mtproto_bind._crypto.native import CryptgIge, GmpPowers, Over
from mtproto_bind._crypto.pure import PureCrypto
from mtproto_bind._crypto.seam import Crypto


def _openssl() -> Crypto:
    from mtproto_bind._crypto.openssl import OpenSSLCrypto

    return OpenSSLCrypto()


_MAKERS: list[Callable[[], Crypto]] = [
    PureCrypto,
    lambda: GmpPowers(PureCrypto()),
    _openssl,
    lambda: CryptgIge(_openssl()),
    lambda: CryptgIge(GmpPowers(_openssl())),
    lambda: Over(Over(_openssl())),
]

FILLINGS: list[Crypto] = []
for _make in _MAKERS:
    with suppress(ImportError):
        FILLINGS.append(_make())
