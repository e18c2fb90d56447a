"""The library works with whatever is installed."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import pytest

from mtproto_bind._crypto import default_crypto
from mtproto_bind._crypto.pure import PureCrypto

PARTS = {"cryptography.hazmat.primitives.ciphers": "openssl", "gmpy2": "gmpy2", "cryptg": "cryptg"}
ABSENT = [absent for size in range(4) for absent in combinations(PARTS, size)]


@pytest.mark.parametrize("absent", ABSENT, ids=lambda absent: "+".join(absent) or "none")
def test_what_is_there_is_used(absent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mtproto_bind._crypto.openssl", raising=False)
    for package in absent:
        monkeypatch.setitem(sys.modules, package, None)
    there = [name for package, name in PARTS.items() if package not in absent]
    expected = there if "openssl" in there else ["pure", *there]
    assert default_crypto.__wrapped__().name == "+".join(expected)


def test_the_default_is_made_once() -> None:
    assert default_crypto() is default_crypto()


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


WORK = """
from mtproto_bind._crypto import *
crypto = default_crypto()
sealed = crypto.ige_encrypt(bytes(32), bytes(32), bytes(32))
assert crypto.ige_decrypt(sealed, bytes(32), bytes(32)) == bytes(32)
assert Factor(15, 1).run(crypto) == (3, 5)
print(crypto.name, sealed.hex()[:8], crypto.modexp(3, 5, 7, secret=True), len(known_keys(test=True)))
"""


def test_nothing_but_the_standard_library_is_needed() -> None:
    absent = "import sys; sys.modules.update(dict.fromkeys(['cryptography', 'gmpy2', 'cryptg']))\n"
    sealed = PureCrypto().ige_encrypt(bytes(32), bytes(32), bytes(32)).hex()[:8]
    assert run(absent + WORK) == f"pure {sealed} 5 1"


def test_importing_brings_no_package_before_it_is_needed() -> None:
    assert run("import sys, mtproto_bind._crypto; print({'cryptography', 'gmpy2', 'cryptg'} & set(sys.modules))") == "set()"
