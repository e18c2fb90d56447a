from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest

from kit.keys import SERVER_KEY, ZERO_DIGIT_KEY
from kit.vectors import load
from mtproto_bind._crypto import PrivateKey, PublicKey, known_keys
from mtproto_bind._crypto.rsa import first_usable
from mtproto_bind._ground import id_to_bytes

KEYS = load("rsa_keys_fingerprints")
N, E, D, P, Q = SERVER_KEY.n, SERVER_KEY.e, SERVER_KEY.d, SERVER_KEY.p, SERVER_KEY.q


@pytest.mark.parametrize("vector", KEYS, ids=lambda vector: vector["fingerprint_hex_be"])
def test_fingerprints(vector: dict[str, Any]) -> None:
    key = PublicKey.from_pem(vector["pem"])
    assert (f"{key.n:x}", key.e) == (vector["n_hex"], vector["e"])
    assert f"{key.fingerprint:016x}" == vector["fingerprint_hex_be"]
    assert id_to_bytes(key.fingerprint).hex() == vector["fingerprint_wire_le"]
    assert key.to_pem().split() == vector["pem"].split()


def test_the_keys_of_today_and_no_others_are_trusted() -> None:
    assert [key.fingerprint for key in known_keys(test=False)] == [0xD09D1D85DE64FD85]
    assert [key.fingerprint for key in known_keys(test=True)] == [0xB25898DF208D2603]
    assert known_keys(test=True)[0] is known_keys(test=True)[0]


@pytest.mark.parametrize(
    ("n", "e", "text"),
    [
        (N >> 1 | 1, E, "modulus of 2048 bits, got 2047"),
        (N << 1 | 1, E, "modulus of 2048 bits, got 2049"),
        (N - 1, E, "odd modulus"),
        (-N, E, "odd modulus"),
        (N, 1, "odd public exponent"),
        (N, -3, "odd public exponent"),
        (N, 65536, "odd public exponent"),
        (N, N, "odd public exponent"),
    ],
    ids=["short", "long", "even", "negative", "e = 1", "e < 0", "e even", "e = n"],
)
def test_numbers_that_cannot_be_a_public_key(n: int, e: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        PublicKey(n, e)


@pytest.mark.parametrize(
    ("p", "q", "text"),
    [(P, P, "two primes"), (1, N, "two primes"), (N, 1, "two primes"), (-P, -Q, "two primes"), (P, Q + 2, "two primes")],
    ids=["square", "1 first", "1 last", "negative", "other"],
)
def test_primes_that_do_not_belong_to_the_modulus(p: int, q: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        PrivateKey(N, E, D, p, q)


@pytest.mark.parametrize("d", [D + 2, 0, -D, D + P - 1, D + Q - 1], ids=["more", "nothing", "negative", "for p", "for q"])
def test_an_exponent_that_does_not_undo_the_public_one(d: int) -> None:
    with pytest.raises(ValueError, match="private exponent that undoes"):
        PrivateKey(N, E, d, P, Q)


def test_small_exponents_are_taken() -> None:
    assert PublicKey(N, 3).e == 3


def test_what_follows_from_the_numbers_is_not_asked_for() -> None:
    with pytest.raises(TypeError):
        PublicKey(N, E, 1)  # type: ignore[call-arg]  # that it is refused is the point
    with pytest.raises(TypeError):
        PrivateKey(N, E, D, P, Q, SERVER_KEY.public)  # type: ignore[call-arg]  # likewise


def test_the_order_of_the_primes_does_not_matter() -> None:
    assert PrivateKey(N, E, D, Q, P) == SERVER_KEY


def test_a_private_key_is_known_by_its_public_half() -> None:
    assert SERVER_KEY != ZERO_DIGIT_KEY
    assert len({SERVER_KEY, PrivateKey(N, E, D + (P - 1) * (Q - 1), P, Q)}) == 1
    assert SERVER_KEY.public == PublicKey(N, E)


def test_only_the_fingerprint_is_shown() -> None:
    fingerprint = f"{SERVER_KEY.public.fingerprint:016x}"
    assert repr(SERVER_KEY) == str(SERVER_KEY) == f"PrivateKey(fingerprint={fingerprint})"
    assert repr(SERVER_KEY.public) == f"PublicKey(fingerprint={fingerprint})"
    assert repr(ZERO_DIGIT_KEY.public).startswith("PublicKey(fingerprint=0")


def test_a_private_key_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(SERVER_KEY)
    assert pickle.loads(pickle.dumps(SERVER_KEY.public)) == SERVER_KEY.public


def test_a_copy_of_a_private_key_is_the_key() -> None:
    assert copy.copy(SERVER_KEY) is SERVER_KEY
    assert copy.deepcopy([SERVER_KEY])[0] is SERVER_KEY


def test_a_new_key() -> None:
    key = PrivateKey.generate()
    assert key.e == 65537
    assert key.public.fingerprint >> 60
    assert PrivateKey.from_pem(key.to_pem()) == key
    assert key != PrivateKey.generate()


def test_other_sizes_are_not_made() -> None:
    with pytest.raises(ValueError, match=r"2048 bits, .* got 4096"):
        PrivateKey.generate(4096)


def test_a_fingerprint_that_begins_with_zero_is_drawn_again() -> None:
    drawn = [SERVER_KEY, ZERO_DIGIT_KEY, ZERO_DIGIT_KEY]
    assert first_usable(drawn.pop) is SERVER_KEY
    assert drawn == []


def test_without_cryptography_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(RuntimeError, match="pip install cryptography"):
        PrivateKey.generate()
