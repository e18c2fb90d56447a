"""The messages of the handshake, against the published samples."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from kit.vectors import load
from mtproto_bind._tl.schema_handshake import (
    HANDSHAKE,
    PQInnerData,
    PQInnerDataDC,
    PQInnerDataTemp,
    PQInnerDataTempDC,
    rsa_public_key,
)

NONCE = b"N" * 16
SECRET_NONCE = bytes(range(32))


@pytest.mark.parametrize("entry", load("rsa_keys_fingerprints"), ids=lambda entry: entry["name"])
def test_a_fingerprint_is_the_hash_of_the_bare_key(entry: dict[str, Any]) -> None:
    n = int(entry["n_hex"], 16)
    bare = rsa_public_key(n.to_bytes((n.bit_length() + 7) // 8, "big"), entry["e"].to_bytes(3, "big"))
    assert hashlib.sha1(bare).digest()[12:20].hex() == entry["fingerprint_wire_le"]


@pytest.mark.parametrize(
    "inner",
    [
        PQInnerData(b"\x15", b"\3", b"\5", NONCE, NONCE, SECRET_NONCE),
        PQInnerDataDC(b"\x15", b"\3", b"\5", NONCE, NONCE, SECRET_NONCE, 2),
        PQInnerDataTemp(b"\x15", b"\3", b"\5", NONCE, NONCE, SECRET_NONCE, 86400),
        PQInnerDataTempDC(b"\x15", b"\3", b"\5", NONCE, NONCE, SECRET_NONCE, 2, 86400),
    ],
    ids=lambda inner: type(inner).__name__,
)
def test_new_nonce_is_hidden_and_the_rest_is_not(inner: PQInnerData) -> None:
    assert "new_nonce=<hidden>" in repr(inner)
    assert SECRET_NONCE.hex() not in repr(inner)
    assert NONCE.hex() in repr(inner)
    assert HANDSHAKE.read_whole(inner.to_bytes()) == inner


def test_sizes_that_the_specification_tells() -> None:
    pq, half = b"\x17" * 8, b"\x17" * 4
    permanent = PQInnerDataDC(pq, half, half, NONCE, NONCE, SECRET_NONCE, -10002)
    temporary = PQInnerDataTempDC(pq, half, half, NONCE, NONCE, SECRET_NONCE, -10002, 86400)
    assert (len(permanent.to_bytes()), len(temporary.to_bytes())) == (100, 104)


SAMPLES = [
    pytest.param(bytes.fromhex(encoded), id=f"{number} {name}")
    for number, sample in enumerate(load("handshake_samples"))
    for name, encoded in (
        *((key, sample[key]) for key in ("p_q_inner_data", "answer", "client_dh_inner_data")),
        *((key, part["bytes"][40:] if isinstance(part, dict) else part) for key, part in sample["messages"].items()),
    )
]


@pytest.mark.parametrize("encoded", SAMPLES)
def test_published_messages_are_read_and_written(encoded: bytes) -> None:
    value, end = HANDSHAKE.read(encoded + b"padding of any kind")
    assert end == len(encoded)
    assert value.to_bytes() == encoded
