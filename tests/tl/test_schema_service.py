"""Service messages."""

from __future__ import annotations

import pytest

from kit.vectors import load
from mtproto_bind._errors import MalformedMessage
from mtproto_bind._tl.schema_service import (
    BOOL_FALSE,
    BOOL_TRUE,
    SERVICE,
    BadServerSalt,
    FutureSalt,
    FutureSalts,
    MsgDetailedInfo,
    NewSessionCreated,
    RpcError,
    RpcResult,
)

ANSWERS = load("synthetic_full_run")[0]["answers"]
BIND_ID = 7730941219773087744


def test_bool() -> None:
    truth = next(entry for entry in load("tl_primitives") if entry["name"] == "boolTrue")
    assert truth["encoded"] == BOOL_TRUE.hex()
    assert [SERVICE.name_of(BOOL_TRUE), SERVICE.name_of(BOOL_FALSE)] == ["boolTrue", "boolFalse"]


def test_the_answers_of_the_published_run() -> None:
    created, result = (bytes.fromhex(inner["body"]) for inner in ANSWERS["success_container"]["inner"])
    refused = bytes.fromhex(ANSWERS["encrypted_message_invalid"]["body"])
    salt = bytes.fromhex(ANSWERS["bad_server_salt"]["body"])

    value = SERVICE.read_whole(created)
    assert isinstance(value, NewSessionCreated)
    assert value.first_msg_id == BIND_ID
    assert SERVICE.read_whole(result) == RpcResult(BIND_ID, BOOL_TRUE)
    assert SERVICE.read_whole(refused) == RpcResult(BIND_ID, RpcError(400, b"ENCRYPTED_MESSAGE_INVALID").to_bytes())
    value = SERVICE.read_whole(salt)
    assert isinstance(value, BadServerSalt)
    assert (value.bad_msg_id, value.bad_msg_seqno, value.error_code) == (BIND_ID, 1, 48)


def test_an_error_message_may_be_any_bytes() -> None:
    error = RpcError(-503, b"\xff\xfe not text")
    assert SERVICE.read_whole(error.to_bytes()) == error


def test_future_salts_are_a_bare_vector_of_bare_salts() -> None:
    salts = FutureSalts(1, 2, (FutureSalt(3, 4, 5), FutureSalt(6, 7, 8)))
    encoded = salts.to_bytes()
    # the documented size
    assert len(encoded) == 20 + 16 * 2
    assert SERVICE.read_whole(encoded) == salts
    assert repr(salts) == (
        "FutureSalts(req_msg_id=1, now=2, salts=(FutureSalt(valid_since=3, valid_until=4, salt=5),"
        " FutureSalt(valid_since=6, valid_until=7, salt=8)))"
    )


@pytest.mark.parametrize("count", [3, 1 << 27, (1 << 31) - 1, -1])
def test_more_salts_than_there_is_room_for(count: int) -> None:
    encoded = FutureSalts(1, 2, (FutureSalt(3, 4, 5),)).to_bytes()
    with pytest.raises(MalformedMessage, match="a vector of"):
        SERVICE.read(encoded[:16] + count.to_bytes(4, "little", signed=True) + encoded[20:])


def test_a_field_called_bytes_is_called_length() -> None:
    info = MsgDetailedInfo(msg_id=1, answer_msg_id=2, length=3, status=0)
    assert info.to_bytes().hex() == "c63e6d27" + "0100000000000000" + "0200000000000000" + "03000000" + "00000000"
