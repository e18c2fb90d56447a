"""Names in place of values: what may be told of a message, a key or an answer without telling the value itself.

A label says what a value was first met as, and numbers it: ``<nonce 1>``. Equal values have equal labels, so a reader sees what
agrees and what does not; nothing in a label follows from the value.
"""

from __future__ import annotations

import re
from typing import Final

from .._errors import RemoteProtocolError
from .._limits import Limits
from .._session import constructor_id, unpacked
from .._tl import API, BOOL_FALSE, BOOL_TRUE, SERVICE, FutureSalt, TLObject

__all__ = ["ERROR_NAME", "Labels", "told", "told_body"]

LONG: Final = 8
"""Bytes of an id."""
ERROR_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
"""An error as the API has them; any other text may hold anything."""

_PUBLIC = (
    "pq p q g dc expires_in expires_at server_time now valid_since valid_until server_public_key_fingerprints "
    "public_key_fingerprint msg_id msg_ids first_msg_id max_msg_id bad_msg_id bad_msg_seqno req_msg_id answer_msg_id "
    "error_code status seq_no length num layer disconnect_delay max_delay wait_after max_wait"
)
PUBLIC_FIELDS: Final = frozenset(_PUBLIC.split())
"""Fields of messages that say nothing of a secret or of a person."""
OPAQUE: Final = frozenset(["query", "result", "packed_data"])
"""Fields that hold another layer's data."""
FIXED: Final = (16, 32)
"""Lengths of nonces and hashes, which nobody needs to be told."""
BOOLS: Final = {BOOL_TRUE: "boolTrue", BOOL_FALSE: "boolFalse"}
DEEPEST: Final = 8
"""Wrappers inside wrappers; real clients send four."""
LIMITS: Final = Limits()


class Labels:
    """Labels by value; one for each transcript."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}
        self._numbers: dict[str, int] = {}

    def of(self, kind: str, value: bytes | int | str) -> str:
        """The label of ``value``, which is called ``kind`` if it is new. Numbers of 64 bits are the same as their bytes."""
        named = _bytes_of(value)
        if named not in self._known:
            number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
            self._known[named] = f"<{kind} {number}>"
        return self._known[named]

    def of_payload(self, value: bytes) -> str:
        """The label of another layer's data, with its length."""
        return f"{self.of('payload', value)[:-1]}, {len(value)} bytes>"


def told(message: TLObject, labels: Labels, depth: int = 0) -> str:
    """A message in a line: its constructor, and of its fields what may be told."""
    shown = [f"{name}={_told_field(name, value, labels, depth)}" for name, value in vars(message).items() if value is not None]
    return " ".join([message.constructor.name, *shown])


def told_body(body: bytes, labels: Labels, depth: int = 0) -> str:
    """The body of a message under a key: a service message or wrapper in a line, anything else by its length."""
    try:
        plain = unpacked(body, LIMITS)
        if plain is not body:
            return f"gzip_packed ({told_body(plain, labels, depth)})"
        for schema in (SERVICE, API):
            if schema.name_of(body) is not None and depth < DEEPEST:
                return told(schema.read(body)[0], labels, depth)
    except RemoteProtocolError:
        # what cannot be read is told like what is not known
        pass
    return BOOLS.get(body) or f"0x{constructor_id(body):08x} {labels.of_payload(body)}"


def _told_field(name: str, value: object, labels: Labels, depth: int) -> str:
    match value:
        case tuple():
            return f"[{', '.join(_told_field(name, each, labels, depth) for each in value)}]"
        case FutureSalt():
            return f"{labels.of('salt', value.salt)} from {value.valid_since} to {value.valid_until}"
        case int():
            return _told_number(value) if name in PUBLIC_FIELDS else labels.of(name, value)
        case bytes():
            return _told_bytes(name, value, labels, depth)
        case _:
            return f"<{name}>"


def _told_bytes(name: str, value: bytes, labels: Labels, depth: int) -> str:
    if name in PUBLIC_FIELDS:
        return value.hex()
    if name in OPAQUE:
        return f"({told_body(value, labels, depth + 1)})"
    if name == "error_message" and ERROR_NAME.fullmatch(text := value.decode("ascii", "replace")):
        return text
    label = labels.of(name, value)
    return label if len(value) in FIXED else f"{label[:-1]}, {len(value)} bytes>"


def _told_number(value: int) -> str:
    return str(value) if abs(value) < 1 << 32 else f"{value:016x}"


def _bytes_of(value: bytes | int | str) -> bytes:
    if isinstance(value, bytes):
        return b"b" + value
    if isinstance(value, str):
        return b"s" + value.encode("utf-8", "surrogatepass")
    # an id is told as a number here and as bytes there
    sized = -(1 << 63) <= value < 1 << 64
    return b"b" + (value % (1 << 64)).to_bytes(LONG, "little") if sized else f"i{value}".encode()
