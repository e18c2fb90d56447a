"""Labels in place of values, and messages told by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.tl_values import values
from mtproto_bind._tl import (
    API,
    BOOL_FALSE,
    BOOL_TRUE,
    HANDSHAKE,
    SERVICE,
    FutureSalt,
    FutureSalts,
    GzipPacked,
    InitConnection,
    InputClientProxy,
    InvokeAfterMsg,
    MsgsAck,
    Ping,
    ResPQ,
    RpcError,
    RpcResult,
    pack,
)
from mtproto_bind.testing.labels import Labels, told, told_body

NONCES = bytes(range(16)), bytes(range(16, 32))
SECRET = b"nobody is to read this, whatever"


def test_equal_values_have_equal_labels() -> None:
    labels = Labels()
    assert labels.of("nonce", NONCES[0]) == "<nonce 1>"
    assert labels.of("server_nonce", NONCES[1]) == "<server_nonce 1>"
    assert labels.of("nonce", SECRET) == "<nonce 2>"
    # whatever it is called where it is met again
    assert labels.of("server_nonce", NONCES[0]) == "<nonce 1>"


def test_an_id_is_the_same_as_a_number_and_as_bytes() -> None:
    labels = Labels()
    assert labels.of("key_id", 0x0102) == labels.of("id", bytes([2, 1, 0, 0, 0, 0, 0, 0])) == "<key_id 1>"
    assert labels.of("key_id", -1) == labels.of("id", b"\xff" * 8)
    assert labels.of("n", 1 << 64) == "<n 1>"
    assert labels.of("peer", "a") == "<peer 1>" != labels.of("peer", b"a")


def test_a_message_of_the_handshake() -> None:
    message = ResPQ(nonce=NONCES[0], server_nonce=NONCES[1], pq=b"\x0f", server_public_key_fingerprints=(3, 1 << 60))
    assert told(message, Labels()) == (
        "resPQ nonce=<nonce 1> server_nonce=<server_nonce 1> pq=0f server_public_key_fingerprints=[3, 1000000000000000]"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (MsgsAck(msg_ids=(1, 2)).to_bytes(), "msgs_ack msg_ids=[1, 2]"),
        (Ping(ping_id=5).to_bytes(), "ping ping_id=<ping_id 1>"),
        (BOOL_TRUE, "boolTrue"),
        (BOOL_FALSE, "boolFalse"),
        (SECRET, "0x6f626f6e <payload 1, 32 bytes>"),
        (b"", "0x00000000 <payload 1, 0 bytes>"),
        (RpcResult(req_msg_id=7, result=SECRET).to_bytes(), "rpc_result req_msg_id=7 result=(0x6f626f6e <payload 1, 32 bytes>)"),
        (
            RpcError(error_code=420, error_message=b"FLOOD_WAIT_3").to_bytes(),
            "rpc_error error_code=420 error_message=FLOOD_WAIT_3",
        ),
        (RpcError(error_code=1, error_message=SECRET).to_bytes(), "rpc_error error_code=1 error_message=<error_message 1>"),
        (RpcError(error_code=1, error_message=b"").to_bytes(), "rpc_error error_code=1 error_message=<error_message 1, 0 bytes>"),
        (GzipPacked(packed_data=pack(BOOL_TRUE)).to_bytes(), "gzip_packed (boolTrue)"),
        (GzipPacked(packed_data=SECRET).to_bytes(), "0x3072cfa1 <payload 1, 40 bytes>"),
        (MsgsAck(msg_ids=(1,)).to_bytes()[:-1], "0x62d6b459 <payload 1, 19 bytes>"),
        (
            FutureSalts(req_msg_id=1, now=2, salts=(FutureSalt(3, 4, 5),)).to_bytes(),
            "future_salts req_msg_id=1 now=2 salts=[<salt 1> from 3 to 4]",
        ),
    ],
)
def test_bodies(body: bytes, text: str) -> None:
    assert told_body(body, Labels()) == text


def test_who_somebody_is_is_not_told() -> None:
    fields = {name: SECRET for name in InitConnection._names if name not in ("api_id", "proxy", "params", "query")}
    message = InitConnection(**fields, api_id=12345, proxy=InputClientProxy(SECRET, 443), params=None, query=SECRET)
    text = told(message, Labels())
    assert "proxy=<proxy>" in text
    assert "params" not in text
    assert "12345" not in text
    assert "nobody" not in text


def test_wrappers_without_end_are_told_to_a_depth() -> None:
    body = bytes(4)
    for _ in range(2000):
        body = InvokeAfterMsg(msg_id=1, query=body).to_bytes()
    assert told_body(body, Labels()).count("invokeAfterMsg") == 8


EVERY = [cls for schema in (HANDSHAKE, SERVICE, API) for cls in schema.classes]


@given(st.sampled_from(EVERY).flatmap(values))
def test_every_message_is_told_in_one_line(message: object) -> None:
    text = told(message, Labels())  # type: ignore[arg-type]  # the strategy says no more than object
    assert "\n" not in text
    assert text.isascii()
