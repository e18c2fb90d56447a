"""Time: deadlines, silence, calls that are given up, a clock that jumps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.pairs import OTHER_QUERY, bound_pair, keep_calls, make_pair
from mtproto_bind import (
    NEED_DATA,
    CallAnswered,
    CallFailed,
    ClientConnection,
    KeyBound,
    LocalProtocolError,
    NotRun,
    OutcomeUnknown,
    PeerTimedOut,
    TransportEnded,
    TransportErrorReceived,
)
from mtproto_bind.testing import Pair


def drain(client: ClientConnection) -> None:
    while client.next_event() is not NEED_DATA:
        pass


@given(st.lists(st.floats(0, 100_000), min_size=1, max_size=6))
def test_after_handle_timeout_the_deadline_lies_ahead(steps: list[float]) -> None:
    pair = bound_pair()
    now = pair.client_now
    for step in steps:
        now += step
        pair.client.handle_timeout(now)
        deadline = pair.client.next_deadline()
        assert deadline is None or deadline > now
        drain(pair.client)
        pair.client.data_to_send(now)
        deadline = pair.client.next_deadline()
        assert deadline is None or deadline > now


def test_a_deadline_that_passed_unnoticed_is_not_lost() -> None:
    """Bytes that come just after a deadline must not hide it."""
    pair = make_pair()
    pair.run(0.01)
    deadline = pair.client.next_deadline()
    assert deadline is not None
    pair.client.receive_data(b"\x50", deadline + 1)
    drain(pair.client)
    assert pair.client.next_deadline() == deadline


def test_silence_is_asked_about_and_then_given_up() -> None:
    pair = bound_pair()
    # an answered ping keeps the stream
    pair.run(400)
    assert pair.streams == 1
    pair.link = None
    pair.run(130)
    [ended] = pair.events(TransportEnded)
    assert isinstance(ended.error, PeerTimedOut)
    assert ended.error.waiting_for == "sign of life"


def test_a_frame_that_does_not_end_loses_the_stream() -> None:
    pair = bound_pair()
    pair.client.receive_data(b"\x50\0\0\0half", pair.client_now)
    pair.link = None
    pair.run(70)
    [ended] = pair.events(TransportEnded)
    assert isinstance(ended.error, PeerTimedOut)
    assert ended.error.waiting_for == "rest of a frame"


def test_calls_are_given_up_in_time() -> None:
    pair = make_pair()
    waiting = pair.client.call(OTHER_QUERY, pair.client_now, give_up_at=pair.client_now + 0.2)
    pair.run(1)
    [failed] = pair.events(CallFailed)
    assert failed.call_id == waiting
    assert isinstance(failed.reason, NotRun)
    pair.run(5)
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now, give_up_at=pair.client_now + 3, repeat=True)
    pair.run(2.9)
    assert len(pair.events(CallFailed)) == 1
    pair.run(0.2)
    assert isinstance(pair.events(CallFailed)[1].reason, OutcomeUnknown)
    pair.run(20)
    assert pair.client.status.calls == 0


def steps_back(pair: Pair, seconds: float) -> None:
    # how much time has passed until the jump only the driver can tell
    pair.client.handle_timeout(pair.client_now)
    pair.client_skew -= seconds


@pytest.mark.parametrize("seconds", [10.0, 3600.0, 86400.0 * 30])
def test_a_clock_that_steps_back_takes_its_deadlines_along(seconds: float) -> None:
    pair = bound_pair(client={"temporary_lifetime": 1000})
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now, give_up_at=pair.client_now + 50)
    pair.run(10)
    ends = pair.client.bound_key().expires_at
    steps_back(pair, seconds)
    pair.run(39)
    assert not pair.events(CallFailed)
    pair.run(2)
    assert len(pair.events(CallFailed)) == 1
    # the renewal happens in time on the server's clock, which did not jump
    pair.run(1000, lambda each: len(each.events(KeyBound)) == 2)
    assert pair.now < ends
    assert pair.events(KeyBound)[1].renewal
    assert pair.streams == 1


def test_a_step_back_in_the_middle_of_a_handshake() -> None:
    pair = make_pair()
    pair.run(0.17)
    steps_back(pair, 5000)
    pair.run_until(KeyBound)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(2)
    assert pair.events(CallAnswered)


def test_two_timers_of_one_moment_end_one_stream() -> None:
    from mtproto_bind import Timeouts

    pair = make_pair(client={"timeouts": Timeouts(handshake=5, frame=5)})
    pair.run(0.01)
    pair.client.receive_data(b"\x50\0\0\0half", pair.client_now)
    pair.link = None
    drain(pair.client)
    pair.client.handle_timeout(pair.client_now + 100)
    ended = []
    while (event := pair.client.next_event()) is not NEED_DATA:
        ended.append(event)
    assert [type(event) for event in ended] == [TransportEnded]


def test_timeouts_without_a_stream_are_nothing() -> None:
    pair = bound_pair()
    pair.cut()
    pair.run(0.01)
    pair.client.handle_timeout(pair.client_now + 0.5)
    assert pair.client.next_event() is NEED_DATA


def test_renew_by_hand() -> None:
    pair = bound_pair()
    first = pair.client.bound_key()
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound)
    assert pair.client.bound_key().key != first.key
    with pytest.raises(LocalProtocolError):
        make_pair().client.renew(0.0)


def test_the_errors_say_what_to_do() -> None:
    assert "data centre" in str(TransportErrorReceived(-444))


def test_a_call_given_up_is_not_sent_again() -> None:
    pair = bound_pair()
    pair.client.call(OTHER_QUERY, pair.client_now, give_up_at=pair.client_now + 0.5)
    pair.run(0.01)
    pair.cut()
    pair.run(0)
    pair._dial_at = pair.now + 3
    pair.run(20)
    assert len(pair.events(CallFailed)) == 1
    assert pair.owner.ran == []
