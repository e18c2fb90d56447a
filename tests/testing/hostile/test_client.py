"""The hostile client when it is honest, and what it says of servers that are not."""

from __future__ import annotations

from typing import Any

import pytest

from kit.hostile import QUERY, START, ServerRun, choosing, hostile_pair
from kit.keys import SERVER_KEY
from mtproto_bind import CallReceived, DataCenter, KeyBound, KeyCreated, KeyKind, Question, Stored
from mtproto_bind._questions import KeyOffered
from mtproto_bind._tl import RpcAnswerUnknown
from mtproto_bind._wire import pack_plain
from mtproto_bind.testing import CheapCrypto, Owner, SeededEntropy
from mtproto_bind.testing.hostile import HostileClient
from mtproto_bind.testing.hostile.server_breaches import BY_SERVER


def test_an_honest_client_is_served_by_a_real_server() -> None:
    done = ServerRun()
    client = done.meet()
    assert [type(event) for event in done.events] == [KeyCreated, KeyCreated, KeyBound, CallReceived, CallReceived]
    assert [created.record.kind for created in done.of(KeyCreated)] == [KeyKind.PERMANENT, KeyKind.TEMPORARY]
    assert done.owner.ran == [QUERY, QUERY]
    assert (client.finished, client.complaint, client.reached) == (True, None, False)
    handshake = ["resPQ", "server_DH_params_ok", "dh_gen_ok"]
    assert client.heard == [*handshake, *handshake, "new_session_created", "boolTrue", "rpc_result", "rpc_result"]


def test_it_calls_help_get_config_unless_told_otherwise() -> None:
    server, client = hostile_pair()
    assert (server.complaint, client.complaint, client.finished) == (None, None, True)
    assert server.heard[-3:] == ["help.getConfig", "msgs_ack", "help.getConfig"]
    assert len(server.bound) == 1


def test_the_data_centre_is_the_one_that_it_is_told() -> None:
    done = ServerRun(dc=DataCenter(3, test=True))
    assert done.meet(dc=10_003).heard[-1] == "rpc_result"
    assert done.meet(dc=3).heard[-1] == "transport_error -444"


def test_a_key_that_is_taken_is_made_again() -> None:
    offered: list[int] = []

    def answer(owner: Owner, question: Question[Any]) -> Any:
        if isinstance(question, KeyOffered):
            offered.append(question.record.key.id)
            if len(offered) <= 2:
                return Stored.TAKEN
        return owner.answer(question)

    done = ServerRun(answer=answer)
    client = done.meet()
    assert client.complaint is None
    assert client.heard[:5] == ["resPQ", "server_DH_params_ok", "dh_gen_retry", "dh_gen_retry", "dh_gen_ok"]
    assert client.heard[-1] == "rpc_result"
    # each time another key, and the two that were taken are not kept
    assert len(set(offered)) == len(offered) == 4
    assert done.owner.keys.keys() == set(offered[2:])


COMPLAINTS = {
    "SERVER_NONCE:ok": "the key is refused, or dh_gen_ok is not proven",
    "TRUSTED_KEY": "the server does not have the key that we know",
    "PQ_COMPOSITE": "pq has no two factors",
    "ANSWER_SHA1": "the hash of server_DH_inner_data is wrong",
    "INNER_NONCE": "server_DH_inner_data does not fit the handshake",
    "NEW_NONCE_HASH1": "the key is refused, or dh_gen_ok is not proven",
    "NEW_NONCE_HASH3": "the key is refused, or dh_gen_ok is not proven",
    "PLAINTEXT_AWAITED": "a message under another key than was used",
    "KEY_KNOWN": "a message under another key than was used",
    "MSG_KEY": "MSG_KEY",
    "SESSION_ID": "a message of another session, or with an id that no server gives",
    "MSG_ID_PARITY": "a message of another session, or with an id that no server gives",
}


@pytest.mark.parametrize(("name", "complaint"), COMPLAINTS.items())
def test_a_server_that_is_wrong_is_complained_of(name: str, complaint: str) -> None:
    [breach] = [each for each in BY_SERVER if each.name == name]
    _server, client = hostile_pair(breach)
    assert client.complaint is not None
    assert complaint in client.complaint
    assert client.finished


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (bytes([1] * 24), "a message under a key in the middle of a handshake"),
        (pack_plain(1, RpcAnswerUnknown().to_bytes()), "0x5e2ad36e in a handshake"),
    ],
)
def test_what_has_no_place_in_a_handshake(frame: bytes, complaint: str) -> None:
    client = HostileClient(SERVER_KEY.public, entropy=SeededEntropy(b"client"), clock=lambda: START, crypto=CheapCrypto())
    client.receive(len(frame).to_bytes(4, "little") + frame)
    assert (client.complaint, client.finished) == (complaint, True)


def test_answers_to_other_handshakes_are_passed_over() -> None:
    server, client = hostile_pair(client_breach=choosing(probes=3))
    assert (server.complaint, client.complaint) == (None, None)
    assert client.heard[:5] == ["resPQ"] * 4 + ["server_DH_params_ok"]
