"""The hostile server when it is honest, and what it says of clients that are not."""

from __future__ import annotations

from typing import Any

import pytest

from kit.hostile import QUERY, START, ClientRun, choosing, hostile_pair
from kit.keys import SERVER_KEY
from mtproto_bind import (
    CallAnswered,
    ExchangeRefused,
    Goal,
    KeyBound,
    Limits,
    PermanentKeyCreated,
    TemporaryKeyCreated,
    TransportEnded,
)
from mtproto_bind._ground import to_fixed, to_int
from mtproto_bind._tl import HANDSHAKE, MsgsAck, PQInnerData, PQInnerDataTemp, ReqPQ, ReqPQMulti
from mtproto_bind._wire import Stream, Transport, pack_plain, unpack_plain
from mtproto_bind.testing import CheapCrypto, SeededEntropy
from mtproto_bind.testing.hostile import HostileClient, HostileServer
from mtproto_bind.testing.hostile.client_breaches import BY_CLIENT


def test_an_honest_server_serves_a_real_client() -> None:
    done = ClientRun()
    call = done.client.call(QUERY, done.now)
    server = done.meet()
    assert [type(event) for event in done.events] == [PermanentKeyCreated, TemporaryKeyCreated, KeyBound, CallAnswered]
    assert done.of(CallAnswered) == [CallAnswered(call_id=call, body=QUERY)]
    assert (server.complaint, server.finished, server.reached) == (None, False, False)
    handshake = ["req_pq_multi", "req_DH_params", "set_client_DH_params"]
    assert server.heard[:7] == [*handshake, *handshake, "auth.bindTempAuthKey"]
    [bound] = done.of(KeyBound)
    assert server.bound == {bound.key_id: bound.permanent_key_id}
    assert done.client.status.dropped == {}


def test_keys_and_sessions_go_on_from_stream_to_stream() -> None:
    done = ClientRun()
    done.client.call(QUERY, done.now)
    first = done.meet()
    done.lose()
    done.client.call(QUERY[::-1], done.now)
    second = done.meet()
    assert second.bound is first.bound
    assert [event.body for event in done.of(CallAnswered)] == [QUERY, QUERY[::-1]]
    # no key was made anew, no session announced
    assert second.heard == ["msgs_ack", "ping", "call"]


def test_calls_are_answered_as_they_are_handled() -> None:
    done = ClientRun()
    done.client.call(QUERY, done.now)
    done.meet(handle_call=lambda body: body[::-1])
    assert [event.body for event in done.of(CallAnswered)] == [QUERY[::-1]]


@pytest.mark.parametrize(
    ("choice", "told"),
    [({"server_dh_params__fails": True}, "server_DH_params_fail"), ({"dh_gen__fails": True}, "dh_gen_fail")],
)
def test_a_refusal_is_proven(choice: dict[str, Any], told: str) -> None:
    done = ClientRun()
    server = done.meet(choosing(**choice))
    [ended] = done.of(TransportEnded)
    assert isinstance(ended.error, ExchangeRefused)
    assert told in str(ended.error)
    assert not server.reached


def test_another_share_is_asked_for_in_the_same_handshake() -> None:
    done = ClientRun(goal=Goal.PERMANENT_KEY)
    server = done.meet(choosing(dh_gen__retries=2))
    assert server.heard == ["req_pq_multi", "req_DH_params", *["set_client_DH_params"] * 3]
    [created] = done.of(PermanentKeyCreated)
    assert server._keys.keys() == {created.key.key.id}


class OldClient(HostileClient):
    """Its encrypted_data is as it was before 2021, and names no data centre."""

    def _inner_data(self, numbers: tuple[bytes, bytes, bytes], nonces: tuple[bytes, bytes, bytes], lifetime: int | None) -> bytes:
        inner = PQInnerData(*numbers, *nonces) if lifetime is None else PQInnerDataTemp(*numbers, *nonces, lifetime)
        return inner.to_bytes()

    def _rsa_pad(self, data: bytes) -> bytes:
        block = self.digest(data) + data
        return to_fixed(pow(to_int(block + self._entropy(255 - len(block))), self._server_key.e, self._server_key.n), 256)

    def digest(self, data: bytes) -> bytes:
        return self._crypto.sha1(data)


