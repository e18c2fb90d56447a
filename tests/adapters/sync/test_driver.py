"""The blocking driver, over real sockets."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack, closing
from typing import Any

import pytest
from attrs import evolve

from kit.serving import CONFIG, PATIENCE, QUERY, closed_port, listening, make_driver, make_loop, running
from mtproto_bind import (
    AuthKey,
    CallReceived,
    ClientConnection,
    ConnectionClosed,
    DataCenter,
    Event,
    Framing,
    KeyBound,
    KeyEnd,
    KeyExpired,
    KeyVerdict,
    LocalProtocolError,
    NotRun,
    OutcomeUnknown,
    PeerTimedOut,
    PendingKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    Retry,
    RpcError,
    ServerConnection,
    TemporaryKeyCreated,
    Timeouts,
    Transport,
    TransportEnded,
    TransportErrorReceived,
)
from mtproto_bind_adapters.sync import CallUnanswered, SyncDriver

ENDED = KeyVerdict(end=KeyEnd.EXPIRED, why="its time is up", key_age=1.0, clock_certain=True, retry_at=2.0)


@pytest.mark.parametrize("framing", Framing)
def test_from_nothing_to_an_answered_call(framing: Framing) -> None:
    with running(make_loop()) as address, make_driver(address, transport=Transport(framing=framing)) as driver:
        bound = driver.wait_bound(PATIENCE)
        assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
        assert driver.call(QUERY * 1000) == (QUERY * 1000)[::-1]
        assert driver.connection.bound_key().key.id == bound.key_id
        assert driver.wait_bound() == bound
        assert driver.round_trips >= 6


def test_events_are_told_in_their_order() -> None:
    told: list[Event] = []
    with running(make_loop()) as address, make_driver(address, on_event=told.append) as driver:
        driver.wait_bound(PATIENCE)
    assert [type(event) for event in told] == [PermanentKeyCreated, TemporaryKeyCreated]


def test_a_renewal_loses_no_call() -> None:
    with running(make_loop()) as address, make_driver(address) as driver:
        first = driver.wait_bound(PATIENCE)
        driver.connection.renew(driver.now())
        event = driver.wait_for(KeyBound, PATIENCE)
        assert event.renewal
        assert event.permanent_key_id == first.permanent_key_id
        assert event.key_id != first.key_id
        assert driver.wait_bound() == event
        assert driver.call(QUERY, PATIENCE) == QUERY[::-1]


def test_a_lost_stream_is_dialled_again_and_the_key_kept() -> None:
    with running(make_loop()) as address:
        opened: list[socket.socket] = []

        def dial() -> socket.socket:
            opened.append(socket.create_connection(address))
            return opened[-1]

        with SyncDriver(ClientConnection(CONFIG), dial) as driver:
            bound = driver.wait_bound(PATIENCE)
            opened[0].shutdown(socket.SHUT_RDWR)
            event = driver.next_event(PATIENCE)
            assert isinstance(event, TransportEnded)
            assert event.error is None
            assert opened[0].fileno() == -1
            assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
            assert driver.wait_bound() == bound
            assert len(opened) == 2


def test_a_write_that_fails_is_a_lost_stream() -> None:
    ours, theirs = socket.socketpair()
    # only writing fails; nothing would ever come to be read
    ours.shutdown(socket.SHUT_WR)
    with theirs, closing(SyncDriver(ClientConnection(CONFIG), lambda: ours)) as driver:
        event = driver.next_event(PATIENCE)
        assert isinstance(event, TransportEnded)
        assert event.error is None
        assert ours.fileno() == -1


def test_a_reset_is_a_lost_stream() -> None:
    with listening() as (listener, address), make_driver(address) as driver:
        with pytest.raises(TimeoutError):
            driver.next_event(0.01)
        accepted, _ = listener.accept()
        # to close without lingering, while something waits to be read, is to reset
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        event = driver.next_event(PATIENCE)
        assert isinstance(event, TransportEnded)
        assert event.error is None


def test_silence_ends_with_the_patience_of_the_caller() -> None:
    with listening() as (_, address), make_driver(address) as driver:
        with pytest.raises(TimeoutError):
            driver.next_event(0.01)
        with pytest.raises(TimeoutError):
            driver.wait_bound(0.01)
        assert driver.connection.status.stream_open


def test_silence_ends_the_stream_when_the_machine_says_so() -> None:
    impatient = evolve(CONFIG, timeouts=Timeouts(handshake=0.01), retry=Retry(delay=1000.0, ceiling=1000.0))
    opened: list[socket.socket] = []
    with listening() as (_, address):

        def dial() -> socket.socket:
            opened.append(socket.create_connection(address))
            return opened[-1]

        with SyncDriver(ClientConnection(impatient), dial) as driver:
            event = driver.next_event(PATIENCE)
            assert isinstance(event, TransportEnded)
            assert isinstance(event.error, PeerTimedOut)
            # nothing is dialled before its time, and the wait is as long as the caller's
            with pytest.raises(TimeoutError):
                driver.next_event(0.001)
            assert len(opened) == 1


def test_what_dialling_raises_comes_out_and_may_be_tried_again() -> None:
    with make_driver(closed_port()) as driver:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                driver.wait_bound(PATIENCE)


def refuse(connection: ServerConnection, event: Event, now: float) -> None:
    if isinstance(event, CallReceived):
        connection.send_error(event, 400, "INPUT_METHOD_INVALID", now)


def test_a_refused_call_says_how() -> None:
    with running(make_loop(refuse)) as address, make_driver(address) as driver:
        with pytest.raises(CallUnanswered, match="INPUT_METHOD_INVALID") as failed:
            driver.call(QUERY, PATIENCE)
        assert failed.value.reason == RpcError(400, "INPUT_METHOD_INVALID")


def test_a_call_that_was_not_sent_in_time_has_not_run() -> None:
    with listening() as (_, address), make_driver(address) as driver:
        with pytest.raises(CallUnanswered) as failed:
            driver.call(QUERY, 0.01)
        assert isinstance(failed.value.reason, NotRun)


def test_a_call_that_was_sent_and_not_answered_may_have_run() -> None:
    def ignore(_connection: ServerConnection, _event: Event, _now: float) -> None:
        """Answers nothing."""

    with running(make_loop(ignore)) as address, make_driver(address) as driver:
        driver.wait_bound(PATIENCE)
        with pytest.raises(CallUnanswered) as failed:
            driver.call(QUERY, 0.01)
        assert isinstance(failed.value.reason, OutcomeUnknown)


def test_other_events_go_to_the_owner_while_a_call_waits() -> None:
    told: list[Event] = []
    with running(make_loop()) as address, make_driver(address, on_event=told.append) as driver:
        assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
    assert [type(event) for event in told] == [PermanentKeyCreated, TemporaryKeyCreated, KeyBound]


def test_the_owner_answers_questions_while_a_call_waits() -> None:
    with running(make_loop()) as address, ExitStack() as stack:
        maker = stack.enter_context(make_driver(address))
        made = maker.wait_for(PermanentKeyCreated, PATIENCE).key

        def answer(event: Event) -> None:
            if isinstance(event, PermanentKeyRequired):
                driver.answer(event, made)

        pending = evolve(CONFIG, permanent_key=PendingKey())
        driver = stack.enter_context(make_driver(address, config=pending, on_event=answer))
        # the maker's connection goes on, and has told the server of its key by now
        maker.wait_bound(PATIENCE)
        assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
        assert driver.wait_bound().permanent_key_id == made.key.id


def test_an_expired_key_is_bound_no_more() -> None:
    told: list[Event] = []
    with running(make_loop()) as address, make_driver(address, on_event=told.append) as driver:
        first = driver.wait_bound(PATIENCE)
        driver._note(KeyExpired(key_id=first.key_id ^ 1, verdict=ENDED))
        assert driver.wait_bound(0.0) == first
        driver._note(KeyExpired(key_id=first.key_id, verdict=ENDED))
        with pytest.raises(TimeoutError):
            driver.wait_bound(0.01)


def test_after_the_end_there_is_nothing_more() -> None:
    with running(make_loop()) as address:
        driver = make_driver(address)
        driver.wait_bound(PATIENCE)
        driver.close()
        driver.close()
        with pytest.raises(LocalProtocolError, match="closed"):
            driver.call(QUERY)


def test_what_ends_the_connection_is_raised() -> None:
    elsewhere = evolve(CONFIG, retry=Retry(attempts=1), dc=DataCenter(4))
    with running(make_loop()) as address, make_driver(address, config=elsewhere) as driver:
        with pytest.raises(TransportErrorReceived) as ended:
            driver.wait_bound(PATIENCE)
        assert ended.value.code == -444


def test_a_connection_that_its_owner_closed_tells_so() -> None:
    with running(make_loop()) as address, make_driver(address) as driver:
        driver.connection.close(driver.now())
        assert isinstance(driver.next_event(PATIENCE), ConnectionClosed)
        with pytest.raises(LocalProtocolError, match="no event follows"):
            driver.next_event(PATIENCE)
    with running(make_loop()) as address, make_driver(address) as driver:
        driver.connection.close(driver.now())
        with pytest.raises(LocalProtocolError, match="the connection is closed"):
            driver.wait_bound(PATIENCE)


def test_a_permanent_key_at_hand_is_used() -> None:
    with running(make_loop()) as address:
        told: list[Any] = []
        with make_driver(address, on_event=told.append) as driver:
            driver.wait_bound(PATIENCE)
        key = told[0].key
        assert isinstance(key.key, AuthKey)
        with make_driver(address, config=evolve(CONFIG, permanent_key=key)) as driver:
            assert driver.wait_bound(PATIENCE).permanent_key_id == key.key.id
            assert driver.call(QUERY, PATIENCE) == QUERY[::-1]
