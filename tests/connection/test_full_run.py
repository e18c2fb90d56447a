"""The synthetic run of tests/vectors through both connections, envelopes and all, byte for byte."""

from __future__ import annotations

from typing import Any

from kit.synthetic import RUN, auth_key, client_draws, messages, rsa_key, server_draws, time_of, unhex
from mtproto_bind import (
    NEED_DATA,
    Binding,
    BindRefused,
    BindRequested,
    CallReceived,
    ClientConfig,
    ClientConnection,
    Computation,
    DataCenter,
    Event,
    Goal,
    KeyBound,
    KeyCreated,
    KeyKind,
    KeyNeeded,
    KeyOffered,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeySuspected,
    Refusal,
    Secret,
    Server,
    ServerConfig,
    ServerConnection,
    Stored,
    StoredKey,
    TemporaryKeyCreated,
    Transport,
)
from mtproto_bind._crypto import Side, aes_v2
from mtproto_bind._wire import open_sealed
from mtproto_bind.testing import CheapCrypto, ScriptedEntropy

TAG = b"\xee" * 4
BIND = RUN["bind"]
BOUND_AT = BIND["msg_id"] / (1 << 32)
ANSWERED_AT = RUN["answers"]["success_container"]["container_msg_id"] / (1 << 32)


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + payload


def padding_of(message: bytes, side: Side) -> bytes:
    """The random bytes at the end of a sealed message, which its writer drew."""
    key = auth_key("temporary")
    opened = open_sealed(message, key, side, CheapCrypto())
    plaintext = CheapCrypto().ige_decrypt(message[24:], *aes_v2(key, message[8:24], side, CheapCrypto()))
    return plaintext[32 + len(opened.body) :]


def settle(connection: ClientConnection | ServerConnection, now: float, answers: dict[type, list[Any]]) -> list[Event]:
    """Everything up to NEED_DATA; questions are computed, or answered from the script."""
    told: list[Event] = []
    while (event := connection.next_event()) is not NEED_DATA:
        if isinstance(event, Computation):
            connection.answer(event, event.run(), now)
        elif type(event) in answers:
            connection.answer(event, answers[type(event)].pop(0), now)  # type: ignore[arg-type, type-var]  # as scripted
        else:
            told.append(event)
    return told


def play_client(client: ClientConnection, kind: str, now: float) -> tuple[list[Event], float]:
    """The client against the recorded answers. Returns what it told, and our time when server_time came."""
    told: list[Event] = []
    heard = 0.0
    tag = TAG
    for query, answer in messages(kind):
        now = max(now, time_of(query))
        told += settle(client, now, {})
        assert client.data_to_send(now) == tag + framed(query)
        tag = b""
        client.receive_data(framed(answer), now)
        heard = heard or (now if len(answer) > 500 else 0.0)
    told += settle(client, now, {})
    return told, heard


def test_client_permanent_key_with_a_retry() -> None:
    entropy = ScriptedEntropy(client_draws("permanent"))
    config = ClientConfig(server_keys=(rsa_key().public,), goal=Goal.PERMANENT_KEY, entropy=entropy, crypto=CheapCrypto())
    client = ClientConnection(config)
    start = time_of(messages("permanent")[0][0])
    client.transport_opened(Transport(), start)
    told, _ = play_client(client, "permanent", start)
    entropy.finish()
    [created] = told
    assert isinstance(created, PermanentKeyCreated)
    assert created.key.key == auth_key("permanent")
    assert created.key.key.id.to_bytes(8, "little") == unhex(RUN["permanent"]["auth_key_id_wire_le"])


def temporary_client(*later: bytes) -> tuple[ClientConnection, ScriptedEntropy, float]:
    """A client up to the moment when its binding has left; ``later`` is what it draws afterwards."""
    draws = [
        *client_draws("temporary"),
        unhex(BIND["temp_session_id_wire"]),
        unhex(BIND["nonce_wire"]),
        unhex(BIND["random_prefix"]),
        unhex(BIND["padding_8"]),
        b"\0",
        padding_of(unhex(BIND["request_message"]), Side.CLIENT),
        *later,
    ]
    entropy = ScriptedEntropy(draws)
    config = ClientConfig(
        dc=DataCenter(2, test=True, media=True),
        server_keys=(rsa_key().public,),
        permanent_key=PermanentKey(key=auth_key("permanent")),
        entropy=entropy,
        crypto=CheapCrypto(),
    )
    client = ClientConnection(config)
    start = time_of(messages("temporary")[0][0])
    client.transport_opened(Transport(), start)
    tag = TAG
    heard = 0.0
    now = start
    *before, (query, answer) = messages("temporary")
    for asked, answered in before:
        now = time_of(asked)
        settle(client, now, {})
        assert client.data_to_send(now) == tag + framed(asked)
        tag = b""
        client.receive_data(framed(answered), now)
        heard = now
    settle(client, heard, {})
    now = time_of(query)
    assert client.data_to_send(now) == framed(query)
    # the binding is made at the moment at which its id was, on the server's clock
    now = BOUND_AT - (RUN["temporary"]["server_time"] - heard)
    client.receive_data(framed(answer), now)
    [made] = settle(client, now, {})
    assert isinstance(made, TemporaryKeyCreated)
    assert made.server_salt.to_bytes(8, "little") == unhex(RUN["temporary"]["server_salt_wire_le"])
    assert client.data_to_send(now) == framed(unhex(BIND["request_message"]))
    return client, entropy, now


