"""What a client knows of the server's clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._session.clock import ClockSource, ServerClock

TIMES = st.floats(0, 2**31 - 1)
CLOCKS = st.builds(ServerClock, st.floats(-1e6, 1e6), st.none() | st.floats(0.001, 100))


def test_nothing_has_been_heard() -> None:
    clock = ServerClock()
    assert (clock.time(5.5), clock.certain, clock.source) == (5.5, False, ClockSource.GUESS)


@given(CLOCKS)
def test_a_handshake_sets_the_clock(clock: ServerClock) -> None:
    told = clock.told_by_handshake(1_800_000_000, asked_at=95.0, now=100.5)
    assert told == ServerClock(1_799_999_899.5, 6.5, ClockSource.HANDSHAKE)
    assert told.time(100.5) == 1_800_000_000
    assert told.certain


def test_our_clock_stepped_back_during_the_handshake() -> None:
    assert ServerClock().told_by_handshake(1000, asked_at=100.0, now=90.0).uncertainty == 1.0


@given(CLOCKS, TIMES, TIMES)
def test_a_message_moves_a_certain_clock_forward_only(clock: ServerClock, server_time: float, now: float) -> None:
    told = clock.told_by_message(server_time, now)
    assert told.certain
    if clock.certain and clock.time(now) >= server_time:
        assert told is clock
    else:
        assert abs(told.time(now) - server_time) < 1e-6
        assert told.uncertainty == (clock.uncertainty or 1.0)
        assert told.source is ClockSource.MESSAGE


@given(CLOCKS, TIMES, TIMES)
def test_a_notification_sets_the_clock_either_way(clock: ServerClock, server_time: float, now: float) -> None:
    told = clock.told_by_notification(server_time, now)
    assert abs(told.time(now) - server_time) < 1e-6
    assert (told.uncertainty, told.source) == (1.0, ClockSource.NOTIFICATION)


@given(CLOCKS)
def test_a_doubted_clock_keeps_its_offset_until_told_better(clock: ServerClock) -> None:
    doubted = clock.doubted()
    assert (doubted.offset, doubted.certain) == (clock.offset, False)
    # now even an earlier time is believed
    assert doubted.told_by_message(1000.0, 5000.0).time(5000.0) == 1000.0


@given(st.floats(2**31, 2**32), st.floats(0, 2**31 - 1))
def test_no_time_lies_beyond_31_bits(server_time: float, now: float) -> None:
    # message ids would outgrow 64 bits soon after
    for told in (ServerClock().told_by_message(server_time, now), ServerClock().told_by_notification(server_time, now)):
        assert told.time(now) < 2**31


def test_clocks_agree_where_both_are_certain_and_no_further_apart_than_they_may_be_wrong() -> None:
    clock = ServerClock(100.0, 2.0)
    for apart, agree in ((3.0, True), (-3.0, True), (5.0, True), (5.5, False), (-5.5, False)):
        other = ServerClock(100.0 + apart, 3.0)
        assert (clock.agrees(other), other.agrees(clock)) == (agree, agree)
    assert not clock.agrees(clock.doubted())
    assert not clock.doubted().agrees(clock)
