"""The obfuscated header and its keystreams."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.streams import CRYPTO, numbered
from kit.vectors import load
from mtproto_bind._wire.framing import Framing
from mtproto_bind._wire.obfuscation import accept_header, make_header

TAGGED = [Framing.ABRIDGED, Framing.INTERMEDIATE, Framing.PADDED]
GOOD = numbered("header")(64)


@pytest.mark.parametrize("entry", load("obfuscated2"), ids=lambda entry: entry["name"])
def test_published_headers(entry: dict[str, Any]) -> None:
    init = bytes.fromhex(entry["init_plain"])
    secret = bytes.fromhex(entry["secret_16"]) if entry["secret_16"] else None
    framing = {each.obfuscated_tag: each for each in TAGGED}[init[56:60]]
    dc = int.from_bytes(init[60:62], "little", signed=True)
    header, ours = make_header(framing, dc=dc, secret=secret, entropy=lambda size: init, crypto=CRYPTO)
    assert header.hex() == entry["header_sent"]

    accepted = accept_header(header, secret=secret, crypto=CRYPTO)
    assert accepted is not None
    assert (accepted.framing, accepted.dc) == (framing, dc)
    assert (framing.obfuscated_tag + init[60:]).hex() == entry["server_side_decrypted_56_64"]
    if "next_outgoing_plain" in entry:
        plain = bytes.fromhex(entry["next_outgoing_plain"])
        wire = ours.outgoing(plain)
        assert wire.hex() == entry["next_outgoing_wire"]
        assert accepted.keystreams.incoming(wire) == plain
        assert ours.incoming(plain).hex() == entry["same_bytes_through_decryptor"]


def test_published_keys() -> None:
    entry = load("obfuscated2")[0]
    keys = []

    class Spy:
        def __getattr__(self, name: str) -> Any:
            return getattr(CRYPTO, name)

        def ctr(self, key: bytes, iv: bytes) -> Any:
            keys.append((key.hex(), iv.hex()))
            return CRYPTO.ctr(key, iv)

    init, secret = bytes.fromhex(entry["init_plain"]), bytes.fromhex(entry["secret_16"])
    make_header(Framing.PADDED, dc=2, secret=secret, entropy=lambda size: init, crypto=Spy())
    assert keys == [(entry["encrypt_key"], entry["encrypt_iv"]), (entry["decrypt_key"], entry["decrypt_iv"])]


@given(
    st.sampled_from(TAGGED),
    st.integers(-(1 << 15), (1 << 15) - 1),
    st.none() | st.binary(min_size=16, max_size=16),
    st.binary(max_size=100),
    st.binary(max_size=100),
)
def test_both_sides_agree(framing: Framing, dc: int, secret: bytes | None, question: bytes, answer: bytes) -> None:
    header, ours = make_header(framing, dc=dc, secret=secret, entropy=numbered("both"), crypto=CRYPTO)
    accepted = accept_header(header, secret=secret, crypto=CRYPTO)
    assert accepted is not None
    assert accepted.framing is framing
    assert not dc or accepted.dc == dc
    for part in (question, answer):
        assert accepted.keystreams.incoming(ours.outgoing(part)) == part
        assert ours.incoming(accepted.keystreams.outgoing(part)) == part


def test_another_secret_means_nothing() -> None:
    header, _ = make_header(Framing.PADDED, dc=0, secret=bytes(16), entropy=numbered("other"), crypto=CRYPTO)
    assert accept_header(header, secret=bytes(15) + b"1", crypto=CRYPTO) is None
    assert accept_header(header, secret=None, crypto=CRYPTO) is None


BAD_STARTS = [
    bytes.fromhex(entry["prefix"]) if "prefix" in entry else GOOD[:4] + bytes.fromhex(entry["bytes_4_8"])
    for entry in load("obfuscated2_forbidden_starts")
]


@pytest.mark.parametrize("start", BAD_STARTS, ids=lambda start: start.hex())
def test_what_resembles_another_transport_is_drawn_again(start: bytes) -> None:
    draws = [start + GOOD[len(start) :], start + bytes(64 - len(start)), GOOD]
    header, _ = make_header(Framing.PADDED, dc=0, secret=None, entropy=lambda size: draws.pop(0), crypto=CRYPTO)
    assert header[:56] == GOOD[:56]
    assert draws == []


def test_entropy_that_never_gives_anything_else_is_refused() -> None:
    with pytest.raises(ValueError, match="entropy gives nothing but"):
        make_header(Framing.PADDED, dc=0, secret=None, entropy=lambda size: b"\xef" * size, crypto=CRYPTO)


def test_the_data_centre_is_random_where_it_is_not_told() -> None:
    header, _ = make_header(Framing.PADDED, dc=0, secret=None, entropy=lambda size: GOOD, crypto=CRYPTO)
    accepted = accept_header(header, secret=None, crypto=CRYPTO)
    assert accepted is not None
    assert len(header) == 64
    assert accepted.dc.to_bytes(2, "little", signed=True) == GOOD[60:62]
