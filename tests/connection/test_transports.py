"""Keys, a binding and the longest calls over every transport, in the open and hidden, with secrets and without."""

from __future__ import annotations

import pytest

from kit.keys import SERVER_KEY
from kit.pairs import keep_calls, make_pair
from kit.streams import SECRET, TRANSPORTS, describe
from mtproto_bind import (
    NEED_DATA,
    CallAnswered,
    Check,
    ClientConnection,
    ConnectionClosed,
    Framing,
    KeyBound,
    Limits,
    SecurityError,
    Server,
    Transport,
    TransportEnded,
)
from mtproto_bind.testing import make_client_config, make_server_config

DD = Transport(Framing.PADDED, obfuscated=True, secret=b"\xdd" + SECRET)
EVERY = pytest.mark.parametrize("transport", [*TRANSPORTS, DD], ids=[*map(describe, TRANSPORTS), "padded dd secret"])
LONGEST = Limits().outgoing_message
LONG_QUERY = bytes.fromhex("2d7a1f0e") + bytes(range(256)) * (LONGEST // 256 - 1) + bytes(252)
LONG_ANSWER = LONG_QUERY[::-1]


@EVERY
def test_a_call_of_a_mebibyte_and_its_answer(transport: Transport) -> None:
    assert len(LONG_QUERY) == LONGEST == 1 << 20
    pair = make_pair(transport=transport)
    pair.run_until(KeyBound)
    kept = keep_calls(pair)
    pair.client.call(LONG_QUERY, pair.client_now)
    assert pair.run(5, lambda _: bool(kept))
    assert kept[0].body == LONG_QUERY
    assert pair.link is not None
    pair.link.send_result(kept[0], LONG_ANSWER, pair.server_now)
    answered = pair.run_until(CallAnswered)
    assert isinstance(answered, CallAnswered)
    assert answered.body == LONG_ANSWER
    assert not pair.events(TransportEnded)


def test_another_secret_is_another_transport() -> None:
    """A server that cannot read the header does not know how to say so: the stream ends without a word."""
    client = ClientConnection(make_client_config(SERVER_KEY))
    client.transport_opened(Transport(Framing.PADDED, obfuscated=True, secret=bytes(16)), 0.0)
    assert client.next_event() is NEED_DATA
    link = Server(make_server_config(SERVER_KEY)).accept(Transport.detect(secrets=[SECRET]), "peer", 0.0)
    link.receive_data(client.data_to_send(0.0), 0.0)
    closed = link.next_event()
    assert isinstance(closed, ConnectionClosed)
    assert isinstance(closed.error, SecurityError)
    assert closed.error.check is Check.DETECTION
    assert link.data_to_send(0.0) == b""