class CarelessClient(OldClient):
    def digest(self, data: bytes) -> bytes:
        return self._crypto.sha1(data[::-1])


class OddClient(OldClient):
    def _inner_data(self, *_arguments: Any) -> bytes:
        return ReqPQ(nonce=bytes(16)).to_bytes()


def meeting(kind: type[HostileClient]) -> tuple[HostileServer, HostileClient]:
    """A client of this kind and an honest server, to the end."""
    common: dict[str, Any] = {"clock": lambda: START, "crypto": CheapCrypto()}
    server = HostileServer(SERVER_KEY, entropy=SeededEntropy(b"server"), **common)
    client = kind(SERVER_KEY.public, entropy=SeededEntropy(b"client"), **common)
    for _ in range(20):
        server.receive(client.data_to_send())
        client.receive(server.data_to_send())
    return server, client


def test_clients_of_before_2021_are_served() -> None:
    server, client = meeting(OldClient)
    assert (server.complaint, client.complaint, client.finished) == (None, None, True)
    assert sorted(known.lifetime or 0 for known in server._keys.values()) == [0, 86400]


def test_even_they_have_to_be_right() -> None:
    assert meeting(CarelessClient)[0].complaint == "the hash of the inner data is wrong"
    assert meeting(OddClient)[0].complaint == "encrypted_data holds no inner data"


def test_acknowledgements_and_probes_in_the_clear_do_not_matter() -> None:
    server = HostileServer(SERVER_KEY, entropy=SeededEntropy(b"server"), clock=lambda: START, crypto=CheapCrypto())
    stream = Stream(Transport(), server=False, limits=Limits(), entropy=SeededEntropy(b"client"), crypto=CheapCrypto())
    for message in (ReqPQ(nonce=bytes(16)), MsgsAck(msg_ids=(1,)), ReqPQMulti(nonce=bytes(range(16)))):
        stream.send(pack_plain(0, message.to_bytes()))
    server.receive(stream.data_to_send())
    stream.receive(server.data_to_send())
    answers = [HANDSHAKE.read(unpack_plain(frame)[1])[0] for frame in iter(stream.next_frame, None)]
    assert [getattr(answer, "nonce", None) for answer in answers] == [bytes(16), bytes(range(16))]
    assert server.heard == ["req_pq", "req_pq_multi"]
    assert server.complaint is None


COMPLAINTS = {
    "HANDSHAKE_KNOWN": "req_DH_params where req_DH_params was awaited, or another nonce",
    "HANDSHAKE_KNOWN:server_nonce": "req_DH_params does not fit resPQ",
    "HANDSHAKE_KNOWN:order": "set_client_DH_params where req_DH_params was awaited",
    "HANDSHAKE_KNOWN:answer": "dh_gen_ok where req_pq was awaited",
    "PQ_ECHO": "req_DH_params does not fit resPQ",
    "FINGERPRINT": "encrypted_data is not under the key that was offered",
    "ENCRYPTED_DATA_SIZE": "encrypted_data is not under the key that was offered",
    "RSA_PAD_HASH": "RSA_PAD_HASH",
    "INNER_DATA_ECHO:nonce": "the inner data does not fit req_DH_params",
    "CLIENT_DATA_SHA1": "the hash of client_DH_inner_data is wrong",
    "CLIENT_INNER_NONCE": "client_DH_inner_data does not fit the handshake",
    "RETRY_ID": "client_DH_inner_data does not fit the handshake",
    "KEY_KNOWN": "a message under a key that does not exist",
    "MSG_KEY": "MSG_KEY",
    "BIND_KEY_ID": "the binding names no permanent key",
    "BIND_MSG_KEY": "BIND_MSG_KEY",
    "BIND_NONCE": "the sealed binding does not fit the request around it",
    "BIND_SESSION": "the sealed binding does not fit the request around it",
}


@pytest.mark.parametrize(("name", "complaint"), COMPLAINTS.items())
def test_a_client_that_is_wrong_is_complained_of(name: str, complaint: str) -> None:
    [breach] = [each for each in BY_CLIENT if each.name == name]
    server, _client = hostile_pair(client_breach=breach)
    assert server.complaint is not None
    assert complaint in server.complaint
    assert server.finished
    # and nothing is said any more
    server.receive(b"\xee\xee\xee\xee" * 100)
    assert server.data_to_send() == b""
