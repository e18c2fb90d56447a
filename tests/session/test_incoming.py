"""From an opened message to what it holds."""

from __future__ import annotations

import pytest
from attrs import evolve

from kit.sessions import NOW
from mtproto_bind._errors import Check, MalformedMessage, SecurityError
from mtproto_bind._limits import Limits
from mtproto_bind._session.incoming import Received, Unrolled, constructor_id, unpacked, unroll
from mtproto_bind._tl import ContainedMessage, GzipPacked, Ping, pack, write_container
from mtproto_bind._wire import Opened

PING = Ping(ping_id=5).to_bytes()
OUTER = int(NOW) << 32
LIMITS = Limits(container_messages=3, unpacked=64)


def opened(body: bytes) -> Opened:
    return Opened(salt=1, session_id=2, msg_id=OUTER, seq_no=6, body=body, quick_ack_token=0)


def container(*messages: tuple[int, int, bytes]) -> Opened:
    return opened(write_container([ContainedMessage(*message) for message in messages]))


def packed(body: bytes) -> bytes:
    return GzipPacked(packed_data=pack(body)).to_bytes()


def check_of(message: Opened) -> Check:
    with pytest.raises(SecurityError) as caught:
        unroll(message, LIMITS)
    return caught.value.check


def test_a_message_alone() -> None:
    unrolled = unroll(opened(PING), LIMITS)
    message = Received(msg_id=OUTER, seq_no=6, body=PING)
    assert unrolled == Unrolled(msg_id=OUTER, seq_no=6, is_container=False, messages=(message,))
    assert unrolled.first_msg_id == OUTER


def test_a_container() -> None:
    unrolled = unroll(container((OUTER - 4, 1, PING), (OUTER - 8, 2, packed(PING))), LIMITS)
    # the order of ids inside is free
    assert unrolled.messages == (
        Received(msg_id=OUTER - 4, seq_no=1, body=PING),
        Received(msg_id=OUTER - 8, seq_no=2, body=packed(PING)),
    )
    assert (unrolled.is_container, unrolled.msg_id, unrolled.seq_no, unrolled.first_msg_id) == (True, OUTER, 6, OUTER - 8)
    assert [message.content_related for message in unrolled.messages] == [True, False]


def test_a_container_of_nothing() -> None:
    unrolled = unroll(container(), LIMITS)
    assert (unrolled.messages, unrolled.is_container, unrolled.first_msg_id) == ((), True, OUTER)


@pytest.mark.parametrize(
    ("message", "check"),
    [
        pytest.param(container((4, 0, PING), (OUTER, 0, PING)), Check.CONTAINER_IDS, id="as old"),
        pytest.param(container((OUTER + 4, 0, PING)), Check.CONTAINER_IDS, id="older"),
        pytest.param(container((4, 0, container((0, 0, PING)).body)), Check.CONTAINER_NESTED, id="nested"),
        pytest.param(container(*[(4, 0, PING)] * 4), Check.CONTAINER_COUNT, id="too many"),
        pytest.param(opened(container((4, 0, PING)).body + bytes(4)), Check.CONTAINER_BOUNDS, id="something follows"),
    ],
)
def test_a_container_out_of_order(message: Opened, check: Check) -> None:
    assert check_of(message) is check


def test_no_message_of_a_bad_container_is_given() -> None:
    good = container((OUTER - 4, 1, PING))
    assert unroll(good, LIMITS).messages
    assert check_of(evolve(good, msg_id=OUTER - 4)) is Check.CONTAINER_IDS


def test_packed_bodies() -> None:
    assert unpacked(PING, LIMITS) == PING
    assert unpacked(packed(PING), LIMITS) == PING
    assert unpacked(b"abc", LIMITS) == b"abc"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(packed(packed(PING)), Check.GZIP, id="packed twice"),
        pytest.param(packed(bytes(65)), Check.GZIP, id="too large"),
        pytest.param(GzipPacked(packed_data=b"no gzip").to_bytes(), Check.GZIP, id="no gzip"),
        pytest.param(packed(PING)[:12], None, id="cut off"),
        pytest.param(packed(PING) + bytes(4), None, id="something follows"),
    ],
)
def test_what_does_not_unpack(body: bytes, error: Check | None) -> None:
    with pytest.raises((SecurityError, MalformedMessage)) as caught:
        unpacked(body, LIMITS)
    assert getattr(caught.value, "check", None) is error


@pytest.mark.parametrize(
    ("body", "number"), [(b"", 0), (b"\1\2\3", 0), (b"\1\2\3\4", 0x04030201), (b"\xec\x77\xbe\x7a!", 0x7ABE77EC)]
)
def test_the_constructor_of_a_body(body: bytes, number: int) -> None:
    assert constructor_id(body) == number


def test_a_repr_shows_no_body() -> None:
    assert "secret" not in repr(Received(msg_id=4, seq_no=1, body=b"secret!!"))