def test_client_temporary_key_and_binding() -> None:
    client, entropy, now = temporary_client(b"\0\0")
    client.receive_data(framed(unhex(RUN["answers"]["success_container"]["message"])), now + 0.1)
    [bound] = settle(client, now + 0.1, {})
    entropy.finish()
    assert bound == KeyBound(
        key_id=auth_key("temporary").id, permanent_key_id=auth_key("permanent").id, expires_at=BIND["expires_at"]
    )
    assert client.bound_key().server_salt.to_bytes(8, "little") == unhex(RUN["temporary"]["server_salt_wire_le"])


def test_client_refused() -> None:
    client, entropy, now = temporary_client()
    client.receive_data(framed(unhex(RUN["answers"]["encrypted_message_invalid"]["message"])), now + 0.1)
    refused, suspected = settle(client, now + 0.1, {})
    entropy.finish()
    assert isinstance(refused, BindRefused)
    assert isinstance(suspected, PermanentKeySuspected)
    assert refused.verdict.refusal is Refusal.ENCRYPTED_MESSAGE_INVALID


def test_client_refused_for_its_salt_sends_the_same_binding() -> None:
    client, entropy, now = temporary_client(b"\0", bytes(12))
    client.receive_data(framed(unhex(RUN["answers"]["bad_server_salt"]["message"])), now + 0.1)
    assert settle(client, now + 0.1, {}) == []
    again = client.data_to_send(now + 0.1)[4:]
    entropy.finish()
    opened = open_sealed(again, auth_key("temporary"), Side.CLIENT, CheapCrypto())
    assert opened.msg_id == BIND["msg_id"]
    assert opened.body == unhex(BIND["request"])
    assert opened.salt.to_bytes(8, "little") == unhex(RUN["answers"]["bad_server_salt"]["body"])[20:28]


def server(kind: str, draws: list[bytes]) -> tuple[ServerConnection, ScriptedEntropy]:
    entropy = ScriptedEntropy(draws)
    dc = DataCenter(2) if kind == "permanent" else DataCenter(2, test=True, media=True)
    config = ServerConfig(
        private_keys=(rsa_key(),), dc=dc, entropy=entropy, crypto=CheapCrypto(), plain_padding=True, salt_secret=Secret(bytes(32))
    )
    return Server(config).accept(Transport(), "peer", time_of(messages(kind)[0][0])), entropy


def play_server(connection: ServerConnection, kind: str, answers: dict[type, list[Any]]) -> list[Event]:
    """The recorded queries to the server; its answers are compared."""
    told: list[Event] = []
    tag = TAG
    for query, answer in messages(kind):
        now = time_of(query)
        connection.receive_data(tag + framed(query), now)
        tag = b""
        # the time that the answer tells is not the one in its id, so it is the one thing that the run does not pin down
        late = max(now, RUN[kind]["server_time"]) if len(answer) > 500 else now
        told += settle(connection, late, answers)
        sent = connection.data_to_send(late)
        assert sent[:12] + sent[20:] == framed(answer)[:12] + framed(answer)[20:]
        assert late > now or sent == framed(answer)
    return told


def test_server_permanent_key_with_a_retry() -> None:
    connection, entropy = server("permanent", server_draws("permanent", trailing=[b""] * 4))
    told = play_server(connection, "permanent", {KeyOffered: [Stored.TAKEN, Stored.KEPT]})
    entropy.finish()
    [created] = told
    assert isinstance(created, KeyCreated)
    assert created.record.key == auth_key("permanent")


def test_server_temporary_key_and_binding() -> None:
    answer = messages("temporary")[1][1]
    trailing = answer[len(answer) - RUN["temporary"]["server_DH_params_ok_trailing_bytes"] :]
    success = RUN["answers"]["success_container"]
    unique_id = unhex(success["inner"][0]["body"])[12:20]
    draws = [
        *server_draws("temporary", trailing=[b"", trailing, b""]),
        unique_id,
        b"\0",
        padding_of(unhex(success["message"]), Side.SERVER),
    ]
    connection, entropy = server("temporary", draws)
    [created] = play_server(connection, "temporary", {KeyOffered: [Stored.KEPT]})
    assert isinstance(created, KeyCreated)
    assert created.record.kind is KeyKind.TEMPORARY
    assert created.record.media
    permanent = StoredKey(
        key=auth_key("permanent"), kind=KeyKind.PERMANENT, media=False, created_at=0.0, expires_at=None, first_salt=0
    )
    connection.receive_data(framed(unhex(BIND["request_message"])), ANSWERED_AT)
    told = settle(connection, ANSWERED_AT, {KeyNeeded: [permanent], BindRequested: [Binding.MADE]})
    assert connection.data_to_send(ANSWERED_AT) == framed(unhex(success["message"]))
    entropy.finish()
    assert [type(event) for event in told] == [KeyBound]
    assert CallReceived not in {type(event) for event in told}
