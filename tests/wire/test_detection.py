"""Knowing a transport by its beginning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.streams import numbered
from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._wire.detection import Detected, detect
from mtproto_bind._wire.framing import Framing
from mtproto_bind._wire.transport import Transport

ANY = Transport.detect()
RANDOM = numbered("detection")(64)


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (b"\xef", Framing.ABRIDGED),
        (b"\xef\xee\xee\xee", Framing.ABRIDGED),
        (b"\xee\xee\xee\xee", Framing.INTERMEDIATE),
        (b"\xdd\xdd\xdd\xdd", Framing.PADDED),
        (bytes.fromhex("2000000000000000"), Framing.FULL),
        (bytes.fromhex("0c00000000000000"), Framing.FULL),
        (RANDOM, Detected.OBFUSCATED),
        (RANDOM + b"more", Detected.OBFUSCATED),
    ],
)
def test_every_transport(start: bytes, found: Framing | Detected) -> None:
    assert detect(start, ANY) == found
    assert detect(start + bytes(64), ANY) == found


def test_fewer_bytes_than_decide() -> None:
    for whole in (b"\xee" * 4, b"\xdd" * 4, bytes.fromhex("2000000000000000"), RANDOM):
        for size in range(len(whole)):
            assert detect(whole[:size], ANY) is Detected.NEED_MORE


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (b"GET ", "an HTTP request"),
        (b"POST /api HTTP/1.1", "an HTTP request"),
        (b"HEAD", "an HTTP request"),
        (b"OPTIONS", "an HTTP request"),
        (bytes.fromhex("16030102"), "a TLS ClientHello"),
        (bytes.fromhex("1603010705010007"), "a TLS ClientHello"),
        (b"SSH-2.0-", "an SSH banner"),
        (bytes.fromhex("0800000000000000"), "a first full frame of 8 bytes"),
        (bytes.fromhex("0d00000000000000"), "a first full frame of 13 bytes"),
    ],
)
def test_strangers_are_named(start: bytes, text: str) -> None:
    with pytest.raises(SecurityError, match=text) as caught:
        detect(start, ANY)
    assert caught.value.check is Check.DETECTION


@pytest.mark.parametrize(
    ("start", "framing"),
    [
        (b"\xef", Framing.ABRIDGED),
        (b"\xee" * 4, Framing.INTERMEDIATE),
        (b"\xdd" * 4, Framing.PADDED),
        (b"\x20" + bytes(7), Framing.FULL),
    ],
)
def test_only_what_is_configured_is_taken(start: bytes, framing: Framing) -> None:
    others = [other for other in Framing if other is not framing]
    assert detect(start, Transport.detect([framing])) is framing
    with pytest.raises(SecurityError, match=rf"DETECTION.*\({framing.value}\)"):
        detect(start, Transport.detect(others))
    with pytest.raises(SecurityError, match=rf"DETECTION.*{framing.value} without obfuscation"):
        detect(start, Transport.detect(obfuscated_only=True))


def test_no_header_is_awaited_where_none_is_taken() -> None:
    with pytest.raises(SecurityError, match=r"DETECTION.*none of the plain transports"):
        detect(RANDOM[:8], Transport().awaited())


@given(st.binary(max_size=70), st.integers(0, 70))
def test_an_answer_stays_when_more_comes(data: bytes, size: int) -> None:
    def answer(prefix: bytes) -> object:
        try:
            return detect(prefix, ANY)
        except SecurityError as error:
            return str(error)

    early = answer(data[:size])
    assert early in (Detected.NEED_MORE, answer(data))
