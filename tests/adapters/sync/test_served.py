"""One client of the server: what is read, what is written, and when it ends."""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest
from websockets.frames import Opcode

from kit.serving import SERVER_KEY, Client
from kit.websocket_peers import close, frame, request
from mtproto_bind import (
    CallAnswered,
    CallReceived,
    ConnectionClosed,
    Event,
    KeyBound,
    Server,
    ServerConfig,
    ServerConnection,
    Transport,
)
from mtproto_bind_adapters.carrier import Carrier
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync.served import FAREWELL, HIGH_WATER, READ_SIZE, STALLED, Served
from mtproto_bind_adapters.websocket import ServerCarrier

NOW = 1_800_000_000.0
ANSWER = b"\xaa" * (1 << 16)
OPENING = 10.0
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Ends:
    """A client and the server's side of it, at a time that stands still."""

    def __init__(self, pair: tuple[socket.socket, socket.socket] | None = None, carrier: Carrier | None = None) -> None:
        ours, self.stream = pair or socket.socketpair()
        for end in (ours, self.stream):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
        server = Server(ServerConfig(private_keys=(SERVER_KEY,)))
        connection = server.accept(Transport.detect(), "peer", NOW)
        self.told: list[Event] = []
        opens_by = None if carrier is None else NOW + OPENING
        self.served = Served(ours, connection, MemoryStore(), self.on_event, carrier=carrier, opens_by=opens_by)
        self.client = Client(self.stream, NOW)

    def on_event(self, connection: ServerConnection, event: Event, now: float) -> None:
        self.told.append(event)
        if isinstance(event, CallReceived):
            connection.send_result(event, ANSWER, now)

    def turn(self) -> None:
        """One round, the server first."""
        self.served.serve(READ | WRITE, NOW)
        self.client.read()
        self.client.write()

    def bind(self) -> None:
        self.client.write()
        while not self.client.has_heard(KeyBound):
            self.turn()

    def count_calls(self) -> int:
        return sum(isinstance(event, CallReceived) for event in self.told)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.stream.close()
    made.served.stream.close()


def test_a_client_that_does_not_read_is_not_read_from(ends: Ends) -> None:
    ends.bind()
    ends.client.write(calls=10)
    ends.served.serve(READ, NOW)
    assert len(ends.served._unwritten) > HIGH_WATER
    assert ends.served.interest == WRITE
    ends.client.write(calls=1000)
    ends.served.serve(WRITE, NOW)
    assert ends.count_calls() == 10
    assert len(ends.served._unwritten) < 2 * 10 * len(ANSWER)


def test_what_waited_arrives_when_the_client_reads(ends: Ends) -> None:
    ends.bind()
    ends.client.write(calls=20)
    while not ends.client.has_heard(CallAnswered, 20):
        ends.turn()
    assert ends.served.interest == READ
    assert ends.served._stalls_at is None


def test_a_client_that_never_reads_is_given_up(ends: Ends) -> None:
    ends.bind()
    ends.client.write(calls=10)
    ends.served.serve(READ, NOW)
    assert ends.served.deadline == NOW + STALLED
    ends.served.serve(WRITE, NOW + 1)
    assert ends.served.deadline == NOW + STALLED
    ends.served.handle_timeout(NOW + STALLED)
    assert ends.served.ended
    assert isinstance(ends.told[-1], ConnectionClosed)


def test_a_client_that_reads_a_little_is_not_given_up(ends: Ends) -> None:
    ends.bind()
    ends.client.write(calls=10)
    ends.served.serve(READ, NOW)
    ends.client.read()
    ends.served.serve(WRITE, NOW + 1)
    assert ends.served.deadline == NOW + 1 + STALLED


def test_a_client_that_leaves_is_told_of(ends: Ends) -> None:
    ends.bind()
    ends.stream.close()
    ends.served.serve(READ, NOW)
    assert ends.served.ended
    assert ends.told[-1] == ConnectionClosed(error=None)


def test_a_client_that_is_reset_is_told_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    ends = Ends((ours, stream))
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()
    with ours:
        ends.served.serve(READ, NOW)
    assert ends.served.ended
    assert ends.told == [ConnectionClosed(error=None)]


def test_a_write_that_fails_ends_it(ends: Ends) -> None:
    ends.bind()
    ends.client.write(calls=1)
    ends.stream.shutdown(socket.SHUT_RD)
    ends.served.serve(READ, NOW)
    assert ends.served.ended


def test_the_last_words_are_heard_and_the_end_waits_for_the_client(ends: Ends) -> None:
    ends.stream.sendall(b"\xef" + b"\x04" + b"\xaa" * 16)
    ends.served.serve(READ, NOW)
    assert not ends.served.ended
    assert ends.stream.recv(100) == b"\x01" + (-404).to_bytes(4, "little", signed=True)
    assert ends.stream.recv(100) == b""
    assert ends.served.interest == READ
    assert ends.served.deadline == NOW + FAREWELL
    ends.stream.sendall(b"more")
    ends.served.serve(READ, NOW)
    assert not ends.served.ended
    ends.stream.close()
    ends.served.serve(READ, NOW)
    assert ends.served.ended


def test_the_end_does_not_wait_for_ever(ends: Ends) -> None:
    ends.stream.sendall(b"\xef" + b"\x04" + b"\xaa" * 16)
    ends.served.serve(READ, NOW)
    ends.served.handle_timeout(NOW + FAREWELL)
    assert ends.served.ended
    ends.served.serve(READ, NOW + FAREWELL)


