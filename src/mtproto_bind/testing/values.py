"""What a connection is told and tells, as JSON and back: settings, arguments, answers; events in one direction only."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import isfinite
from typing import Any, Final

import attrs

from .._bind import NextStep, Refusal
from .._config import ClientConfig, ExternalKey, Goal, InitConnection, PendingKey, ServerConfig
from .._crypto import AuthKey, PrivateKey, ProvenPrimes, PublicKey, Secret
from .._events import CallReceived
from .._handshake import DataCenter, KeyKind
from .._limits import Limits, Retry, Timeouts
from .._questions import UNAVAILABLE, Binding, Computation, Destruction, PermanentKey, Stored, StoredKey, Verdict
from .._wire import Framing, ServerTransport, Transport

__all__ = ["Shape", "decode", "encode"]

Shape = Any
"""What JSON can hold: None, bool, int, float, str, lists and dictionaries of these."""

CLASSES: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (
        CallReceived,
        ClientConfig,
        DataCenter,
        ExternalKey,
        InitConnection,
        Limits,
        PendingKey,
        PermanentKey,
        PrivateKey,
        PublicKey,
        Retry,
        ServerConfig,
        ServerTransport,
        StoredKey,
        Timeouts,
        Transport,
    )
}
ENUMS: Final[dict[str, type[Enum]]] = {
    kind.__name__: kind
    for kind in (Binding, Destruction, Framing, Goal, KeyKind, NextStep, Refusal, Stored, Verdict, type(UNAVAILABLE))
}
NOT_HELD: Final = {"entropy", "crypto"}
"""What is no value: a recording holds the draws instead, and any filling of the crypto seam gives the same."""


def encode(value: object) -> Shape:
    """``value`` in JSON; bytes and secrets as hexadecimal digits. Never fails: what is not known is named by its class only."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if isfinite(value) else {"float": str(value)}
        case bytes() | bytearray() | memoryview():
            return {"bytes": bytes(value).hex()}
        case tuple() | list():
            return [encode(each) for each in value]
        case Enum():
            return {"enum": type(value).__name__, "name": value.name}
        case Exception():
            check = getattr(value, "check", None)
            return {"error": type(value).__name__, "text": str(value), "check": getattr(check, "name", None)}
        case _:
            return _encode_special(value)


def decode(shape: Shape) -> Any:
    """The value that :func:`encode` made into ``shape``. ValueError for anything else; lists become tuples."""
    if isinstance(shape, list):
        return tuple(decode(each) for each in shape)
    if not isinstance(shape, dict):
        return shape
    try:
        if "class" in shape:
            return _decode_class(shape)
        if set(shape) == {"enum", "name"}:
            return ENUMS[shape["enum"]][shape["name"]]
        [(name, inner)] = shape.items()
        return _SINGLE[name](inner)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # no text of theirs: it may repeat what may be a secret
        raise ValueError(f"expected a value that a recording holds, got something that {type(error).__name__} refuses") from None


def _encode_special(value: object) -> Shape:
    match value:
        case AuthKey():
            return {"key": value.reveal().hex()}
        case Secret():
            return {"secret": value.reveal().hex()}
        case ProvenPrimes():
            return {"primes": list(value._proven)}
        case Computation():
            # its numbers follow from what was received and drawn
            return {"class": "Computation", "number": value.number, "work": type(value.work).__name__}
        case _:
            return _encode_class(value) if attrs.has(type(value)) else {"other": type(value).__name__}


def _encode_class(value: Any) -> Shape:
    fields = [each.name for each in attrs.fields(type(value)) if each.init and each.name not in NOT_HELD]
    return {"class": type(value).__name__, **{name: encode(getattr(value, name)) for name in fields}}


def _decode_class(shape: dict[str, Shape]) -> Any:
    given = dict(shape)
    kind = CLASSES[given.pop("class")]
    return kind(**{name: decode(inner) for name, inner in given.items()})


def _primes(numbers: list[int]) -> ProvenPrimes:
    proven = ProvenPrimes()
    for number in numbers:
        proven.add(_number(number))
    return proven


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value


_SINGLE: Final[dict[str, Callable[[Any], Any]]] = {
    "float": float,
    "bytes": bytes.fromhex,
    "key": lambda digits: AuthKey(bytes.fromhex(digits)),
    "secret": lambda digits: Secret(bytes.fromhex(digits)),
    "primes": _primes,
    "other": str,
}
