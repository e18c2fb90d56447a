"""What a client makes of frames that are shorter than any message: errors, quick acknowledgements, nothing.

https://core.telegram.org/mtproto/mtproto-transports#transport-errors
"""

from __future__ import annotations

from typing import Any

import pytest

from kit.keys import SERVER_KEY
from kit.streams import SECRET, TRANSPORTS, describe, server
from mtproto_bind import (
    NEED_DATA,
    ClientConnection,
    DataCenter,
    Event,
    Framing,
    MalformedMessage,
    PeerTimedOut,
    Transport,
    TransportEnded,
    TransportErrorReceived,
)
from mtproto_bind.testing import make_client_config

EVERY = pytest.mark.parametrize("transport", TRANSPORTS, ids=describe)
PADDED = [transport for transport in TRANSPORTS if transport.framing is Framing.PADDED]
TOKEN = 0x8899AABB


class Talk:
    """A client that has sent its first query, and a server that answers with whatever frame a test wants."""

    def __init__(self, transport: Transport) -> None:
        self.client = ClientConnection(make_client_config(SERVER_KEY, dc=DataCenter(2)))
        self.client.transport_opened(transport, 0.0)
        self.events()
        self.server = server(Transport.detect(secrets=[SECRET] if transport.secret else []))
        self.server.receive(self.client.data_to_send(0.0))
        if self.server.next_frame() is None:
            raise LookupError("the client has asked nothing")

    @property
    def codec(self) -> Any:
        return self.server._codec

    def events(self) -> list[Event]:
        found: list[Event] = []
        while not isinstance(event := self.client.next_event(), type(NEED_DATA)):
            found.append(event)
        return found

    def hear(self, frame: bytes, now: float = 0.0) -> list[Event]:
        """What becomes of these bytes, framed already."""
        self.server._write(frame)
        self.client.receive_data(self.server.data_to_send(), now)
        return self.events()

    def hear_payload(self, payload: bytes, padding: bytes = b"") -> list[Event]:
        return self.hear(self.codec.encode(payload, padding=padding))


def error_in(events: list[Event]) -> Any:
    [ended] = events
    assert isinstance(ended, TransportEnded)
    return ended.error


@EVERY
@pytest.mark.parametrize("code", [-1, -403, -404, -429, -444, -(1 << 31)])
def test_an_error(transport: Transport, code: int) -> None:
    error = error_in(Talk(transport).hear_payload(code.to_bytes(4, "little", signed=True)))
    assert isinstance(error, TransportErrorReceived)
    assert error.code == code


@pytest.mark.parametrize("transport", PADDED, ids=describe)
def test_an_error_with_padding(transport: Transport) -> None:
    for size in range(16):
        error = error_in(Talk(transport).hear_payload(b"\x6c\xfe\xff\xff", b"\x5a" * size))
        assert isinstance(error, TransportErrorReceived)
        assert error.code == -404


def test_with_more_behind_it_is_no_error() -> None:
    error = error_in(Talk(Transport()).hear_payload(b"\x6c\xfe\xff\xff" + bytes(16)))
    assert isinstance(error, MalformedMessage)
    assert "a message of 20 bytes" in str(error)


@EVERY
def test_nothing_is_nothing(transport: Transport) -> None:
    talk = Talk(transport)
    for _ in range(3):
        assert talk.hear_payload(bytes(4)) == []
    assert error_in(talk.hear_payload(b"\x6c\xfe\xff\xff")).code == -404


@pytest.mark.parametrize("transport", PADDED, ids=describe)
def test_nothing_with_padding(transport: Transport) -> None:
    talk = Talk(transport)
    for size in range(16):
        assert talk.hear_payload(bytes(4), b"\x5a" * size) == []


def test_nothing_with_more_behind_it_is_malformed() -> None:
    assert isinstance(error_in(Talk(Transport()).hear_payload(bytes(20))), MalformedMessage)


def test_who_says_only_nothing_is_silent() -> None:
    talk = Talk(Transport())
    timeout = make_client_config(SERVER_KEY).timeouts.handshake
    for second in range(int(timeout)):
        assert talk.hear(talk.codec.encode(bytes(4)), float(second)) == []
        talk.client.handle_timeout(float(second))
    talk.client.handle_timeout(timeout)
    assert isinstance(error_in(talk.events()), PeerTimedOut)


@pytest.mark.parametrize("number", [1, 404, (1 << 31) - 1])
@EVERY
def test_a_number_that_is_no_code(transport: Transport, number: int) -> None:
    error = error_in(Talk(transport).hear_payload(number.to_bytes(4, "little")))
    assert isinstance(error, MalformedMessage)


@pytest.mark.parametrize("transport", [each for each in TRANSPORTS if each.framing is not Framing.FULL], ids=describe)
def test_a_quick_acknowledgement_that_nobody_asked_for(transport: Transport) -> None:
    talk = Talk(transport)
    # the first answer is looked at for other protocols, once it has one byte more than a token
    assert talk.hear_payload(bytes(4)) == []
    error = error_in(talk.hear(talk.codec.encode_quick_ack(TOKEN)))
    assert isinstance(error, MalformedMessage)
    assert "a quick acknowledgement that was not asked for" in str(error)


@pytest.mark.parametrize("transport", PADDED, ids=describe)
@pytest.mark.parametrize("size", range(9))
def test_the_same_with_padding(transport: Transport, size: int) -> None:
    talk = Talk(transport)
    error = error_in(talk.hear_payload(b"\xff" * 4 + TOKEN.to_bytes(4, "little"), b"\x5a" * size))
    assert isinstance(error, MalformedMessage)
    assert "not asked for" in str(error)


@pytest.mark.parametrize("secret", [SECRET, b"\xdd" + SECRET])
def test_a_proxy_is_told_the_data_centre(secret: bytes) -> None:
    client = ClientConnection(make_client_config(SERVER_KEY, dc=DataCenter(0)))
    with pytest.raises(ValueError, match="a proxy has to be told the data centre"):
        client.transport_opened(Transport(Framing.PADDED, obfuscated=True, secret=secret), 0.0)
    # nothing has changed, and without a proxy nobody need know
    client.transport_opened(Transport(Framing.PADDED, obfuscated=True), 0.0)