def test_nothing_to_read_is_nothing(ends: Ends) -> None:
    ends.served.serve(READ, NOW)
    assert not ends.served.ended
    assert ends.told == []


def test_a_silent_client_is_dropped_by_the_machine(ends: Ends) -> None:
    deadline = ends.served.deadline
    assert deadline is not None
    ends.served.handle_timeout(deadline)
    assert isinstance(ends.told[-1], ConnectionClosed)
    assert ends.stream.recv(1) == b""


# ---- inside a carrier


@pytest.fixture
def carried() -> Iterator[Ends]:
    made = Ends(carrier=ServerCarrier())
    yield made
    made.stream.close()
    made.served.stream.close()


def hear(ends: Ends) -> bytes:
    """What the client hears, all of it."""
    heard = b""
    with suppress(BlockingIOError):
        while data := ends.stream.recv(1 << 20):
            heard += data
    return heard


def shake(ends: Ends) -> None:
    """The handshake, a byte at a time."""
    for byte in request():
        assert ends.served.deadline == NOW + OPENING
        ends.stream.sendall(bytes([byte]))
        ends.served.serve(READ, NOW)
    assert hear(ends).startswith(b"HTTP/1.1 101 ")
    assert ends.served.deadline not in (None, NOW + OPENING)


PLAIN_OF_NO_KEY = b"\xef" + b"\x04" + b"\xaa" * 16


def test_the_stream_lies_in_the_carrier(carried: Ends) -> None:
    shake(carried)
    carried.stream.sendall(frame(PLAIN_OF_NO_KEY[:5], mask=True) + frame(PLAIN_OF_NO_KEY[5:], mask=True, fin=False))
    carried.served.serve(READ, NOW)
    refusal = b"\x01" + (-404).to_bytes(4, "little", signed=True)
    assert hear(carried) == frame(refusal, mask=False) + close(1000, mask=False)
    assert carried.stream.recv(1) == b""
    assert carried.served.deadline == NOW + FAREWELL
    carried.stream.sendall(close(1000, mask=True))
    carried.served.serve(READ, NOW)
    assert not carried.served.ended
    carried.stream.close()
    carried.served.serve(READ, NOW)
    assert carried.served.ended


def test_pings_are_answered(carried: Ends) -> None:
    shake(carried)
    carried.stream.sendall(frame(b"1", mask=True, opcode=Opcode.PING))
    carried.served.serve(READ, NOW)
    assert hear(carried) == frame(b"1", mask=False, opcode=Opcode.PONG)
    assert carried.told == []


def test_a_client_that_pings_and_does_not_read_is_not_read_from(carried: Ends) -> None:
    shake(carried)
    pings = frame(bytes(125), mask=True, opcode=Opcode.PING) * 100
    while carried.served.interest & READ:
        with suppress(BlockingIOError):
            carried.stream.send(pings)
        carried.served.serve(READ, NOW)
    assert HIGH_WATER <= len(carried.served._unwritten) < HIGH_WATER + READ_SIZE
    carried.served.handle_timeout(NOW + STALLED)
    assert carried.served.ended


def test_what_a_client_said_before_it_closed_is_heard(carried: Ends) -> None:
    shake(carried)
    carried.stream.sendall(frame(PLAIN_OF_NO_KEY, mask=True) + close(1000, mask=True))
    carried.served.serve(READ, NOW)
    (told,) = carried.told
    assert isinstance(told, ConnectionClosed)
    assert told.error is not None


def test_a_client_that_closes_is_told_of(carried: Ends) -> None:
    shake(carried)
    carried.stream.sendall(frame(b"\xef", mask=True) + close(1000, mask=True))
    carried.served.serve(READ, NOW)
    assert hear(carried) == close(1000, mask=False)
    assert carried.told == [ConnectionClosed(error=None)]
    assert carried.served.deadline == NOW + FAREWELL
    carried.served.handle_timeout(NOW + FAREWELL)
    assert carried.served.ended


@pytest.mark.parametrize("said", [b"\xee\xee\xee\xee", request(subprotocol=None), request("/elsewhere")])
def test_a_client_that_does_not_know_the_carrier_hears_so(carried: Ends, said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="mtproto_bind_adapters.sync")
    late = NOW + OPENING - 1
    carried.stream.sendall(said)
    carried.served.serve(READ, late)
    assert hear(carried).startswith(b"HTTP/1.1 40")
    assert carried.told == [ConnectionClosed(error=None)]
    assert "a client is gone: the client " in caplog.text
    assert carried.served.deadline == late + FAREWELL


def test_a_text_frame_ends_it(carried: Ends) -> None:
    shake(carried)
    carried.stream.sendall(frame(b"text", mask=True, opcode=Opcode.TEXT))
    carried.served.serve(READ, NOW)
    assert hear(carried)[2:4] == (1000).to_bytes(2)
    assert carried.told == [ConnectionClosed(error=None)]


def test_a_client_that_is_gone_in_the_handshake(carried: Ends) -> None:
    carried.stream.sendall(request()[:20])
    carried.stream.close()
    carried.served.serve(READ, NOW)
    carried.served.serve(READ, NOW)
    assert carried.served.ended
    assert carried.told == [ConnectionClosed(error=None)]


def test_a_handshake_has_its_time(carried: Ends) -> None:
    carried.stream.sendall(request()[:20])
    carried.served.serve(READ, NOW)
    carried.served.handle_timeout(NOW + OPENING - 1)
    assert not carried.served.ended
    carried.served.handle_timeout(NOW + OPENING)
    assert carried.served.ended
    assert carried.told == [ConnectionClosed(error=None)]
