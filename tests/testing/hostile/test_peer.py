"""The points at which values pass, and how a script begins, goes on and ends."""

from __future__ import annotations

from typing import Any

import pytest

from kit.hostile import START, hostile_pair
from kit.keys import SERVER_KEY
from mtproto_bind import Check, Framing, Transport
from mtproto_bind._tl import (
    BOOL_FALSE,
    BOOL_TRUE,
    BadMsgNotification,
    GzipPacked,
    HelpGetConfig,
    Ping,
    RpcError,
    RpcResult,
)
from mtproto_bind.testing import CheapCrypto, SeededEntropy
from mtproto_bind.testing.hostile import Breach, HostileClient, HostileServer, Role
from mtproto_bind.testing.hostile import alterations as by
from mtproto_bind.testing.hostile.peer import describe, read


def client(breach: Breach | None = None, transport: Transport | None = None) -> HostileClient:
    return HostileClient(
        SERVER_KEY.public,
        breach,
        entropy=SeededEntropy(b"client"),
        clock=lambda: START,
        crypto=CheapCrypto(),
        transport=transport,
    )


def breach(point: str, alter: by.Alter = by.flipped, **given: Any) -> Breach:
    return Breach(check=Check.NONCE, by=Role.CLIENT, how="somehow", point=point, alter=alter, given=given)


def test_a_value_is_altered_once_and_remembered_as_it_was_sent() -> None:
    peer = client(breach("a", lambda value, earlier: value + earlier["b"], c=7))
    assert peer._twist("b", 10) == 10
    # a choice is taken only on the way to the breach
    assert peer._twist("c", 3) == 7
    assert peer._twist("a", 1) == 11
    assert peer.reached
    assert (peer._twist("a", 1), peer._twist("c", 3)) == (1, 3)
    assert (peer._earlier["a"], peer._earlier["b"]) == (1, 10)


def test_a_value_that_comes_out_the_same_is_no_breach() -> None:
    peer = client(breach("a", by.to(1)))
    assert peer._twist("a", 1) == 1
    assert not peer.reached
    assert peer._twist("a", 2) == 1
    assert peer.reached


def test_without_a_breach_nothing_is_altered() -> None:
    assert client()._twist("a", 1) == 1


def test_ids_grow_though_the_clock_stands_still() -> None:
    peer = client()
    ids = [peer._next_id(remainder) for remainder in (0, 1, 1, 3, 0)]
    assert ids == sorted(set(ids))
    assert [msg_id % 4 for msg_id in ids] == [0, 1, 1, 3, 0]
    assert {msg_id >> 32 for msg_id in ids} == {int(START)}


def test_the_first_bytes_are_a_point_too_and_only_the_first() -> None:
    peer = client(breach("stream.beginning", by.to(b"GET")))
    assert peer.data_to_send() == b"GET"
    assert peer.data_to_send() == b""
    peer._plain("again", HelpGetConfig())
    assert peer.data_to_send() != b"GET"


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("obfuscated", [False, True])
def test_every_transport(framing: Framing, obfuscated: bool) -> None:
    if obfuscated and framing is Framing.FULL:
        return
    server, peer = hostile_pair(transport=Transport(framing, obfuscated=obfuscated))
    assert (server.complaint, peer.complaint, peer.finished) == (None, None, True)
    assert peer.heard[-2:] == ["rpc_result", "rpc_result"]


def test_byte_by_byte_is_the_same() -> None:
    whole, cut = client(), client()
    server = HostileServer(SERVER_KEY, entropy=SeededEntropy(b"server"), clock=lambda: START, crypto=CheapCrypto())
    while not whole.finished:
        sent = whole.data_to_send()
        assert cut.data_to_send() == sent
        for at in range(len(sent)):
            server.receive(sent[at : at + 1])
        answer = server.data_to_send()
        whole.receive(answer)
        for at in range(len(answer)):
            cut.receive(answer[at : at + 1])
    assert whole.complaint is None
    assert cut.heard == whole.heard


def test_a_transport_error_is_heard_and_ends_the_script() -> None:
    peer = client()
    peer.data_to_send()
    peer.receive(bytes.fromhex("04000000 6cfeffff"))
    assert (peer.heard, peer.finished, peer.complaint) == (["transport_error -404"], True, None)
    # whatever comes then is of no interest
    peer.receive(bytes.fromhex("04000000 6cfeffff"))
    assert peer.heard == ["transport_error -404"]


def test_bytes_that_are_no_frames_end_the_script() -> None:
    peer = client()
    peer.receive(bytes.fromhex("03000000 00000000"))
    assert peer.finished
    assert peer.complaint is not None
    assert "a frame of 3 bytes" in peer.complaint


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Ping(ping_id=1), "ping"),
        (BadMsgNotification(bad_msg_id=4, bad_msg_seqno=1, error_code=16), "bad_msg_notification 16"),
        (RpcResult(req_msg_id=4, result=BOOL_TRUE), "boolTrue"),
        (RpcResult(req_msg_id=4, result=BOOL_FALSE), "boolFalse"),
        (
            RpcResult(req_msg_id=4, result=RpcError(error_code=400, error_message=b"BAD\xff").to_bytes()),
            "rpc_error 400 BAD\ufffd",
        ),
        (RpcResult(req_msg_id=4, result=b"something"), "rpc_result"),
    ],
)
def test_words_for_messages(message: Any, words: str) -> None:
    assert describe(message) == words


def test_what_is_read() -> None:
    for message in (Ping(ping_id=1), HelpGetConfig(), GzipPacked(packed_data=b"")):
        assert read(message.to_bytes()) == message
    assert read(b"some") is None
