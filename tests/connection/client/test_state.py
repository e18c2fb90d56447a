"""What a client remembers, changed as one."""

from __future__ import annotations

import pytest

from kit.pairs import OTHER_QUERY, bound_pair, make_pair
from mtproto_bind import CallFailed, ConnectionClosed, KeyBound, TransportEnded
from mtproto_bind._connection.client.state import Timer


def test_the_end_is_told_last_and_clears_everything() -> None:
    pair = bound_pair()
    state = pair.client._state
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.client.close(pair.client_now)
    pair.run(1)
    assert [type(told.event) for told in pair.told[-2:]] == [CallFailed, ConnectionClosed]
    assert state.timers.earliest() is None
    assert state.stream is None
    assert len(state.asked) == 0


def test_a_new_stream_starts_afresh() -> None:
    pair = make_pair()
    pair.run(0.05)
    state = pair.client._state
    assert Timer.HANDSHAKE_ANSWER in state.timers
    assert state.plain_since_proof
    pair.cut()
    pair.run(0.01)
    assert pair.events(TransportEnded)
    assert Timer.HANDSHAKE_ANSWER not in state.timers
    assert not state.plain_since_proof
    assert state.exchange is not None
    assert not state.exchange.on_stream


def test_what_was_framed_before_the_end_may_still_leave() -> None:
    """Last words: bytes that were ready when the stream was given up, once."""
    pair = bound_pair()
    client = pair.client
    client.call(OTHER_QUERY, pair.client_now)
    stream = client._state.stream
    assert stream is not None
    stream.send(b"\1\2\3\4")
    client.close(pair.client_now)
    assert client.data_to_send(pair.client_now).startswith(b"\4\0\0\0\1\2\3\4")
    assert client.data_to_send(pair.client_now) == b""


def test_a_clock_that_stands_still_shifts_nothing() -> None:
    pair = bound_pair()
    state = pair.client._state
    before = state.timers.earliest()
    pair.client.handle_timeout(state.now)
    assert state.timers.earliest() == before
    assert state.clock.certain
    pair.client.handle_timeout(state.now - 1)
    assert not state.clock.certain, "after a jump the server's time is doubted until something authenticated tells it"
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    assert state.clock.certain
    assert len(pair.events(KeyBound)) == 1


def test_a_clock_that_goes_back_twice_does_not_move_the_servers() -> None:
    client = bound_pair().client
    state = client._state
    server_time = state.server_time
    for _ in range(2):
        client.handle_timeout(state.now - 3600)
        assert state.server_time == pytest.approx(server_time)


def test_a_clock_that_leaps_and_comes_back_is_where_it_was() -> None:
    client = bound_pair().client
    state = client._state
    server_time = state.server_time
    client.handle_timeout(state.now + 90_000)
    client.handle_timeout(state.now - 90_000)
    assert state.server_time == pytest.approx(server_time)


def test_a_clock_that_nothing_has_told_is_our_own() -> None:
    client = make_pair().client
    client.handle_timeout(1_800_000_000.0)
    client.handle_timeout(1_799_996_400.0)
    assert client.status.clock.offset == 0
