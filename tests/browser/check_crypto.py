"""The filling for browsers, with the JavaScript of wherever this runs: the same bytes as in plain Python. Says "well"."""

from __future__ import annotations

import random
import sys
from typing import Any

from pyodide.code import run_js

from mtproto_bind import default_crypto
from mtproto_bind_adapters.browser import BIGINT_SOURCE, BrowserCrypto

PRIMES = (4294967291, 4294967279, 2147483647, 2147483629, 65537, 65521, 257, 263, 3, 5)
KEY, IV = bytes(range(32)), bytes(range(32, 64))
CIPHERS = """({
  // it does nothing but what is to be seen to pass: a page has something better
  ige256Encrypt: (data, key, iv) => data.map((byte, at) => byte ^ key[at % 32]),
  ige256Decrypt: (data, key, iv) => data.map((byte, at) => byte ^ iv[at % 32]),
  createCtr256: (key, iv) => ({ at: 0 }),
  ctr256: (cipher, data) => data.map((byte) => byte ^ (cipher.at++ & 255)),
})"""


def check(fits: object, what: str) -> None:
    """Raises where something is not as it should be."""
    if not fits:
        raise RuntimeError(what)


def drained(slices: Any) -> tuple[object, int]:
    """What the slices end with, and how many there were."""
    count = 0
    while True:
        try:
            next(slices)
        except StopIteration as end:
            return end.value, count
        count += 1


def check_powers(crypto: Any) -> None:
    chance = random.Random("powers")
    for bits in (256, 300, 2048):
        for _ in range(5):
            base, exponent, modulus = (chance.getrandbits(bits) for _ in range(3))
            modulus |= 1 | 1 << bits - 1
            for numbers in ((base, exponent, modulus), (3, exponent, modulus), (base, 1, modulus), (0, exponent, modulus)):
                power = crypto.modexp(*numbers, secret=True)
                check(power == pow(*numbers) and type(power) is int, f"a power of {bits} bits is wrong")


def check_factors(crypto: Any) -> None:
    for p in PRIMES:
        for q in PRIMES:
            found, count = drained(crypto.factorize(p * q, curves=200))
            expected = None if p == q else (min(p, q), max(p, q))
            check(found == expected, f"{p} * {q} gave {found}")
            check(count <= 60, f"{p} * {q} took {count} slices")
    for number in (0, 1, 2, 4, 30, 257 * 263 * 65537, 4294967291):
        check(drained(crypto.factorize(number, curves=200))[0] is None, f"{number} is no product of two primes")
    check(drained(crypto.factorize(PRIMES[0] * PRIMES[1], curves=0))[1] == 0, "no slice was allowed")


def check_ciphers() -> None:
    crypto, data = BrowserCrypto(js=run_js(CIPHERS)), bytes(range(48))
    check(crypto.ige_encrypt(data, KEY, IV) == bytes(a ^ KEY[at % 32] for at, a in enumerate(data)), "bytes do not come and go")
    check(crypto.ige_decrypt(data, KEY, IV) == bytes(a ^ IV[at % 32] for at, a in enumerate(data)), "bytes do not come and go")
    update = crypto.ctr(KEY, IV[:16])
    check(update(data) + update(b"") + update(data) == bytes(a ^ at for at, a in enumerate(data * 2)), "a cipher has no memory")
    check(crypto.name.endswith("+bigint+js ige+js ctr"), crypto.name)


def whole(bigint: Any = None) -> str:
    """All of it. ``bigint``: the functions of the page, where a strict Content Security Policy forbids to make them."""
    base = default_crypto()
    check(base.name == "pure" and "cryptography" not in sys.modules, "somebody has brought cryptography")
    if bigint is None:
        check(BrowserCrypto(js=run_js(BIGINT_SOURCE)).name == "pure+bigint", "what the page brings is not used")
        crypto = BrowserCrypto()
        check_ciphers()
    else:
        strict = BrowserCrypto()
        check(strict.name == "pure", f"under a strict policy there is {strict.name}")
        check(strict.modexp(3, 1 << 300, (1 << 2048) - 1) == pow(3, 1 << 300, (1 << 2048) - 1), "Python cannot do it")
        crypto = BrowserCrypto(js=bigint)
    check(crypto.name == "pure+bigint", crypto.name)
    check_powers(crypto)
    check_factors(crypto)
    data = bytes(range(64))
    check(crypto.ige_decrypt(crypto.ige_encrypt(data, KEY, IV), KEY, IV) == data, "IGE does not come back")
    check(crypto.ctr(KEY, IV[:16])(data) == base.ctr(KEY, IV[:16])(data), "CTR is another")
    return "well"


async def main() -> None:
    print(whole())
