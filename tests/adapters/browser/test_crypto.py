"""The filling for browsers, over the fake page; ``tests/browser`` runs it in Pyodide, where JavaScript is real."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kit.page import Octets, Page
from kit.slices import count
from mtproto_bind import Crypto, default_crypto
from mtproto_bind._crypto import PureCrypto
from mtproto_bind_adapters.browser import BrowserCrypto

PURE = PureCrypto()
MODULUS = (1 << 2048) - 1


class Functions:
    """What the script evaluates to."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def powmod(self, base: int, exponent: int, modulus: int) -> int:
        self.asked.append("power")
        return pow(base, exponent, modulus)

    def factoring(self, pq: int, _steps: int) -> Any:
        self.asked.append("factors")
        answers = iter([0, 0, 3 if pq == 15 else -1])
        return lambda: next(answers)


class Ciphers:
    """AES of the page."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ige256Encrypt(self, data: Octets, key: Octets, iv: Octets) -> Octets:
        self.asked.append("encrypt")
        return Octets(PURE.ige_encrypt(data.data, key.data, iv.data))

    def ige256Decrypt(self, data: Octets, key: Octets, iv: Octets) -> Octets:
        self.asked.append("decrypt")
        return Octets(PURE.ige_decrypt(data.data, key.data, iv.data))

    def createCtr256(self, key: Octets, iv: Octets) -> Any:
        self.asked.append("create")
        return PURE.ctr(key.data, iv.data)

    def ctr256(self, cipher: Any, data: Octets) -> Octets:
        self.asked.append("ctr")
        return Octets(cipher(data.data))


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, functions: Functions) -> Page:
    return Page(functions=functions).install(monkeypatch)


def test_large_powers_go_to_javascript(page: Page, functions: Functions) -> None:
    crypto: Crypto = BrowserCrypto(PURE)
    assert crypto.modexp(3, 5, MODULUS, secret=True) == 243
    assert functions.asked == ["power"]
    assert crypto.modexp(3, 5, 7) == 5
    assert functions.asked == ["power"]
    assert len(page.scripts) == 1


@pytest.mark.parametrize(
    ("base", "exponent", "modulus", "text"),
    [(2, 3, MODULUS - 1, "odd modulus"), (-2, 3, MODULUS, "at least 0"), (2, -3, MODULUS, "at least 0")],
)
def test_powers_refused(page: Page, base: int, exponent: int, modulus: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        BrowserCrypto(PURE).modexp(base, exponent, modulus)


def test_factors_go_to_javascript_slice_by_slice(page: Page, functions: Functions) -> None:
    crypto = BrowserCrypto(PURE)
    assert count(crypto.factorize(15, curves=200)) == ((3, 5), 2)
    assert count(crypto.factorize(17, curves=200)) == (None, 2)
    assert count(crypto.factorize(15, curves=1)) == (None, 1)
    assert functions.asked == ["factors"] * 3
    with pytest.raises(ValueError, match="64 bits"):
        count(crypto.factorize(1 << 64, curves=1))


def test_hashes_and_ciphers_are_those_of_the_filling_below(page: Page) -> None:
    crypto = BrowserCrypto()
    data, key, iv = bytes(32), bytes(range(32)), bytes(range(32, 64))
    assert crypto.sha1(data) == PURE.sha1(data)
    assert crypto.sha256(data) == PURE.sha256(data)
    assert crypto.ige_decrypt(crypto.ige_encrypt(data, key, iv), key, iv) == data
    assert crypto.ctr(key, iv[:16])(data) == PURE.ctr(key, iv[:16])(data)
    assert crypto.name == f"{default_crypto().name}+bigint"
    assert crypto.constant_time_powers is False


def test_the_page_may_bring_ciphers(page: Page) -> None:
    ciphers = Ciphers()
    crypto = BrowserCrypto(PURE, js=ciphers)
    data, key, iv = bytes(range(48)), bytes(range(32)), bytes(range(32, 64))
    assert crypto.ige_encrypt(data, key, iv) == PURE.ige_encrypt(data, key, iv)
    assert crypto.ige_decrypt(data, key, iv) == PURE.ige_decrypt(data, key, iv)
    ours, theirs = crypto.ctr(key, iv[:16]), PURE.ctr(key, iv[:16])
    assert [ours(piece) for piece in (data, b"", data)] == [theirs(piece) for piece in (data, b"", data)]
    assert ciphers.asked == ["encrypt", "decrypt", "create", "ctr", "ctr"]
    assert crypto.name == "pure+bigint+js ige+js ctr"


def test_lengths_are_refused_as_everywhere(page: Page) -> None:
    ciphers = Ciphers()
    crypto = BrowserCrypto(PURE, js=ciphers)
    for operation in (crypto.ige_encrypt, crypto.ige_decrypt):
        for data, key, iv in [(0, 32, 32), (15, 32, 32), (16, 16, 32), (16, 32, 16)]:
            with pytest.raises(ValueError, match="expected"):
                operation(bytes(data), bytes(key), bytes(iv))
    with pytest.raises(ValueError, match="expected"):
        crypto.ctr(bytes(16), bytes(16))
    assert ciphers.asked == []


def test_under_a_strict_policy_python_does_it(page: Page) -> None:
    page.strict = True
    crypto = BrowserCrypto(PURE)
    assert crypto.name == "pure"
    assert crypto.modexp(3, 5, MODULUS) == 243
    assert count(crypto.factorize(15, curves=200)) == count(PURE.factorize(15, curves=200))


def test_under_a_strict_policy_the_page_may_bring_powers(page: Page, functions: Functions) -> None:
    page.strict = True
    crypto = BrowserCrypto(PURE, js=SimpleNamespace(powmod=functions.powmod, factoring=functions.factoring))
    assert crypto.name == "pure+bigint"
    assert crypto.modexp(3, 5, MODULUS) == 243
    assert functions.asked == ["power"]


def test_nothing_is_evaluated_where_the_page_brings_all(page: Page, functions: Functions) -> None:
    BrowserCrypto(PURE, js=functions)
    assert page.scripts == []


def test_outside_a_browser_there_is_none() -> None:
    with pytest.raises(ModuleNotFoundError, match="pyodide"):
        BrowserCrypto()
