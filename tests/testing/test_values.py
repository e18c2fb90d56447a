"""Values as JSON, and back."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest
from attrs import evolve

from kit.keys import SERVER_KEY
from mtproto_bind import (
    UNAVAILABLE,
    AuthKey,
    CallReceived,
    Check,
    ClientConfig,
    Computation,
    DataCenter,
    ExternalKey,
    Goal,
    InitConnection,
    KeyKind,
    Limits,
    PendingKey,
    PermanentKey,
    ProvenPrimes,
    Retry,
    Secret,
    SecurityError,
    ServerConfig,
    StoredKey,
    Transport,
    TransportErrorReceived,
    Verdict,
    default_crypto,
)
from mtproto_bind._crypto import Factor
from mtproto_bind.testing.values import decode, encode

KEY = AuthKey(bytes(range(256)))
STORED = StoredKey(key=KEY, kind=KeyKind.TEMPORARY, media=True, created_at=1.5, expires_at=2.5, first_salt=3, bound_to=4)

VALUES: list[Any] = [
    None,
    True,
    0,
    -(1 << 70),
    1.25,
    inf,
    "text",
    b"\0\xff",
    (1, (b"", None)),
    KEY,
    Secret(b"12"),
    Verdict.REPLACE,
    UNAVAILABLE,
    DataCenter(2, test=True, media=True),
    Transport.detect(secrets=[bytes(16)]),
    Transport(obfuscated=True, secret=bytes(16)),
    PermanentKey(key=KEY, created_at=1.0),
    ExternalKey(id=7),
    PendingKey(),
    STORED,
    CallReceived(key_id=1, session_id=2, msg_id=3, body=b"1234", after=(5, 6)),
    SERVER_KEY,
    SERVER_KEY.public,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_there_and_back(value: Any) -> None:
    shape = json.loads(json.dumps(encode(value), allow_nan=False))
    assert decode(shape) == value
    assert type(decode(shape)) is type(value)


def same_settings(config: Any, again: Any) -> None:
    """A config compares by its functions too, which a recording does not hold."""
    functions = {"entropy": config.entropy, "crypto": config.crypto, "proven_primes": getattr(config, "proven_primes", None)}
    assert evolve(again, **{name: value for name, value in functions.items() if value is not None}) == config


def test_settings_of_a_client() -> None:
    config = ClientConfig(
        server_keys=[SERVER_KEY.public],
        dc=DataCenter(4),
        goal=Goal.TEMPORARY_KEY,
        api=InitConnection(layer=225, api_id=1),
        limits=Limits(frame=5),
        retry=Retry(attempts=3),
        permanent_key=PermanentKey(key=KEY),
    )
    same_settings(config, decode(encode(config)))


def test_settings_of_a_server() -> None:
    config = ServerConfig(private_keys=[SERVER_KEY], salt_secret=Secret(bytes(32)), old_rsa=True)
    again = decode(encode(config))
    same_settings(config, again)
    assert again.private_keys[0].d == SERVER_KEY.d


def test_primes_that_are_proven() -> None:
    primes = ProvenPrimes()
    primes.add(23)
    again = decode(encode(primes))
    assert (23 in again, 47 in again) == (True, False)


def test_a_computation_shows_no_numbers() -> None:
    computation = Computation(number=3, work=Factor(15, 1), crypto=default_crypto())
    assert encode(computation) == {"class": "Computation", "number": 3, "work": "Factor"}


def test_errors_are_told() -> None:
    error = SecurityError(Check.NONCE)
    assert encode(error) == {"error": "SecurityError", "text": str(error), "check": "NONCE"}
    assert encode(TransportErrorReceived(-404))["check"] is None


def test_what_is_not_known_has_its_name_only() -> None:
    shape = encode(object())
    assert shape == {"other": "object"}
    # a peer, say, of which nothing but its sameness matters
    assert decode(shape) == "object"
    assert encode(memoryview(b"12")) == {"bytes": "3132"}


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"bytes": "0g"},
        {"bytes": 3},
        {"key": "00"},
        {"nothing": 1},
        {"bytes": "", "key": ""},
        {"enum": "Verdict", "name": "NOTHING"},
        {"enum": [], "name": "KEEP"},
        {"enum": "type", "name": "mro"},
        {"class": "Limits", "frame": -1},
        {"class": "Limits", "nothing": 1},
        {"class": "SecurityError"},
        {"class": ["Limits"]},
        {"class": "Transport", "framing": 1, "secret": {"bytes": "00"}},
        {"class": "PublicKey", "n": "1", "e": 3},
        {"primes": ["a"]},
        {"primes": 5},
        [{"float": "x"}],
    ],
)
def test_anything_else_is_refused(shape: Any) -> None:
    with pytest.raises(ValueError, match="expected a value that a recording holds"):
        decode(shape)
