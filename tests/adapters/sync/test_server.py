"""The selector loop, over real sockets."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack, suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from threading import Thread

import pytest

from kit.serving import (
    CONFIG,
    DC,
    PATIENCE,
    QUERY,
    SERVER_KEY,
    Client,
    make_driver,
    make_loop,
    running,
    turn_around,
)
from mtproto_bind import (
    CallAnswered,
    CallReceived,
    ClientConnection,
    Event,
    Framing,
    KeyBound,
    Server,
    ServerConfig,
    ServerConnection,
    Transport,
    TransportEnded,
    UpdateAcknowledged,
    UpdateReceived,
)
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import Clock, SyncDriver, SyncServer, dial
from mtproto_bind_adapters.sync.server import OPENING
from mtproto_bind_adapters.websocket import WEBSOCKET_TRANSPORT, ServerCarrier, dial_websocket

CLIENTS = 100


def test_a_hundred_clients_at_once() -> None:
    with running(make_loop()) as address, DefaultSelector() as selector, ExitStack() as stack:
        # every stream is open before the first client speaks, and stays open until the last is answered
        clients = [Client(stack.enter_context(dial(*address)), Clock().now()) for _ in range(CLIENTS)]
        for client in clients:
            selector.register(client.stream, EVENT_READ, client)
            client.write(calls=1)
        while not all(client.has_heard(CallAnswered) for client in clients):
            for key, _ in selector.select(PATIENCE):
                key.data.read()
                key.data.write()
    assert all(client.has_heard(KeyBound) for client in clients)
    answers = [event for client in clients for event in client.heard if isinstance(event, CallAnswered)]
    assert [answer.body for answer in answers] == [QUERY[::-1]] * CLIENTS
    assert len({client.connection.bound_key().key.id for client in clients}) == CLIENTS


GARBAGE = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\xef", id="a tag alone"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="http"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="tls"),
    pytest.param(b"\xee\xee\xee\xee\xff\xff\xff\x7f", id="a frame of 2 GiB"),
    pytest.param(b"\xee\xee\xee\xee" + b"\x10\0\0\0" + b"\xaa" * 16, id="a frame of no key"),
    pytest.param(b"\xee\xee\xee\xee" + b"\x18\0\0\0" + bytes(20) + b"\x04\0\0\0", id="a plain message of nothing"),
    pytest.param(bytes(range(256)) * 4096, id="a megabyte"),
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_of_one_client_disturbs_no_other(garbage: bytes) -> None:
    with running(make_loop()) as address, make_driver(address) as driver:
        driver.wait_bound(PATIENCE)
        with dial(*address) as stream:
            stream.settimeout(PATIENCE)
            with suppress(BrokenPipeError, ConnectionResetError):
                stream.sendall(garbage)
            assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
        assert driver.call(QUERY, PATIENCE) == QUERY[::-1]


def test_a_client_that_is_refused_hears_why_before_the_end() -> None:
    with running(make_loop()) as address, dial(*address) as stream:
        stream.settimeout(PATIENCE)
        # more than one frame, so that there is something unread when the server closes
        stream.sendall(b"\xee\xee\xee\xee" + (b"\x10\0\0\0" + b"\xaa" * 16) * 3)
        heard = b""
        while data := stream.recv(4096):
            heard += data
        assert heard == b"\4\0\0\0" + (-404).to_bytes(4, "little", signed=True)


def test_what_the_owner_does_wrong_costs_one_client(caplog: pytest.LogCaptureFixture) -> None:
    def stumble(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived) and event.body == QUERY:
            raise ZeroDivisionError
        turn_around(connection, event, now)

    with running(make_loop(stumble)) as address, make_driver(address) as good, make_driver(address) as bad:
        good.wait_bound(PATIENCE)
        bad.wait_bound(PATIENCE)
        call = bad.connection.call(QUERY, bad.now())
        bad.next_event(PATIENCE)
        bad.connection.cancel(call, bad.now())
        assert good.call(QUERY * 2, PATIENCE) == (QUERY * 2)[::-1]
    assert "the owner's code failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_updates_are_sent_when_the_owner_says_flush() -> None:
    acknowledged: list[Event] = []
    loop: SyncServer

    def update(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            turn_around(connection, event, now)
            there = loop.server.send_update(event.key_id, event.session_id, b"update!!", now)
            assert there is connection
            loop.flush(there)
        elif isinstance(event, UpdateAcknowledged):
            acknowledged.append(event)

    loop = make_loop(update)
    told: list[Event] = []
    with running(loop) as address, make_driver(address, on_event=told.append) as driver:
        driver.wait_bound(PATIENCE)
        assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
        while UpdateReceived(body=b"update!!") not in told:
            told.append(driver.next_event(PATIENCE))
        # the acknowledgement rides with the next call
        driver.call(QUERY, PATIENCE)
    assert acknowledged


def test_to_flush_a_stream_that_is_gone_is_nothing() -> None:
    with make_loop() as loop:
        gone = loop.server.accept(Transport.detect(), "peer", loop.now())
        loop.flush(gone)
        assert loop._clients == {}
        # and the loop goes on: the wakers of the loop itself are all that it watches
        assert [key.fileobj for key in loop._selector.get_map().values()] == [loop._woken]


def test_where_there_is_no_room_clients_wait() -> None:
    with make_loop(max_clients=1) as loop:
        address = loop.listen("127.0.0.1", 0)
        first, second = dial(*address), dial(*address)
        loop.step(PATIENCE)
        loop.step(0)
        assert len(loop._clients) == 1
        first.close()
        # the first ends, and there is room again
        loop.step(PATIENCE)
        loop.step(PATIENCE)
        assert len(loop._clients) == 1
        second.close()


def test_more_clients_from_one_address_than_may_be_are_turned_away(caplog: pytest.LogCaptureFixture) -> None:
    with make_loop(max_clients_per_peer=2) as loop:
        address = loop.listen("127.0.0.1", 0)
        elsewhere = loop.listen("::1", 0)
        with ExitStack() as stack:
            here = [stack.enter_context(dial(*address)) for _ in range(3)]
            there = stack.enter_context(dial(*elsewhere))
            while len(loop._clients) < 3 or not caplog.records:
                loop.step(PATIENCE)
            # accepted in their order, so it was the last
            here[2].settimeout(PATIENCE)
            assert here[2].recv(1) == b""
            assert "turned away: 2 are here from its address" in caplog.text
            for stream in (*here[:2], there):
                stream.setblocking(False)
                with pytest.raises(BlockingIOError):
                    stream.recv(1)
            # where one has left there is room for one
            here[0].close()
            while len(loop._clients) == 3:
                loop.step(PATIENCE)
            stack.enter_context(dial(*address))
            while len(loop._clients) < 3:
                loop.step(PATIENCE)
        while loop._clients:
            loop.step(PATIENCE)
        assert not loop._peers


def test_a_hundred_clients_from_one_address_are_enough_unless_it_is_said() -> None:
    with SyncServer(Server(ServerConfig(private_keys=(SERVER_KEY,), dc=DC)), MemoryStore(), on_event=turn_around) as loop:
        assert loop._max_clients_per_peer == 100


class NoMoreFiles(socket.socket):
    """A listener on a machine whose table of files is full."""

    def accept(self) -> tuple[socket.socket, object]:
        raise OSError(errno.EMFILE, "Too many open files")


def test_where_no_file_is_left_the_loop_waits_a_while(caplog: pytest.LogCaptureFixture) -> None:
    with make_loop() as loop:
        address = loop.listen("127.0.0.1", 0)
        with dial(*address), NoMoreFiles() as full:
            loop._accept(full, 0)
            assert "no file descriptor is left" in caplog.text
            loop._accept_if_there_is_room()
            loop.step(0)
            assert loop._clients == {}
            # a second later it tries again
            loop._full_until = loop.now()
            loop._accept_if_there_is_room()
            loop.step(PATIENCE)
            assert len(loop._clients) == 1


def test_a_client_that_is_gone_before_it_is_accepted_is_none() -> None:
    class Gone(NoMoreFiles):
        def accept(self) -> tuple[socket.socket, object]:
            raise OSError(errno.ECONNABORTED, "gone")

    with make_loop() as loop, Gone() as listener:
        loop._accept(listener, 0)
        assert loop._clients == {}
        assert loop._full_until is None


def test_several_listeners_and_both_families() -> None:
    with make_loop() as loop:
        addresses = [loop.listen("127.0.0.1", 0), loop.listen("::1", 0), loop.listen("127.0.0.1", 0)]
        thread = Thread(target=loop.run)
        thread.start()
        for address in addresses:
            with make_driver(address) as driver:
                assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
        for _ in range(3):
            loop.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_stop_may_be_said_too_often() -> None:
    with make_loop() as loop:
        for _ in range(100_000):
            loop.stop()
        loop.run()
        # all of it was one wish: the next run lasts until the next
        again = Thread(target=loop.run)
        with dial(*loop.listen("127.0.0.1", 0)) as stream:
            again.start()
            stream.settimeout(PATIENCE)
            # a client that speaks nonsense is answered, so the loop does run
            stream.sendall(b"\xee\xee\xee\xee" + b"\x10\0\0\0" + b"\xaa" * 16)
            assert stream.recv(8) == b"\4\0\0\0" + (-404).to_bytes(4, "little", signed=True)
        loop.stop()
        again.join(PATIENCE)
        assert not again.is_alive()


def test_an_address_in_use_is_an_error() -> None:
    with make_loop() as loop, pytest.raises(OSError, match="in use"):
        loop.listen(*loop.listen("127.0.0.1", 0))


def test_close_ends_every_stream() -> None:
    with make_loop() as loop:
        address = loop.listen("127.0.0.1", 0)
        with dial(*address) as stream:
            loop.step(PATIENCE)
            loop.close()
            stream.settimeout(PATIENCE)
            assert stream.recv(1) == b""


def test_a_slow_reader_is_waited_for() -> None:
    answer = bytes(1 << 18)

    def answer_much(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            connection.send_result(event, answer, now)

    with make_loop(answer_much) as loop:
        stream = dial(*loop.listen("127.0.0.1", 0))
        client = Client(stream, loop.now())
        with stream:
            client.write()
            while not client.has_heard(KeyBound):
                loop.step(PATIENCE)
                client.read()
                client.write()
            client.write(calls=64)
            served = next(iter(loop._clients.values()))
            while served.watched & EVENT_READ:
                loop.step(PATIENCE)
            assert served.watched == EVENT_WRITE
            while not client.has_heard(CallAnswered, 64):
                client.read()
                client.write()
                loop.step(0)
            assert served.watched == EVENT_READ


def test_what_is_due_is_done_in_its_time() -> None:
    with make_loop() as loop, dial(*loop.listen("127.0.0.1", 0)) as stream:
        now = loop.now()
        loop.now = lambda: now
        client = Client(stream, now)
        client.write()
        while not client.has_heard(KeyBound):
            loop.step(PATIENCE)
            client.read()
            client.write()
        expires_at = loop.server.next_deadline()
        assert expires_at is not None
        loop.now = lambda: expires_at
        # a second client says nothing, and is dropped for that
        with dial(*next(iter(loop._listeners)).getsockname()) as silent:
            loop.step(PATIENCE)
            loop.now = lambda: expires_at + 3600
            loop.step(0)
            silent.settimeout(PATIENCE)
            assert silent.recv(1) == b""
        deadline = loop.server.next_deadline()
        assert deadline is None or deadline > expires_at


def test_a_client_that_ended_in_the_turn_of_another_has_none_itself() -> None:
    with make_loop() as loop, dial(*loop.listen("127.0.0.1", 0)):
        loop.step(PATIENCE)
        client = next(iter(loop._clients.values()))
        client.ended = True
        loop._watch(client)
        loop._serve(client, EVENT_READ)
        assert loop._clients == {}


# ---- inside a carrier


def websocket_driver(address: tuple[str, int], transport: Transport = WEBSOCKET_TRANSPORT) -> SyncDriver:
    """A client over WebSocket."""
    dialled = partial(dial_websocket, f"ws://{address[0]}:{address[1]}/apiws")
    return SyncDriver(ClientConnection(CONFIG), dialled, transport=transport)


def test_each_listener_has_its_carrier_and_its_transport() -> None:
    loop = make_loop()
    websocket = loop.listen("127.0.0.1", 0, carrier=ServerCarrier)
    abridged = Transport(framing=Framing.ABRIDGED).awaited()
    both = loop.listen("127.0.0.1", 0, carrier=partial(ServerCarrier, paths={"/apiws"}), transport=abridged)
    with running(loop) as plain:
        with make_driver(plain) as driver:
            assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
        with websocket_driver(websocket) as driver:
            assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
        with websocket_driver(both, Transport(framing=Framing.ABRIDGED)) as driver:
            assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
        # in a WebSocket nothing plain is taken, unless it is said
        with websocket_driver(websocket, Transport()) as driver:
            assert driver.wait_for(TransportEnded, PATIENCE)
        # and a plain client at the door of WebSocket hears that it is one
        with make_driver(websocket) as driver:
            ended = driver.wait_for(TransportEnded, PATIENCE)
            assert "HTTP" in str(ended.error)


def test_many_websockets_at_once() -> None:
    loop = make_loop()
    address = loop.listen("127.0.0.1", 0, carrier=ServerCarrier)
    with running(loop), ExitStack() as stack:
        drivers = [stack.enter_context(websocket_driver(address)) for _ in range(20)]
        silent = [stack.enter_context(dial(*address)) for _ in range(20)]
        assert [driver.call(QUERY, PATIENCE) for driver in drivers] == [QUERY[::-1]] * 20
        assert all(stream.fileno() > 0 for stream in silent)


def test_a_handshake_that_does_not_end_is_ended() -> None:
    with make_loop() as loop, dial(*loop.listen("127.0.0.1", 0, carrier=ServerCarrier)) as stream:
        loop.step(PATIENCE)
        now = loop.now()
        loop.now = lambda: now + OPENING
        loop.step(0)
        stream.settimeout(PATIENCE)
        assert stream.recv(1) == b""
        assert loop._clients == {}
