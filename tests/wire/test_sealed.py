"""Encrypted messages: what is sealed opens, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.streams import CRYPTO, numbered
from kit.tl_values import INTS, LONGS, WORDS
from kit.vectors import load
from mtproto_bind._crypto import AuthKey, Side, aes_v2, msg_key_large_v2
from mtproto_bind._errors import Check, MalformedMessage, SecurityError
from mtproto_bind._ground import id_to_bytes
from mtproto_bind._wire.plain import pack_plain
from mtproto_bind._wire.sealed import Opened, draw_padding, key_id_of, open_sealed, seal

KEY = AuthKey(bytes(range(256)))
BODY = b"\1\2\3\4" * 5
PARTS: dict[str, Any] = {"salt": 11, "session_id": 22, "msg_id": 1 << 63, "seq_no": 3, "body": BODY, "crypto": CRYPTO}
SIDES = st.sampled_from(Side)


def wire_id(value: str) -> int:
    return int.from_bytes(bytes.fromhex(value), "little")


def check_of(frame: bytes, side: Side = Side.CLIENT, key: AuthKey = KEY) -> Check:
    with pytest.raises(SecurityError) as caught:
        open_sealed(frame, key, side, CRYPTO)
    return caught.value.check


def forge(plaintext: bytes, side: Side = Side.CLIENT) -> bytes:
    """A message with a good msg_key, whatever is in it."""
    msg_key = msg_key_large_v2(KEY, plaintext, side, CRYPTO)[8:24]
    return id_to_bytes(KEY.id) + msg_key + CRYPTO.ige_encrypt(plaintext, *aes_v2(KEY, msg_key, side, CRYPTO))


def with_length(length: int, rest: int) -> bytes:
    return forge(bytes(28) + length.to_bytes(4, "little", signed=True) + bytes(rest))


def test_the_published_message() -> None:
    entry = load("messages_v2")[1]
    key = AuthKey(bytes.fromhex(entry["auth_key"]))
    parts = {
        "salt": wire_id(entry["salt"]),
        "session_id": wire_id(entry["session_id"]),
        "msg_id": entry["msg_id"],
        "seq_no": entry["seq_no"],
        "body": bytes.fromhex(entry["body"]),
    }
    sealed = seal(key, Side.CLIENT, **parts, padding=bytes.fromhex(entry["padding"]), crypto=CRYPTO)
    assert sealed.hex() == entry["message"]
    token = wire_id(entry["quick_ack_token_wire"]) | 0x80000000
    assert open_sealed(sealed, key, Side.CLIENT, CRYPTO) == Opened(**parts, quick_ack_token=token)


def test_the_published_ciphertext_of_no_message() -> None:
    entry = load("messages_v2")[0]
    key = AuthKey(bytes.fromhex(entry["auth_key"]))
    # msg_key holds, so what is wrong is told: the text of the sample is no inner header
    assert check_of(bytes.fromhex(entry["message"]), key=key) is Check.MESSAGE_LENGTH


RUN = load("synthetic_full_run")[0]
ANSWERS = [RUN["answers"][name]["message"] for name in ("success_container", "encrypted_message_invalid", "bad_server_salt")]


@pytest.mark.parametrize(
    ("message", "side"), [(RUN["bind"]["request_message"], Side.CLIENT), *((each, Side.SERVER) for each in ANSWERS)]
)
def test_the_published_run_opens(message: str, side: Side) -> None:
    temporary = AuthKey(bytes.fromhex(RUN["temporary"]["auth_key"]))
    opened = open_sealed(bytes.fromhex(message), temporary, side, CRYPTO)
    assert opened.session_id == wire_id(RUN["bind"]["temp_session_id_wire"])
    if side is Side.CLIENT:
        assert opened.body.hex() == RUN["bind"]["request"]
        assert opened.quick_ack_token == wire_id(RUN["bind"]["quick_ack_token_wire"]) | 0x80000000


@given(SIDES, LONGS, LONGS, LONGS, INTS, WORDS.filter(bool), st.integers(0, 15), st.binary(max_size=15))
def test_what_is_sealed_opens(
    side: Side, salt: int, session_id: int, msg_id: int, seq_no: int, body: bytes, blocks: int, frame_padding: bytes
) -> None:
    padding = bytes(12 + -(44 + len(body)) % 16 + 16 * blocks)
    sealed = seal(
        KEY, side, salt=salt, session_id=session_id, msg_id=msg_id, seq_no=seq_no, body=body, padding=padding, crypto=CRYPTO
    )
    assert key_id_of(sealed) == KEY.id
    opened = open_sealed(sealed + frame_padding, KEY, side, CRYPTO)
    assert (opened.salt, opened.session_id, opened.msg_id, opened.seq_no, opened.body) == (salt, session_id, msg_id, seq_no, body)


@pytest.mark.parametrize("first", [0, 1, 15, 16, 255])
def test_padding_is_drawn_in_two_steps(first: int) -> None:
    for words in range(1, 9):
        asked = []

        def entropy(size: int, asked: list[int] = asked) -> bytes:
            asked.append(size)
            return bytes([first]) * size

        padding = draw_padding(4 * words, entropy)
        assert asked == [1, len(padding)]
        fewest = len(padding) - 16 * (first % 16)
        assert 12 <= fewest <= 27
        assert (32 + 4 * words + fewest) % 16 == 0


def test_messages_of_one_length_come_in_sixteen() -> None:
    """What a proxy with a dd secret asks for is done everywhere: the size of a message does not tell that of its body."""
    draw = numbered("sizes")
    body = bytes(40)
    sizes = {len(seal(KEY, Side.CLIENT, **{**PARTS, "body": body}, padding=draw_padding(len(body), draw))) for _ in range(400)}
    assert sizes == {120 + 16 * blocks for blocks in range(16)}


@given(st.integers(1, 100))
def test_drawn_padding_is_accepted(words: int) -> None:
    body = bytes(4 * words)
    sealed = seal(KEY, Side.SERVER, **{**PARTS, "body": body}, padding=draw_padding(len(body), numbered("padding")))
    assert open_sealed(sealed, KEY, Side.SERVER, CRYPTO).body == body


@pytest.mark.parametrize("size", [0, 8, 24, 25, 40, 56, 71])
def test_too_short_is_no_other_error_than_forged(size: int) -> None:
    assert check_of((id_to_bytes(KEY.id) + bytes(64))[:size]) is Check.MSG_KEY


@given(st.integers(0, 1 << 16), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_refused_alike(place: int, change: int) -> None:
    sealed = bytearray(seal(KEY, Side.CLIENT, **PARTS, padding=bytes(12)))
    sealed[place % len(sealed)] ^= change
    assert check_of(bytes(sealed)) is Check.MSG_KEY


def test_padding_is_part_of_what_is_proven() -> None:
    # the last block, where only padding lies
    sealed = seal(KEY, Side.CLIENT, **PARTS, padding=bytes(28))
    assert check_of(sealed[:-16]) is Check.MSG_KEY
    assert check_of(sealed + bytes(16)) is Check.MSG_KEY


def test_a_message_does_not_open_as_the_other_sides() -> None:
    assert check_of(seal(KEY, Side.CLIENT, **PARTS, padding=bytes(12)), Side.SERVER) is Check.MSG_KEY


def test_a_message_does_not_open_under_another_key() -> None:
    other = AuthKey(bytes(255) + b"\1")
    sealed = seal(KEY, Side.CLIENT, **PARTS, padding=bytes(12))
    assert check_of(sealed, key=other) is Check.MSG_KEY
    # nor does one that names another key
    assert check_of(id_to_bytes(other.id) + sealed[8:]) is Check.MSG_KEY


@pytest.mark.parametrize("length", [0, -4, -(1 << 31), 2, 17, 36, (1 << 31) - 4])
def test_lengths_that_do_not_fit(length: int) -> None:
    assert check_of(with_length(length, 32)) is Check.MESSAGE_LENGTH


@pytest.mark.parametrize(("length", "rest"), [(32, 32), (24, 32), (4, 1040), (12, 1040), (32, 32 + 1040)])
def test_padding_that_is_too_short_or_too_long(length: int, rest: int) -> None:
    assert check_of(with_length(length, rest)) is Check.MESSAGE_PADDING


@pytest.mark.parametrize(("length", "rest"), [(4, 16), (20, 32), (16, 16 + 1024)])
def test_the_least_and_the_most_padding(length: int, rest: int) -> None:
    assert len(open_sealed(with_length(length, rest), KEY, Side.CLIENT, CRYPTO).body) == length
    sealed = seal(KEY, Side.SERVER, **{**PARTS, "body": bytes(length)}, padding=bytes(rest - length))
    assert open_sealed(sealed, KEY, Side.SERVER, CRYPTO).body == bytes(length)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_alike(data: bytes) -> None:
    assert check_of(data) is Check.MSG_KEY
    assert check_of(id_to_bytes(KEY.id) + data) is Check.MSG_KEY


@given(st.binary(min_size=48, max_size=100).map(lambda data: data[: len(data) // 16 * 16]))
def test_any_plaintext_gives_a_message_or_an_error_of_ours(plaintext: bytes) -> None:
    try:
        opened = open_sealed(forge(plaintext), KEY, Side.CLIENT, CRYPTO)
    except SecurityError as error:
        # msg_key holds, so what is wrong is told
        wrong = error.check
    else:
        assert plaintext[32:].startswith(opened.body)
        return
    assert wrong in (Check.MESSAGE_LENGTH, Check.MESSAGE_PADDING)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: seal(KEY, Side.CLIENT, **{**PARTS, "body": b""}, padding=bytes(16)), id="no body"),
        pytest.param(lambda: seal(KEY, Side.CLIENT, **{**PARTS, "body": b"12345"}, padding=bytes(27)), id="half words"),
        pytest.param(lambda: seal(KEY, Side.CLIENT, **{**PARTS, "body": bytes(12)}, padding=bytes(4)), id="little padding"),
        pytest.param(lambda: seal(KEY, Side.CLIENT, **{**PARTS, "body": bytes(16)}, padding=bytes(1040)), id="much padding"),
        pytest.param(lambda: seal(KEY, Side.CLIENT, **PARTS, padding=bytes(13)), id="broken block"),
    ],
)
def test_what_is_not_sealed(make: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match="bytes"):
        make()


def test_a_frame_without_a_key_id() -> None:
    assert key_id_of(bytes(24)) == 0
    for size in (0, 4, 8, 23):
        with pytest.raises(MalformedMessage, match=f"a message of {size} bytes; the smallest has 24"):
            key_id_of(bytes(size))


def test_the_smallest_messages() -> None:
    """What is shorter can only be an error, a quick acknowledgement or nothing."""
    assert len(pack_plain(0, bytes(4))) == 24
    smallest = {**PARTS, "body": bytes(4)}
    sizes = range(12, 28)
    padding = next(size for size in sizes if (36 + size) % 16 == 0)
    assert len(seal(KEY, Side.CLIENT, **smallest, padding=bytes(padding))) == 72


def test_a_repr_shows_no_body() -> None:
    assert "body=<20 bytes>" in repr(open_sealed(seal(KEY, Side.CLIENT, **PARTS, padding=bytes(12)), KEY, Side.CLIENT, CRYPTO))
