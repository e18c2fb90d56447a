"""What an rpc_result holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._errors import Check, MalformedMessage, SecurityError
from mtproto_bind._limits import Limits
from mtproto_bind._session.results import RpcError, read_result
from mtproto_bind._tl import BOOL_TRUE, GzipPacked, Pong, pack
from mtproto_bind._tl import RpcError as RpcErrorObject

LIMITS = Limits(unpacked=200)


def packed(body: bytes) -> bytes:
    return GzipPacked(packed_data=pack(body)).to_bytes()


@pytest.mark.parametrize("body", [BOOL_TRUE, b"some object!", Pong(msg_id=1, ping_id=2).to_bytes()])
def test_an_object_is_given_as_it_is(body: bytes) -> None:
    assert read_result(body, LIMITS) == body
    assert read_result(packed(body), LIMITS) == body


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.text(st.characters(codec="utf-8"), max_size=20))
def test_an_error(code: int, message: str) -> None:
    error = RpcError(code, message)
    assert read_result(error.to_bytes(), LIMITS) == error
    assert read_result(packed(error.to_bytes()), LIMITS) == error


def test_an_error_whose_text_is_no_text() -> None:
    body = RpcErrorObject(error_code=400, error_message=b"A\xff_1").to_bytes()
    assert read_result(body, LIMITS) == RpcError(400, "A\ufffd_1")


def test_what_cannot_be_read() -> None:
    with pytest.raises(MalformedMessage):
        read_result(RpcError(400, "TEXT").to_bytes()[:-4], LIMITS)
    with pytest.raises(MalformedMessage):
        read_result(RpcError(400, "TEXT").to_bytes() + bytes(4), LIMITS)
    with pytest.raises(SecurityError) as caught:
        read_result(packed(bytes(201)), LIMITS)
    assert caught.value.check is Check.GZIP
