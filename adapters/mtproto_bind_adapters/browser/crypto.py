"""A filling of the crypto seam for browsers: powers and factors by BigInt, and AES by whatever the page brings."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from mtproto_bind import Crypto, default_crypto

from .bigint import SLICE, SOURCE

__all__ = ["BrowserCrypto"]

WORTHWHILE = 256
"""Bits of a modulus from which on a power in JavaScript makes up for the way there."""
LARGEST = 64
"""Bits of a number that is factored."""


class BrowserCrypto:
    """Does as ``base`` does, the default filling, but for what JavaScript does faster.

    ``js``: an object of the page that has some of ``powmod`` and ``factoring`` (as in ``BIGINT_SOURCE``), and of
    ``ige256Encrypt``, ``ige256Decrypt``, ``createCtr256`` and ``ctr256`` (as the npm package ``@mtcute/wasm`` has them), which
    are used instead of ours. Where a strict Content Security Policy lets nobody make JavaScript from text, and ``js`` has no
    ``powmod`` and ``factoring``, powers and factors are those of ``base``: slower, and the same.

    The time that any of it takes depends on secrets: see :attr:`constant_time_powers`. ``ModuleNotFoundError`` outside Pyodide.
    """

    constant_time_powers = False

    def __init__(self, base: Crypto | None = None, *, js: Any = None) -> None:
        from pyodide.ffi import to_js

        self._base = base if base is not None else default_crypto()
        self._to_js: Callable[[bytes], Any] = to_js
        offered = js
        own = None if has(offered, "powmod", "factoring") else bigint()
        self._powmod = found(offered, "powmod") or found(own, "powmod")
        self._factoring = found(offered, "factoring") or found(own, "factoring")
        self._ige = (offered.ige256Encrypt, offered.ige256Decrypt) if has(offered, "ige256Encrypt", "ige256Decrypt") else None
        self._ctr = (offered.createCtr256, offered.ctr256) if has(offered, "createCtr256", "ctr256") else None

    @property
    def name(self) -> str:
        """See :class:`mtproto_bind.Crypto`, also for what follows."""
        parts = {"bigint": self._powmod, "js ige": self._ige, "js ctr": self._ctr}
        return "+".join([self._base.name, *(name for name, part in parts.items() if part is not None)])

    def sha1(self, data: bytes) -> bytes:
        return self._base.sha1(data)

    def sha256(self, data: bytes) -> bytes:
        return self._base.sha256(data)

    def ige_encrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        if self._ige is None or not fits(data, key, iv):
            return self._base.ige_encrypt(data, key, iv)
        return self._in_js(self._ige[0], data, key, iv)

    def ige_decrypt(self, data: bytes, key: bytes, iv: bytes) -> bytes:
        if self._ige is None or not fits(data, key, iv):
            return self._base.ige_decrypt(data, key, iv)
        return self._in_js(self._ige[1], data, key, iv)

    def ctr(self, key: bytes, iv: bytes) -> Callable[[bytes], bytes]:
        if self._ctr is None or (len(key), len(iv)) != (32, 16):
            return self._base.ctr(key, iv)
        create, update = self._ctr
        cipher = create(self._to_js(key), self._to_js(iv))
        return lambda data: bytes(update(cipher, self._to_js(data)).to_bytes()) if data else b""

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        # what is not allowed is refused by base too
        allowed = modulus & 1 and base >= 0 and exponent >= 0
        if self._powmod is None or modulus.bit_length() < WORTHWHILE or not allowed:
            return self._base.modexp(base, exponent, modulus, secret=secret)
        return int(self._powmod(base, exponent, modulus))

    def factorize(self, pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
        """``curves`` is how many slices the search may take; on average it takes three or four."""
        if self._factoring is None or pq.bit_length() > LARGEST:
            return self._base.factorize(pq, curves=curves)
        return search(self._factoring(pq, SLICE), pq, curves)

    def _in_js(self, function: Any, *arguments: bytes) -> bytes:
        return bytes(function(*map(self._to_js, arguments)).to_bytes())


def search(step: Callable[[], int], pq: int, slices: int) -> Generator[None, None, tuple[int, int] | None]:
    """Takes a step in each slice, and gives what the last one found."""
    divisor = int(step())
    for _ in range(slices):
        if divisor:
            break
        yield
        divisor = int(step())
    return (divisor, pq // divisor) if divisor > 0 else None


def fits(data: bytes, key: bytes, iv: bytes) -> bool:
    """Whether IGE takes these; where it does not, the filling below says why."""
    return len(data) > 0 and len(data) % 16 == 0 and len(key) == len(iv) == 32


def bigint() -> Any:
    """The functions of ``SOURCE``; None where a Content Security Policy forbids to make them."""
    from pyodide.code import run_js

    try:
        return run_js(SOURCE)
    except Exception:
        return None


def has(offered: Any, *names: str) -> bool:
    """Whether a JavaScript object has all of these."""
    return all(hasattr(offered, name) for name in names)


def found(offered: Any, name: str) -> Any:
    """What a JavaScript object has by this name, None where it has nothing."""
    return getattr(offered, name, None)
