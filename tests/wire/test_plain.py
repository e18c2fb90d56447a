"""The envelope of handshake messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.vectors import load
from mtproto_bind._errors import MalformedMessage
from mtproto_bind._tl import HANDSHAKE
from mtproto_bind._wire.plain import pack_plain, unpack_plain

MESSAGES = [message for sample in load("handshake_samples")[:2] for message in sample["messages"].values()]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["bytes"][16:32])
def test_published_messages(message: dict[str, Any]) -> None:
    shown = bytes.fromhex(message["bytes"])
    # the page leaves out the padding that the length counts
    padding = bytes(message["trailing_padding_trimmed_by_page"])
    msg_id, body = unpack_plain(shown + padding)
    assert len(body) == message["header_message_length"]
    assert HANDSHAKE.read(body)[1] == message["actual_body_length"]
    assert pack_plain(msg_id, body[: message["actual_body_length"]], padding) == shown + padding


@given(st.integers(0, (1 << 64) - 1), st.binary(min_size=4, max_size=60), st.binary(max_size=15), st.binary(max_size=15))
def test_what_is_packed_is_unpacked(msg_id: int, body: bytes, padding: bytes, frame_padding: bytes) -> None:
    assert unpack_plain(pack_plain(msg_id, body, padding) + frame_padding) == (msg_id, body + padding)


@pytest.mark.parametrize("length", [-1, 0, 3, 9, 12, (1 << 31) - 1, -(1 << 31)])
def test_lengths_that_do_not_fit(length: int) -> None:
    frame = bytes(16) + length.to_bytes(4, "little", signed=True) + bytes(8)
    with pytest.raises(MalformedMessage, match=f"a message of {length} bytes in 8") as caught:
        unpack_plain(frame)
    assert caught.value.offset == 16


@pytest.mark.parametrize("size", [0, 4, 19])
def test_frames_that_are_too_short(size: int) -> None:
    with pytest.raises(MalformedMessage, match=f"of {size} bytes"):
        unpack_plain(bytes(size))


def test_a_message_under_a_key_is_none() -> None:
    with pytest.raises(MalformedMessage, match="auth_key_id is not 0"):
        unpack_plain(b"\1" + bytes(15) + b"\4\0\0\0" + bytes(4))


@given(st.binary(max_size=40))
def test_any_bytes_give_a_body_or_malformed(tail: bytes) -> None:
    for frame in (tail, bytes(8) + tail, bytes(16) + b"\4\0\0\0" + tail):
        try:
            _, body = unpack_plain(frame)
        except MalformedMessage:
            continue
        assert 4 <= len(body) <= len(frame) - 20
