from __future__ import annotations

import sys
from collections.abc import Iterator
from threading import Lock, Thread

import gmpy2
import pytest

from mtproto_bind._crypto.dh import KNOWN_PRIME
from mtproto_bind._crypto.native import CryptgIge, GmpPowers, Over
from mtproto_bind._crypto.pure import PureCrypto


def test_names_say_what_is_inside() -> None:
    assert CryptgIge(GmpPowers(PureCrypto())).name == "pure+gmpy2+cryptg"
    assert Over(PureCrypto()).name == "pure"


def test_only_gmpy2_takes_a_constant_time() -> None:
    assert not PureCrypto().constant_time_powers
    assert not CryptgIge(PureCrypto()).constant_time_powers
    assert CryptgIge(GmpPowers(PureCrypto())).constant_time_powers


@pytest.fixture
def patient_threads() -> Iterator[None]:
    """No thread asks another one to give way: it runs only when that one does so by itself."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.usefixtures("patient_threads")
def test_other_threads_run_during_a_power(secret: bool) -> None:
    crypto, gate, ran = GmpPowers(PureCrypto()), Lock(), Lock()
    gate.acquire()
    ran.acquire()

    def run() -> None:
        with gate:
            ran.release()

    thread = Thread(target=run)
    thread.start()
    gate.release()
    # not even the check gives way
    powers = 0
    while ran.locked() and powers < 200:
        crypto.modexp(3, KNOWN_PRIME >> 1, KNOWN_PRIME, secret=secret)
        powers += 1
    assert powers < 200
    thread.join()


@pytest.mark.parametrize("secret", [False, True])
def test_the_caller_keeps_its_own_context(secret: bool) -> None:
    before = gmpy2.get_context()
    GmpPowers(PureCrypto()).modexp(3, 5, 7, secret=secret)
    assert gmpy2.get_context() is before
    assert not before.allow_release_gil


def test_absent_packages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gmpy2", None)
    monkeypatch.setitem(sys.modules, "cryptg", None)
    for part in (GmpPowers, CryptgIge):
        with pytest.raises(ImportError):
            part(PureCrypto())
