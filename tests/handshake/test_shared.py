"""What both sides share: data centres, purposes, and what is made of the nonces."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from kit.handshakes import CRYPTO, DC, client_stages, flipped, hashed, sealed, server_stages
from kit.vectors import load
from mtproto_bind._crypto import Secret
from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._ground import id_from_bytes
from mtproto_bind._handshake import DataCenter, KeyKind, Purpose
from mtproto_bind._handshake.shared import Exchange, Nonces, draw_padding, is_whole_blocks, read_front, read_proven
from mtproto_bind._tl import ClientDHInnerData, ReqPQ, ServerDHInnerData, TLObject
from mtproto_bind.testing.entropy import ScriptedEntropy

INT = st.integers(-(1 << 31), (1 << 31) - 1)


@pytest.mark.parametrize(
    ("dc", "number"),
    [
        (DataCenter(0), 0),
        (DataCenter(2), 2),
        (DataCenter(2, media=True), -2),
        (DataCenter(2, test=True), 10_002),
        (DataCenter(2, test=True, media=True), -10_002),
        (DataCenter(10_000), 10_000),
        (DataCenter(1, test=True), 10_001),
    ],
)
def test_the_number_of_a_data_centre(dc: DataCenter, number: int) -> None:
    assert dc.number == number
    assert DataCenter.from_number(number) == dc


def test_a_cdn_data_centre_has_a_positive_number() -> None:
    """The sign is for media; what is told to the server says nothing of a CDN."""
    assert DataCenter(203, cdn=True).number == 203
    assert DataCenter(203, test=True, cdn=True).number == 10_203
    assert DataCenter.from_number(203) == DataCenter(203) != DataCenter(203, cdn=True)
    for flags in ({"id": 203, "media": True}, {"id": 0}):
        with pytest.raises(ValueError, match="serves nothing but files"):
            DataCenter(cdn=True, **flags)


def test_no_temporary_key_is_made_for_a_cdn_data_centre() -> None:
    cdn = DataCenter(203, cdn=True)
    assert Purpose(KeyKind.PERMANENT, cdn).dc.number == 203
    with pytest.raises(ValueError, match="binds no temporary key"):
        Purpose(KeyKind.TEMPORARY, cdn, 60)


@given(INT)
def test_every_number_is_some_data_centre(number: int) -> None:
    assert DataCenter.from_number(number).number == number


@pytest.mark.parametrize(
    ("number", "flags"),
    [(-1, {}), (10_001, {}), (0, {"test": True}), (0, {"media": True}), (10_001, {"media": True})],
)
def test_no_two_data_centres_have_one_number(number: int, flags: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match="no number stands for data centre"):
        DataCenter(number, **flags)


def test_which_data_centre_serves_which() -> None:
    media = DataCenter(2, media=True)
    assert DC.serves(DC)
    assert DC.serves(media)
    assert media.serves(media)
    assert not media.serves(DC)
    assert not DC.serves(DataCenter(3))
    assert not DC.serves(DataCenter(2, test=True))
    assert not DC.serves(DataCenter(2, test=True, media=True))


def test_a_purpose_has_a_lifetime_exactly_if_the_key_has() -> None:
    assert Purpose(KeyKind.PERMANENT, DC).expires_in is None
    assert Purpose(KeyKind.TEMPORARY, DC, 1).expires_in == 1
    for kind, expires_in in ((KeyKind.PERMANENT, 60), (KeyKind.TEMPORARY, None)):
        with pytest.raises(ValueError, match="belongs to a temporary key"):
            Purpose(kind, DC, expires_in)
    for expires_in in (0, -1, 1 << 31):
        with pytest.raises(ValueError, match=r"1 to 2\^31 - 1 seconds"):
            Purpose(KeyKind.TEMPORARY, DC, expires_in)


def test_both_nonces_are_checked_one_after_the_other() -> None:
    nonces = Nonces(bytes(16), b"\x01" * 16)
    nonces.check(nonces)
    assert nonces.echoed(nonces)
    for name, check in (("nonce", Check.NONCE), ("server_nonce", Check.SERVER_NONCE)):
        other = evolve(nonces, **{name: flipped(getattr(nonces, name))})
        with pytest.raises(SecurityError) as raised:
            nonces.check(other)
        assert raised.value.check is check
        assert not nonces.echoed(other)


@pytest.mark.parametrize("vector", load("handshake_samples"), ids=lambda vector: vector["name"][:20])
def test_recorded_exchanges_are_opened_and_closed_again(vector: dict[str, str]) -> None:
    given_bytes = {name: bytes.fromhex(value) for name, value in vector.items() if is_hex(value)}
    exchange = Exchange(given_bytes["nonce"], given_bytes["server_nonce"], Secret(given_bytes["new_nonce"]))
    assert exchange == Nonces(exchange.nonce, exchange.server_nonce).agree_on(given_bytes["new_nonce"])
    for inner, padding, encrypted, kind in (
        ("answer", "answer_padding", "encrypted_answer", ServerDHInnerData),
        ("client_dh_inner_data", "client_padding", "client_encrypted_data", ClientDHInnerData),
    ):
        data = given_bytes[encrypted]
        assert exchange.encrypt(given_bytes[inner], given_bytes[padding], CRYPTO) == data
        [(found, after)] = read_proven(exchange.decrypt(data, CRYPTO), kind, CRYPTO)
        assert found.to_bytes() == given_bytes[inner]
        assert after == len(given_bytes[padding])
        assert is_whole_blocks(data, 2048)
        entropy = ScriptedEntropy([given_bytes[padding]])
        assert draw_padding(given_bytes[inner], entropy) == given_bytes[padding]
    for number in (1, 2, 3):
        assert exchange.hash(number, given_bytes["auth_key_aux_hash"], CRYPTO) == given_bytes[f"new_nonce_hash{number}"]
    assert exchange.hash_of_failure(CRYPTO) == CRYPTO.sha1(given_bytes["new_nonce"])[4:]
    assert exchange.first_salt() == id_from_bytes(given_bytes["server_salt_wire_le"])


def is_hex(value: object) -> bool:
    try:
        bytes.fromhex(value if isinstance(value, str) else "?")
    except ValueError:
        return False
    return True


@given(st.binary(max_size=70))
def test_padding_fills_the_last_block_and_is_not_drawn_in_vain(inner: bytes) -> None:
    size = (16 - (20 + len(inner)) % 16) % 16
    entropy = ScriptedEntropy([b"\x07" * size] if size else [])
    assert draw_padding(inner, entropy) == b"\x07" * size
    entropy.finish()


def test_whole_blocks_of_a_sane_size() -> None:
    assert [size for size in range(70) if is_whole_blocks(bytes(size), 48)] == [32, 48]


def test_what_is_not_behind_its_own_hash_is_nothing() -> None:
    message = ReqPQ(bytes(range(16)))
    plain = hashed(message)
    assert read_proven(plain, ReqPQ, CRYPTO) == ((message, len(plain) - 40),)
    assert read_proven(plain, TLObject, CRYPTO) == ((message, len(plain) - 40),)
    assert read_proven(plain, ServerDHInnerData, CRYPTO) == ()
    assert read_proven(flipped(plain, 0), ReqPQ, CRYPTO) == ()
    assert read_proven(flipped(plain, 30), ReqPQ, CRYPTO) == ()
    assert read_proven(plain[:39], ReqPQ, CRYPTO) == ()
    assert read_proven(CRYPTO.sha1(plain[20:]) + plain[20:], ReqPQ, CRYPTO) == ()
    assert read_proven(bytes(48), ReqPQ, CRYPTO) == ()


def test_what_does_not_begin_with_an_object_is_nothing() -> None:
    message = ReqPQ(bytes(16))
    assert read_front(message.to_bytes() + b"more") == ((message, 20),)
    assert read_front(b"...." + message.to_bytes(), 4) == ((message, 24),)
    assert read_front(bytes(20)) == ()
    assert read_front(message.to_bytes()[:19]) == ()


def test_nothing_of_the_secret_nonce_shows() -> None:
    for exchange in (client_stages().expect_params.exchange, server_stages().exchange):
        assert repr(exchange) == "Exchange()"
        assert sealed(exchange, bytes(16)) != bytes(16)
